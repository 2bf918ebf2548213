import Annotations
package import Store

/// A claim, sorted by what is to be done: nothing is read twice.
package struct ClaimPlan: Sendable {
    /// To be read: of documents with the same text the first.
    package private(set) var originals: [ClaimedDocument] = []
    /// Others with the text of an original; they get its results.
    package private(set) var copies: [(document: ClaimedDocument, originalID: Int64)] = []
    /// Have the text of a document of an earlier claim that is being written.
    package private(set) var remembered: [CompletedDocument] = []
    /// Have a twin in the database: its results are copied there.
    package private(set) var twins: [ClaimedDocument] = []

    package init(_ claim: [ClaimedDocument], recent: RecentResults = RecentResults()) {
        var originals: [[UInt8]: Int64] = [:]
        for document in claim {
            if document.twinID != nil {
                twins.append(document)
            } else if let known = recent.result(for: document) {
                remembered.append(known)
            } else if let original = originals[document.bodyHash] {
                copies.append((document, original))
            } else {
                originals[document.bodyHash] = document.documentID
                self.originals.append(document)
            }
        }
    }
}

/// The results of the last claims, which the database may not have yet when the next one is claimed: the writer has one of
/// them at work and one to come.
package struct RecentResults: Sendable {
    private struct Key: Hashable {
        let model: Int64
        let segmentation: Segmentation
        let bodyHash: [UInt8]
    }

    private struct Known: Sendable {
        let result: CompletedDocument
        var originalID: Int64 { result.copiedFrom ?? result.lease.documentID }
    }

    private var generations: [[Key: Known]] = []
    private static let claims = 2
    /// What is remembered of one document is bounded: a book by sentences is not.
    private static let maximumSegments = 64

    package init() {}

    package func result(for document: ClaimedDocument) -> CompletedDocument? {
        let key = Key(
            model: document.modelID, segmentation: document.segmentation, bodyHash: document.bodyHash)
        guard let known = generations.lazy.compactMap({ $0[key] }).first else { return nil }
        return CompletedDocument(
            document, spaceID: known.result.spaceID, annotation: known.result.annotation, copiedFrom: known.originalID)
    }

    package mutating func remember(_ results: [CompletedDocument]) {
        var generation: [Key: Known] = [:]
        for result in results where result.annotation.segments.count <= Self.maximumSegments {
            let key = Key(model: result.modelID, segmentation: result.segmentation, bodyHash: result.bodyHash)
            if generation[key] == nil { generation[key] = Known(result: result) }
        }
        generations = [generation] + generations.prefix(Self.claims - 1)
    }
}
