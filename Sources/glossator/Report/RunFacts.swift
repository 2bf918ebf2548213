import Annotations
import Foundation
import Store
import Training

/// What the run was: models, times, rows, plan, machine, options.
struct RunFacts {
    let report: RunReport

    private var run: TrainingRunStore.RunRow { report.run }

    var html: HTML {
        let facts = names + times + [("gold", gold)] + plan + machine
        let list = facts.flatMap { [HTML.tag("dt", $0.0), HTML.tag("dd", $0.1)] }
        return .all([.tag("dl", all: list), options])
    }

    private var names: [(HTML, HTML)] {
        [
            ("model made", run.modelID.map(name) ?? "none"),
            ("made from", run.parentModelID.map(name) ?? "none"),
        ]
    }

    private func name(_ id: Int64) -> HTML {
        guard let model = report.models[id] else { return HTML("model \(id), which is gone") }
        return .all([.name(model.name), HTML(" (model \(id))")])
    }

    private var times: [(HTML, HTML)] {
        var took = run.finishedAt.map { Figure.time($0.timeIntervalSince(run.startedAt)) } ?? "–"
        if let seconds = report.record?.seconds {
            took += ": \(Figure.time(seconds.features)) reading documents, \(Figure.time(seconds.learning)) learning"
        }
        let start = HTML.tag(
            "time", with: ["datetime": run.startedAt.formatted(.iso8601)], HTML(Figure.instant(run.startedAt)))
        return [("started", start), ("took", HTML(took))]
    }

    /// As `GoldStore.Counts` writes it.
    private struct Counts: Decodable {
        let documents: Int
        let labels: [String: [String: Int]]?
        let entities: [String: [String: Int]]?
        let complete: [String: Int]?
    }

    private var gold: HTML {
        guard let counts = try? JSONText.decoder.decode(Counts.self, from: Data(run.counts.utf8)) else { return "–" }
        var parts = [HTML("\(Figure.count(counts.documents)) documents")]
        for (task, labels) in (counts.labels ?? [:]).sorted(by: { $0.key < $1.key }) {
            let count = labels.values.reduce(0, +)
            parts += ["; ", .name(task), HTML(": \(Figure.count(count)) labels of \(labels.count) kinds")]
        }
        for (task, documents) in (counts.complete ?? [:]).sorted(by: { $0.key < $1.key }) {
            let entities = (counts.entities?[task] ?? [:]).values.reduce(0, +)
            parts += [
                "; ", .name(task),
                HTML(": \(Figure.count(entities)) entities in \(Figure.count(documents)) documents"),
            ]
        }
        return .all(parts)
    }

    private var plan: [(HTML, HTML)] {
        guard let record = report.record else { return [] }
        var facts: [(HTML, HTML)] = [("freeze plan", HTML(record.freeze))]
        if let encoder = record.encoder {
            facts.append(
                (
                    "encoder",
                    HTML(
                        """
                        \(Figure.count(encoder.parameters)) numbers learned in \(Figure.count(encoder.steps)) of \
                        \(Figure.count(encoder.plannedSteps)) steps, from \(Figure.count(encoder.windows)) windows of \
                        \(Figure.count(encoder.tokens)) tokens, at most \(Figure.count(encoder.partTokens)) at a time\
                        \(encoder.stoppedEarly ? "; stopped early" : "")
                        """)
                ))
        }
        return facts
    }

    private var machine: [(HTML, HTML)] {
        let seed = report.options.first { $0.key.hasSuffix("seed") }
        var facts: [(HTML, HTML)] = [("seed", HTML(seed?.value ?? "–")), ("code version", HTML(run.codeVersion))]
        if let environment = report.record?.environment {
            let memory = environment.peakMemoryMiB.map { String(format: ", at most %.0f MiB of memory", $0) } ?? ""
            facts.append(
                (
                    "machine",
                    HTML(
                        """
                        \(environment.processor), \(environment.threads) threads, \(environment.kernels) kernels\
                        \(memory); \(environment.system)
                        """)
                ))
        }
        return facts
    }

    private var options: HTML {
        guard !report.options.isEmpty else { return .empty }
        let changed = report.options.filter { $0.otherDefault != nil }.count
        let rows = report.options.map { option -> [HTML] in
            [
                HTML(option.key), .name(option.value),
                option.otherDefault.map { .tag("strong", HTML("default \($0)")) } ?? "",
            ]
        }
        let table = ReportTable(
            caption: "Options of the heads' training, and of layers'",
            columns: [.text("option"), .text("value"), .text("")], rows: rows
        )
        let difference =
            changed == 0 ? "all as they are by default" : "\(changed) of \(rows.count) differ from the defaults"
        return .details(HTML("Options: \(difference)"), table.html)
    }
}
