/// How unsure a model is of a document in one task: of its most uncertain segment.
///
/// Comparable within one task and one model only.
package struct TaskUncertainty: Sendable, Equatable {
    package let task: String
    /// 0...1. Classification: 1 less the margin between the two most probable labels ("breaking ties", Luo et al. 2005).
    /// Entities: 1 less the geometric mean, over the words, of their share in the probability of the best sequence of
    /// tags (MNLP, Shen et al. 2017).
    package let uncertainty: Float

    package init(task: String, uncertainty: Float) {
        self.task = task
        self.uncertainty = uncertainty
    }

    /// Of the classification tasks, in the order of the labels; tasks whose labels have no margin are left out.
    ///
    /// - Parameter labels: those of each segment.
    package static func ofLabels(_ labels: some Sequence<[ScoredLabel]>) -> [TaskUncertainty] {
        var tasks: [String] = []
        var margins: [String: Float] = [:]
        for label in labels.joined() {
            guard let margin = label.margin else { continue }
            if let known = margins[label.task] {
                margins[label.task] = min(known, margin)
            } else {
                tasks.append(label.task)
                margins[label.task] = margin
            }
        }
        return tasks.map { TaskUncertainty(task: $0, uncertainty: 1 - (margins[$0] ?? 1)) }
    }
}
