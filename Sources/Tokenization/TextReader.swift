/// The quick way through a text: what normalising makes of a scalar is looked up, and a word that it leaves as it is, or
/// that is ASCII, is split where it stands.
extension WordPieceWriter {
    /// Reads word by word from `position`, where none has been begun, to `end`.
    /// - Returns: nil when `end` was reached; else where a scalar stands of which the outcome depends on those around it.
    ///   `position` is then where its word begins, and nothing of that word has been written.
    mutating func readWords(
        _ bytes: TextBytes, from position: inout Position, to end: Int
    ) -> Int? {
        let table = table
        let wordBytes = table.wordBytes
        var place = position
        defer { position = place }
        while place.byte < end {
            let first = bytes[place.byte]
            if first == 0x20 {  // white space for every configuration
                place.advance(by: 1)
                continue
            }
            if wordBytes[Int(first)] != NormalizationTable.notInWord {
                if appendKnownWord(bytes, from: &place, to: end) { continue }
                var stop = place.byte + 1
                while stop < end, wordBytes[Int(bytes[stop])] != NormalizationTable.notInWord { stop += 1 }
                if stop == end || table.endsWord(bytes, stop) {
                    appendInPlace(bytes, from: &place, byteCount: stop - place.byte, length: stop - place.byte) {
                        wordBytes[Int(bytes[$0])]
                    }
                    continue
                }
            } else {
                let (scalar, byteCount) = decode(bytes, place.byte)
                let entry = table[scalar]
                switch entry.outcome {
                case .space:
                    place.advance(by: byteCount)
                    continue
                case .alone:
                    appendInPlace(bytes, from: &place, byteCount: byteCount, length: 1) { bytes[$0] }
                    continue
                case .replacedAlone:
                    extendWord(entry.value, place.advanceOrigin(by: byteCount))
                    finishWord()
                    continue
                default: break
                }
            }
            if let context = readMixedWord(bytes, from: &place, to: end) { return context }
        }
        return nil
    }

    /// A word that is one piece, of not too many ASCII letters and digits. False, and nothing read, for every other.
    @inline(__always)
    private mutating func appendKnownWord(
        _ bytes: TextBytes, from place: inout Position, to end: Int
    ) -> Bool {
        let run = WordTable.run(in: bytes, from: place.byte, to: end, lowercased: table.lowercases)
        guard run.count > 0, run.count <= maximumWordLength else { return false }
        let start = place
        let stop = start.byte + run.count
        guard stop == end || table.endsWord(bytes, stop), let id = words[run.key] else { return false }
        place = Position(scalar: start.scalar + run.count, byte: stop)
        appendPiece(id, start.origin(to: place))
        return true
    }

    /// A word of which every scalar is a byte, or that is a single scalar.
    @inline(__always)
    private mutating func appendInPlace(
        _ bytes: TextBytes, from place: inout Position, byteCount: Int, length: Int,
        byte: (Int) -> UInt8
    ) {
        let start = place
        place = Position(scalar: start.scalar + length, byte: start.byte + byteCount)
        let scalarsAreBytes = length == byteCount
        func position(_ index: Int) -> Position {
            Position(
                scalar: start.scalar + (scalarsAreBytes ? index - start.byte : index == start.byte ? 0 : 1),
                byte: index)
        }
        appendWord(
            start.byte..<place.byte, length: length, whole: start.origin(to: place), byte: byte,
            origin: { position($0).origin(to: position($1)) })
    }

    /// A word that normalising changes, up to what ends it. Returns and leaves `position` as `readWords` does.
    private mutating func readMixedWord(
        _ bytes: TextBytes, from position: inout Position, to end: Int
    ) -> Int? {
        let table = table
        var place = position
        reading: while place.byte < end {
            let (scalar, byteCount) = decode(bytes, place.byte)
            let entry = table[scalar]
            switch entry.outcome {
            case .kept: extendWord(scalar, place.advanceOrigin(by: byteCount))
            case .replaced: extendWord(entry.value, place.advanceOrigin(by: byteCount))
            case .expanded:
                let origin = place.advanceOrigin(by: byteCount)
                table.forEachPart(of: entry) { extendWord($0, origin) }
            case .removed: place.advance(by: byteCount)
            case .space, .alone, .replacedAlone: break reading
            case .context:
                forgetWord()
                return place.byte
            }
        }
        finishWord()
        position = place
        return nil
    }
}

extension NormalizationTable {
    /// Whether what stands at `index` ends a word.
    @inline(__always)
    fileprivate func endsWord(_ bytes: TextBytes, _ index: Int) -> Bool {
        bytes[index] == 0x20 || self[decode(bytes, index).scalar].endsWord
    }
}

extension NormalizationTable.Entry {
    fileprivate var endsWord: Bool {
        switch outcome {
        case .space, .alone, .replacedAlone: true
        default: false
        }
    }
}

extension Position {
    /// Moves behind one more scalar and returns where that one stands.
    fileprivate mutating func advanceOrigin(by length: Int) -> Origin {
        let start = self
        advance(by: length)
        return start.origin(to: self)
    }
}

extension WordTable {
    /// The letters and digits of ASCII that begin at `start`, up to `end` and to a key's capacity.
    @inline(__always)
    fileprivate static func run(
        in bytes: TextBytes, from start: Int, to end: Int, lowercased: Bool
    ) -> Run {
        let numbers = bytes.sixteen(from: start)
        let low = EightBytes(numbers.low)
        var count = low.lettersAndDigits
        var high = EightBytes(0)
        if count == 8 {
            high = EightBytes(numbers.high)
            count += high.lettersAndDigits
        }
        count = min(count, end - start)
        return Run(
            key: Key(
                low: low.prefix(min(count, 8), lowercased: lowercased),
                high: high.prefix(max(count - 8, 0), lowercased: lowercased)),
            count: count)
    }
}

/// Eight bytes of a text, the first one lowest, looked at all at once: the top bit of each byte of a mask says whether
/// something holds of that byte.
private struct EightBytes {
    private let bytes: UInt64
    private let letters: UInt64

    private static let top: UInt64 = 0x8080_8080_8080_8080

    @inline(__always)
    init(_ bytes: UInt64) {
        self.bytes = bytes
        letters = Self.within(UInt8(ascii: "a"), UInt8(ascii: "z"), bytes | 0x2020_2020_2020_2020)
    }

    /// Which ASCII bytes lie between two bounds. No sum of seven bits and at most 127 reaches the next byte.
    @inline(__always)
    private static func within(_ low: UInt8, _ high: UInt8, _ bytes: UInt64) -> UInt64 {
        let everywhere: UInt64 = 0x0101_0101_0101_0101
        let sevenBits = bytes & ~top
        let reachesLow = sevenBits &+ everywhere &* UInt64(0x80 - low)
        let passesHigh = sevenBits &+ everywhere &* UInt64(0x7F - high)
        return reachesLow & ~passesHigh & ~bytes & top
    }

    /// How many of them, from the first, are letters or digits of ASCII.
    @inline(__always)
    var lettersAndDigits: Int {
        let others = (letters | Self.within(UInt8(ascii: "0"), UInt8(ascii: "9"), bytes)) ^ Self.top
        return others.trailingZeroBitCount >> 3
    }

    /// The first `count`, which are letters and digits; zero behind them.
    @inline(__always)
    func prefix(_ count: Int, lowercased: Bool) -> UInt64 {
        let kept = count == 8 ? UInt64.max : (1 << UInt64(count * 8)) - 1
        return (lowercased ? bytes | letters >> 2 : bytes) & kept
    }
}
