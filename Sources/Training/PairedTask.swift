/// What the model in force and a candidate say about the same held-out documents, for one task.
package struct PairedTask: Sendable, Hashable {
    /// Two answers about one document; nil from a model that does not know the task.
    package struct Row<Answer: Sendable & Hashable>: Sendable, Hashable {
        package let before: Answer?
        package let after: Answer?

        package init(before: Answer?, after: Answer?) {
            self.before = before
            self.after = after
        }
    }

    package enum Rows: Sendable, Hashable {
        case labels([Row<HeldOutAnswers.Label>])
        case mentions([Row<HeldOutAnswers.Mentions>])
    }

    package let task: String
    /// Labels or types that the model in force can answer; nil when it does not know the task.
    package let knownBefore: Set<String>?
    /// The candidate's.
    package let knownAfter: Set<String>?
    package let rows: Rows

    package init(task: String, knownBefore: Set<String>?, knownAfter: Set<String>?, rows: Rows) {
        self.task = task
        self.knownBefore = knownBefore
        self.knownAfter = knownAfter
        self.rows = rows
    }

    /// Pairs answers by document, in the order of ids. Classifications first, each kind by name.
    ///
    /// The two models may have different encoders: what they are asked are the same documents. One that only one of two
    /// models with the task was asked about is left out.
    package static func pair(before: HeldOutAnswers, after: HeldOutAnswers) -> [PairedTask] {
        pairs(before.classification, after.classification, Rows.labels)
            + pairs(before.entities, after.entities, Rows.mentions)
    }

    private static func pairs<Answer>(
        _ before: [String: HeldOutAnswers.Head<Answer>], _ after: [String: HeldOutAnswers.Head<Answer>],
        _ rows: ([Row<Answer>]) -> Rows
    ) -> [PairedTask] {
        Set(before.keys).union(after.keys).sorted().map { task in
            let (old, new) = (before[task], after[task])
            var ids = Set((old ?? new)?.rows.keys.map { $0 } ?? [])
            if let new { ids.formIntersection(new.rows.keys) }
            return PairedTask(
                task: task, knownBefore: old?.known, knownAfter: new?.known,
                rows: rows(ids.sorted().map { Row(before: old?.rows[$0], after: new?.rows[$0]) }))
        }
    }
}
