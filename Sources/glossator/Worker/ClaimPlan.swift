import Annotations
package import Store
import Synchronization

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

    package init(_ claim: [ClaimedDocument], recent: RecentResults = RecentResults(claims: 0)) {
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
/// them at work and others to come.
package struct RecentResults: Sendable {
    private struct Key: Hashable {
        let collection: String
        let model: Int64
        let segmentation: Segmentation
        let bodyHash: [UInt8]
    }

    private struct Known: Sendable {
        let result: CompletedDocument
        var originalID: Int64 { result.copiedFrom ?? result.lease.documentID }
    }

    private var generations: [[Key: Known]] = []
    private let claims: Int
    /// What is remembered of one document is bounded: a book by sentences is not.
    private static let maximumSegments = 64

    /// - Parameter claims: how many may be read and not written yet.
    package init(claims: Int) { self.claims = claims }

    package func result(for document: ClaimedDocument) -> CompletedDocument? {
        guard !document.wantsFresh else { return nil }
        let key = Key(
            collection: document.collection, model: document.modelID, segmentation: document.segmentation,
            bodyHash: document.bodyHash)
        guard let known = generations.lazy.compactMap({ $0[key] }).first else { return nil }
        guard known.originalID != document.documentID else { return nil }
        return CompletedDocument(
            document, spaceID: known.result.spaceID, precision: known.result.precision,
            annotation: known.result.annotation, copiedFrom: known.originalID)
    }

    package mutating func remember(_ results: [CompletedDocument]) {
        var generation: [Key: Known] = [:]
        for result in results where result.annotation.segments.count <= Self.maximumSegments {
            let key = Key(
                collection: result.collection, model: result.modelID, segmentation: result.segmentation,
                bodyHash: result.bodyHash)
            if generation[key] == nil { generation[key] = Known(result: result) }
        }
        generations = Array(([generation] + generations).prefix(claims))
    }
}

/// What is being read and what was read a moment ago, for claims that are read at the same time.
final class SharedResults: Sendable {
    private struct State {
        var recent: RecentResults
        /// Texts that claims are reading now.
        var reading: [[[UInt8]]] = []
    }

    private let state: Mutex<State>

    /// - Parameter claims: how many may be read and not written yet.
    init(claims: Int) { state = Mutex(State(recent: RecentResults(claims: claims))) }

    /// The plan of a claim, once no other claim is reading one of its texts: then that one's results are there.
    func plan(_ documents: [ClaimedDocument]) async -> ClaimPlan {
        while true {
            let plan = state.withLock { state -> ClaimPlan? in
                let plan = ClaimPlan(documents, recent: state.recent)
                let texts = plan.originals.map(\.bodyHash)
                guard Set(state.reading.joined()).isDisjoint(with: texts) || Task.isCancelled else { return nil }
                state.reading.append(texts)
                return plan
            }
            if let plan { return plan }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }

    /// The claim of this plan has been read, or could not be.
    func finish(_ plan: ClaimPlan, _ annotated: [CompletedDocument]) {
        let texts = plan.originals.map(\.bodyHash)
        state.withLock { state in
            if let index = state.reading.firstIndex(of: texts) { state.reading.remove(at: index) }
            state.recent.remember(annotated)
        }
    }
}
