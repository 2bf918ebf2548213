/// A place between two scalars of a text.
struct Position {
    var scalar = 0
    var byte = 0

    /// Behind one more scalar, which is `length` bytes long.
    mutating func advance(by length: Int) {
        scalar += 1
        byte += length
    }

    /// Behind every scalar before `end`.
    mutating func skip(_ bytes: [UInt8], to end: Int) {
        while byte < end {
            if bytes[byte] & 0xC0 != 0x80 { scalar += 1 }
            byte += 1
        }
    }

    func origin(to end: Position) -> Origin {
        Origin(
            scalarStart: Int32(clamping: scalar), scalarEnd: Int32(clamping: end.scalar),
            byteStart: Int32(clamping: byte), byteEnd: Int32(clamping: end.byte))
    }
}

extension WordPieceWriter {
    /// The quick way for most words of most texts: letters and digits of ASCII up to a blank, a line end, punctuation
    /// of ASCII or the end. False, and nothing read, for every other word: it may hold what normalisation changes.
    mutating func appendASCIIWord(
        _ bytes: [UInt8], from position: inout Position, to end: Int, _ configuration: TokenizerConfiguration
    ) -> Bool {
        let first = position.byte
        var index = first
        while index < end, Self.isLetterOrDigit(bytes[index]) { index += 1 }
        guard index > first, index == end || Self.endsWord(bytes[index]) else { return false }
        let lowercases = configuration.lowercase
        for place in first..<index {
            let byte = bytes[place]
            let isUpperCase = byte &- UInt8(ascii: "A") < 26
            let start = position
            position.advance(by: 1)
            append(
                UInt32(lowercases && isUpperCase ? byte | 0x20 : byte), [], start.origin(to: position))
        }
        finishWord()
        return true
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10
    }

    private static func endsWord(_ byte: UInt8) -> Bool {
        byte >= 0x20 && byte < 0x7F || byte == 0x0A || byte == 0x0D || byte == 0x09
    }
}
