import Annotations
package import Tensors

/// One labelled document as heads see it: the frozen backbone's features beside what people said.
package struct TrainingExample: Sendable {
    package let id: Int64
    /// sha256 of the text; decides the split, and with `id` the order of rows.
    package let bodyHash: [UInt8]
    /// Pooled and normalised as the embedding space says; `[hidden]`.
    package let embedding: [Float]
    /// Label by classification task.
    package let labels: [String: String]
    /// `[words that have pieces, hidden]`: the final hidden state of each word's first piece.
    package let words: Matrix
    /// The same words' states in every layer, from the embedding layer's output to the last; empty where no head looks at
    /// them, or without words.
    package let layers: [Matrix]
    /// Which word each row of `words` is: an index into every array of `tags`. A word without a row (it vanished in
    /// tokenisation) is never learned from, and predicted `O`.
    package let wordIndices: [Int]
    /// IOB2 tags, one a word, by entity task; a task that is absent is unknown here.
    package let tags: [String: [String]]
    /// Unicode scalars of each word that tags count, for people who look at errors; may be empty.
    package let wordSpans: [Range<Int>]

    package init(
        id: Int64, bodyHash: [UInt8], embedding: [Float], labels: [String: String], words: Matrix,
        layers: [Matrix] = [], wordIndices: [Int], tags: [String: [String]], wordSpans: [Range<Int>] = []
    ) {
        self.wordSpans = wordSpans
        self.id = id
        self.bodyHash = bodyHash
        self.embedding = embedding
        self.labels = labels
        self.words = words
        self.layers = layers
        self.wordIndices = wordIndices
        self.tags = tags
    }

    /// The order in which a run sees its rows, whatever order they came in.
    static func precedes(_ a: TrainingExample, _ b: TrainingExample) -> Bool {
        if a.bodyHash != b.bodyHash { return a.bodyHash.lexicographicallyPrecedes(b.bodyHash) }
        return a.id < b.id
    }

    /// Whether the document says anything about the task.
    func isLabelled(for task: AnnotationTask) -> Bool {
        task.kind == .classification ? labels[task.name] != nil : tags[task.name] != nil
    }

    /// The task's classes of which this is an example: its label, or the types of its entities.
    func classes(of task: AnnotationTask) -> Set<String> {
        switch task.kind {
        case .classification: Set(labels[task.name].map { [$0] } ?? [])
        case .entities: Set((tags[task.name] ?? []).filter { $0 != "O" }.map { String($0.dropFirst(2)) })
        }
    }

    /// Whether words, their indices and the task's tags belong together, and states are `hidden` wide.
    ///
    /// - Parameter layers: of which states are needed, besides the last.
    func fits(_ task: AnnotationTask, hidden: Int, layers count: Int = 0) -> Bool {
        guard
            count == 0 || words.rows == 0
                || layers.count == count && layers.allSatisfy({ $0.rows == words.rows && $0.columns == hidden })
        else { return false }
        guard let tags = tags[task.name], words.columns == hidden || words.rows == 0 else { return false }
        return words.rows == wordIndices.count && wordIndices.allSatisfy(tags.indices.contains)
            && zip(wordIndices, wordIndices.dropFirst()).allSatisfy(<)
    }
}
