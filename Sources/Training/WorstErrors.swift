import Annotations
package import Model
import Tensors

/// A held-out document that a head gets wrong: what people look at first, often to find that the gold is at fault.
package struct WorstError: Sendable, Hashable, Codable {
    package struct Mention: Sendable, Hashable, Codable {
        package let type: String
        /// Unicode scalars of the document's text.
        package let start: Int
        package let end: Int
    }

    package let task: String
    package let document: Int64
    /// Label and answer, with the answer's probability; nil for entities.
    package let gold: String?
    package let predicted: String?
    package let confidence: Double?
    /// Entities that only people, or only the head, see; empty for classification.
    package let missed: [Mention]
    package let spurious: [Mention]

    /// By task the worst first: labels by how sure the head was, entities by how many are missed or spurious.
    package static func find(_ heads: HeadSet, on examples: [TrainingExample], limit: Int = 20) -> [WorstError] {
        heads.classification.flatMap { labels(of: $0, examples, limit) }
            + heads.entities.flatMap { entities(of: $0, examples, limit) }
    }

    private static func labels(
        of head: ClassificationHead, _ examples: [TrainingExample], _ limit: Int
    ) -> [WorstError] {
        let rows = examples.filter { $0.isLabelled(for: head.task) && $0.embedding.count == head.weights.columns }
        guard !rows.isEmpty else { return [] }
        let probabilities = head.probabilities(
            of: Matrix(rows: rows.count, columns: head.weights.columns, values: rows.flatMap(\.embedding)))
        let wrong = rows.enumerated().compactMap { index, row -> WorstError? in
            let scores = probabilities.row(index)
            guard let best = scores.indices.max(by: { scores[$0] < scores[$1] }) else { return nil }
            let answer = head.task.labels[best - scores.startIndex]
            guard let gold = row.labels[head.task.name], answer != gold else { return nil }
            return WorstError(
                task: head.task.name, document: row.id, gold: gold, predicted: answer,
                confidence: Double(scores[best]), missed: [], spurious: [])
        }
        return Array(
            wrong.sorted { (-($0.confidence ?? 0), $0.document) < (-($1.confidence ?? 0), $1.document) }.prefix(limit))
    }

    private static func entities(
        of head: EntityHead, _ examples: [TrainingExample], _ limit: Int
    ) -> [WorstError] {
        let wrong = examples.compactMap { example -> WorstError? in
            guard example.fits(head.task, hidden: head.hidden, layers: head.context?.mix.count ?? 0),
                let tags = example.tags[head.task.name],
                example.wordSpans.count == tags.count
            else { return nil }
            let gold = mentions(tags, example.wordSpans)
            let predicted = mentions(Evaluation.tags(by: head, for: example), example.wordSpans)
            let (missed, spurious) = (gold.filter { !predicted.contains($0) }, predicted.filter { !gold.contains($0) })
            guard !missed.isEmpty || !spurious.isEmpty else { return nil }
            return WorstError(
                task: head.task.name, document: example.id, gold: nil, predicted: nil, confidence: nil, missed: missed,
                spurious: spurious)
        }
        func size(_ error: WorstError) -> Int { error.missed.count + error.spurious.count }
        return Array(wrong.sorted { (-size($0), $0.document) < (-size($1), $1.document) }.prefix(limit))
    }

    private static func mentions(_ tags: [String], _ spans: [Range<Int>]) -> [Mention] {
        var found: [Mention] = []
        var isOpen = false
        for (tag, span) in zip(tags, spans) {
            defer { isOpen = tag != "O" }
            guard tag != "O" else { continue }
            if isOpen, tag.hasPrefix("I-"), let last = found.last, last.type == tag.dropFirst(2) {
                found[found.count - 1] = Mention(type: last.type, start: last.start, end: span.upperBound)
            } else {
                found.append(Mention(type: String(tag.dropFirst(2)), start: span.lowerBound, end: span.upperBound))
            }
        }
        return found
    }
}
