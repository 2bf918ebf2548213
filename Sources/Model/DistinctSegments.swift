import Tokenization

/// Segments of which those that look alike to the encoder and to the heads are read once: mails, forms and lists repeat
/// themselves, and a result depends on nothing but tokens and words.
struct DistinctSegments {
    private struct Key: Hashable {
        let ids: [Int32]
        let firstTokens: [Int32]

        // Words rarely tell apart what tokens do not.
        func hash(into hasher: inout Hasher) { hasher.combine(ids) }
    }

    /// The first of each kind, in order.
    private(set) var segments: [Segment] = []
    private var known: [Key: Int] = [:]

    /// Returns for each of `more` which of `segments` it is like: itself, or one before it.
    mutating func add(_ more: [Segment]) -> [Int] {
        more.map { segment in
            let key = Key(ids: segment.tokens.ids, firstTokens: segment.words.firstTokens)
            if let place = known[key] { return place }
            known[key] = segments.count
            segments.append(segment)
            return segments.count - 1
        }
    }
}
