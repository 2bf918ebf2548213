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

    /// Models in memory.
    var models: [Int64] { get }

    /// What is to be done beside the reading, until the task is cancelled.
    func work() async
}

extension TextReader {
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

    init(loader: ModelLoader, threads: Int, precision: PrecisionOptions, logger: Logger) {
        self.threads = AnnotatorThreads(count: threads) { AnnotatorWorkspace() }
        let cache = AnnotatorCache(loader: loader, batchTokens: precision.batchTokens)
        self.cache = cache
        precisions = PrecisionChooser(
            options: precision, store: CertificateStore(connection: loader.registry.connection), logger: logger
        ) { try await cache.reference($0) }
    }

    var models: [Int64] { cache.loaded.withLock { $0 } }

    func work() async { await precisions.run() }

    func read(_ documents: [ClaimedDocument], isCancelled: @escaping @Sendable () -> Bool) async throws -> Reading {
        guard let first = documents.first else { return Reading(documents: [], results: [], spaceID: 0) }
        let use = PrecisionChooser.Use(
            modelID: first.modelID, collection: first.collection, segmentation: first.segmentation)
        let plan = try await precisions.plan(for: use)
        let model = try await cache.entry(for: use, in: plan)
        let (read, results) = try await threads.annotate(documents, with: model.annotator, isCancelled: isCancelled)
        return Reading(documents: read, results: results, spaceID: model.spaceID, precision: plan.precision)
    }
}

extension ComputeThreads<AnnotatorWorkspace> {
    /// Reads the documents of a claim on all threads; one result a document, in any order.
    func annotate(
        _ documents: [ClaimedDocument], with annotator: Annotator, isCancelled: @escaping @Sendable () -> Bool
    ) async throws -> (documents: [ClaimedDocument], results: [Result<DocumentAnnotation, Fault>]) {
        let parts = WorkPart.split(documents, among: count)
        let results = try await map(parts) { part, workspace in
            annotator.annotate(
                part.documents.map { AnnotationRequest(text: $0.body) }, workspace: &workspace,
                isCancelled: isCancelled)
        }
        return (parts.flatMap(\.documents), results.flatMap { $0 })
    }
}
