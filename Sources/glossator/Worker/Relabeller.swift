import Annotations
import Foundation
import Logging
import Model
import Store

/// Computes labels again from stored embeddings after another model with the same embeddings came into force: no text is
/// read, no encoder runs. A daemon does it beside its other work, `glossator relabel` by itself.
struct Relabeller: Sendable {
    let store: RelabelStore
    let registry: ModelRegistry
    let logger: Logger
    /// Told after each batch of the first pass.
    var progress: @Sendable (RelabelStore.Relabel) -> Void = { _ in }

    struct Outcome: Sendable {
        let relabel: RelabelStore.Relabel
        let relabelled: Int
        let changed: Int
    }

    init(connection: Connection, logger: Logger) {
        store = RelabelStore(connection: connection, worker: "\(Host.name) \(Host.processID) \(UUID().uuidString)")
        registry = ModelRegistry(connection: connection)
        self.logger = logger
    }

    /// Does one that is open, if there is one. Nil also when it was taken away: another model came into force, or this
    /// process was thought to be dead.
    ///
    /// - Throws: what can pass, after which it may be called again, and what cannot, which is then recorded as well.
    func work(collection: String? = nil, isCancelled: @Sendable () -> Bool) async throws -> Outcome? {
        guard var relabel = try await store.claim(collection: collection) else { return nil }
        do {
            let heads = try HeadSet(encoded: await registry.heads(of: relabel.modelID))
            while !isCancelled() {
                guard let next = try await pass(relabel, by: heads, isCancelled: isCancelled) else { return nil }
                relabel = next
                switch try await repeating({ [relabel] in try await store.finishPass(relabel) }) {
                case nil: return nil
                case .done(let relabelled, let changed):
                    logger.info(
                        "relabelled",
                        metadata: [
                            "collection": "\(relabel.collection)", "model": "\(relabel.modelName)",
                            "labels": "\(relabelled)", "changed": "\(changed)",
                        ])
                    return Outcome(relabel: relabel, relabelled: relabelled, changed: changed)
                case .waiting: try await Task.sleep(for: .seconds(1))
                case .another: break
                }
                (relabel.position, relabel.pages) = ("", 0)
            }
            return nil
        } catch let fault as Fault where !fault.isTransient {
            try? await store.fail(relabel, message: fault.message)
            throw fault
        }
    }

    /// From where the relabel has come to, to the last document.
    private func pass(
        _ relabel: RelabelStore.Relabel, by heads: HeadSet, isCancelled: @Sendable () -> Bool
    ) async throws -> RelabelStore.Relabel? {
        var relabel = relabel
        while !isCancelled() {
            let batch = try await store.batch(of: relabel)
            guard batch.end != nil else { return relabel }
            let (pages, damaged) = try await Self.pages(of: batch.segments, by: heads)
            if !damaged.isEmpty {
                logger.warning(
                    "stored embeddings are damaged; their documents are annotated again",
                    metadata: ["documents": "\(damaged.prefix(10))"])
                try await store.reannotate(damaged)
            }
            guard let kept = try await store.keep(pages, upTo: batch, of: relabel) else { return nil }
            relabel = kept
            progress(relabel)
        }
        return nil
    }

    /// On a thread of its own: Swift's pool stays free for the heartbeat.
    ///
    /// - Returns: a page a task, and documents with an embedding that cannot be read, of which the pages have nothing.
    private static func pages(
        of segments: [RelabelStore.Batch.Segment], by heads: HeadSet
    ) async throws -> (pages: [RelabelStore.Page], damaged: [Int64]) {
        guard !segments.isEmpty else { return ([], []) }
        return try await threads.run { _ in try labels(of: segments, by: heads) }
    }

    static func labels(
        of segments: [RelabelStore.Batch.Segment], by heads: HeadSet
    ) throws(Fault) -> (pages: [RelabelStore.Page], damaged: [Int64]) {
        var decoded: [(segment: RelabelStore.Batch.Segment, embedding: [Float])] = []
        decoded.reserveCapacity(segments.count)
        var damaged: Set<Int64> = []
        for segment in segments {
            if let embedding = try EmbeddingCodec.decodeUndamaged(segment.data) {
                decoded.append((segment, embedding))
            } else {
                damaged.insert(segment.documentID)
            }
        }
        if !damaged.isEmpty { decoded.removeAll { damaged.contains($0.segment.documentID) } }
        guard !decoded.isEmpty else { return ([], damaged.sorted()) }
        let (ids, numbers) = (decoded.map(\.segment.documentID), decoded.map(\.segment.segment))
        let signature = EmbeddingSignature(dimensions: decoded[0].embedding.count)
        var signatures: [UInt64] = []
        // A document's segments follow each other.
        var first = 0
        while first < decoded.count {
            let id = decoded[first].segment.documentID
            let end = decoded[first...].firstIndex { $0.segment.documentID != id } ?? decoded.count
            let own = signature.of(decoded[first..<end].map(\.embedding))
            signatures += repeatElement(own, count: end - first)
            first = end
        }
        let choices = try heads.choices(of: decoded.flatMap(\.embedding), segments: decoded.count)
        return (
            choices.map {
                RelabelStore.Page(
                    task: $0.task.name, labels: $0.task.labels, documentIDs: ids, segments: numbers, choices: $0.labels,
                    scores: $0.scores, margins: $0.margins, signatures: signatures)
            }, damaged.sorted()
        )
    }

    private static let threads = ComputeThreads(count: 1) {}

    /// A document that was deleted while its labels were shown makes the server refuse them: without it they fit.
    private func repeating<Result: Sendable>(
        _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        for _ in 0..<10 {
            do { return try await body() } catch let fault as Fault where fault.sqlState == "23503" {}
        }
        return try await body()
    }
}
