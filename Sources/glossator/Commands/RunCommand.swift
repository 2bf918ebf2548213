import Annotations
import ArgumentParser
import Logging
import ServiceLifecycle
import Store
import Synchronization
import UnixSignals

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Annotate documents as they arrive: the daemon.",
        discussion: """
            Takes documents from the queue, writes labels, entities and embeddings, until SIGTERM or SIGINT: then it \
            finishes what it holds and ends. Any number of daemons on any number of hosts may run at once.
            """)

    @Flag(name: .long, help: "End, with exit code 0, when nothing is left to do.")
    var drain = false

    @Option(name: .long, help: "fp32, bf16, int8, or auto: the fastest that agrees with fp32. Default: auto.")
    var precision: String?

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await options.load(and: [("worker.precision", precision, "--precision")])
        _ = try await Self.work(settings, drains: drain)
    }

    /// Runs the worker until it has drained the queue or is told to stop. Also what the demo does.
    static func work(_ settings: Settings, drains: Bool) async throws -> WorkTally {
        let database = settings.connection(applicationName: "glossator run")
        let bar = drains ? try await drainBar(database) : nil
        var worker = Worker(
            options: settings.workerOptions(drains: drains), database: database,
            shelf: ModelShelf(directory: settings.modelsDirectory), logger: Logger(label: "glossator.worker"))
        let latest = Mutex(WorkTally())
        let limit = ShutdownLimit(.seconds(settings.number("worker.stop-seconds")))
        worker.shutdownBegan = { limit.begin() }
        worker.progress = { tally in
            latest.withLock { $0 = tally }
            bar?.update(done: tally.written + tally.discarded + tally.failed)
        }
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: worker, successTerminationBehavior: .gracefullyShutdownGroup)],
                gracefulShutdownSignals: [.sigterm, .sigint],
                logger: Logger(label: "glossator.lifecycle", level: .error)))
        try await group.run()
        bar?.finish()
        if drains { try await reportRest(database) }
        return latest.withLock { $0 }
    }

    private static func drainBar(_ database: ConnectionSettings) async throws -> ProgressBar {
        let connection = try await Connection.open(database)
        try await Migrator(connection: connection).requireCurrent()
        let depth = try await Queue(connection: connection).depth()
        await connection.close()
        return ProgressBar("annotating", total: depth.ready + depth.delayed, unit: "documents")
    }

    /// What a drain leaves: nothing that a daemon could do, or it was interrupted and must not look like success.
    /// Documents that no daemon may take are no work left undone, but nobody should wonder about them.
    private static func reportRest(_ database: ConnectionSettings) async throws {
        let connection = try await Connection.open(database)
        let depth = try await Queue(connection: connection).depth()
        await connection.close()
        if depth.blocked > 0 {
            Terminal.note(
                "\(depth.blocked) documents wait in collections that are paused or have no model: `glossator status`")
        }
        guard !depth.isDrained else { return }
        Terminal.note(
            "stopped before the queue was empty: \(depth.ready + depth.delayed + depth.leased) documents are left")
        throw ExitCode(130)
    }
}

extension Logger {
    fileprivate init(label: String, level: Logger.Level) {
        self.init(label: label)
        logLevel = level
    }
}

extension Settings {
    private var poolMode: PoolMode { PoolMode(rawValue: text("database.pool-mode")) ?? .session }

    func connection(applicationName: String) -> ConnectionSettings {
        let url = text("database.url")
        return ConnectionSettings(
            conninfo: url.isEmpty ? nil : url, applicationName: applicationName,
            connectTimeoutSeconds: integer("database.connect-timeout-seconds"),
            statementTimeout: .seconds(integer("database.statement-timeout-seconds")), poolMode: poolMode)
    }

    func workerOptions(drains: Bool) -> Worker.Options {
        Worker.Options(
            threads: workerThreads, claimDocuments: integer("worker.claim-documents"),
            claimTokens: integer("worker.claim-tokens"), precision: precisionOptions,
            poll: .seconds(number("worker.poll-seconds")), beat: .seconds(number("worker.beat-seconds")),
            listens: flag("worker.listen") && poolMode == .session,
            retries: RetryPolicy(maximumAttempts: integer("worker.maximum-attempts")),
            grace: .seconds(number("worker.grace-seconds")), drains: drains,
            batchDays: integer("housekeeping.batch-days"), keepModels: integer("housekeeping.keep-models"),
            modelDays: integer("housekeeping.model-days"))
    }
}
