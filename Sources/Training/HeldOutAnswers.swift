package import Annotations
package import Model
import Tensors

/// What a model says about held-out documents, each answer beside the gold: what two models are compared by.
package struct HeldOutAnswers: Sendable, Hashable {
    package struct Label: Sendable, Hashable {
        package let gold: String
        package let answer: String
        /// Probability of the answer, the head's temperature applied.
        package let confidence: Double

        package init(gold: String, answer: String, confidence: Double) {
            self.gold = gold
            self.answer = answer
            self.confidence = confidence
        }

        var isRight: Bool { answer == gold }
    }

    package struct Mentions: Sendable, Hashable {
        package let gold: [EntityScorer.Span]
        package let answer: [EntityScorer.Span]

        package init(gold: [EntityScorer.Span], answer: [EntityScorer.Span]) {
            self.gold = gold
            self.answer = answer
        }

        /// Entities of the type (nil: of any) in gold, in the answer, and in both.
        func counts(of type: String? = nil) -> EntityMetrics.Counts {
            let gold = gold.filter { type == nil || $0.type == type }
            let answer = answer.filter { type == nil || $0.type == type }
            return .init(gold: gold.count, predicted: answer.count, correct: answer.filter(gold.contains).count)
        }
    }

    /// One head's answers.
    package struct Head<Answer: Sendable & Hashable>: Sendable, Hashable {
        /// Labels or types that the head can answer.
        package let known: Set<String>
        /// By document.
        package let rows: [Int64: Answer]

        package init(known: Set<String>, rows: [Int64: Answer]) {
            self.known = known
            self.rows = rows
        }
    }

    /// By task; a task without a head or without a labelled row is absent.
    package let classification: [String: Head<Label>]
    package let entities: [String: Head<Mentions>]

    package init(classification: [String: Head<Label>] = [:], entities: [String: Head<Mentions>] = [:]) {
        self.classification = classification
        self.entities = entities
    }

    /// Copies of a text with the same gold are one row: both models answer them alike, and forty of them are not forty
    /// pieces of evidence.
    ///
    /// - Parameter examples: made with the backbone that the heads belong to.
    /// - Throws: `features-mismatch`, as `Evaluation`.
    package init(of heads: HeadSet, on examples: [TrainingExample]) throws(Fault) {
        var classification: [String: Head<Label>] = [:]
        for head in heads.classification {
            let rows = Self.distinct(examples, for: head.task)
            guard !rows.isEmpty else { continue }
            classification[head.task.name] = .init(
                known: Set(head.task.labels), rows: try Self.answers(of: head, on: rows))
        }
        var entities: [String: Head<Mentions>] = [:]
        for head in heads.entities {
            let rows = Self.distinct(examples, for: head.task)
            guard !rows.isEmpty else { continue }
            entities[head.task.name] = .init(known: Set(head.task.labels), rows: try Self.answers(of: head, on: rows))
        }
        self.init(classification: classification, entities: entities)
    }

    private static func distinct(_ examples: [TrainingExample], for task: AnnotationTask) -> [TrainingExample] {
        struct Key: Hashable {
            let bodyHash: [UInt8]
            let gold: [String]
        }
        var seen: Set<Key> = []
        return examples.filter { $0.isLabelled(for: task) }.sorted(by: TrainingExample.precedes).filter { example in
            let gold = example.labels[task.name].map { [$0] } ?? example.tags[task.name] ?? []
            return seen.insert(Key(bodyHash: example.bodyHash, gold: gold)).inserted
        }
    }

    private static func answers(
        of head: ClassificationHead, on rows: [TrainingExample]
    ) throws(Fault) -> [Int64: Label] {
        let probabilities = try Evaluation.probabilities(of: head, on: rows)
        var answers: [Int64: Label] = [:]
        for (index, row) in rows.enumerated() {
            let scores = Array(probabilities.row(index))
            let best = mostProbable(scores)
            answers[row.id] = Label(
                gold: row.labels[head.task.name] ?? "", answer: head.task.labels[best], confidence: Double(scores[best])
            )
        }
        return answers
    }

    private static func answers(of head: EntityHead, on rows: [TrainingExample]) throws(Fault) -> [Int64: Mentions] {
        try Evaluation.check(rows, fit: head)
        var answers: [Int64: Mentions] = [:]
        for row in rows {
            answers[row.id] = Mentions(
                gold: try EntityScorer.spans(of: row.tags[head.task.name] ?? [], mode: .conlleval),
                answer: try EntityScorer.spans(of: Evaluation.tags(by: head, for: row), mode: .conlleval))
        }
        return answers
    }
}
