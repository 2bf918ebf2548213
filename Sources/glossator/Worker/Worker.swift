import Annotations
import AsyncAlgorithms
import Logging
import Metrics
import Model
import ServiceLifecycle
import Store

/// The daemon's work, from left to right:
///
///     claim ─▶ tokenise ─▶ plan batch ─▶ encode ─▶ heads ─▶ decode ─▶ complete
///
/// Three stages overlap, and hand each other one claim at a time: while one is computed, the next is read and the previous
/// is written. No transaction is open while anything is computed. Whatever happens to this process, a document
/// is either completed in one guarded transaction or still in the spool (docs/queue.md).
struct Worker: Service {
    struct Options: Sendable {
        var threads: Int
        var claimDocuments: Int
        var claimTokens: Int
        var precision: PrecisionOptions
        var poll: Duration
        var beat: Duration
        var listens: Bool
        var retries: RetryPolicy
        /// How long a shutdown waits for what is being computed before it is given back.
        var grace: Duration
        /// End when nothing is left to do.
        var drains: Bool
        /// Finished batches are forgotten after so many days.
        var batchDays: Int
        /// So many trained models of a collection are kept, and those younger than so many days.
        var keepModels: Int
        var modelDays: Int
    }

    let options: Options
    let database: ConnectionSettings
    let shelf: ModelShelf
    let logger: Logger
    /// Told after every claim that was written.
    var progress: @Sendable (WorkTally) -> Void = { _ in }
    /// Told how long each claim took that brought something.
    var claimed: @Sendable (Duration) -> Void = { _ in }
    /// Told when a shutdown begins.
    var shutdownBegan: @Sendable () -> Void = {}
    /// Reads in the place of the models.
    var reader: (any TextReader)?
    private let watch = DaemonWatch()
    /// Where the time goes.
    let board: StageBoard

    init(
        options: Options, database: ConnectionSettings, shelf: ModelShelf, logger: Logger,
        reader: (any TextReader)? = nil
    ) {
        self.options = options
        self.database = database
        self.shelf = shelf
        self.logger = logger
        self.reader = reader
        board = StageBoard(threads: options.threads)
    }

    func run() async throws {
        let connections = try await WorkerConnections(database, listens: options.listens)
        let queue = Queue(connection: connections.claiming)
        let daemon = try await Patience(logger: logger, grace: nil).keepTrying("registering") {
            try await queue.registerDaemon(host: Host.name, pid: Host.processID, version: Version.text)
        }
        logger.info(
            "annotating", metadata: ["daemon": "\(daemon)", "threads": "\(options.threads)"])
        let grace = ShutdownGrace(options.grace)
        let outcome = await Result {
            try await withGracefulShutdownHandler {
                try await stages(daemon: daemon, queue: queue, connections: connections, grace: grace)
            } onGracefulShutdown: {
                grace.begin()
                shutdownBegan()
            }
        }
        // Whatever ended the stages: what is still held goes back at once, instead of after a minute of silence.
        let handedBack = try? await queue.stop(daemon: daemon)
        let tally = try outcome.get()
        logger.info(
            "stopped",
            metadata: tally.metadata.merging(["handed_back": "\(tally.handedBack + (handedBack ?? 0))"]) { $1 })
    }

    private func stages(
        daemon: Int64, queue: Queue, connections: WorkerConnections, grace: ShutdownGrace
    ) async throws -> WorkTally {
        let claims = AsyncChannel<[ClaimedDocument]>()
        let finished = AsyncChannel<FinishedClaim>()
        let held = HeldClaims()
        let reader =
            self.reader
            ?? ModelReader(
                loader: ModelLoader(registry: ModelRegistry(connection: connections.loading), shelf: shelf),
                board: board, precision: options.precision, logger: logger)
        let housekeeping = Housekeeping(connection: connections.keeping)
        return try await withThrowingTaskGroup(of: WorkTally?.self) { group in
            group.addTask { [watch, board] in
                try await Heartbeat(
                    daemon: daemon, database: database, interval: options.beat,
                    maximumAttempts: options.retries.maximumAttempts, logger: logger,
                    condition: {
                        Queue.Condition(state: watch.summary, models: reader.models, stages: board.recentShares())
                    },
                    returned: { watch.databaseReturned() }
                ).run()
                return nil
            }
            group.addTask {
                await Housekeeper(
                    housekeeping: housekeeping, options: options, grace: grace, logger: logger
                ).run()
                return nil
            }
            group.addTask {
                await RelabelKeeper(
                    database: database, keeping: connections.keeping,
                    interval: options.drains ? .milliseconds(250) : .seconds(2), grace: grace, logger: logger
                ).run()
                return nil
            }
            group.addTask {
                await reader.work()
                return nil
            }
            group.addTask {
                defer { claims.finish() }
                try await claim(daemon: daemon, with: queue, connections: connections, held: held, into: claims)
                return nil
            }
            group.addTask {
                defer { finished.finish() }
                try await compute(claims, with: reader, grace: grace, into: finished)
                return nil
            }
            group.addTask {
                try await write(
                    finished, with: Queue(connection: connections.writing),
                    Housekeeping(connection: connections.writing), held: held, grace: grace)
            }
            var tally = WorkTally()
            for try await result in group {
                guard let result else { continue }
                tally = result
                // The writer ends last; only what goes on beside the work is left.
                group.cancelAll()
            }
            return tally
        }
    }

    // MARK: - Claim

    private func claim(
        daemon: Int64, with queue: Queue, connections: WorkerConnections, held: HeldClaims,
        into claims: AsyncChannel<[ClaimedDocument]>
    ) async throws {
        let patience = Patience(logger: logger, grace: nil, watch: watch)
        var foreign = ForeignWork(shelf: shelf, logger: logger)
        do {
            while !Task.isShuttingDownGracefully, !Task.isCancelled {
                if let pause = watch.pause {
                    try await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
                    continue
                }
                let avoided = watch.avoided
                let began = ContinuousClock.now
                let documents = try await patience.keepTrying("claiming") {
                    try await held.claim(with: queue, daemon: daemon) { isEmptyHanded in
                        try await queue.claim(
                            daemon: daemon, maximumDocuments: options.claimDocuments,
                            maximumTokens: options.claimTokens, backbones: reader == nil ? shelf.hashes : nil,
                            avoiding: avoided, isEmptyHanded: isEmptyHanded)
                    }
                }
                board.add(.now - began, in: .claim)
                watch.setIdle(documents.isEmpty && held.isEmpty)
                if !documents.isEmpty {
                    claimed(ContinuousClock.now - began)
                    await claims.send(documents)
                    // One that was tried before may be what kills daemons: nothing else is to be held beside it.
                    while documents[0].attempt > 1, !held.isEmpty, !Task.isCancelled { await held.waitForRelease() }
                    continue
                }
                if !held.isEmpty {
                    // What is next may be one that is given to empty hands only.
                    try await cancelWhenGracefulShutdown { try await waitForWork(connections.listening, or: held) }
                    continue
                }
                if options.drains || foreign.isDue {
                    let depth = try await patience.keepTrying("counting") { try await queue.depth() }
                    if options.drains, depth.isDrained, try await hasReadWatchedTables(connections),
                        try await hasRelabelled(connections)
                    {
                        return
                    }
                    if avoided.isEmpty { try foreign.look(at: depth, drains: options.drains) }
                }
                try await cancelWhenGracefulShutdown { try await waitForWork(connections.listening) }
            }
        } catch is CancellationError {
            // A shutdown that interrupted a pause: there is nothing to undo.
        }
    }

    private func waitForWork(_ listening: Connection?, or held: HeldClaims) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await held.waitForRelease() }
            group.addTask { try await waitForWork(listening) }
            try await group.next()
            group.cancelAll()
        }
    }

    /// Until a notification, or the poll interval is over; a drain looks twice a second, somebody waits for its end.
    private func waitForWork(_ listening: Connection?) async throws {
        let pause = options.drains ? min(options.poll, .milliseconds(500)) : options.poll
        guard let listening else { return try await Task.sleep(for: pause) }
        do {
            _ = try await listening.waitForNotification(timeout: pause)
        } catch {
            guard error.isTransient else { throw error }
            // The claim that follows reports the lost database; here only the poll interval is kept.
            try await Task.sleep(for: pause)
        }
        try Task.checkCancellation()
    }

    /// A drain is not over while rows of a watched table are still to become documents.
    private func hasReadWatchedTables(_ connections: WorkerConnections) async throws -> Bool {
        let housekeeping = Housekeeping(connection: connections.keeping)
        return try await Patience(logger: logger, grace: nil).keepTrying("reading a watched table") {
            guard try await housekeeping.backfill() == 0 else { return false }
            return try await !housekeeping.isBackfilling()
        }
    }

    /// Nor while labels are to be computed again.
    private func hasRelabelled(_ connections: WorkerConnections) async throws -> Bool {
        try await Patience(logger: logger, grace: nil).keepTrying("looking for labels to compute again") {
            try await RelabelStore(connection: connections.keeping, worker: "").open().isEmpty
        }
    }

    // MARK: - Compute

    private func compute(
        _ claims: AsyncChannel<[ClaimedDocument]>, with reader: any TextReader, grace: ShutdownGrace,
        into finished: AsyncChannel<FinishedClaim>
    ) async throws {
        // Those that are read at a time, and what the writer holds.
        let recent = SharedResults(claims: options.threads + 4)
        let clock = BusyClock()
        // A claim of one long text has one thread's work, and the others take the next claims'. Each thread may have such
        // a text; one claim more, so that those that are left have work while the last one is handed over.
        try await withThrowingTaskGroup(of: Void.self) { group in
            var running = 0
            for await documents in claims {
                if running > options.threads {
                    try await group.next()
                    running -= 1
                }
                await reader.waitForRoom()
                running += 1
                group.addTask {
                    let claim = try await read(documents, with: reader, grace: grace, recent: recent, clock)
                    await finished.send(claim)
                }
            }
            try await group.waitForAll()
        }
    }

    private func read(
        _ documents: [ClaimedDocument], with reader: any TextReader, grace: ShutdownGrace,
        recent: SharedResults, _ clock: BusyClock
    ) async throws -> FinishedClaim {
        let plan = await recent.plan(documents)
        clock.begin()
        do {
            let reading = try await reader.read(plan.originals) { grace.isOver }
            let claim = FinishedClaim(documents, plan: plan, reading: reading, computed: clock.end())
            recent.finish(plan, claim.annotated)
            return claim
        } catch let fault as Fault {
            recent.finish(plan, [])
            return FinishedClaim(documents, plan: plan, fault: fault, computed: clock.end())
        }
    }

    // MARK: - Write

    private func write(
        _ finished: AsyncChannel<FinishedClaim>, with queue: Queue, _ housekeeping: Housekeeping, held: HeldClaims,
        grace: ShutdownGrace
    ) async throws -> WorkTally {
        let patience = Patience(logger: logger, grace: grace, watch: watch)
        let writer = ResultWriter(
            queue: queue, retries: options.retries, patience: patience, watch: watch, logger: logger)
        var tally = WorkTally()
        var lastReport = ContinuousClock.now
        var lastFinishing = ContinuousClock.now
        var reported = WorkTally()
        var reportedTimes = StageTimes()
        for await claim in finished {
            let before = tally
            let began = ContinuousClock.now
            let outside = try await writer.write(claim, tally: &tally)
            board.add(.now - began, in: .write)
            held.release(claim.documents)
            tally.count(claim)
            Self.measure(claim, written: tally.written - before.written, failed: tally.failed - before.failed)
            progress(tally)
            // Somebody waits for the end of a drain, and it would not come before the model does, or a right is granted.
            if options.drains, let outside { throw outside }
            logger.debug("claim written", metadata: tally.metadata)
            if ContinuousClock.now - lastFinishing > .seconds(1) {
                // Whoever listens for the end of a batch need not wait for the housekeeping.
                // What goes wrong here is the housekeeping's to report.
                _ = try? await housekeeping.finishBatches()
                lastFinishing = .now
            }
            if ContinuousClock.now - lastReport > .seconds(60) {
                let (elapsed, times) = (ContinuousClock.now - lastReport, board.total)
                let shares = StageShares(of: times - reportedTimes, in: elapsed, threads: options.threads)
                logger.info(
                    "progress",
                    metadata: tally.metadata(since: reported, seconds: elapsed / .seconds(1))
                        .merging(shares.metadata) { $1 })
                (lastReport, reported, reportedTimes) = (.now, tally, times)
            }
        }
        // Others will do it if this one cannot.
        _ = try? await housekeeping.finishBatches()
        return tally
    }

    private static func measure(_ claim: FinishedClaim, written: Int, failed: Int) {
        Counter(label: "glossator_documents_total", dimensions: [("outcome", "written")]).increment(by: written)
        Counter(label: "glossator_documents_total", dimensions: [("outcome", "failed")]).increment(by: failed)
        Timer(label: "glossator_claim_compute_seconds").recordNanoseconds(Int64(claim.computed / .nanoseconds(1)))
    }
}
