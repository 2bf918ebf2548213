package import Annotations
package import Store

/// Which tasks a run trains, and with which labels: those that the model in force declares and those that gold brings.
package struct TaskChoice {
    private let counts: GoldStore.Counts
    private let declared: [AnnotationTask]
    private let only: Set<String>?

    /// - Parameter only: Tasks to train; nil for all that have gold.
    package init(counts: GoldStore.Counts, declared: [AnnotationTask], only: Set<String>?) {
        self.counts = counts
        self.declared = declared
        self.only = only
    }

    /// In the order of the model's declaration, then by name. A label that gold does not have keeps its place in the head,
    /// a label that is new comes after the others, so that trained rows keep their meaning.
    package func tasks(collection: String) throws(Fault) -> [AnnotationTask] {
        let gold = counts.labels.mapValues { Set($0.keys) }
        let marked = counts.entities.mapValues { Set($0.keys) }
        if let clash = Set(gold.keys).intersection(marked.keys).union(kindClashes(gold.keys, marked.keys)).sorted()
            .first
        {
            throw Fault(
                .input, "task-kind-clash", "task \(clash) is used for labels and for entities",
                hint: "give one of the two another task name")
        }
        var tasks = declared.map { task in
            let found = (task.kind == .classification ? gold[task.name] : marked[task.name]) ?? []
            return AnnotationTask(
                name: task.name, kind: task.kind, labels: task.labels + found.subtracting(task.labels).sorted())
        }
        let known = Set(declared.map(\.name))
        for (name, labels) in gold.sorted(by: { $0.key < $1.key }) where !known.contains(name) {
            tasks.append(AnnotationTask(name: name, kind: .classification, labels: labels.sorted()))
        }
        for (name, types) in marked.sorted(by: { $0.key < $1.key }) where !known.contains(name) {
            tasks.append(AnnotationTask(name: name, kind: .entities, labels: types.sorted()))
        }
        let withGold = tasks.filter { task in
            task.kind == .classification ? gold[task.name] != nil : counts.complete[task.name] != nil
        }
        guard let only else { return try required(withGold, collection: collection) }
        for name in only.sorted() where !withGold.contains(where: { $0.name == name }) {
            throw Fault(
                .input, "task-without-gold", "collection \(collection) has no gold for task \(name)",
                hint: "tasks with gold: \(withGold.map(\.name).joined(separator: ", "))")
        }
        return withGold.filter { only.contains($0.name) }
    }

    private func required(_ tasks: [AnnotationTask], collection: String) throws(Fault) -> [AnnotationTask] {
        guard !tasks.isEmpty else {
            throw Fault(
                .input, "no-gold", "collection \(collection) has no gold to learn from",
                hint: "insert rows into glossator.gold_labels or glossator.gold_entities, or import a labelled file")
        }
        return tasks
    }

    private func kindClashes(_ gold: some Collection<String>, _ marked: some Collection<String>) -> Set<String> {
        Set(
            declared.filter { $0.kind == .classification ? marked.contains($0.name) : gold.contains($0.name) }
                .map(\.name))
    }
}
