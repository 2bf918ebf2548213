import Annotations
import ArgumentParser
import Foundation
import Store

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure this machine.",
        subcommands: [
            BenchInferenceCommand.self, BenchTokenizerCommand.self, BenchKernelsCommand.self,
            BenchTrainingCommand.self, BenchRelabelCommand.self, BenchPipelineCommand.self, BenchQueueCommand.self,
        ])
}

struct BenchQueueCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "queue",
        abstract: "The queue without the encoder: claim to complete, beside the same in bare SQL.",
        discussion: """
            Starts a private PostgreSQL (its own folder, no network). Daemons whose reading costs nothing take documents \
            through claim and complete; a pgbench script does the same on the server alone, in turns on the same server. \
            Results: documents/s of both and their ratio, the claim's 99th percentile, write-ahead log a document, dead \
            rows left in the spool.
            """)

    @Option(name: .long, help: "Folder of the private PostgreSQL; deleted at the end.")
    var directory: String = ".glossator/bench"

    @Option(name: .long, help: "Numbers of daemons.")
    var daemons: String = "1,4,16"

    @Option(name: .long, help: "Documents a claim.")
    var claims: String = "1,16,256,1024"

    @Option(name: .long, help: "Documents a measurement; small claims get fewer.")
    var documents: Int = 40_000

    @Option(name: .long, help: "Measurements of each kind, of which the median counts.")
    var rounds: Int = 3

    @Option(name: .long, help: "Instead, feed the daemons for so many minutes and show whether the spool stays small.")
    var soakMinutes: Int = 0

    @Option(name: .long, help: "Documents a second of the soak.")
    var rate: Int = 1000

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let cluster = try PrivateCluster(wanted: directory)
        try cluster.start()
        do {
            try await measure(on: cluster)
        } catch {
            try? cluster.delete()
            throw error
        }
        try cluster.delete()
    }

    private func measure(on cluster: PrivateCluster) async throws {
        var options = options
        options.database = cluster.conninfo
        let settings = try await options.load()
        let database = settings.connection(applicationName: "glossator bench")
        let connection = try await Connection.open(database)
        _ = try await Migrator(connection: connection).migrate()
        await connection.close()
        let bare = cluster.program("pgbench").map { BareSQL(pgbench: $0, cluster: cluster) }
        let bench = QueueBench(settings: settings, database: database, bare: bare)
        guard soakMinutes == 0 else { return try await soak(bench) }
        Terminal.show("daemons  claim  documents/s   bare SQL  bare/daemon  claim p99 ms  WAL B/document  dead rows")
        for cell in try cells() {
            let count = max(cell.daemons * cell.claim * 4, documents * min(cell.claim, 64) / 64)
            let measure = try await bench.measure(cell, documents: count, rounds: rounds)
            Terminal.show(Self.line(cell, measure))
        }
    }

    private func soak(_ bench: QueueBench) async throws {
        let count = try BenchOptions.numbers(daemons, "--daemons", 1...64)[0]
        Terminal.show("second  documents/s  waiting  dead rows  spool kB  claim p99 ms")
        try await QueueSoak(bench: bench, daemons: count, rate: rate, duration: .seconds(60 * soakMinutes)).run {
            sample in
            Terminal.show(
                String(
                    format: "%6d  %11d  %7d  %9d  %8d  %12.1f", sample.second, sample.written / 30, sample.left.spooled,
                    sample.left.deadRows, sample.left.spoolBytes / 1024, sample.slowestClaim))
        }
    }

    private static func line(_ cell: QueueBench.Cell, _ measure: QueueBench.Measure) -> String {
        let bare = measure.bare ?? 0
        return String(
            format: "%7d  %5d  %11.0f  %9.0f  %11.2f  %12.1f  %14.0f  %9d", cell.daemons, cell.claim,
            measure.documentsPerSecond, bare, bare / measure.documentsPerSecond, measure.slowestClaim,
            measure.logBytes, measure.deadRows)
    }

    private func cells() throws(Fault) -> [QueueBench.Cell] {
        let counts = try BenchOptions.numbers(daemons, "--daemons", 1...64)
        let sizes = try BenchOptions.numbers(claims, "--claims", 1...10_000)
        return counts.flatMap { count in sizes.map { QueueBench.Cell(daemons: count, claim: $0) } }
    }
}
