import Annotations
import Logging
import Model
import Store
import Synchronization

/// What makes results of claimed documents: the loaded models, or for `glossator bench queue` something that costs
/// nothing.
protocol TextReader: Sendable {
    /// Reads documents of one model and segmentation; one result a document, in any order.
    /// - Throws: a `Fault` that is no document's: the model cannot be loaded.
    func read(_ documents: [ClaimedDocument], isCancelled: @escaping @Sendable () -> Bool) async throws -> Reading

    /// Returns when whoever reads will soon have nothing to do.
    func waitForRoom() async

    /// Models in memory.
    var models: [Int64] { get }

    /// What is to be done beside the reading, until the task is cancelled.
    func work() async
}

extension TextReader {
    func waitForRoom() async {}
    func work() async {}
}

/// Documents that were read.
struct Reading: Sendable {
    let documents: [ClaimedDocument]
    /// One a document, in the same order.
    let results: [Result<DocumentAnnotation, Fault>]
    /// Row of `glossator.embedding_spaces`.
    let spaceID: Int32
    var precision = Precision.fp32
}

/// Reads with models, on threads of its own.
struct ModelReader: TextReader {
    private let threads: AnnotatorThreads
    private let cache: AnnotatorCache
    private let precisions: PrecisionChooser
    private let board: StageBoard

    /// - Parameter board: told where the threads' time goes.
    init(loader: ModelLoader, board: StageBoard, precision: PrecisionOptions, logger: Logger) {
        self.threads = AnnotatorThreads(count: board.threads) { AnnotatorWorkspace(now: { .now }) }
        self.board = board
        let cache = AnnotatorCache(loader: loader, batchTokens: precision.batchTokens)
        self.cache = cache
        precisions = PrecisionChooser(
            options: precision, store: CertificateStore(connection: loader.registry.connection), logger: logger
        ) { try await cache.reference($0) }
    }

    var models: [Int64] { cache.loaded.withLock { $0 } }

    func work() async { await precisions.run() }

    func waitForRoom() async { await threads.waitForRoom() }

    func read(_ documents: [ClaimedDocument], isCancelled: @escaping @Sendable () -> Bool) async throws -> Reading {
        guard let first = documents.first else { return Reading(documents: [], results: [], spaceID: 0) }
        let use = PrecisionChooser.Use(
            modelID: first.modelID, collection: first.collection, segmentation: first.segmentation)
        let plan = try await precisions.plan(for: use)
        let model = try await cache.entry(for: use, in: plan)
        let (read, results) = try await threads.annotate(
            documents, with: model.annotator, board: board, isCancelled: isCancelled)
        return Reading(documents: read, results: results, spaceID: model.spaceID, precision: plan.precision)
    }
}

extension ComputeThreads<AnnotatorWorkspace> {
    /// Reads the documents of a claim on all threads; one result a document, in any order. `board` is told where the
    /// threads' time went.
    func annotate(
        _ documents: [ClaimedDocument], with annotator: Annotator, board: StageBoard? = nil,
        isCancelled: @escaping @Sendable () -> Bool
    ) async throws -> (documents: [ClaimedDocument], results: [Result<DocumentAnnotation, Fault>]) {
        let parts = WorkPart.split(documents, among: count)
        let results = try await map(parts) { part, workspace in
            defer { board?.add(workspace.meter.take()) }
            return annotator.annotate(
                part.documents.map { AnnotationRequest(text: $0.body) }, workspace: &workspace,
                isCancelled: isCancelled)
        }
        return (parts.flatMap(\.documents), results.flatMap { $0 })
    }
}
