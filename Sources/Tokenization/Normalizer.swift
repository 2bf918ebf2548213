/// What receives normalised scalars, in order.
protocol ScalarSink {
    /// - Parameters:
    ///   - kinds: those of `scalar`.
    ///   - origin: the scalar of the text that this one is attributed to.
    mutating func append(_ scalar: UInt32, _ kinds: UnicodeFacts.Kinds, _ origin: Origin)
}

/// BERT's normalisation as a stream: clean, set ideographs apart, strip accents, lower-case; in this order.
///
/// Holds back only marks that may still be reordered, so that a text of any length passes through little memory.
///
/// Offsets follow the reference, which rewrites the text in passes: in each pass a scalar either replaces the next
/// scalar of the pass before and takes over its origin, or is inserted and shares the origin of the scalar before it.
/// That matters where canonical reordering moves an inserted mark: origins stay in the text's order, marks do not.
struct Normalizer<Sink: ScalarSink> {
    var sink: Sink
    private let facts = UnicodeFacts.shared
    private let cleans: Bool
    private let splitsIdeographs: Bool
    private let stripsAccents: Bool
    private let lowercases: Bool

    /// Marks since the last scalar of combining class 0, not yet in canonical order.
    private var marks: [Mark] = []
    /// Origins that the marks in `marks` which replace a scalar will take over, in the text's order.
    private var waitingOrigins: [Origin] = []
    /// What an inserted scalar shares.
    private var lastOrigin = Origin.none

    private struct Mark {
        var scalar: UInt32
        var combiningClass: UInt8
        var isInserted: Bool
    }

    init(_ configuration: TokenizerConfiguration, sink: Sink) {
        self.sink = sink
        cleans = configuration.cleansText
        splitsIdeographs = configuration.splitsChineseCharacters
        stripsAccents = configuration.stripsAccents
        lowercases = configuration.lowercase
    }

    /// Whether what is fed next can no longer change what was fed before.
    var isSettled: Bool { marks.isEmpty }

    mutating func feed(_ scalar: UInt32, _ origin: Origin) {
        let kinds = facts.kinds(scalar)
        if kinds.isEmpty {
            settle()
            lastOrigin = origin
            sink.append(scalar, kinds, origin)
            return
        }
        if cleans {
            if kinds.contains(.unclean) { return }
            if kinds.contains(.whiteSpace) { return decompose(0x20, .whiteSpace, origin) }
        }
        guard splitsIdeographs, kinds.contains(.ideograph) else { return decompose(scalar, kinds, origin) }
        decompose(0x20, .whiteSpace, origin)
        decompose(scalar, kinds, origin)
        decompose(0x20, .whiteSpace, origin)
    }

    /// Nothing follows: lets go of what was held back.
    mutating func settle() {
        guard !marks.isEmpty else { return }
        sortMarks()
        var taken = 0
        for mark in marks {
            if !mark.isInserted {
                lastOrigin = waitingOrigins[taken]
                taken += 1
            }
            strip(mark.scalar, lastOrigin)
        }
        marks.removeAll(keepingCapacity: true)
        waitingOrigins.removeAll(keepingCapacity: true)
    }

    private mutating func decompose(_ scalar: UInt32, _ kinds: UnicodeFacts.Kinds, _ origin: Origin) {
        guard stripsAccents else { return lower(scalar, kinds, origin) }
        if !kinds.contains(.decomposes) {
            reorder(scalar, kinds, origin, isInserted: false)
        } else if HangulSyllable.all.contains(scalar) {
            let jamo = HangulSyllable.jamo(scalar)
            reorder(jamo.leading, [], origin, isInserted: false)
            reorder(jamo.vowel, [], origin, isInserted: true)
            if jamo.trailing != 0 { reorder(jamo.trailing, [], origin, isInserted: true) }
        } else {
            var isInserted = false
            for part in facts.decomposition(scalar) {
                reorder(part, facts.kinds(part), origin, isInserted: isInserted)
                isInserted = true
            }
        }
    }

    /// One scalar of a decomposition, the first of which replaces the scalar at `origin`.
    private mutating func reorder(
        _ scalar: UInt32, _ kinds: UnicodeFacts.Kinds, _ origin: Origin, isInserted: Bool
    ) {
        if kinds.contains(.reorders) {
            if !isInserted { waitingOrigins.append(origin) }
            let combiningClass = facts.combiningClass(scalar)
            marks.append(Mark(scalar: scalar, combiningClass: combiningClass, isInserted: isInserted))
        } else {
            settle()
            if !isInserted { lastOrigin = origin }
            strip(scalar, lastOrigin)
        }
    }

    /// Canonical order: by combining class, stable. Counting keeps it linear for a text that is one run of marks.
    private mutating func sortMarks() {
        guard zip(marks, marks.dropFirst()).contains(where: { $0.combiningClass > $1.combiningClass }) else { return }
        var next = [Int](repeating: 0, count: 257)
        for mark in marks { next[Int(mark.combiningClass) + 1] += 1 }
        for value in 1..<257 { next[value] += next[value - 1] }
        var sorted = marks
        for mark in marks {
            sorted[next[Int(mark.combiningClass)]] = mark
            next[Int(mark.combiningClass)] += 1
        }
        marks = sorted
    }

    private mutating func strip(_ scalar: UInt32, _ origin: Origin) {
        let kinds = facts.kinds(scalar)
        if !kinds.contains(.nonspacingMark) { lower(scalar, kinds, origin) }
    }

    private mutating func lower(_ scalar: UInt32, _ kinds: UnicodeFacts.Kinds, _ origin: Origin) {
        guard lowercases, kinds.contains(.upperCase) else { return sink.append(scalar, kinds, origin) }
        for part in facts.lowerCase(scalar) { sink.append(part, facts.kinds(part), origin) }
    }
}
