import Annotations
import Model
import Tensors

/// A head of either kind.
enum TrainedHead {
    case classification(ClassificationHead)
    case entities(EntityHead)

    /// - Parameter parameters: for inputs as the model gives them.
    init(task: AnnotationTask, parameters: HeadParameters, temperature: Float = 1) throws(Fault) {
        switch task.kind {
        case .classification:
            self = .classification(
                try ClassificationHead(
                    task: task, weights: parameters.weights, bias: parameters.bias, temperature: temperature))
        case .entities:
            self = .entities(
                try EntityHead(
                    task: task, weights: parameters.weights, bias: parameters.bias,
                    context: parameters.context?.context()))
        }
    }

    var task: AnnotationTask {
        switch self {
        case .classification(let head): head.task
        case .entities(let head): head.task
        }
    }

    var parameters: HeadParameters {
        switch self {
        case .classification(let head): HeadParameters(weights: head.weights, bias: head.bias)
        case .entities(let head):
            HeadParameters(
                weights: head.weights, bias: head.bias, context: head.context.map { ContextParameters($0) })
        }
    }
}

/// A head set in the making.
struct HeadDraft {
    private var tasks: [AnnotationTask]
    private var heads: [String: TrainedHead] = [:]

    init(_ initial: HeadSet?) {
        tasks = initial?.tasks ?? []
        for head in initial?.classification ?? [] { heads[head.task.name] = .classification(head) }
        for head in initial?.entities ?? [] { heads[head.task.name] = .entities(head) }
    }

    func head(of task: AnnotationTask) -> TrainedHead? {
        guard let head = heads[task.name], head.task.kind == task.kind else { return nil }
        return head
    }

    mutating func replace(_ head: TrainedHead) {
        heads[head.task.name] = head
        if let index = tasks.firstIndex(where: { $0.name == head.task.name }) {
            tasks[index] = head.task
        } else {
            tasks.append(head.task)
        }
    }

    /// Leaves a head that the task has already as it is.
    mutating func keep(orReplace task: AnnotationTask, with other: TrainedHead) {
        if head(of: task) == nil { replace(other) }
    }

    func headSet() throws(Fault) -> HeadSet {
        var (classification, entities): ([ClassificationHead], [EntityHead]) = ([], [])
        for task in tasks {
            switch heads[task.name] {
            case .classification(let head): classification.append(head)
            case .entities(let head): entities.append(head)
            case nil: break
            }
        }
        return try HeadSet(tasks: tasks, classification: classification, entities: entities)
    }
}
