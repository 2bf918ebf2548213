import Annotations
import Tensors

/// What every head and every stored head set is checked for before anything computes with it.
enum HeadValidation {
    static func check(
        _ task: AnnotationTask, is kind: AnnotationTask.Kind, weights: Matrix, bias: [Float]
    ) throws(Fault) {
        try check(task)
        guard task.kind == kind else {
            throw fault("task \"\(task.name)\" is of kind \(task.kind.rawValue), its head of kind \(kind.rawValue)")
        }
        guard weights.rows == task.outputCount, bias.count == task.outputCount, weights.columns > 0 else {
            throw fault(
                """
                the head of task \"\(task.name)\" has weights [\(weights.rows), \(weights.columns)] and \(bias.count) \
                biases; the task needs \(task.outputCount) outputs
                """)
        }
        guard weights.values.allSatisfy(\.isFinite), bias.allSatisfy(\.isFinite) else {
            throw fault("the head of task \"\(task.name)\" has a weight that is not a finite number")
        }
    }

    /// A task must have a name and labels that can be told apart.
    static func check(_ task: AnnotationTask) throws(Fault) {
        guard !task.name.isEmpty else { throw fault("a task has no name") }
        guard !task.labels.isEmpty, !task.labels.contains("") else {
            throw fault("task \"\(task.name)\" has no labels, or an empty one")
        }
        guard Set(task.labels).count == task.labels.count else {
            throw fault("task \"\(task.name)\" has a label twice")
        }
        guard task.outputCount <= maximumOutputs else {
            throw fault("task \"\(task.name)\" has \(task.labels.count) labels, too many for one head")
        }
    }

    /// The decoder remembers tags in 16 bits.
    static let maximumOutputs = Int(Int16.max)

    static func fault(_ message: String) -> Fault {
        Fault(
            .model, "heads-invalid", message,
            hint: "train the heads again, or export them again from the database that has them")
    }
}
