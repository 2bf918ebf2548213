package import Training

/// How a task learned, epoch by epoch: losses, the score on rows that were not learned from, and all of it as a table.
package struct LearningCurves {
    let curve: [EpochRecord]
    let kept: Int
    /// Whether rows that were not learned from chose the epoch.
    let isChosen: Bool
    let note: HTML?

    package init(_ curve: [EpochRecord], kept: Int, isChosen: Bool, note: HTML? = nil) {
        self.curve = curve
        self.kept = kept
        self.isChosen = isChosen
        self.note = note
    }

    package var losses: LineChart {
        LineChart(
            title: "Loss by epoch",
            series: [
                .init("training", .training, curve.map { ($0.epoch, $0.trainingLoss) }),
                .init("validation", .validation, curve.map { ($0.epoch, $0.validationLoss) }),
            ], kept: kept)
    }

    package var scores: LineChart {
        LineChart(
            title: "Validation score by epoch",
            series: [.init("validation score", .score, curve.map { ($0.epoch, $0.validationScore) })], kept: kept)
    }

    /// - Parameter id: unique in the page.
    package func html(id: String) -> HTML {
        guard !curve.isEmpty else { return .tag("p", class: "note", "There was no epoch.") }
        let (losses, scores) = (losses, scores)
        var charts = [HTML.figure(caption(losses, "Mean loss of the rows"), losses.svg(id: "\(id)-loss"))]
        if scores.isEmpty {
            charts.append(
                .tag(
                    "p", class: "note",
                    "No rows of this task were set aside to choose the epoch by: there are no curves of validation."))
        } else {
            charts.append(
                .figure(
                    caption(scores, "Accuracy or entity F1 on rows that were not learned from"),
                    scores.svg(id: "\(id)-score")))
        }
        return .all([
            .tag("p", all: [choice] + (note.map { [" ", $0] } ?? [])),
            .tag("div", class: "charts", all: charts), .details("The epochs as a table", table),
        ])
    }

    private var choice: HTML {
        let last = curve.map(\.epoch).max() ?? 0
        if kept == 0 { return HTML("\(last) epochs.") }
        let how = isChosen ? "" : " (the last: nothing was there to choose by)"
        return HTML("Epoch \(kept) of \(last) was kept\(how).")
    }

    private func caption(_ chart: LineChart, _ text: String) -> HTML {
        let count = chart.undrawable
        return HTML(
            count == 0 ? text : "\(text); not drawn: \(count) that \(count == 1 ? "is no number" : "are no numbers")")
    }

    private var table: HTML {
        ReportTable(
            caption: "Epochs",
            columns: [
                .number("epoch"), .number("training loss"), .number("validation loss"), .number("validation score"),
                .number("learning rate"), .text(""),
            ],
            rows: curve.map { epoch in
                [
                    .count(epoch.epoch), .number(epoch.trainingLoss), .number(epoch.validationLoss),
                    .number(epoch.validationScore), HTML(Figure.rate(epoch.learningRate)),
                    epoch.epoch == kept ? "kept" : "",
                ]
            }
        ).html
    }
}
