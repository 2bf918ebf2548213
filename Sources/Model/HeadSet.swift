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

    /// What a classification task's head says of many segments.
    package struct Choices: Sendable, Equatable {
        package let task: AnnotationTask
        /// Of each segment, which of the task's labels.
        package let labels: [Int]
        /// Of each segment, the probability of its label.
        package let scores: [Float]
        /// Of each segment, by how much this is more than the next label's.
        package let margins: [Float]
    }

    /// The answers of every trained classification task to stored embeddings, pooled and normalised as the model's embedding
    /// space says: all that relabelling takes, and the same to the bit as what `Annotator` says of these embeddings.
    ///
    /// - Parameter embeddings: of `segments` segments, end to end, `[segments, hidden]`.
    /// - Throws: `embedding-width` when they do not fit the heads.
    package func choices(of embeddings: [Float], segments: Int) throws(Fault) -> [Choices] {
        guard let hidden = classification.first?.weights.columns else { return [] }
        guard embeddings.count == segments * hidden else {
            throw Fault(
                .database, "embedding-width",
                "stored embeddings do not have the \(hidden) dimensions that the model reads",
                hint: "annotate the documents again: SELECT glossator.reannotate(collection => …)")
        }
        let matrix = Matrix(rows: segments, columns: hidden, values: embeddings)
        return classification.map {
            let (labels, scores, margins) = $0.choices(of: matrix)
            return Choices(task: $0.task, labels: labels, scores: scores, margins: margins)
        }
    }
}
