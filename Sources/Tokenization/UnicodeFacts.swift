/// What the tokeniser needs to know of a Unicode scalar, pinned to the Unicode versions of the reference tokeniser.
///
/// The standard library's properties follow the toolchain's Unicode version; a text's tokens must not.
final class UnicodeFacts: Sendable {
    /// Kinds of a scalar; most have none.
    struct Kinds: OptionSet, Sendable {
        let rawValue: UInt8
        /// The White_Space property.
        static let whiteSpace = Kinds(rawValue: 1)
        /// What cleaning a text removes: categories Cc, Cf, Co except tab and line ends, and U+FFFD.
        static let unclean = Kinds(rawValue: 2)
        /// Categories P*, and all ASCII that is no letter, digit, blank or control character.
        static let punctuation = Kinds(rawValue: 4)
        /// Category Mn.
        static let nonspacingMark = Kinds(rawValue: 8)
        /// A CJK ideograph that is a word of its own.
        static let ideograph = Kinds(rawValue: 16)
        /// Has a canonical decomposition; Hangul syllables included.
        static let decomposes = Kinds(rawValue: 32)
        /// Has another lower-case form.
        static let upperCase = Kinds(rawValue: 64)
        /// Its canonical combining class is not 0.
        static let reorders = Kinds(rawValue: 128)
    }

    static let shared = UnicodeFacts()

    /// One entry a scalar. 1.1 MB, of which a text touches a few pages: quicker than any search, simpler than a trie.
    private let kindsByScalar: [UInt8]
    private let decompositions: ScalarMap
    private let lowerCases: ScalarMap
    private let combiningClasses: [(first: UInt32, last: UInt32, value: UInt8)]

    func kinds(_ scalar: UInt32) -> Kinds { Kinds(rawValue: kindsByScalar[Int(scalar)]) }

    /// The full canonical decomposition of a scalar that `decomposes` and is no Hangul syllable.
    func decomposition(_ scalar: UInt32) -> ArraySlice<UInt32> { decompositions[scalar] }

    /// The lower-case form of a scalar that is `upperCase`; by itself, whatever stands around it.
    func lowerCase(_ scalar: UInt32) -> ArraySlice<UInt32> { lowerCases[scalar] }

    func combiningClass(_ scalar: UInt32) -> UInt8 {
        var low = 0
        var high = combiningClasses.count
        while low < high {
            let middle = (low + high) / 2
            if combiningClasses[middle].last < scalar { low = middle + 1 } else { high = middle }
        }
        guard low < combiningClasses.count, combiningClasses[low].first <= scalar else { return 0 }
        return combiningClasses[low].value
    }

    private init() {
        var kinds = [UInt8](repeating: 0, count: 0x11_0000)
        func mark(_ kind: Kinds, _ ranges: [ClosedRange<UInt32>]) {
            for range in ranges { for scalar in range { kinds[Int(scalar)] |= kind.rawValue } }
        }
        mark(.whiteSpace, UnicodeTableReader.ranges(UnicodeTables.separators) + [0x9...0xD, 0x85...0x85])
        mark(.unclean, UnicodeTableReader.ranges(UnicodeTables.others) + [0xFFFD...0xFFFD])
        for scalar in [0x9, 0xA, 0xD] { kinds[scalar] &= ~Kinds.unclean.rawValue }
        let asciiPunctuation: [ClosedRange<UInt32>] = [0x21...0x2F, 0x3A...0x40, 0x5B...0x60, 0x7B...0x7E]
        mark(.punctuation, UnicodeTableReader.ranges(UnicodeTables.punctuation) + asciiPunctuation)
        mark(.nonspacingMark, UnicodeTableReader.ranges(UnicodeTables.nonspacingMarks))
        mark(.ideograph, Self.ideographs)

        let classes = UnicodeTableReader.mappings(UnicodeTables.combiningClasses)
            .map { (first: $0.first, last: $0.last, value: UInt8(truncatingIfNeeded: $0.values[0])) }
            .sorted { $0.first < $1.first }
        for entry in classes { mark(.reorders, [entry.first...entry.last]) }
        combiningClasses = classes

        decompositions = ScalarMap(UnicodeTableReader.mappings(UnicodeTables.decompositions))
        lowerCases = ScalarMap(UnicodeTableReader.mappings(UnicodeTables.lowerCases))
        for scalar in decompositions.keys { mark(.decomposes, [scalar...scalar]) }
        mark(.decomposes, [HangulSyllable.all])
        for scalar in lowerCases.keys { mark(.upperCase, [scalar...scalar]) }
        kindsByScalar = kinds
    }

    /// The blocks that BERT's own code calls CJK. 2B920 where Unicode's block begins at 2B820 is a slip of the
    /// reference implementation, kept because models were trained with it.
    private static let ideographs: [ClosedRange<UInt32>] = [
        0x4E00...0x9FFF, 0x3400...0x4DBF, 0x2_0000...0x2_A6DF, 0x2_A700...0x2_B73F, 0x2_B740...0x2_B81F,
        0x2_B920...0x2_CEAF, 0xF900...0xFAFF, 0x2_F800...0x2_FA1F,
    ]
}

/// The arithmetic of precomposed Hangul (Unicode, section 3.12).
enum HangulSyllable {
    static let all: ClosedRange<UInt32> = 0xAC00...0xD7A3

    /// Leading consonant, vowel and, unless 0, trailing consonant.
    static func jamo(_ syllable: UInt32) -> (leading: UInt32, vowel: UInt32, trailing: UInt32) {
        let index = syllable - all.lowerBound
        let trailing = index % 28
        return (0x1100 + index / 588, 0x1161 + index % 588 / 28, trailing == 0 ? 0 : 0x11A7 + trailing)
    }
}

/// A map from scalars to short runs of scalars, by binary search.
private struct ScalarMap: Sendable {
    let keys: [UInt32]
    private let bounds: [Int32]
    private let values: [UInt32]

    init(_ mappings: [UnicodeTableReader.Mapping]) {
        var entries: [(key: UInt32, values: [UInt32])] = []
        for mapping in mappings {
            for scalar in stride(from: mapping.first, through: mapping.last, by: Int(mapping.step)) {
                // Runs map to runs; the tables write one-to-many mappings for single scalars only.
                entries.append((scalar, [mapping.values[0] + (scalar - mapping.first)] + mapping.values.dropFirst()))
            }
        }
        entries.sort { $0.key < $1.key }
        keys = entries.map(\.key)
        values = entries.flatMap(\.values)
        var bounds: [Int32] = [0]
        for entry in entries { bounds.append(bounds[bounds.count - 1] + Int32(entry.values.count)) }
        self.bounds = bounds
    }

    subscript(key: UInt32) -> ArraySlice<UInt32> {
        var low = 0
        var high = keys.count
        while low < high {
            let middle = (low + high) / 2
            if keys[middle] < key { low = middle + 1 } else { high = middle }
        }
        guard low < keys.count, keys[low] == key else { return [] }
        return values[Int(bounds[low])..<Int(bounds[low + 1])]
    }
}

/// Reads the notation of `UnicodeTables`: entries `first-last/step=value+value`, every part but `first` optional.
private enum UnicodeTableReader {
    struct Mapping {
        var first: UInt32 = 0
        var last: UInt32 = 0
        var step: UInt32 = 1
        var values: [UInt32] = []
    }

    static func ranges(_ table: String) -> [ClosedRange<UInt32>] { mappings(table).map { $0.first...$0.last } }

    static func mappings(_ table: String) -> [Mapping] {
        var result: [Mapping] = []
        var entry = Mapping()
        var number: UInt32 = 0
        var part = UInt8(ascii: " ")  // the separator before `number`; a blank before the first number of an entry
        var hasDigits = false
        func close(_ next: UInt8) {
            guard hasDigits else { return }
            switch part {
            case UInt8(ascii: "-"): entry.last = number
            case UInt8(ascii: "/"): entry.step = number
            case UInt8(ascii: " "):
                entry.first = number
                entry.last = number
            default: entry.values.append(number)
            }
            number = 0
            hasDigits = false
            part = next
        }
        for byte in table.utf8 {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"):
                number = number * 16 + UInt32(byte - UInt8(ascii: "0"))
                hasDigits = true
            case UInt8(ascii: "a")...UInt8(ascii: "f"):
                number = number * 16 + UInt32(byte - UInt8(ascii: "a") + 10)
                hasDigits = true
            case UInt8(ascii: " "), UInt8(ascii: "\n"):
                guard hasDigits else { continue }
                close(UInt8(ascii: " "))
                result.append(entry)
                entry = Mapping()
            default:
                close(byte)
            }
        }
        if hasDigits {
            close(UInt8(ascii: " "))
            result.append(entry)
        }
        return result
    }
}
