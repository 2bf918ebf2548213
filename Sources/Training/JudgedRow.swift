/// A held-out document as the gate counts it, the same for both kinds of tasks.
struct JudgedRow {
    /// Examples of one class in the document, and how many each model gets right.
    struct Tally {
        var rows = 0
        var before = 0
        var after = 0
    }

    let sums: PairedResampling.Row
    /// Whether the answers differ.
    let isChanged: Bool
    let errorsBefore: Int
    let errorsAfter: Int
    /// By gold label or type.
    let classes: [String: Tally]
    /// Labels or types that the candidate answers.
    let answered: Set<String>
    /// Of both labels; nil for entities and where a model gave none.
    let confidences: (before: Double, after: Double)?

    /// A model without an answer gets the row wrong.
    init(_ row: PairedTask.Row<HeldOutAnswers.Label>) {
        let (before, after) = (row.before?.isRight == true ? 1 : 0, row.after?.isRight == true ? 1 : 0)
        sums = .init(before: (before, 1), after: (after, 1))
        isChanged = row.before?.answer != row.after?.answer
        (errorsBefore, errorsAfter) = (1 - before, 1 - after)
        classes = (row.after ?? row.before).map { [$0.gold: Tally(rows: 1, before: before, after: after)] } ?? [:]
        answered = Set(row.after.map { [$0.answer] } ?? [])
        confidences =
            if let before = row.before, let after = row.after { (before.confidence, after.confidence) } else { nil }
    }

    /// A model without an answer finds nothing.
    init(_ row: PairedTask.Row<HeldOutAnswers.Mentions>) {
        let gold = (row.after ?? row.before)?.gold ?? []
        let before = (row.before ?? .init(gold: gold, answer: [])).counts()
        let after = (row.after ?? .init(gold: gold, answer: [])).counts()
        sums = .init(
            before: (2 * before.correct, before.gold + before.predicted),
            after: (2 * after.correct, after.gold + after.predicted))
        isChanged = row.before?.answer != row.after?.answer
        errorsBefore = before.gold + before.predicted - 2 * before.correct
        errorsAfter = after.gold + after.predicted - 2 * after.correct
        var classes: [String: Tally] = [:]
        for type in Set(gold.map(\.type)) {
            classes[type] = Tally(
                rows: gold.count { $0.type == type }, before: row.before?.counts(of: type).correct ?? 0,
                after: row.after?.counts(of: type).correct ?? 0)
        }
        self.classes = classes
        answered = Set((row.after?.answer ?? []).map(\.type))
        confidences = nil
    }

    static func rows(of pair: PairedTask) -> [JudgedRow] {
        switch pair.rows {
        case .labels(let rows): rows.map { JudgedRow($0) }
        case .mentions(let rows): rows.map { JudgedRow($0) }
        }
    }
}
