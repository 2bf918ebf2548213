package import Annotations
package import Tensors

/// Everything a model has learned on top of its backbone: the tasks it is meant for, and heads for those that have
/// been trained.
///
/// A task without a head is declared, not trained: it gives no labels and no entities. There are no untrained heads, so
/// nothing random can ever be taken for an answer.
package struct HeadSet: Sendable, Equatable {
    /// All declared tasks, trained or not; names are unique.
    package let tasks: [AnnotationTask]
    /// In the order of `tasks`.
    package let classification: [ClassificationHead]
    /// In the order of `tasks`.
    package let entities: [EntityHead]
    /// Width of the backbone that the heads were trained on; nil without heads.
    package let hidden: Int?
    /// Layers of that backbone; nil when no head looks at all of them.
    package let layers: Int?

    /// Refuses a head whose task is not declared (with the same labels in the same order), two tasks or two heads with
    /// one name, and heads of different widths or for different numbers of layers: `heads-invalid`.
    package init(
        tasks: [AnnotationTask], classification: [ClassificationHead] = [], entities: [EntityHead] = []
    ) throws(Fault) {
        for task in tasks { try HeadValidation.check(task) }
        guard Set(tasks.map(\.name)).count == tasks.count else {
            throw HeadValidation.fault("two tasks have the same name")
        }
        let trained = classification.map(\.task) + entities.map(\.task)
        guard Set(trained.map(\.name)).count == trained.count else {
            throw HeadValidation.fault("a task has two heads")
        }
        for task in trained where !tasks.contains(task) {
            throw HeadValidation.fault("the head of task \"\(task.name)\" does not fit any declared task")
        }
        let widths = Set(classification.map(\.weights.columns) + entities.map(\.hidden))
        guard widths.count <= 1 else {
            throw HeadValidation.fault("the heads were trained on backbones of different widths, \(widths.sorted())")
        }
        let depths = Set(entities.compactMap { $0.context.map { $0.mix.count - 1 } })
        guard depths.count <= 1 else {
            throw HeadValidation.fault("the heads were trained on backbones of different depths, \(depths.sorted())")
        }
        func place(_ task: AnnotationTask) -> Int { tasks.firstIndex(of: task) ?? tasks.count }
        self.tasks = tasks
        self.classification = classification.sorted { place($0.task) < place($1.task) }
        self.entities = entities.sorted { place($0.task) < place($1.task) }
        hidden = widths.first
        layers = depths.first
    }

    private init() {
        (tasks, classification, entities, hidden, layers) = ([], [], [], nil, nil)
    }

    /// What these heads need to know of words.
    var wantedStates: WantedStates { entities.isEmpty ? .none : layers == nil ? .last : .allLayers }

    /// No task, no head: a model that only embeds.
    package static let none = HeadSet()

    /// Only the tasks with these names, as a collection's pipeline chooses them.
    package func restricted(to names: Set<String>) throws(Fault) -> HeadSet {
        try HeadSet(
            tasks: tasks.filter { names.contains($0.name) },
            classification: classification.filter { names.contains($0.task.name) },
            entities: entities.filter { names.contains($0.task.name) })
    }

    /// The label of every trained classification task for each row of `embeddings`, `[segments, hidden]`, pooled and
    /// normalised as the model's embedding space says. This is all that re-labelling stored embeddings takes.
    package func labels(of embeddings: Matrix) -> [[ScoredLabel]] {
        (0..<embeddings.rows).map { row in classification.map { $0.label(of: embeddings.row(row)) } }
    }
}
