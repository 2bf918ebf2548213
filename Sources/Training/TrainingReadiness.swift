package import Annotations

/// Whether a task has enough labelled rows to be trained.
package enum TrainingReadiness {
    /// - Throws: `training-too-few-rows` or `training-one-class`, naming the task and what it has.
    package static func check(_ examples: [TrainingExample], for task: AnnotationTask) throws(Fault) {
        let rows = examples.filter { $0.isLabelled(for: task) }
        let texts = Set(rows.map(\.bodyHash)).count
        guard texts >= HeadTrainer.minimumTexts else {
            throw Fault(
                .input, "training-too-few-rows",
                """
                task "\(task.name)" has \(texts) different labelled texts (\(summary(rows, task))); \
                training needs at least \(HeadTrainer.minimumTexts)
                """, hint: "Label more texts for this task, or leave it out of the run.")
        }
        try checkClasses(rows, for: task)
    }

    /// - Throws: `training-one-class` when `rows` cannot teach a difference: one label only, or no entity at all.
    static func checkClasses(_ rows: [TrainingExample], for task: AnnotationTask) throws(Fault) {
        let classes = rows.reduce(into: Set<String>()) { $0.formUnion($1.classes(of: task)) }
        guard !teachesDifference(classes.count, task.kind) else { return }
        switch task.kind {
        case .classification:
            throw Fault(
                .input, "training-one-class",
                "task \"\(task.name)\" has rows of only one label (\(summary(rows, task)))",
                hint: "Label texts with at least two different labels, or leave the task out of the run.")
        case .entities:
            throw Fault(
                .input, "training-one-class",
                "task \"\(task.name)\" has \(rows.count) texts marked as having no entity, and none with one",
                hint: "Mark entities in some texts, or leave the task out of the run.")
        }
    }

    /// The same rules for documents that nobody has read yet.
    ///
    /// - Parameters:
    ///   - texts: different ones that are labelled for the task.
    ///   - classes: labels, or types of entities, that occur in them.
    package static func isMet(_ kind: AnnotationTask.Kind, texts: Int, classes: Int) -> Bool {
        texts >= HeadTrainer.minimumTexts && teachesDifference(classes, kind)
    }

    private static func teachesDifference(_ classes: Int, _ kind: AnnotationTask.Kind) -> Bool {
        classes >= (kind == .classification ? 2 : 1)
    }

    /// `bug 5, praise 2`: documents by class, the largest first.
    private static func summary(_ rows: [TrainingExample], _ task: AnnotationTask) -> String {
        var counts: [String: Int] = [:]
        for row in rows { for name in row.classes(of: task) { counts[name, default: 0] += 1 } }
        let largest = counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        if largest.isEmpty { return "none" }
        return largest.prefix(5).map { "\($0.key) \($0.value)" }.joined(separator: ", ")
            + (largest.count > 5 ? ", and \(largest.count - 5) more" : "")
    }
}
