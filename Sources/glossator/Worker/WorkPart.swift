import Annotations
import Foundation
import Logging
package import Store

/// What one compute thread takes at a time.
package struct WorkPart: Sendable {
    package let documents: [ClaimedDocument]

    /// Cuts a claim so that every thread has several parts to take, long documents have one to themselves and begin
    /// first, and no thread sits idle behind another's long tail.
    package static func split(_ documents: [ClaimedDocument], among threads: Int) -> [WorkPart] {
        let total = documents.reduce(0) { $0 + $1.body.utf8.count }
        let target = max(2048, total / (4 * max(1, threads)))
        var parts: [WorkPart] = []
        var current: [ClaimedDocument] = []
        var bytes = 0
        for document in documents.sorted(by: { $0.body.utf8.count > $1.body.utf8.count }) {
            current.append(document)
            bytes += document.body.utf8.count
            if bytes >= target {
                parts.append(WorkPart(documents: current))
                (current, bytes) = ([], 0)
            }
        }
        if !current.isEmpty { parts.append(WorkPart(documents: current)) }
        return parts
    }
}

/// A claim whose documents have been computed, or failed.
struct FinishedClaim: Sendable {
    let documents: [ClaimedDocument]
    /// One a document, in the same order.
    let results: [Result<DocumentAnnotation, Fault>]
    let spaceID: Int32
    let computed: Duration
}

/// What a daemon has done since it started.
struct WorkTally: Sendable, Equatable {
    /// Documents whose results were written.
    var written = 0
    /// Results that were not written because the lease was gone.
    var discarded = 0
    /// Documents charged an attempt or given up.
    var failed = 0
    /// Documents given back uncharged.
    var handedBack = 0
    var tokens = 0
    var computed = Duration.zero
    /// Models that have annotated a document since the daemon started.
    var provenModels: Set<Int64> = []

    mutating func count(_ claim: FinishedClaim) {
        computed += claim.computed
        for case .success(let annotation) in claim.results { tokens += annotation.tokenCount }
    }

    var metadata: Logger.Metadata {
        [
            "written": "\(written)", "discarded": "\(discarded)", "failed": "\(failed)", "tokens": "\(tokens)",
            "compute_seconds": "\(String(format: "%.1f", computed / .seconds(1)))",
        ]
    }

    func metadata(since earlier: WorkTally, seconds: Double) -> Logger.Metadata {
        [
            "written": "\(written - earlier.written)", "failed": "\(failed - earlier.failed)",
            "documents_per_second": "\(String(format: "%.1f", Double(written - earlier.written) / seconds))",
            "tokens_per_second": "\(String(format: "%.0f", Double(tokens - earlier.tokens) / seconds))",
        ]
    }
}

enum Host {
    static let name = ProcessInfo.processInfo.hostName
    static let processID = ProcessInfo.processInfo.processIdentifier
}
