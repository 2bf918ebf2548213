import Annotations
import Store
import Training

/// What a page says about one task: how it learned, what it can and cannot do now, and where it fails.
struct TaskSection {
    let report: RunReport
    let task: String
    /// Of the task in the page, from 1: ids must be unique, and names may be anything.
    let number: Int

    /// Longer tables of labels are shut until they are asked for.
    private static let mostOpenLabels = 20

    private var metrics: ClassificationMetrics? { report.after?.classification[task] }
    private var entities: EntityMetrics? { report.after?.entities[task] }

    var html: HTML {
        let errors = (report.record?.worst ?? []).filter { $0.task == task }
        let kind = metrics != nil ? "classification" : entities != nil ? "entities" : nil
        var parts: [HTML] = [
            .tag(
                "h2", with: ["id": id], "Task ", .name(task), kind.map { HTML(" (\($0))") } ?? .empty)
        ]
        parts += learning
        if let metrics { parts += classification(metrics) }
        if let entities { parts += [part("By entity type"), EntityTable(entities, before: before).html] }
        if metrics == nil, entities == nil {
            parts.append(.tag("p", class: "note", "No held-out document has gold of this task: there are no figures."))
        }
        if !errors.isEmpty {
            parts += [part("Worst errors"), WorstErrorList(errors: errors, documents: report.documents).html]
        }
        return .tag("section", with: ["aria-labelledby": id], all: parts)
    }

    var id: String { "task-\(number)" }
    private var before: EntityMetrics? { report.wasKnown(task) ? report.before?.entities[task] : nil }

    private func part(_ title: HTML) -> HTML { .tag("h3", title) }

    // MARK: Curves

    private var learning: [HTML] {
        var parts: [HTML] = []
        let training = report.training(of: task)
        if let encoder = report.record?.encoder {
            if let probe = report.probe(of: task) {
                parts += [part("The head learns on the frozen encoder"), curves(probe.curve, kept: probe, "probe")]
            }
            let curve = encoder.curve.filter { $0.task == task }
            if !curve.isEmpty {
                let note: HTML? =
                    encoder.bestEpoch == 0
                    ? "No epoch was better than the encoder that the run began with, which was kept." : nil
                parts += [
                    part("Encoder and heads learn together"),
                    LearningCurves(curve, kept: encoder.bestEpoch, isChosen: encoder.isChosen, note: note)
                        .html(id: "\(id)-encoder"),
                ]
            }
        } else if let training {
            parts += [part("Learning"), curves(training.curve, kept: training, "head")]
        }
        return parts
    }

    private func curves(_ curve: [EpochRecord], kept training: TaskTraining, _ name: String) -> HTML {
        let note: HTML? =
            training.bestEpoch == 0
            ? "No epoch was better than the head that the run began with, which was kept."
            : training.choice == .crossValidation
                ? """
                Too few rows to set some aside: the curves are means over five heads that each judge a fifth of the \
                rows; the head itself then learned from all of them.
                """ : nil
        return LearningCurves(
            curve, kept: training.bestEpoch, isChosen: training.choice != .lastEpoch, note: note
        ).html(id: "\(id)-\(name)")
    }

    // MARK: Classification

    private func classification(_ metrics: ClassificationMetrics) -> [HTML] {
        let matrix = ConfusionMatrix(metrics)
        let labels = labelTable(metrics, numbered: !matrix.isTable)
        return [
            part("What is taken for what"), matrix.html(id: "\(id)-matrix"), part("By label"),
            metrics.labels.count > Self.mostOpenLabels
                ? .details(HTML("All \(metrics.labels.count) labels"), labels) : labels,
            part("Do scores mean what they say?"), calibration(metrics),
        ]
    }

    private func labelTable(_ metrics: ClassificationMetrics, numbered: Bool) -> HTML {
        let known = report.wasKnown(task) ? report.before?.classification[task]?.labels ?? [] : []
        let before = Dictionary(known.map { ($0.label, $0.f1) }, uniquingKeysWith: { a, _ in a })
        let rows = metrics.labels.enumerated().map { index, label -> [HTML] in
            let name = numbered ? HTML.all([HTML("\(index + 1) "), .name(label.label)]) : .name(label.label)
            // Neither in gold nor among the answers: nothing was measured.
            let isSeen = label.support + label.predicted > 0
            func score(_ value: Double?) -> HTML { .number(isSeen ? value : nil) }
            return [
                name, .count(label.support), .count(label.predicted), .count(label.correct), score(label.precision),
                score(label.recall), score(label.f1), .number(before[label.label]),
            ]
        }
        return ReportTable(
            caption: "Held-out rows by label",
            columns: [
                .text("label"), .number("gold"), .number("answers"), .number("right"), .number("precision"),
                .number("recall"), .number("F1"), .number("F1 before"),
            ], rows: rows,
            totals: [
                [
                    "mean (macro)", .count(metrics.count), .count(metrics.count),
                    .count(metrics.labels.reduce(0) { $0 + $1.correct }), "", "", .number(metrics.macroF1),
                    .number(report.wasKnown(task) ? report.before?.classification[task]?.macroF1 : nil),
                ]
            ]
        ).html
    }

    private func calibration(_ metrics: ClassificationMetrics) -> HTML {
        let calibration = metrics.calibration
        var caption = "Expected calibration error \(Figure.text(calibration.expectedError))"
        if let training = report.training(of: task), let temperature = training.temperature {
            caption += "; with temperature 1 instead of \(Figure.text(Double(temperature))) it would be "
            caption += Figure.text(training.uncalibratedError)
        }
        let bins = calibration.bins.filter { $0.count > 0 }.map { bin -> [HTML] in
            [
                HTML(ReliabilityDiagram.range(bin)), .count(bin.count), .number(bin.confidence),
                .number(bin.accuracy),
            ]
        }
        let table = ReportTable(
            caption: "Answers by score",
            columns: [.text("score"), .number("answers"), .number("mean score"), .number("right")], rows: bins)
        return .all([
            .figure(
                HTML(
                    caption
                        + """
                        . Bars: share of right answers among those with such a score, on the dashed line where scores \
                        mean what they say. Below: how many answers there are.
                        """), ReliabilityDiagram(calibration).svg(id: "\(id)-reliability")),
            .details("The bins as a table", table.html),
        ])
    }
}
