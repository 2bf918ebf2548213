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

    private static let threads = ComputeThreads(count: 1) {}

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
            let labeller = EmbeddingLabeller(heads: try HeadSet(encoded: await registry.heads(of: relabel.modelID)))
            while !isCancelled() {
                guard let next = try await pass(relabel, by: labeller, isCancelled: isCancelled) else { return nil }
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
        _ relabel: RelabelStore.Relabel, by labeller: EmbeddingLabeller, isCancelled: @Sendable () -> Bool
    ) async throws -> RelabelStore.Relabel? {
        var relabel = relabel
        while !isCancelled() {
            let batch = try await store.batch(of: relabel)
            guard batch.end != nil else { return relabel }
            // On a thread of its own: Swift's pool stays free for the heartbeat.
            let (pages, damaged) = try await Self.threads.run { _ in try labeller.pages(of: batch.segments) }
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
