import Annotations
import Model
import Store

/// Labels and signatures of stored embeddings, by the heads of a model that has such embeddings: what relabelling computes.
struct EmbeddingLabeller: Sendable {
    let heads: HeadSet
    private let signature: EmbeddingSignature

    init(heads: HeadSet) {
        self.heads = heads
        signature = EmbeddingSignature(dimensions: heads.hidden ?? 0)
    }

    /// Segments that are computed together: their embeddings stay in the processor's cache from decoding to the last head.
    private static let together = 128

    /// A page a task, and documents with an embedding that cannot be read, of which the pages have nothing.
    ///
    /// - Parameter segments: a document's follow each other.
    /// - Throws: `embedding-too-new`, `embedding-width`.
    func pages(
        of segments: [RelabelStore.Batch.Segment]
    ) throws(Fault) -> (pages: [RelabelStore.Page], damaged: [Int64]) {
        guard !heads.classification.isEmpty else { return ([], []) }
        var found = Found(heads: heads, signature: signature)
        var damaged: [Int64] = []
        var first = segments.startIndex
        while first < segments.endIndex {
            let id = segments[first].documentID
            let document = segments[first...].prefix { $0.documentID == id }
            first = document.endIndex
            if try !found.decode(document) { damaged.append(id) }
            if found.waiting.count >= Self.together { try found.compute() }
        }
        try found.compute()
        return (found.pages, damaged)
    }

    private struct Found {
        let heads: HeadSet
        let signature: EmbeddingSignature
        /// Of all segments, and of each task of the heads all segments'.
        private var (ids, numbers, signatures): ([Int64], [Int32], [UInt64]) = ([], [], [])
        private var tasks: [(labels: [Int], scores: [Float], margins: [Float])]

        /// Decoded, not computed: embeddings end to end, and which document each is of.
        private var embeddings: [Float] = []
        private(set) var waiting: [Int64] = []

        init(heads: HeadSet, signature: EmbeddingSignature) {
            (self.heads, self.signature) = (heads, signature)
            tasks = Array(repeating: ([], [], []), count: heads.classification.count)
        }

        /// False for a document of which an embedding is damaged.
        mutating func decode(_ document: ArraySlice<RelabelStore.Batch.Segment>) throws(Fault) -> Bool {
            let before = embeddings.count
            for segment in document {
                guard try EmbeddingCodec.decodeUndamaged(segment.data, appendingTo: &embeddings) else {
                    embeddings.removeLast(embeddings.count - before)
                    return false
                }
            }
            for segment in document {
                waiting.append(segment.documentID)
                numbers.append(segment.segment)
            }
            return true
        }

        mutating func compute() throws(Fault) {
            guard !waiting.isEmpty else { return }
            for (task, choices) in try heads.choices(of: embeddings, segments: waiting.count).enumerated() {
                tasks[task].labels += choices.labels
                tasks[task].scores += choices.scores
                tasks[task].margins += choices.margins
            }
            var documents: [Range<Int>] = []
            for index in waiting.indices {
                if index > 0, waiting[index] == waiting[index - 1] {
                    documents[documents.count - 1] = documents[documents.count - 1].lowerBound..<index + 1
                } else {
                    documents.append(index..<index + 1)
                }
            }
            for (document, own) in zip(documents, signature.of(embeddings, documents: documents)) {
                signatures += repeatElement(own, count: document.count)
            }
            ids += waiting
            waiting.removeAll(keepingCapacity: true)
            embeddings.removeAll(keepingCapacity: true)
        }

        var pages: [RelabelStore.Page] {
            guard !ids.isEmpty else { return [] }
            return zip(heads.classification, tasks).map { head, found in
                RelabelStore.Page(
                    task: head.task.name, labels: head.task.labels, documentIDs: ids, segments: numbers,
                    choices: found.labels, scores: found.scores, margins: found.margins, signatures: signatures)
            }
        }
    }
}
