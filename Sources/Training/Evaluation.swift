package import Annotations
package import Model
import Tensors

/// How well a model's heads do on labelled documents, by task.
package struct Evaluation: Sendable, Hashable, Codable {
    /// By classification task; tasks without a head or without a labelled row are absent.
    package let classification: [String: ClassificationMetrics]
    /// By entity task, conlleval rules; absent as above.
    package let entities: [String: EntityMetrics]

    /// The number that a task is judged by.
    package struct Score: Sendable, Hashable {
        package let task: String
        /// "accuracy" of a classification, "entity F1" (micro) of an entity task.
        package let measure: String
        package let value: Double
        /// Documents it was measured on.
        package let documents: Int
    }

    /// One a task: classifications first, each kind by name.
    package var scores: [Score] {
        classification.sorted { $0.key < $1.key }.map {
            Score(task: $0.key, measure: "accuracy", value: $0.value.accuracy, documents: $0.value.count)
        }
            + entities.sorted { $0.key < $1.key }.map {
                Score(task: $0.key, measure: "entity F1", value: $0.value.micro.f1, documents: $0.value.sentences)
            }
    }

    /// Nil for a task that was not evaluated.
    package func score(of task: String) -> Score? { scores.first { $0.task == task } }

    /// Compares what `heads` say about `examples` with their gold.
    ///
    /// A gold label that a head does not know is a row that it cannot get right, not a fault.
    package init(of heads: HeadSet, on examples: [TrainingExample]) throws(Fault) {
        var classification: [String: ClassificationMetrics] = [:]
        for head in heads.classification {
            let rows = examples.filter { $0.isLabelled(for: head.task) }
            if !rows.isEmpty { classification[head.task.name] = try Self.metrics(of: head, on: rows) }
        }
        var entities: [String: EntityMetrics] = [:]
        for head in heads.entities {
            let rows = examples.filter { $0.isLabelled(for: head.task) }
            if !rows.isEmpty { entities[head.task.name] = try Self.metrics(of: head, on: rows) }
        }
        self.classification = classification
        self.entities = entities
    }

    /// - Parameter rows: all labelled for the head's task.
    static func metrics(
        of head: ClassificationHead, on rows: [TrainingExample]
    ) throws(Fault) -> ClassificationMetrics {
        let gold = rows.map { $0.labels[head.task.name] ?? "" }
        let labels = head.task.labels + Set(gold).subtracting(head.task.labels).sorted()
        let probabilities = try probabilities(of: head, on: rows)
        let unknown = [Float](repeating: 0, count: labels.count - head.task.labels.count)
        return try ClassificationMetrics(
            labels: labels, gold: gold.map { labels.firstIndex(of: $0) ?? 0 },
            probabilities: rows.indices.map { Array(probabilities.row($0)) + unknown })
    }

    /// `[rows, labels of the head]`.
    static func probabilities(of head: ClassificationHead, on rows: [TrainingExample]) throws(Fault) -> Matrix {
        let hidden = head.weights.columns
        try check(rows.allSatisfy { $0.embedding.count == hidden }, head.task, hidden)
        return head.probabilities(of: Matrix(rows: rows.count, columns: hidden, values: rows.flatMap(\.embedding)))
    }

    static func check(_ rows: [TrainingExample], fit head: EntityHead) throws(Fault) {
        let (hidden, layers) = (head.hidden, head.context?.mix.count ?? 0)
        try check(rows.allSatisfy { $0.fits(head.task, hidden: hidden, layers: layers) }, head.task, hidden)
    }

    /// - Parameter rows: all labelled for the head's task.
    static func metrics(of head: EntityHead, on rows: [TrainingExample]) throws(Fault) -> EntityMetrics {
        try check(rows, fit: head)
        return try EntityScorer.score(
            gold: rows.map { $0.tags[head.task.name] ?? [] }, predicted: rows.map { tags(by: head, for: $0) })
    }

    /// The entities that the annotator would find, as tags; `O` for words without features.
    static func tags(by head: EntityHead, for example: TrainingExample) -> [String] {
        var tags = [String](repeating: "O", count: example.tags[head.task.name]?.count ?? 0)
        let spans = EntityDecoder.decode(
            logits: head.logits(of: example.words, layers: example.layers), wordIndices: example.wordIndices,
            wordCount: tags.count, tagSet: head.tagSet, transitions: head.context?.transitions)
        for span in spans {
            let type = head.tagSet.types[span.type]
            for word in span.firstWord...span.lastWord { tags[word] = (word == span.firstWord ? "B-" : "I-") + type }
        }
        return tags
    }

    private static func check(_ fits: Bool, _ task: AnnotationTask, _ hidden: Int) throws(Fault) {
        guard fits else {
            throw Fault(
                .model, "features-mismatch",
                "the head of task \"\(task.name)\" takes \(hidden) values; the backbone gives another number",
                hint: "Use the backbone that the head was trained on, or train it again.")
        }
    }
}
