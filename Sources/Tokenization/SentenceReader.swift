/// How a letter is written.
enum Letter {
    case small, capital, uncased

    /// Nil for what is no letter.
    init?(_ scalar: UInt32) {
        guard let properties = Unicode.Scalar(scalar)?.properties, properties.isAlphabetic else { return nil }
        // Georgian letters count as small ones in Unicode, but sentences begin with them.
        if (0x10D0...0x10FF).contains(scalar) {
            self = .uncased
        } else if properties.isLowercase {
            self = .small
        } else {
            self = properties.isUppercase || properties.generalCategory == .titlecaseLetter ? .capital : .uncased
        }
    }
}

/// A mark that may end a sentence; a stronger one decides for a run of them.
enum Terminator: Int, Comparable {
    case stop, ellipsis, mark, plain

    init?(_ scalar: UInt32) {
        if scalar < 0x80 {
            switch scalar {
            case 0x2E: self = .stop
            case 0x21, 0x3F: self = .mark
            default: return nil
            }
        } else if SentenceTables.plainTerminators.containsSorted(scalar) {
            self = .plain
        } else if SentenceTables.marks.contains(scalar) {
            self = .mark
        } else if SentenceTables.ellipses.contains(scalar) {
            self = .ellipsis
        } else if SentenceTables.stops.contains(scalar) {
            self = .stop
        } else {
            return nil
        }
    }

    static func < (left: Terminator, right: Terminator) -> Bool { left.rawValue < right.rawValue }
}

/// Looks around in a text without moving. Every question but one reads a few scalars only; `lookAhead` reads one run
/// of white space.
struct SentenceReader {
    let bytes: TextBytes

    /// No abbreviation is longer, in scalars.
    private static let longestWord = 24

    /// What stands behind a terminator.
    struct Following {
        /// Whether white space or the text's end comes first.
        var isSeparated = false
        /// Where the next that is neither white space nor a dash begins.
        var byte = 0
        var letter: Letter?
        var isDigit = false
        var isBehindDash = false
        var beginsWithTerminator = false
    }

    /// The word before a stop.
    struct Word {
        var start = 0
        /// Lower case, inner stops included.
        var spelling = ""
        /// Letters and digits.
        var letterCount = 0
        var hasInnerStop = false
        var isNumber = false
        /// A single letter of a script with capitals.
        var isInitial = false
    }

    func scalar(at byte: Int) -> UInt32? { byte < bytes.count ? decode(bytes, byte).scalar : nil }

    func letter(at byte: Int) -> Letter? { scalar(at: byte).flatMap { Letter($0) } }

    func lookAhead(from byte: Int) -> Following {
        var next = Following()
        next.byte = whiteSpaceEnd(after: byte, in: bytes)
        next.isSeparated = next.byte > byte || byte == bytes.count
        if let first = scalar(at: next.byte), SentenceTables.dashes.contains(first) {
            next.isBehindDash = true
            next.byte = whiteSpaceEnd(after: next.byte + decode(bytes, next.byte).length, in: bytes)
        }
        guard let first = scalar(at: next.byte) else { return next }
        next.letter = Letter(first)
        next.isDigit = Self.isDigit(first)
        next.beginsWithTerminator = Terminator(first) != nil
        return next
    }

    /// The word that begins at `byte`, in lower case.
    func word(at byte: Int) -> String {
        var word = String.UnicodeScalarView()
        var index = byte
        while index < bytes.count, word.count < Self.longestWord {
            let (scalar, length) = decode(bytes, index)
            guard Letter(scalar) != nil, let value = Unicode.Scalar(scalar) else { break }
            word.append(value)
            index += length
        }
        return String(word).lowercased()
    }

    /// The word that ends with the stop before `end`: back to white space, an opening bracket or a quote.
    func word(before end: Int) -> Word {
        var word = Word()
        var scalars: [Unicode.Scalar] = []
        word.start = scalarStart(before: end, in: bytes)  // the stop itself
        var isNumber = true
        while word.start > 0, scalars.count < Self.longestWord {
            let index = scalarStart(before: word.start, in: bytes)
            let scalar = decode(bytes, index).scalar
            guard let value = Unicode.Scalar(scalar) else { break }
            if Terminator(scalar) == .stop {
                word.hasInnerStop = word.hasInnerStop || !scalars.isEmpty
            } else if Letter(scalar) != nil || value.properties.generalCategory == .nonspacingMark {
                isNumber = false
                word.letterCount += 1
            } else if Self.isDigit(scalar) {
                word.letterCount += 1
            } else if ![0x2D, 0x27, 0x2019, 0xBA, 0xAA, 0xA7].contains(scalar) {
                break
            }
            scalars.append(value)
            word.start = index
        }
        word.isNumber = isNumber && word.letterCount > 0
        word.isInitial =
            word.letterCount == 1 && !isNumber && scalars.last.flatMap { Letter($0.value) } != .uncased
            && beginsWord(at: word.start)
        var view = String.UnicodeScalarView()
        view.append(contentsOf: scalars.reversed())
        word.spelling = String(view).lowercased()
        return word
    }

    /// Where a footnote mark `[12]` that begins at `byte` ends.
    func footnote(at byte: Int) -> Int? {
        guard bytes[byte] == UInt8(ascii: "[") else { return nil }
        var index = byte + 1
        while index < bytes.count, index - byte <= 3, Self.isDigit(UInt32(bytes[index])) { index += 1 }
        guard index > byte + 1, index < bytes.count, bytes[index] == UInt8(ascii: "]") else { return nil }
        return index + 1
    }

    /// Where French's `»` behind a blank ends, if that stands at `byte`. Before a word it would open a quotation.
    func spacedCloser(at byte: Int) -> Int? {
        let (blank, length) = decode(bytes, byte)
        guard [0x20, 0xA0, 0x202F, 0x2009].contains(blank), scalar(at: byte + length) == 0xBB else { return nil }
        let end = byte + length + 2
        guard let next = scalar(at: end), !UnicodeFacts.shared.kinds(next).contains(.whiteSpace) else { return end }
        return UnicodeFacts.shared.kinds(next).contains(.punctuation) ? end : nil
    }

    /// A letter of a script that puts no blanks between sentences.
    func isUnspacedLetter(at byte: Int) -> Bool { scalar(at: byte).map(Self.isUnspaced) ?? true }

    func isUnspacedLetter(before byte: Int) -> Bool {
        byte > 0 && Self.isUnspaced(decode(bytes, scalarStart(before: byte, in: bytes)).scalar)
    }

    static func isLineEnd(_ scalar: UInt32) -> Bool { [0x0A, 0x0B, 0x0C, 0x0D, 0x85, 0x2028, 0x2029].contains(scalar) }

    /// Whether a quotation or bracket is closed at `byte`. Some languages close with what others open with; such a
    /// mark directly before a letter or digit opens.
    func isCloser(at byte: Int) -> Bool {
        let (scalar, length) = decode(bytes, byte)
        guard SentenceTables.closers.containsSorted(scalar) else { return false }
        guard [0x2018, 0x201C, 0xAB, 0x2039].contains(scalar), let next = self.scalar(at: byte + length) else {
            return true
        }
        return Letter(next) == nil && !Self.isDigit(next)
    }

    /// Emoji, marks and selectors that follow a terminator directly.
    static func isTrailing(_ scalar: UInt32) -> Bool {
        guard scalar >= 0x80, let properties = Unicode.Scalar(scalar)?.properties else { return false }
        if scalar == 0x200D || properties.isEmojiModifier { return true }
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return true
        case .otherSymbol: return properties.isEmoji
        default: return false
        }
    }

    private static func isDigit(_ scalar: UInt32) -> Bool {
        if scalar < 0x80 { return (0x30...0x39).contains(scalar) }
        return Unicode.Scalar(scalar)?.properties.generalCategory == .decimalNumber
    }

    private static func isUnspaced(_ scalar: UInt32) -> Bool {
        UnicodeFacts.shared.kinds(scalar).contains(.ideograph) || (0x3041...0x30FF).contains(scalar)
    }

    /// Whether nothing stands before `byte`, or what may stand before a word: not the rest of an address.
    private func beginsWord(at byte: Int) -> Bool {
        guard byte > 0 else { return true }
        let scalar = decode(bytes, scalarStart(before: byte, in: bytes)).scalar
        if UnicodeFacts.shared.kinds(scalar).contains(.whiteSpace) || scalar == 0x22 || scalar == 0x27 { return true }
        switch Unicode.Scalar(scalar)?.properties.generalCategory {
        case .openPunctuation, .initialPunctuation, .finalPunctuation: return true
        default: return SentenceTables.dashes.contains(scalar)
        }
    }
}

extension [UInt32] {
    /// Binary search in a sorted array.
    fileprivate func containsSorted(_ value: UInt32) -> Bool {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if self[middle] < value { low = middle + 1 } else { high = middle }
        }
        return low < count && self[low] == value
    }
}
