import Annotations
import Foundation
import Model
import Store
import Training

/// The whole path on the project's own texts, told step by step to the person who watches.
struct Demo: Sendable {
    let cluster: PrivateCluster
    let settings: Settings
    let encoder: String

    static let collection = "mail"
    private static let queries = ["My parcel never arrived", "The battery dies after an hour"]

    func run() async throws {
        say("PostgreSQL", "a private cluster in \(cluster.directory)")
        try cluster.start()
        let connection = try await Connection.open(settings.connection(applicationName: "glossator demo"))
        let applied = try await Migrator(connection: connection).migrate()
        await connection.close()
        if !applied.isEmpty { say("migrate", "\(applied.count) steps made the schema glossator") }
        let context = try await ModelContext(settings, applicationName: "glossator demo")

        let model = try await ModelImportCommand.importModel(from: encoder, name: nil, context)
        say(
            "model",
            "\(model.name), \(model.space.dimensions) dimensions, sha256 \(model.space.backboneHash.prefix(12))…")
        for text in DemoTexts.all {
            let path = cluster.directory + "/" + text.name
            try write(text.bytes, to: path)
            let summary = try await ImportRun(context: context, collection: Self.collection, annotator: "demo")
                .load(path, ImportOptions())
            say("import", text.name + ": " + summary.text(collection: Self.collection))
        }
        try await train(context)
        try await annotate(context)
        try await showSamples(context)
        try await showSearches(context)
        farewell()
    }

    // MARK: - Steps

    private func train(_ context: ModelContext) async throws {
        let runs = try await TrainingRunStore(connection: context.connection).runs(collection: Self.collection)
        let promoted = runs.first { $0.status == "promoted" }
        if promoted == nil {
            say("train", "heads on the labelled mails, backbone frozen; a fifth is held out")
            guard
                case .trained(let report) = try await FineTune(
                    context: context, collection: Self.collection, promotion: .ifBetter, onlyTasks: nil, minimumNew: 0
                ).run()
            else { return }
            Terminal.show(Self.scores(before: report.outcome.before, after: report.outcome.after))
            Terminal.show(
                String(format: "  model %@ in %.0f s, ", (report.modelName ?? report.parentName), report.seconds)
                    + (report.decision.reason))
            return
        }
        guard let before = try Self.evaluation(promoted?.metricsBefore),
            let after = try Self.evaluation(promoted?.metricsAfter)
        else { return }
        say("train", "done on \(promoted?.startedAt.formatted(.iso8601) ?? "?"); `glossator train` would do it again")
        Terminal.show(Self.scores(before: before, after: after))
    }

    private func annotate(_ context: ModelContext) async throws {
        let depth = try await Queue(connection: context.connection).depth()
        guard depth.ready + depth.delayed > 0 else {
            say("annotate", "all documents are annotated already")
            return
        }
        say("annotate", "\(depth.ready + depth.delayed) documents on \(settings.workerThreads) threads")
        let started = ContinuousClock.now
        let tally = try await RunCommand.work(settings, drains: true)
        let seconds = (ContinuousClock.now - started) / .seconds(1)
        Terminal.show(
            String(
                format: "  %d documents, %d tokens in %.1f s: %.0f documents/s, %.0f tokens/s, database to database",
                tally.written, tally.tokens, seconds, Double(tally.written) / seconds, Double(tally.tokens) / seconds))
    }

    private func showSamples(_ context: ModelContext) async throws {
        say("result", "mails that nobody has labelled; entities of probability 0.5 and more")
        let samples = try await ResultReader(connection: context.connection).samples(
            of: Self.collection, minimumEntities: 2, limit: 6)
        for sample in samples {
            Terminal.show("\n  \(Terminal.excerpt(sample.body, limit: 110))")
            let labels = sample.labels.map { String(format: "%@ %@ %.2f", $0.task, $0.label, $0.score) }
            Terminal.show("    " + labels.joined(separator: "   "))
            let entities = sample.entities.filter { $0.score >= 0.5 }.map {
                String(format: "%@ \"%@\" %.2f", $0.type, $0.surface, $0.score)
            }
            Terminal.show("    " + entities.joined(separator: "   "))
        }
        Terminal.show("")
    }

    private func showSearches(_ context: ModelContext) async throws {
        let search = Search(context: context, collection: Self.collection)
        for query in Self.queries {
            say("search", "\"\(query)\"")
            for hit in try await search.nearest(to: query, k: 3) {
                Terminal.show(String(format: "  %.3f  ", hit.similarity) + hit.excerpt)
            }
        }
    }

    private func farewell() {
        let program = CommandLine.arguments[0]
        Terminal.show(
            """

            Look around:
              \(cluster.psqlCommand)
                SELECT task, label, count(*) FROM glossator.labels GROUP BY 1, 2 ORDER BY 1, 3 DESC;
                SELECT type, surface, count(*) FROM glossator.entities WHERE score >= 0.5 GROUP BY 1, 2 ORDER BY 3 DESC LIMIT 20;
                INSERT INTO glossator.documents (collection, body) VALUES ('mail', 'Where is my order?');
              export DATABASE_URL="\(cluster.conninfo)" GLOSSATOR_MODELS_DIRECTORY="\(settings.modelsDirectory)"
              \(program) run --drain
              \(program) status
              \(program) search "wrong colour" --collection mail
            Stop it: make demo-stop. Delete it: make demo-delete.
            """)
    }

    // MARK: - Parts

    private func say(_ step: String, _ what: String) {
        Terminal.show(step.padding(toLength: 12, withPad: " ", startingAt: 0) + what)
    }

    /// A line a task: what the model in force reached before, and what the new one reaches.
    static func scores(before: Evaluation, after: Evaluation) -> String {
        let rows = after.scores.map { score in
            [
                score.task, score.measure, String(score.documents),
                Terminal.number(before.score(of: score.task)?.value), Terminal.number(score.value),
            ]
        }
        return Terminal.table(["task", "score", "held out", "before", "after"], rows)
    }

    private static func evaluation(_ json: String?) throws -> Evaluation? {
        try json.map { try JSONText.decoder.decode(Evaluation.self, from: Data($0.utf8)) }
    }

    private func write(_ bytes: [UInt8], to path: String) throws(Fault) {
        do {
            try Data(bytes).write(to: URL(fileURLWithPath: path))
        } catch {
            throw Fault(.system, "demo-file", "cannot write \(path): \(error.localizedDescription)")
        }
    }
}
