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
        var batchTokens: Int
        var poll: Duration
        var beat: Duration
        var listens: Bool
        var retries: RetryPolicy
        /// How long a shutdown waits for what is being computed before it is given back.
        var grace: Duration
        /// End when nothing is left to do.
        var drains: Bool
    }

    let options: Options
    let database: ConnectionSettings
    let shelf: ModelShelf
    let logger: Logger
    /// Told after every claim that was written.
    var progress: @Sendable (WorkTally) -> Void = { _ in }

    func run() async throws {
        let connections = try await Connections(database, listens: options.listens)
        let queue = Queue(connection: connections.claiming)
        let steady = Patience(logger: logger, survivesShutdown: true)
        let daemon = try await steady.keepTrying("registering") {
            try await queue.registerDaemon(host: Host.name, pid: Host.processID, version: Version.text)
        }
        logger.info(
            "annotating", metadata: ["daemon": "\(daemon)", "threads": "\(options.threads)"])
        let outcome = await Result { try await stages(daemon: daemon, queue: queue, connections: connections) }
        // Whatever ended the stages: what is still held goes back at once, instead of after a minute of silence.
        let handedBack = try? await queue.stop(daemon: daemon)
        let tally = try outcome.get()
        logger.info("stopped", metadata: tally.metadata.merging(["handed_back": "\(handedBack ?? 0)"]) { $1 })
    }

    private func stages(daemon: Int64, queue: Queue, connections: Connections) async throws -> WorkTally {
        let claims = AsyncChannel<[ClaimedDocument]>()
        let finished = AsyncChannel<FinishedClaim>()
        let held = HeldClaims()
        return try await withThrowingTaskGroup(of: WorkTally?.self) { group in
            group.addTask {
                try await beat(daemon: daemon, on: connections.beating)
                return nil
            }
            group.addTask {
                defer { claims.finish() }
                try await claim(daemon: daemon, with: queue, connections: connections, held: held, into: claims)
                return nil
            }
            group.addTask {
                defer { finished.finish() }
                try await compute(claims, on: connections.loading, into: finished)
                return nil
            }
            group.addTask { try await write(finished, with: Queue(connection: connections.writing), held: held) }
            var tally = WorkTally()
            for try await result in group {
                guard let result else { continue }
                tally = result
                // The writer ends last; only the heartbeat is left.
                group.cancelAll()
            }
            return tally
        }
    }

    // MARK: - Claim

    private func claim(
        daemon: Int64, with queue: Queue, connections: Connections, held: HeldClaims,
        into claims: AsyncChannel<[ClaimedDocument]>
    ) async throws {
        let patience = Patience(logger: logger, survivesShutdown: false)
        var foreign = ForeignWork(shelf: shelf, logger: logger)
        do {
            while !Task.isShuttingDownGracefully {
                let documents = try await patience.keepTrying("claiming") {
                    try await held.claim(with: queue, daemon: daemon) {
                        try await queue.claim(
                            daemon: daemon, maximumDocuments: options.claimDocuments,
                            maximumTokens: options.claimTokens, backbones: shelf.hashes)
                    }
                }
                if !documents.isEmpty {
                    await claims.send(documents)
                    continue
                }
                if options.drains || foreign.isDue {
                    let depth = try await patience.keepTrying("counting") { try await queue.depth() }
                    if options.drains, depth.isDrained { return }
                    try foreign.look(at: depth, drains: options.drains)
                }
                try await cancelWhenGracefulShutdown { try await waitForWork(connections.listening) }
            }
        } catch is CancellationError {
            // A shutdown that interrupted a pause: there is nothing to undo.
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

    // MARK: - Compute

    private func compute(
        _ claims: AsyncChannel<[ClaimedDocument]>, on connection: Connection, into finished: AsyncChannel<FinishedClaim>
    ) async throws {
        let threads = AnnotatorThreads(count: options.threads) { AnnotatorWorkspace() }
        let cache = AnnotatorCache(
            loader: ModelLoader(registry: ModelRegistry(connection: connection), shelf: shelf),
            batchTokens: options.batchTokens)
        let patience = ShutdownGrace(options.grace)
        try await withGracefulShutdownHandler {
            try await compute(claims, with: cache, on: threads, patience: patience, into: finished)
        } onGracefulShutdown: {
            patience.begin()
        }
    }

    private func compute(
        _ claims: AsyncChannel<[ClaimedDocument]>, with cache: AnnotatorCache, on threads: AnnotatorThreads,
        patience: ShutdownGrace, into finished: AsyncChannel<FinishedClaim>
    ) async throws {
        for await documents in claims {
            guard let first = documents.first else { continue }
            let started = ContinuousClock.now
            do {
                let model = try await cache.entry(modelID: first.modelID, segmentation: first.segmentation)
                let parts = WorkPart.split(documents, among: options.threads)
                let results = try await threads.map(parts) { part, workspace in
                    model.annotator.annotate(
                        part.documents.map { AnnotationRequest(text: $0.body) }, workspace: &workspace,
                        isCancelled: { patience.isOver })
                }
                await finished.send(
                    FinishedClaim(
                        documents: parts.flatMap(\.documents), results: results.flatMap { $0 },
                        spaceID: model.spaceID, computed: ContinuousClock.now - started))
            } catch let fault as Fault {
                // The model cannot be loaded: nobody's document is to blame.
                await finished.send(
                    FinishedClaim(
                        documents: documents, results: documents.map { _ in .failure(fault) }, spaceID: 0,
                        computed: ContinuousClock.now - started))
            }
        }
    }

    // MARK: - Write

    private func write(
        _ finished: AsyncChannel<FinishedClaim>, with queue: Queue, held: HeldClaims
    ) async throws -> WorkTally {
        let patience = Patience(logger: logger, survivesShutdown: true)
        let writer = ResultWriter(queue: queue, retries: options.retries, patience: patience, logger: logger)
        var tally = WorkTally()
        var outsideFailures = 0
        var lastReport = ContinuousClock.now
        var reported = WorkTally()
        for await claim in finished {
            let before = tally
            let modelFault = try await writer.write(claim, outsideFailures: outsideFailures, tally: &tally)
            held.release(claim.documents)
            outsideFailures = tally.handedBack > before.handedBack ? outsideFailures + 1 : 0
            tally.count(claim)
            Self.measure(claim, written: tally.written - before.written, failed: tally.failed - before.failed)
            progress(tally)
            // Somebody waits for the end of a drain, and it would not come before the model does.
            if options.drains, let modelFault { throw modelFault }
            logger.debug("claim written", metadata: tally.metadata)
            if ContinuousClock.now - lastReport > .seconds(60) {
                let elapsed = (ContinuousClock.now - lastReport) / .seconds(1)
                logger.info("progress", metadata: tally.metadata(since: reported, seconds: elapsed))
                (lastReport, reported) = (.now, tally)
            }
        }
        return tally
    }

    private static func measure(_ claim: FinishedClaim, written: Int, failed: Int) {
        Counter(label: "glossator_documents_total", dimensions: [("outcome", "written")]).increment(by: written)
        Counter(label: "glossator_documents_total", dimensions: [("outcome", "failed")]).increment(by: failed)
        Timer(label: "glossator_claim_compute_seconds").recordNanoseconds(Int64(claim.computed / .nanoseconds(1)))
    }

    // MARK: - Heartbeat

    private func beat(daemon: Int64, on connection: Connection) async throws {
        let queue = Queue(connection: connection)
        let patience = Patience(logger: logger, survivesShutdown: true)
        do {
            while true {
                try await patience.keepTrying("heartbeat") { try await queue.beat(daemon: daemon) }
                // Here and not where documents are claimed: that may wait for minutes behind a long text.
                let rescue = try await patience.keepTrying("taking back dead leases") {
                    try await queue.rescue(maximumAttempts: options.retries.maximumAttempts)
                }
                if rescue.returned + rescue.givenUp > 0 {
                    logger.notice(
                        "took back what a dead daemon held",
                        metadata: ["returned": "\(rescue.returned)", "given_up": "\(rescue.givenUp)"])
                }
                try await Task.sleep(for: options.beat)
            }
        } catch is CancellationError {
            // The work is done.
        }
    }
}

/// The worker's connections: a stage must never wait for another stage's statement.
private struct Connections: Sendable {
    let claiming: Connection
    let loading: Connection
    let writing: Connection
    let beating: Connection
    let listening: Connection?

    init(_ settings: ConnectionSettings, listens: Bool) async throws(Fault) {
        func open(_ role: String) async throws(Fault) -> Connection {
            var settings = settings
            settings.applicationName = "glossator \(role)"
            return try await Connection.open(settings)
        }
        claiming = try await open("claim")
        try await Migrator(connection: claiming).requireCurrent()
        loading = try await open("load")
        writing = try await open("write")
        beating = try await open("beat")
        if listens {
            let connection = try await open("listen")
            try await connection.listen(to: "glossator_spool")
            listening = connection
        } else {
            listening = nil
        }
    }
}
