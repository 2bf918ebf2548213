import Annotations
import Foundation
import Logging
import Model
import Store
import Synchronization

/// Measures what the database costs: the same texts through the encoder's threads alone, and through a daemon from the
/// database to the database, in turns on the same machine.
///
/// Not for a database that anybody uses: it empties the documents.
struct PipelineBench: Sendable {
    let settings: Settings
    let database: ConnectionSettings
    let cluster: PrivateCluster
    let shelf: ModelShelf
    let bundle: ModelBundle
    let texts: [String]
    let documents: Int

    private static let collection = "bench"

    /// One kind of run, once.
    struct Measure: Sendable, Encodable {
        var seconds = 0.0
        var documentsPerSecond = 0.0
        var tokensPerSecond = 0.0
        var stages = StageShares()
        /// Seconds of processors: this process, and the server's processes.
        var ownProcessor = 0.0
        var serverProcessor = 0.0
    }

    struct Round: Sendable {
        let engine: Measure
        let daemon: Measure
        var ratio: Double { daemon.documentsPerSecond / engine.documentsPerSecond }
    }

    /// - Parameter finished: told every round.
    func run(rounds: Int, finished: @escaping @Sendable (Round) -> Void) async throws -> [Round] {
        let meter = QueueMeter(connection: try await Connection.open(database))
        let store = DocumentStore(connection: meter.connection)
        try await store.setCollection(Self.collection)
        let written = Mutex((tally: WorkTally(), instant: ContinuousClock.now))
        var options = settings.workerOptions(drains: false)
        options.poll = .seconds(1)
        var logger = Logger(label: "glossator.bench")
        logger.logLevel = .error
        var worker = Worker(options: options, database: database, shelf: shelf, logger: logger)
        worker.progress = { tally in written.withLock { $0 = (tally, .now) } }
        let board = worker.board
        let engine = try EngineAlone(bundle: bundle, settings: settings)
        var results: [Round] = []
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { [worker] in try await worker.run() }
            // The first run loads the model and is no measurement.
            _ = try await daemon(min(documents, 64), tag: "warm", store, meter, board, written, group: &group)
            for round in 1...rounds {
                let tag = String(round)
                // In turns, so that neither is always the one that finds the machine warm.
                if round.isMultiple(of: 2) {
                    let second = try await daemon(documents, tag: tag, store, meter, board, written, group: &group)
                    results.append(Round(engine: try await engine.run(texts(documents, tag)), daemon: second))
                } else {
                    let first = try await engine.run(texts(documents, tag))
                    results.append(
                        Round(
                            engine: first,
                            daemon: try await daemon(documents, tag: tag, store, meter, board, written, group: &group)))
                }
                finished(results[results.count - 1])
            }
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
        await meter.connection.close()
        return results
    }

    /// No two alike, in this round or in another: what a daemon has read it does not read again.
    private func texts(_ count: Int, _ tag: String) -> [String] {
        (0..<count).map { "\(texts[$0 % texts.count]) \(tag) \($0)" }
    }

    private func daemon(
        _ count: Int, tag: String, _ store: DocumentStore, _ meter: QueueMeter, _ board: StageBoard,
        _ written: borrowing Mutex<(tally: WorkTally, instant: ContinuousClock.Instant)>,
        group: inout ThrowingTaskGroup<Void, any Error>
    ) async throws -> Measure {
        try await meter.setPaused(true)
        try await meter.empty()
        let bodies = texts(count, tag)
        for first in stride(from: 0, to: count, by: 1000) {
            let some = bodies[first..<min(first + 1000, count)]
            _ = try await store.insert(
                some.enumerated().map { .init(externalID: "\(tag)-\(first + $0)", body: $1) }, into: Self.collection)
        }
        try await meter.tidy()
        let before = written.withLock { $0.tally }
        let (stages, own, server) = (board.total, ProcessorTime.own, ProcessorTime.of(cluster))
        let start = ContinuousClock.now
        try await meter.setPaused(false)
        var tally = before
        var end = start
        while tally.written - before.written < count {
            try await Task.sleep(for: .milliseconds(20))
            (tally, end) = written.withLock { $0 }
            guard tally.failed == before.failed, tally.handedBack == before.handedBack else {
                throw Fault(.defect, "bench-incomplete", "documents of the bench failed", hint: "see --log-level")
            }
        }
        return Measure(
            end - start, documents: count, tokens: tally.tokens - before.tokens, stages: board.total - stages,
            threads: board.threads, own: ProcessorTime.own - own, server: ProcessorTime.of(cluster) - server)
    }
}

extension PipelineBench.Measure {
    init(
        _ wall: Duration, documents: Int, tokens: Int, stages: StageTimes, threads: Int, own: Double, server: Double
    ) {
        seconds = wall / .seconds(1)
        documentsPerSecond = Double(documents) / seconds
        tokensPerSecond = Double(tokens) / seconds
        self.stages = StageShares(of: stages, in: wall, threads: threads)
        ownProcessor = own
        serverProcessor = server
    }
}

/// The daemon's threads with texts that are there already: the speed that the whole path is held against.
private struct EngineAlone: Sendable {
    private let annotator: Annotator
    private let threads: ComputeThreads<AnnotatorWorkspace>
    private let claim: Int

    init(bundle: ModelBundle, settings: Settings) throws(Fault) {
        annotator = try Annotator(bundle: bundle, tokenBudget: settings.integer("worker.batch-tokens"))
        threads = ComputeThreads(count: settings.workerThreads) { AnnotatorWorkspace(now: { .now }) }
        claim = settings.integer("worker.claim-documents")
    }

    func run(_ texts: [String]) async throws -> PipelineBench.Measure {
        let parts = stride(from: 0, to: texts.count, by: claim).flatMap { first in
            WorkPart.split(texts[first..<min(first + claim, texts.count)].map(Self.document), among: threads.count)
        }
        let own = ProcessorTime.own
        let start = ContinuousClock.now
        let read = try await threads.map(parts) { part, workspace in
            let results = annotator.annotate(
                part.documents.map { AnnotationRequest(text: $0.body) }, workspace: &workspace)
            return (workspace.meter.take(), try results.reduce(0) { $0 + (try $1.get().tokenCount) })
        }
        let wall = ContinuousClock.now - start
        var stages = StageTimes()
        for (times, _) in read { stages += times }
        return PipelineBench.Measure(
            wall, documents: texts.count, tokens: read.reduce(0) { $0 + $1.1 }, stages: stages, threads: threads.count,
            own: ProcessorTime.own - own, server: 0)
    }

    private static func document(_ text: String) -> ClaimedDocument {
        ClaimedDocument(
            lease: Lease(documentID: 0, number: 0), attempt: 1, collection: "", modelID: 0, segmentation: .document,
            body: text, bodyHash: [])
    }
}
