/// What normalising makes of every scalar that stands by itself, looked up instead of worked out.
///
/// The normaliser itself fills it, once for a configuration. Pages of 256 scalars; those that are alike are one.
final class NormalizationTable: Sendable {
    enum Outcome: UInt32 {
        /// Part of a word, as it is.
        case kept
        case removed
        /// White space.
        case space
        /// A word of its own, as it is: punctuation, an ideograph.
        case alone
        /// Part of a word, as the scalar that is the entry's value.
        case replaced
        /// A word of its own, as the scalar that is the entry's value.
        case replacedAlone
        /// Part of a word, as several scalars: `forEachPart(of:_:)`.
        case expanded
        /// Depends on what stands around it: a mark that stays and may change places with another one.
        case context
    }

    struct Entry {
        fileprivate let bits: UInt32

        fileprivate init(_ outcome: Outcome, value: UInt32 = 0) { bits = value << 3 | outcome.rawValue }
        fileprivate init(bits: UInt32) { self.bits = bits }

        var outcome: Outcome { Outcome(rawValue: bits & 7) ?? .context }
        var value: UInt32 { bits >> 3 }
    }

    /// By byte: what becomes of an ASCII scalar that is part of a word; `notInWord` for all others.
    let wordBytes: [UInt8]
    static let notInWord: UInt8 = 0x80
    let lowercases: Bool

    /// What `expanded` scalars become, but for Hangul, of which the entry's value is the syllable itself.
    private let expansions: [[UInt32]]
    private let pageStarts: [UInt32]
    private let entries: [UInt32]

    subscript(scalar: UInt32) -> Entry {
        Entry(bits: entries[Int(pageStarts[Int(scalar >> 8)] + (scalar & 0xFF))])
    }

    /// The scalars that one becomes whose outcome is `expanded`.
    @inline(__always)
    func forEachPart(of entry: Entry, _ body: (UInt32) -> Void) {
        guard HangulSyllable.all.contains(entry.value) else { return expansions[Int(entry.value)].forEach(body) }
        let jamo = HangulSyllable.jamo(entry.value)
        body(jamo.leading)
        body(jamo.vowel)
        if jamo.trailing != 0 { body(jamo.trailing) }
    }

    init(_ configuration: TokenizerConfiguration) {
        var builder = Builder(configuration: configuration)
        for page in 0..<UInt32(0x1100) { builder.appendPage(from: page << 8) }
        var wordBytes = [UInt8](repeating: Self.notInWord, count: 256)
        for byte in 0..<UInt32(0x80) {
            let entry = builder.entry(byte)
            let become = entry.outcome == .replaced ? entry.value : byte
            if [.kept, .replaced].contains(entry.outcome), become < 0x80 { wordBytes[Int(byte)] = UInt8(become) }
        }
        self.wordBytes = wordBytes
        lowercases = configuration.lowercase
        expansions = builder.expansions
        pageStarts = builder.pageStarts
        entries = builder.entries
    }
}

extension NormalizationTable {
    private struct Builder {
        let configuration: TokenizerConfiguration
        var expansions: [[UInt32]] = []
        var pageStarts: [UInt32] = []
        var entries: [UInt32] = []
        /// Where a page of nothing but these kinds begins.
        private var plainPages: [UInt8: UInt32] = [:]

        init(configuration: TokenizerConfiguration) { self.configuration = configuration }

        mutating func appendPage(from first: UInt32) {
            let plain = plainKinds(ofPageFrom: first)
            if let plain, let start = plainPages[plain.rawValue] { return pageStarts.append(start) }
            let start = UInt32(entries.count)
            if let plain { plainPages[plain.rawValue] = start }
            pageStarts.append(start)
            for scalar in first..<first + 256 { entries.append(entry(scalar).bits) }
        }

        /// The kinds of all scalars of a page, when they are the same and none becomes another scalar.
        private func plainKinds(ofPageFrom first: UInt32) -> UnicodeFacts.Kinds? {
            let kinds = UnicodeFacts.shared.kinds(first)
            guard kinds.isDisjoint(with: [.decomposes, .upperCase]) else { return nil }
            for scalar in first + 1..<first + 256 where UnicodeFacts.shared.kinds(scalar) != kinds { return nil }
            return kinds
        }

        mutating func entry(_ scalar: UInt32) -> Entry {
            let kinds = UnicodeFacts.shared.kinds(scalar)
            if kinds.isEmpty { return Entry(.kept) }
            if configuration.stripsAccents, HangulSyllable.all.contains(scalar) {
                return Entry(.expanded, value: scalar)
            }
            var normalizer = Normalizer(configuration, sink: Outcomes())
            normalizer.feed(scalar, .none)
            normalizer.settle()
            let found = normalizer.sink
            if configuration.stripsAccents, found.kinds.contains(.reorders) { return Entry(.context) }
            guard let first = found.scalars.first else { return Entry(found.hasSpace ? .space : .removed) }
            // White space beside a scalar is what ideographs are set apart with, on both sides.
            if found.hasSpace, !kinds.contains(.ideograph) { return Entry(.context) }
            let isAlone = found.hasSpace || found.kinds.contains(.punctuation)
            if found.scalars.count == 1 {
                guard first != scalar else { return Entry(isAlone ? .alone : .kept) }
                return Entry(isAlone ? .replacedAlone : .replaced, value: first)
            }
            guard !isAlone else { return Entry(.context) }
            expansions.append(found.scalars)
            return Entry(.expanded, value: UInt32(expansions.count - 1))
        }
    }

    /// What came of one scalar: the scalars other than white space, their kinds together, whether there was any.
    private struct Outcomes: ScalarSink {
        var scalars: [UInt32] = []
        var kinds: UnicodeFacts.Kinds = []
        var hasSpace = false

        mutating func append(_ scalar: UInt32, _ kinds: UnicodeFacts.Kinds, _ origin: Origin) {
            if kinds.contains(.whiteSpace) {
                hasSpace = true
            } else {
                scalars.append(scalar)
                self.kinds.formUnion(kinds)
            }
        }
    }
}
