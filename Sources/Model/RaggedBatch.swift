/// Token ids of several texts, end to end. No padding: text t is `ids[cumulativeLengths[t]..<cumulativeLengths[t + 1]]`.
///
/// Positions restart in every text; the token type is 0 throughout.
package struct RaggedBatch: Sendable, Equatable {
    package private(set) var ids: [Int32]
    /// One more than there are texts; the first is 0, the last `ids.count`.
    package private(set) var cumulativeLengths: [Int]

    package init() {
        ids = []
        cumulativeLengths = [0]
    }

    package init(_ texts: some Sequence<[Int32]>) {
        self.init()
        for text in texts { append(text) }
    }

    package var textCount: Int { cumulativeLengths.count - 1 }
    package var tokenCount: Int { ids.count }

    /// The rows of text `index`.
    package func range(of index: Int) -> Range<Int> { cumulativeLengths[index]..<cumulativeLengths[index + 1] }

    package mutating func append(_ text: some Sequence<Int32>) {
        ids.append(contentsOf: text)
        cumulativeLengths.append(ids.count)
    }

    /// Empties the batch and keeps its storage.
    package mutating func removeAll() {
        ids.removeAll(keepingCapacity: true)
        cumulativeLengths.removeAll(keepingCapacity: true)
        cumulativeLengths.append(0)
    }
}
