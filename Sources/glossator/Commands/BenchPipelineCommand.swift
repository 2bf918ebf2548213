import Annotations
import ArgumentParser
import Foundation
import Model
import Store

struct BenchPipelineCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "pipeline",
        abstract: "What the database costs: database to database, beside the encoder's threads alone.",
        discussion: """
            Starts a private PostgreSQL (its own folder, no network) on this machine, whose processors it shares with the \
            daemon. The same texts go in turns through the daemon's threads alone and through a daemon, from the database \
            to the database, both in fp32. A model without heads gets made-up ones: a classification task of four labels \
            and an entity task of four types.

              glossator bench pipeline --model DIR --texts texts.txt --documents 4000
            """)

    @Option(name: .long, help: "Directory of the model. Default: GLOSSATOR_ENCODER.")
    var model: String?

    @Option(name: .long, help: "A text a line, or jsonl with \"text\". Default: the demo's mails.")
    var texts: String?

    @Option(name: .long, help: "Documents a run; texts are used again, with another number behind them.")
    var documents: Int = 2000

    @Option(name: .long, help: "Runs of each kind.")
    var rounds: Int = 5

    @Flag(name: .long, help: "Write JSON instead of the table.")
    var json = false

    @Option(name: .long, help: "Folder of the private PostgreSQL; deleted at the end.")
    var directory: String = ".glossator/bench"

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        guard (1...10_000_000).contains(documents), (1...1000).contains(rounds) else {
            throw Fault(
                .input, "bench-option", "there is nothing to measure", hint: "choose --documents and --rounds from 1 on"
            )
        }
        guard let model = model ?? ProcessInfo.processInfo.environment["GLOSSATOR_ENCODER"] else {
            throw Fault(
                .input, "bench-option", "no model is named",
                hint: "give its directory with --model, or set GLOSSATOR_ENCODER (`make encoder` fetches one)")
        }
        let texts = try readTexts()
        let bundle = try ModelBundle.load(directory: model).withMadeUpHeads()
        let cluster = try PrivateCluster(wanted: directory)
        let shelf = ModelShelf(directory: NSTemporaryDirectory() + "/glossator-bench-\(UUID().uuidString)")
        try cluster.start()
        do {
            try await measure(bundle, from: model, texts, cluster, shelf)
        } catch {
            try? cluster.delete()
            try? FileManager.default.removeItem(atPath: shelf.directory)
            throw error
        }
        try cluster.delete()
        try FileManager.default.removeItem(atPath: shelf.directory)
    }

    private func measure(
        _ bundle: ModelBundle, from model: String, _ texts: [String], _ cluster: PrivateCluster, _ shelf: ModelShelf
    ) async throws {
        var options = options
        options.database = cluster.conninfo
        // A daemon left to itself certifies a faster precision during the first run, and would be held against another.
        let settings = try await options.load(and: [("worker.precision", "fp32", "bench pipeline")])
        let database = settings.connection(applicationName: "glossator bench")
        let connection = try await Connection.open(database)
        _ = try await Migrator(connection: connection).migrate()
        try shelf.install(bundle.backbone, from: model)
        let registry = ModelRegistry(connection: connection)
        let backbone = bundle.backbone
        _ = try await registry.importBackbone(
            .init(
                sha256: backbone.contentHash, name: "bench", hiddenSize: backbone.configuration.hiddenSize,
                layers: backbone.configuration.layers, maximumTokens: backbone.maximumTokens,
                vocabularySize: backbone.configuration.vocabularySize, files: backbone.sourceFiles))
        _ = try await registry.insertModel(
            name: "bench", space: backbone.space, heads: bundle.heads.encoded(), tasks: bundle.heads.taskRows,
            makeDefault: true)
        await connection.close()
        let bench = PipelineBench(
            settings: settings, database: database, cluster: cluster, shelf: shelf, bundle: bundle, texts: texts,
            documents: documents)
        let results = try await bench.run(rounds: rounds) { round in
            Terminal.note(
                String(
                    format: "engine alone %.1f documents/s, database to database %.1f: %.3f",
                    round.engine.documentsPerSecond, round.daemon.documentsPerSecond, round.ratio))
        }
        let report = PipelineReport(results, documents: documents, threads: settings.workerThreads)
        Terminal.show(json ? try report.json() : report.table)
    }

    private func readTexts() throws(Fault) -> [String] {
        let sources =
            if let texts { [try ByteSource(path: texts)] } else {
                DemoTexts.all.map { ByteSource(name: $0.name, bytes: $0.bytes) }
            }
        var found: [String] = []
        for source in sources {
            var input = FilterInput(source)
            while let request = try input.next() { found.append(request.text) }
        }
        found.removeAll { $0.allSatisfy(\.isWhitespace) }
        guard !found.isEmpty else {
            throw Fault(
                .input, "bench-option", "\(texts ?? "the demo") has no texts", hint: "name a file with a text a line")
        }
        return found
    }
}

extension ModelBundle {
    fileprivate func withMadeUpHeads() throws(Fault) -> ModelBundle {
        guard heads.classification.isEmpty, heads.entities.isEmpty else { return self }
        return try ModelBundle(
            backbone: backbone, heads: .forMeasuring(hidden: backbone.configuration.hiddenSize))
    }
}
