import Annotations
import Foundation
import Logging
import Store

/// Writes what was read: results in one guarded transaction, copies in another, failures as the retry policy decides.
struct ResultWriter: Sendable {
    let queue: Queue
    let retries: RetryPolicy
    let patience: Patience
    let watch: DaemonWatch
    let logger: Logger

    /// - Returns: A fault that is no document's and that will not pass by itself, such as a missing model's.
    @discardableResult
    func write(_ claim: FinishedClaim, tally: inout WorkTally) async throws -> Fault? {
        var failures: [(lease: Lease, fault: Fault)] = claim.failed.map { ($0.document.lease, $0.fault) }
        if !claim.annotated.isEmpty {
            do {
                let summary = try await complete(claim.annotated)
                let copies = Set(claim.annotated.filter { $0.copiedFrom != nil }.map(\.lease.documentID))
                tally.written += summary.written.count
                tally.reused += summary.written.count { copies.contains($0) }
                tally.discarded += summary.discarded.count
                failures += summary.refused
                if !summary.written.isEmpty { tally.provenModels.insert(claim.modelID) }
            } catch let fault as Fault {
                // None of it could be written, for a reason that is not in the results: a right is missing, a table was
                // changed, the model's numbers overflow on every text.
                failures += claim.annotated.map { ($0.lease, fault) }
            }
        }
        if !claim.twins.isEmpty {
            do {
                let summary = try await patience.keepTrying("copying results") { try await queue.reuse(claim.twins) }
                tally.written += summary.written.count
                tally.reused += summary.written.count
                tally.discarded += summary.discarded.count
                tally.handedBack += summary.handedBack
                failures += summary.refused
            } catch let fault as Fault {
                failures += claim.twins.map { ($0.lease, fault) }
            }
        }
        let outside = try await record(failures, of: claim, tally: &tally)
        if !claim.annotated.isEmpty, outside == nil { watch.succeeded(model: claim.modelID) }
        return outside
    }

    /// Writes results. Documents that somebody has locked get a second chance; what is locked for longer stays leased and
    /// comes back by `HeldClaims`: a user's long transaction must not hold up the others.
    private func complete(_ documents: [CompletedDocument]) async throws -> CompletionSummary {
        var summary = try await patience.keepTrying("writing results") { try await queue.complete(documents) }
        guard !summary.busy.isEmpty else { return summary }
        try await Task.sleep(for: .milliseconds(200))
        let busy = Set(summary.busy)
        let second = try await patience.keepTrying("writing results") {
            try await queue.complete(documents.filter { busy.contains($0.lease) })
        }
        summary.written += second.written
        summary.discarded += second.discarded
        summary.refused += second.refused
        summary.busy = second.busy
        if !second.busy.isEmpty {
            logger.info("documents are locked by others", metadata: ["documents": "\(second.busy.count)"])
        }
        return summary
    }

    private func record(
        _ failures: [(lease: Lease, fault: Fault)], of claim: FinishedClaim, tally: inout WorkTally
    ) async throws -> Fault? {
        guard !failures.isEmpty else { return nil }
        let isProven = tally.provenModels.contains(claim.modelID)
        let attempts = Dictionary(
            claim.documents.map { ($0.lease, $0.attempt) }, uniquingKeysWith: { first, _ in first })
        var uncharged: [Lease] = []
        var outside: Fault?
        for (lease, cause) in failures {
            // A model that annotates other texts is not to blame for the one that it overflows on.
            let fault = isProven && cause.blame == .model ? cause.blaming(.document) : cause
            let attempt = attempts[lease] ?? 1
            let decision = retries.decide(fault, attempt: attempt, jitter: .random(in: 0..<1))
            guard decision != .handBack else {
                uncharged.append(lease)
                outside = outside ?? fault
                continue
            }
            let outcome = try await patience.keepTrying("recording a failure") {
                try await queue.fail(lease, fault: fault, decision: decision)
            }
            report(lease, attempt, fault, decision)
            if outcome == .done { tally.failed += 1 }
        }
        guard let outside else { return nil }
        let leases = uncharged
        // Pausing first: what goes back must not be claimed here at once.
        let pause = watch.failed(outside, model: claim.modelID)
        tally.handedBack += try await patience.keepTrying("handing back") { try await queue.handBack(leases) }
        logger.warning(
            "documents handed back, not charged",
            metadata: [
                "documents": "\(leases.count)", "code": "\(outside.code)", "reason": "\(outside.message)",
                "hint": "\(outside.hint ?? "")",
                "pause": "\(pause.formatted(.units(fractionalPart: .show(length: 1))))",
            ])
        return outside.isTransient ? nil : outside
    }

    private func report(_ lease: Lease, _ attempt: Int, _ fault: Fault, _ decision: RetryPolicy.Decision) {
        let metadata: Logger.Metadata = [
            "document": "\(lease.documentID)", "attempt": "\(attempt)", "code": "\(fault.code)",
            "reason": "\(fault.message)", "hint": "\(fault.hint ?? "")",
        ]
        if case .giveUp = decision {
            logger.error("document given up", metadata: metadata)
        } else {
            logger.warning("document failed, will be tried again", metadata: metadata)
        }
    }
}
