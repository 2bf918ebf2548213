import Annotations
import Foundation
import Logging
import Store

/// A claim whose documents have been read, or failed.
struct FinishedClaim: Sendable {
    /// All of them, as they were claimed.
    let documents: [ClaimedDocument]
    var annotated: [CompletedDocument] = []
    var failed: [(document: ClaimedDocument, fault: Fault)] = []
    var twins: [ClaimedDocument] = []
    let computed: Duration

    var modelID: Int64 { documents.first?.modelID ?? 0 }

    init(_ documents: [ClaimedDocument], plan: ClaimPlan, reading: Reading, computed: Duration) {
        self.documents = documents
        self.computed = computed
        twins = plan.twins
        annotated = plan.remembered
        var results: [Int64: Result<DocumentAnnotation, Fault>] = [:]
        for (document, result) in zip(reading.documents, reading.results) {
            results[document.documentID] = result
            add(document, result, of: reading, copiedFrom: nil)
        }
        for (document, original) in plan.copies {
            guard let result = results[original] else { continue }
            add(document, result, of: reading, copiedFrom: original)
        }
    }

    /// Nothing could be read, and no document is to blame.
    init(_ documents: [ClaimedDocument], plan: ClaimPlan, fault: Fault, computed: Duration) {
        self.documents = documents
        self.computed = computed
        twins = plan.twins
        annotated = plan.remembered
        failed = (plan.originals + plan.copies.map(\.document)).map { ($0, fault) }
    }

    private mutating func add(
        _ document: ClaimedDocument, _ result: Result<DocumentAnnotation, Fault>, of reading: Reading,
        copiedFrom: Int64?
    ) {
        switch result {
        case .success(let annotation):
            annotated.append(
                CompletedDocument(
                    document, spaceID: reading.spaceID, precision: reading.precision, annotation: annotation,
                    copiedFrom: copiedFrom))
        case .failure(let fault):
            failed.append((document, fault))
        }
    }
}

extension StageShares {
    /// In percent.
    var metadata: Logger.Metadata {
        Dictionary(uniqueKeysWithValues: named.map { ($0.name, "\(Int(($0.share * 100).rounded())) %") })
    }
}

/// What a daemon has done since it started.
struct WorkTally: Sendable, Equatable {
    /// Documents whose results were written, those that were copied included.
    var written = 0
    /// Documents that got the results of the same text.
    var reused = 0
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
        for document in claim.annotated where document.copiedFrom == nil { tokens += document.annotation.tokenCount }
    }

    var metadata: Logger.Metadata {
        [
            "written": "\(written)", "reused": "\(reused)", "discarded": "\(discarded)", "failed": "\(failed)",
            "tokens": "\(tokens)", "compute_seconds": "\(String(format: "%.1f", computed / .seconds(1)))",
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
