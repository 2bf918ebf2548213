import Annotations
import Foundation
import Store
import Training

/// The page of `glossator report`: what the run was, what came of it, then a section a task.
struct ReportPage {
    let report: RunReport
    /// When the texts were read.
    let writtenAt: Date

    private var run: TrainingRunStore.RunRow { report.run }

    var html: String {
        let title = "Training run \(run.id) of \(run.collection)"
        let sections = report.tasks.enumerated().map { TaskSection(report: report, task: $1, number: $0 + 1) }
        let body: [HTML] = [
            .tag(
                "header", .tag("h1", HTML("Training run \(run.id) of "), .name(run.collection)), verdict,
                contents(sections)),
            .tag("main", all: [summary] + gate + sections.map(\.html)),
            .tag(
                "footer",
                .tag(
                    "p",
                    HTML(
                        """
                        Written by glossator \(Version.text) on \(Figure.instant(writtenAt)). All figures but the \
                        curves' are of held-out documents: the run neither learned from them nor chose by them. This page \
                        contains texts of the database.
                        """))),
        ]
        return HTML.document(title: title, style: ReportStyle.sheet, body)
    }

    private var verdict: HTML {
        let words = run.status == "promoted" ? "Promoted" : "Kept the old model"
        return .tag(
            "p", class: "verdict",
            .tag("strong", class: run.status == "promoted" ? "promoted" : "kept-old", HTML(words)),
            run.message.map { HTML(": \($0)") } ?? .empty)
    }

    private func contents(_ sections: [TaskSection]) -> HTML {
        guard sections.count > 1 else { return .empty }
        let links = sections.map { section in
            HTML.tag("li", .tag("a", with: ["href": "#\(section.id)"], .name(section.task)))
        }
        return .tag("nav", with: ["aria-label": "Tasks"], .tag("ul", all: links))
    }

    private var summary: HTML {
        .tag(
            "section", with: ["aria-labelledby": "summary"],
            all: [
                .tag("h2", with: ["id": "summary"], "Summary"), scores, RunFacts(report: report).html,
                report.record == nil
                    ? .tag("p", class: "note", "The run was recorded by a program that kept no curves and errors.")
                    : .empty,
            ])
    }

    /// Nothing for a run from before there was a gate.
    private var gate: [HTML] { report.record?.gate.map { [GateSection($0).html] } ?? [] }

    // MARK: Scores

    private var scores: HTML {
        guard !report.tasks.isEmpty else { return .tag("p", class: "note", "There was no task to learn or judge.") }
        let table = ReportTable(
            caption: "Scores on held-out documents, before and after",
            columns: [
                .text("task"), .text("score"), .number("before"), .number("after"), .number("change"),
                .number("trained on"), .number("chosen by"), .number("held out"), .text("epoch"),
            ], rows: report.tasks.map(scoreRow))
        let new = report.tasks.filter { !report.wasKnown($0) && report.before?.score(of: $0) != nil }
        guard !new.isEmpty else { return table.html }
        return .all([
            table.html,
            .tag(
                "p", class: "note", "* The model in force did not know ", .list(new.map(HTML.name)),
                ": before is what first weights that have learned nothing score."),
        ])
    }

    private func scoreRow(_ task: String) -> [HTML] {
        let (before, after) = (report.before?.score(of: task)?.value, report.after?.score(of: task))
        let isNew = !report.wasKnown(task) && before != nil
        let training = report.training(of: task)
        let change = before.flatMap { before in after.map { $0.value - before } }
        return [
            .name(task), HTML(after?.measure ?? "–"), HTML(Figure.text(before) + (isNew ? " *" : "")),
            .number(after?.value), .tag("span", class: Self.direction(change), HTML(Figure.change(change))),
            training.map { .count($0.trainingRows) } ?? "–", training.map(Self.chosenBy) ?? "–",
            (training?.heldOutRows ?? after?.documents).map { .count($0) } ?? "–",
            training.map { HTML($0.bestEpoch == 0 ? "none" : "\($0.bestEpoch) of \($0.epochsRun)") } ?? "not trained",
        ]
    }

    private static func direction(_ change: Double?) -> String {
        guard let change else { return "same" }
        return change > 0 ? "better" : change < 0 ? "worse" : "same"
    }

    private static func chosenBy(_ training: TaskTraining) -> HTML {
        switch training.choice {
        case .validation: training.validationRows > 0 ? .count(training.validationRows) : "other tasks"
        case .crossValidation: "5 folds"
        case .lastEpoch: "last epoch"
        }
    }
}
