package import Annotations

/// From spans of words to entities in a body: offsets on whole grapheme clusters, without white space around them.
package struct EntityPlacer {
    /// An entity as its words say: positions in the body, half-open, on scalar borders.
    package struct Candidate: Sendable, Equatable {
        package let type: Int
        package let start: TextPosition
        package let end: TextPosition
        package let score: Float

        package init(type: Int, start: TextPosition, end: TextPosition, score: Float) {
            self.type = type
            self.start = start
            self.end = end
            self.score = score
        }
    }

    private let text: String

    package init(text: String) { self.text = text }

    /// The entities of one task.
    ///
    /// Each candidate is widened to whole grapheme clusters, so a combining mark that the tokenizer dropped is not cut
    /// from its letter, then loses clusters of white space at its ends. Where two candidates want the same cluster,
    /// the one with the higher score stays (of equal ones the first). A candidate of nothing but white space is none.
    ///
    /// - Parameter candidates: ascending by start. Costs time linear in the text, however many there are.
    package func entities(of task: AnnotationTask, from candidates: [Candidate]) -> [Entity] {
        var clusters = GraphemeClusters(text)
        var placed: [Candidate] = []
        placed.reserveCapacity(candidates.count)
        for candidate in candidates {
            guard let widened = widen(candidate, in: &clusters) else { continue }
            if let previous = placed.last, widened.start.byte < previous.end.byte {
                if widened.score > previous.score { placed[placed.count - 1] = widened }
            } else {
                placed.append(widened)
            }
        }
        return placed.map { entity in
            Entity(
                task: task.name, type: task.labels[entity.type], start: entity.start.scalar, end: entity.end.scalar,
                surface: clusters.surface(from: entity.start, to: entity.end), score: entity.score)
        }
    }

    private func widen(_ candidate: Candidate, in clusters: inout GraphemeClusters) -> Candidate? {
        var start: TextPosition?
        var end = candidate.start
        var position = candidate.start
        while position.byte < candidate.end.byte {
            let cluster = clusters.cluster(at: position)
            guard position.byte < cluster.end.byte else { break }  // the text ends before the candidate does
            if !cluster.isWhiteSpace {
                if start == nil { start = cluster.start }
                end = cluster.end
            }
            position = cluster.end
        }
        guard let start else { return nil }
        return Candidate(type: candidate.type, start: start, end: end, score: candidate.score)
    }
}
