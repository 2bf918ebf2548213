package import Annotations
package import Training

/// What of a collection's gold a run reads: all that judges, all that the model in force has not learned, and of what it
/// has learned as much as `ReplayRule` takes.
package struct GoldSelection: Sendable {
    package let documents: [LabelledDocument]
    /// Documents whose gold of a task that can be learned has changed since a run had it.
    package let newDocuments: Int
    /// Old ones that are left out tonight.
    package let leftOut: Int

    /// For a person.
    var text: String {
        let left = leftOut > 0 ? "; \(leftOut) others wait in the reservoir (train.replay)" : ""
        return "\(documents.count) documents with gold, \(newDocuments) of them new\(left)"
    }

    /// - Parameters:
    ///   - all: the collection's gold that counts.
    ///   - replay: old documents that are learned from, at the most; nil: all.
    package init(_ all: [LabelledDocument], tasks: [AnnotationTask], split: Split, replay: Int?) {
        let names = Set(tasks.map(\.name))
        var (learned, judging): ([LabelledDocument], [LabelledDocument]) = ([], [])
        for document in all where document.says(names) {
            if split.part(of: document.bodyHash) == .training {
                learned.append(document)
            } else {
                judging.append(document)
            }
        }
        let chosen = ReplayRule(limit: replay ?? .max).choose(
            learned.map {
                .init(
                    bodyHash: $0.bodyHash, classes: $0.classes(names),
                    isNew: !$0.unlearnedTasks.isDisjoint(with: names))
            })
        documents = (zip(learned, chosen).filter(\.1).map(\.0) + judging).sorted { $0.id < $1.id }
        leftOut = learned.count - chosen.count { $0 }
        // Gold of a task that has too little of it is new every night.
        let ready = Set(tasks.filter { Self.isReady($0, all) }.map(\.name))
        newDocuments = documents.count { !$0.newTasks.isDisjoint(with: ready) }
    }

    private static func isReady(_ task: AnnotationTask, _ documents: [LabelledDocument]) -> Bool {
        let own = documents.filter { $0.says([task.name]) }
        let classes = own.reduce(into: Set<String>()) { classes, document in
            classes.formUnion(document.types(of: task.name))
            if let label = document.labels[task.name] { classes.insert(label) }
        }
        return TrainingReadiness.isMet(
            task.kind, texts: Set(own.map(\.bodyHash)).count, classes: classes.count)
    }
}

extension LabelledDocument {
    fileprivate func says(_ tasks: Set<String>) -> Bool {
        labels.keys.contains(where: tasks.contains) || !completeTasks.isDisjoint(with: tasks)
    }

    /// What the document is an example of, over all of the tasks.
    fileprivate func classes(_ tasks: Set<String>) -> Set<String> {
        var classes = Set(labels.filter { tasks.contains($0.key) }.map { "\($0.key)/\($0.value)" })
        for task in completeTasks.intersection(tasks) {
            let types = types(of: task)
            if types.isEmpty { classes.insert("\(task)/") }
            for type in types { classes.insert("\(task)/\(type)") }
        }
        return classes
    }

    fileprivate func types(of task: String) -> Set<String> { Set(entities.filter { $0.task == task }.map(\.type)) }
}
