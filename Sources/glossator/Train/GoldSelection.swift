import Annotations
import Training

/// What of a collection's gold a run reads: all that is held out, all that is new, and of what earlier runs have learned
/// from as much as `ReplayRule` takes.
struct GoldSelection: Sendable {
    let documents: [LabelledDocument]
    /// Documents that say something about a task that no run has learned.
    let newDocuments: Int
    /// Old ones that are learned from again, and those that are left out tonight.
    let replayed: Int
    let leftOut: Int

    /// For a person.
    var text: String {
        let left = leftOut > 0 ? "; \(leftOut) others wait in the reservoir (train.replay)" : ""
        return "\(documents.count) documents with gold, \(newDocuments) of them new\(left)"
    }

    /// - Parameters:
    ///   - all: the collection's gold that counts.
    ///   - replay: old documents, at the most.
    init(_ all: [LabelledDocument], tasks: [AnnotationTask], split: Split, replay: Int) {
        let names = Set(tasks.map(\.name))
        var (learned, heldOut): ([LabelledDocument], [LabelledDocument]) = ([], [])
        for document in all where document.says(names) {
            if split.part(of: document.bodyHash) == .heldOut {
                heldOut.append(document)
            } else {
                learned.append(document)
            }
        }
        let chosen = ReplayRule(limit: replay).choose(
            learned.map {
                .init(bodyHash: $0.bodyHash, classes: $0.classes(names), isNew: !$0.newTasks.isDisjoint(with: names))
            })
        documents = (zip(learned, chosen).filter(\.1).map(\.0) + heldOut).sorted { $0.id < $1.id }
        let fresh = learned.count { !$0.newTasks.isDisjoint(with: names) }
        newDocuments = fresh + heldOut.count { !$0.newTasks.isDisjoint(with: names) }
        replayed = chosen.count { $0 } - fresh
        leftOut = learned.count - chosen.count { $0 }
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
            let types = Set(entities.filter { $0.task == task }.map(\.type))
            if types.isEmpty { classes.insert("\(task)/") }
            for type in types { classes.insert("\(task)/\(type)") }
        }
        return classes
    }
}
