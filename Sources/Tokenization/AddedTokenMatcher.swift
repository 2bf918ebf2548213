/// Finds added tokens' literals: from left to right, at each place the longest, never overlapping.
struct AddedTokenMatcher: Sendable {
    struct Match {
        var id: Int32
        /// Bytes of the text that was searched, with the white space that the token swallows.
        var range: Range<Int>
    }

    private struct Pattern: Sendable {
        var bytes: [UInt8]
        var id: Int32
        var token: AddedToken
    }

    /// Patterns by their first byte, longest first.
    private let patterns: [[Pattern]]
    /// Whether a pattern begins with a byte; looked at for every byte of a text.
    private let isFirst: [Bool]
    let isEmpty: Bool

    /// - Parameter tokens: spelling to look for, the id to give, and the token whose flags hold.
    init(_ tokens: [(spelling: [UInt8], id: Int32, token: AddedToken)]) {
        var patterns = [[Pattern]](repeating: [], count: 256)
        for token in tokens {
            guard let first = token.spelling.first else { continue }
            let isNew = !patterns[Int(first)].contains { $0.bytes == token.spelling }
            if isNew {
                patterns[Int(first)].append(Pattern(bytes: token.spelling, id: token.id, token: token.token))
            }
        }
        self.patterns = patterns.map { $0.sorted { $0.bytes.count > $1.bytes.count } }
        isFirst = patterns.map { !$0.isEmpty }
        isEmpty = patterns.allSatisfy(\.isEmpty)
    }

    /// The first match that begins at `cursor` or later. `cursor` moves behind its literal, and to the end when there
    /// is none. `floor` is where the last match ended, its white space included.
    func next(in bytes: TextBytes, from cursor: inout Int, floor: Int) -> Match? {
        guard !isEmpty else {
            cursor = bytes.count
            return nil
        }
        while let candidate = firstByte(in: bytes, from: cursor) {
            cursor = candidate
            guard let found = patterns[Int(bytes[cursor])].first(where: { Self.matches($0.bytes, bytes, cursor) })
            else {
                cursor += 1
                continue
            }
            var range = cursor..<cursor + found.bytes.count
            cursor = range.upperBound
            if found.token.isWholeWord, !Self.standsAlone(range, in: bytes) { continue }
            if found.token.stripsLeft {
                range = max(floor, Self.whiteSpaceStart(before: range.lowerBound, in: bytes))..<range.upperBound
            }
            if found.token.stripsRight {
                range = range.lowerBound..<whiteSpaceEnd(after: range.upperBound, in: bytes)
            }
            return Match(id: found.id, range: range)
        }
        cursor = bytes.count
        return nil
    }

    private func firstByte(in bytes: TextBytes, from start: Int) -> Int? {
        isFirst.withUnsafeBufferPointer { isFirst in
            var index = start
            while index < bytes.count {
                if isFirst[Int(bytes[index])] { return index }
                index += 1
            }
            return nil
        }
    }

    private static func matches(_ pattern: [UInt8], _ bytes: TextBytes, _ start: Int) -> Bool {
        guard bytes.count - start >= pattern.count else { return false }
        for index in pattern.indices where bytes[start + index] != pattern[index] { return false }
        return true
    }

    private static func standsAlone(_ range: Range<Int>, in bytes: TextBytes) -> Bool {
        if range.lowerBound > 0 {
            if isWordCharacter(decode(bytes, scalarStart(before: range.lowerBound, in: bytes)).scalar) { return false }
        }
        return range.upperBound == bytes.count || !isWordCharacter(decode(bytes, range.upperBound).scalar)
    }

    private static func whiteSpaceStart(before end: Int, in bytes: TextBytes) -> Int {
        var start = end
        while start > 0 {
            let previous = scalarStart(before: start, in: bytes)
            guard UnicodeFacts.shared.kinds(decode(bytes, previous).scalar).contains(.whiteSpace) else { break }
            start = previous
        }
        return start
    }

    /// What regular expressions call `\w` (UTS #18): letters, marks, decimal digits, connectors, joiners; as of
    /// Unicode 16, which the reference's regular expressions know.
    private static func isWordCharacter(_ scalar: UInt32) -> Bool {
        guard let properties = Unicode.Scalar(scalar)?.properties, let age = properties.age, age.major <= 16 else {
            return false
        }
        if properties.isAlphabetic || properties.isJoinControl { return true }
        switch properties.generalCategory {
        case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
        default: return false
        }
    }
}

/// The scalar at `index` of well-formed UTF-8, and its length in bytes.
func decode(_ bytes: TextBytes, _ index: Int) -> (scalar: UInt32, length: Int) {
    let lead = UInt32(bytes[index])
    func trail(_ offset: Int) -> UInt32 { UInt32(bytes[index + offset]) & 0x3F }
    switch lead {
    case ..<0x80: return (lead, 1)
    case ..<0xE0: return ((lead & 0x1F) << 6 | trail(1), 2)
    case ..<0xF0: return ((lead & 0x0F) << 12 | trail(1) << 6 | trail(2), 3)
    default: return ((lead & 0x07) << 18 | trail(1) << 12 | trail(2) << 6 | trail(3), 4)
    }
}

/// Where the white space that may begin at `start` ends.
func whiteSpaceEnd(after start: Int, in bytes: TextBytes) -> Int {
    var end = start
    while end < bytes.count {
        let (scalar, length) = decode(bytes, end)
        guard UnicodeFacts.shared.kinds(scalar).contains(.whiteSpace) else { break }
        end += length
    }
    return end
}

/// Where the scalar that ends before `index` begins.
func scalarStart(before index: Int, in bytes: TextBytes) -> Int {
    var start = index - 1
    while start > 0, bytes[start] & 0xC0 == 0x80 { start -= 1 }
    return start
}
