import Annotations
import Logging
import Store

/// Writes what was computed: results in one guarded transaction, failures as the retry policy decides.
struct ResultWriter: Sendable {
    let queue: Queue
    let retries: RetryPolicy
    let patience: Patience
    let logger: Logger

    /// - Parameter outsideFailures: How many claims in a row failed for no document's fault; decides the pause.
    /// - Returns: The model's fault, when that is why no document of the claim could be annotated.
    @discardableResult
    func write(_ claim: FinishedClaim, outsideFailures: Int, tally: inout WorkTally) async throws -> Fault? {
        let attempts = Dictionary(
            claim.documents.map { ($0.lease, $0.attempt) }, uniquingKeysWith: { first, _ in first })
        var completed: [CompletedDocument] = []
        var failures: [(lease: Lease, fault: Fault)] = []
        for (document, result) in zip(claim.documents, claim.results) {
            switch result {
            case .success(let annotation):
                completed.append(
                    CompletedDocument(
                        lease: document.lease, bodyHash: document.bodyHash, modelID: document.modelID,
                        spaceID: claim.spaceID, annotation: annotation))
            case .failure(let fault):
                failures.append((document.lease, fault))
            }
        }
        if !completed.isEmpty { tally.provenModels.formUnion(claim.documents.map(\.modelID)) }
        let isProven = claim.documents.first.map { tally.provenModels.contains($0.modelID) } ?? false
        let documents = completed
        let summary = try await patience.keepTrying("writing results") { try await queue.complete(documents) }
        tally.written += summary.written.count
        tally.discarded += summary.discarded.count
        for (lease, cause) in failures + summary.refused {
            // A model that annotates other texts is not to blame for the one that it overflows on.
            let fault = isProven && cause.blame == .model ? cause.blaming(.document) : cause
            let attempt = attempts[lease] ?? 1
            let decision = retries.decide(
                fault, attempt: attempt, failuresInARow: outsideFailures, jitter: .random(in: 0..<1))
            let outcome = try await patience.keepTrying("recording a failure") {
                try await queue.fail(lease, fault: fault, decision: decision)
            }
            report(lease, attempt, fault, decision)
            guard outcome == .done else { continue }
            if case .handBack = decision { tally.handedBack += 1 } else { tally.failed += 1 }
        }
        return isProven ? nil : failures.first { $0.fault.blame == .model }?.fault
    }

    private func report(_ lease: Lease, _ attempt: Int, _ fault: Fault, _ decision: RetryPolicy.Decision) {
        let metadata: Logger.Metadata = [
            "document": "\(lease.documentID)", "attempt": "\(attempt)", "code": "\(fault.code)",
            "reason": "\(fault.message)", "hint": "\(fault.hint ?? "")",
        ]
        switch decision {
        case .handBack: logger.warning("document handed back, not charged", metadata: metadata)
        case .retry: logger.warning("document failed, will be tried again", metadata: metadata)
        case .giveUp: logger.error("document given up", metadata: metadata)
        }
    }
}
