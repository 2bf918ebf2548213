package import Training

/// How well entities of each type are found, and of all together.
package struct EntityTable {
    let metrics: EntityMetrics
    /// The model in force on the same rows; nil when it did not know the task.
    let before: EntityMetrics?

    package init(_ metrics: EntityMetrics, before: EntityMetrics?) {
        self.metrics = metrics
        self.before = before
    }

    package var html: HTML {
        let types = metrics.counts.sorted { $0.key < $1.key }
        let rows = types.map { type, counts in
            row(.name(type), counts, counts.score, before?.counts[type]?.score.f1)
        }
        let all = types.map(\.value).reduce(into: (gold: 0, predicted: 0, correct: 0)) { sum, counts in
            sum = (sum.gold + counts.gold, sum.predicted + counts.predicted, sum.correct + counts.correct)
        }
        let total = EntityMetrics.Counts(gold: all.gold, predicted: all.predicted, correct: all.correct)
        return .all([
            ReportTable(
                caption: "Held-out entities by type; right are those whose type, first and last word are right",
                columns: [
                    .text("type"), .number("gold"), .number("found"), .number("right"), .number("precision"),
                    .number("recall"), .number("F1"), .number("F1 before"),
                ], rows: rows,
                totals: [
                    row("all (micro)", total, metrics.micro, before?.micro.f1),
                    row("mean of the types (macro)", nil, metrics.macro, before?.macro?.f1),
                    row("weighted by gold", nil, metrics.weighted, before?.weighted.f1),
                ]
            ).html,
            .tag(
                "p", class: "note",
                HTML(
                    "\(Figure.count(metrics.sentences)) documents, \(Figure.count(metrics.tokens)) words, "
                        + "\(Figure.text(metrics.tokenAccuracy)) of them with the right tag")),
        ])
    }

    private func row(
        _ name: HTML, _ counts: EntityMetrics.Counts?, _ score: PrecisionRecall?, _ before: Double?
    ) -> [HTML] {
        [
            name, counts.map { .count($0.gold) } ?? "", counts.map { .count($0.predicted) } ?? "",
            counts.map { .count($0.correct) } ?? "", .number(score?.precision), .number(score?.recall),
            .number(score?.f1), .number(before),
        ]
    }
}
