import Annotations
package import Model
import Tensors

extension PromotionRule.Flips {
    /// Whether anybody would rely on the answer of the model in force. A collection may hold texts that a task is not about;
    /// what is answered about these is a guess, which any candidate changes.
    static func isSure(_ probability: Double) -> Bool { probability >= 0.5 }

    /// How many sure answers about documents without gold change, by classification task that both models know.
    ///
    /// - Parameter embeddings: in the space of both models.
    package static func counted(
        from before: HeadSet, to after: HeadSet, on embeddings: [[Float]]
    ) -> [String: PromotionRule.Flips] {
        var found: [String: PromotionRule.Flips] = [:]
        for head in after.classification {
            guard let old = before.classification.first(where: { $0.task.name == head.task.name }) else { continue }
            let (first, second) = (answers(of: old, embeddings), answers(of: head, embeddings))
            guard !first.isEmpty, first.count == second.count else { continue }
            let sure = zip(first, second).filter { isSure(Double($0.0.score)) }
            guard !sure.isEmpty else { continue }
            found[head.task.name] = .init(documents: sure.count, flipped: sure.count { $0.label != $1.label })
        }
        return found
    }

    private static func answers(of head: ClassificationHead, _ embeddings: [[Float]]) -> [ScoredLabel] {
        let fitting = embeddings.filter { $0.count == head.weights.columns }
        return head.labels(
            of: Matrix(rows: fitting.count, columns: head.weights.columns, values: fitting.flatMap { $0 }))
    }
}
