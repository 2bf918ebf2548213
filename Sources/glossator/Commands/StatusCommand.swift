import Annotations
import ArgumentParser
import Foundation
import Store

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "Queue, throughput, ETA, models in force, daemons, failures.")

    @Flag(name: .long, help: "Show it again every two seconds, until interrupted.")
    var watch = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let context = try await ModelContext(options, applicationName: "glossator status")
        let reader = StatusReader(connection: context.connection)
        while true {
            let page = try await StatusPage(reader: reader).text
            // Home and clear to the end, rather than clear first: nothing flickers.
            print(watch && Terminal.printsForPerson ? "\u{1B}[H\u{1B}[J" + page : page)
            guard watch else { return }
            try await Task.sleep(for: .seconds(2))
        }
    }
}

/// Everything that `status` shows, read once.
struct StatusPage {
    let progress: [StatusReader.Progress]
    let batches: [StatusReader.Progress]
    let models: [ModelRegistry.InForce]
    let daemons: [StatusReader.Daemon]
    let failures: [StatusReader.Failure]
    let trainings: [ScheduleStore.Entry]
    let relabels: [RelabelStore.Relabel]
    let throughput: StatusReader.Throughput
    let depth: Queue.Depth

    init(reader: StatusReader) async throws {
        progress = try await reader.progress()
        batches = try await reader.batches(limit: 5)
        models = try await ModelRegistry(connection: reader.connection).modelsInForce()
        daemons = try await reader.daemons()
        failures = try await reader.failures(limit: 5)
        trainings = try await ScheduleStore(connection: reader.connection).entries()
        relabels = try await RelabelStore(connection: reader.connection, worker: "").open()
        throughput = try await reader.throughput()
        depth = try await Queue(connection: reader.connection).depth()
    }

    var text: String {
        guard !progress.isEmpty else {
            return "no documents yet: INSERT INTO glossator.documents (collection, external_id, body) VALUES (…)"
        }
        let tables = [
            collectionsTable, rate, batchesTable, daemonsTable, stagesTable, trainingsTable, relabelsTable,
            failuresTable,
        ]
        return tables.filter { !$0.isEmpty }.joined(separator: "\n\n")
    }

    private var collectionsTable: String {
        let inForce = Dictionary(uniqueKeysWithValues: models.map { ($0.collection, $0) })
        let rows = progress.map { row in
            [
                row.name, String(row.total), String(row.queued), String(row.running), String(row.done),
                String(row.failed), String(row.reused), row.oldest.map(Self.time) ?? "", Self.state(inForce[row.name]),
            ]
        }
        return Terminal.table(
            ["collection", "total", "queued", "running", "done", "failed", "reused", "oldest", "model in force"], rows,
            indent: "")
    }

    private var batchesTable: String {
        guard !batches.isEmpty else { return "" }
        let rows = batches.map { row in
            [
                row.name, String(row.total), String(row.queued + row.running), String(row.done), String(row.failed),
                row.eta.map { $0 == .zero ? "" : Self.time($0) } ?? "?",
            ]
        }
        return Terminal.table(["batch", "total", "to do", "done", "failed", "ETA"], rows, indent: "")
    }

    private static func time(_ duration: Duration) -> String {
        let seconds = Int(duration / .seconds(1))
        return String(format: "%d:%02d:%02d", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }

    private static func state(_ model: ModelRegistry.InForce?) -> String {
        guard let model, let name = model.modelName else { return "none: documents wait (glossator model import)" }
        return name + (model.isDefault ? " (default)" : "") + (model.isPaused ? ", paused" : "")
    }

    private var rate: String {
        // What is paused or has no model does not get done at any rate.
        let waiting = depth.ready + depth.delayed + depth.leased
        var line = String(
            format: "last minute: %.1f documents/s, %.0f tokens/s", throughput.documentsPerSecond,
            throughput.tokensPerSecond)
        if waiting > 0, throughput.documentsPerSecond > 0 {
            line += "; ETA " + Self.time(.seconds(Double(waiting) / throughput.documentsPerSecond))
        }
        return line
    }

    private var daemonsTable: String {
        guard !daemons.isEmpty else { return "no daemon is running: glossator run" }
        let rows = daemons.map { daemon in
            [
                String(daemon.id), daemon.host, String(daemon.pid), daemon.version,
                daemon.isAlive ? daemon.state : "silent for \(Int(daemon.silentFor / .seconds(1))) s",
                String(daemon.leased),
            ]
        }
        return Terminal.table(["daemon", "host", "pid", "version", "state", "holds"], rows, indent: "")
    }

    private var stagesTable: String {
        let busy = daemons.filter(\.isAlive).compactMap { daemon in daemon.stages.map { (daemon.id, $0.named) } }
        guard let first = busy.first else { return "" }
        let rows = busy.map { [String($0)] + $1.map { Self.percent($0.share) } }
        return "last minute, % of the compute threads' time (claim, write: of a connection's):\n"
            + Terminal.table(["daemon"] + first.1.map(\.name), rows, indent: "")
    }

    private static func percent(_ share: Double) -> String { String(format: "%.1f", 100 * share) }

    /// By the clocks of each collection's own zone.
    private var trainingsTable: String {
        guard !trainings.isEmpty else { return "" }
        let rows = trainings.map { entry in
            [
                entry.collection, entry.time, entry.problem ?? entry.nextLocal ?? "not enabled",
                entry.lastLocal ?? "", entry.outcome ?? "",
            ]
        }
        return Terminal.table(["training of", "every day at", "next", "last", "outcome"], rows, indent: "")
    }

    private var relabelsTable: String {
        guard !relabels.isEmpty else { return "" }
        let rows = relabels.map {
            [$0.collection, $0.modelName, $0.ofDocuments > 0 ? "\($0.documents) of \($0.ofDocuments)" : "not begun"]
        }
        return "labels are being computed again, shown when all are there:\n"
            + Terminal.table(["collection", "by model", "documents"], rows, indent: "")
    }

    private var failuresTable: String {
        guard !failures.isEmpty else { return "" }
        let rows = failures.map { [$0.collection, $0.externalID, String($0.attempts), $0.code, $0.message] }
        return "newest failures (SELECT * FROM glossator.failures):\n"
            + Terminal.table(["collection", "external id", "attempts", "code", "reason"], rows, indent: "")
    }
}
