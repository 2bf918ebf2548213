import Annotations
package import Model
import Tensors

extension PromotionRule.Flips {
    /// How many answers about documents without gold change, by classification task that both models know.
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
            found[head.task.name] = .init(documents: first.count, flipped: zip(first, second).count(where: !=))
        }
        return found
    }

    private static func answers(of head: ClassificationHead, _ embeddings: [[Float]]) -> [String] {
        let fitting = embeddings.filter { $0.count == head.weights.columns }
        let inputs = Matrix(rows: fitting.count, columns: head.weights.columns, values: fitting.flatMap { $0 })
        let probabilities = head.probabilities(of: inputs)
        return fitting.indices.map { head.task.labels[mostProbable(Array(probabilities.row($0)))] }
    }
}
