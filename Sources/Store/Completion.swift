package import Annotations

/// What a model says about a document, with the right to write it.
package struct CompletedDocument: Sendable {
    package let lease: Lease
    /// As it was claimed: results of another text are not written.
    package let bodyHash: [UInt8]
    package let modelID: Int64
    package let collection: String
    package let segmentation: Segmentation
    /// Row of `glossator.embedding_spaces`.
    package let spaceID: Int32
    /// In which the encoder computed.
    package let precision: Precision
    package let annotation: DocumentAnnotation
    /// The document with the same text that this was computed for; nil for the one itself.
    package let copiedFrom: Int64?

    package init(
        _ claimed: ClaimedDocument, spaceID: Int32, precision: Precision = .fp32, annotation: DocumentAnnotation,
        copiedFrom: Int64? = nil
    ) {
        lease = claimed.lease
        bodyHash = claimed.bodyHash
        modelID = claimed.modelID
        collection = claimed.collection
        segmentation = claimed.segmentation
        self.spaceID = spaceID
        self.precision = precision
        self.annotation = annotation
        self.copiedFrom = copiedFrom
    }
}

/// What became of the documents of one `complete`.
package struct CompletionSummary: Sendable {
    /// Their results are in the database and they left the spool.
    package var written: [Int64] = []
    /// Their lease was taken away, or their text is another: nothing was written, somebody else does or did them.
    package var discarded: [Int64] = []
    /// Somebody has locked them, to delete them perhaps: nothing was written, and they are still leased. Try again, or
    /// leave them to `handBackOthers`.
    package var busy: [Lease] = []
    /// Their results cannot be written (a number that is none, a span that the database refuses). Still leased: `fail`
    /// them.
    package var refused: [(lease: Lease, fault: Fault)] = []
}

extension Queue {
    /// Writes results and removes the documents from the spool, in one transaction, for every document whose lease is
    /// still held and whose text is still the same; of any other document nothing is written.
    ///
    /// A document whose results the database refuses is found by halving and reported, the others are written. A
    /// transient fault means that nothing may have been written: calling again is safe, since what was written has
    /// left the spool and is then discarded.
    ///
    /// - Parameter precision: of the stored embeddings.
    package func complete(
        _ documents: [CompletedDocument], precision: EmbeddingCodec.Precision = .standard
    ) async throws(Fault) -> CompletionSummary {
        var summary = CompletionSummary()
        var results: [Completion.Results] = []
        for document in documents {
            do throws(Fault) {
                results.append(try Completion.Results(document, precision: precision))
            } catch {
                summary.refused.append((document.lease, error))
            }
        }
        if results.isEmpty, summary.refused.count > 1 {
            // One document may bring out a defect; all of them together accuse the model.
            throw summary.refused[0].fault
        }
        summary.refused = summary.refused.map { ($0.lease, $0.fault.blaming(.defect)) }
        try await complete(results[...], into: &summary)
        return summary
    }

    private func complete(
        _ results: ArraySlice<Completion.Results>, into summary: inout CompletionSummary
    ) async throws(Fault) {
        guard let only = results.first else { return }
        let outcome: Completion.Outcome
        do throws(Fault) {
            outcome = try await connection.transaction { (session) throws(Fault) in
                try Completion.write(results, on: session)
            }
        } catch {
            guard let state = error.sqlState, !error.isTransient, !Self.isOutside(state) else { throw error }
            guard results.count > 1 else {
                summary.refused.append((only.lease, error.blaming(.defect)))
                return
            }
            let middle = results.startIndex + results.count / 2
            try await complete(results[..<middle], into: &summary)
            try await complete(results[middle...], into: &summary)
            return
        }
        for result in results {
            if outcome.written.contains(result.lease.documentID) {
                summary.written.append(result.lease.documentID)
            } else if outcome.busy.contains(result.lease.documentID) {
                summary.busy.append(result.lease)
            } else {
                summary.discarded.append(result.lease.documentID)
            }
        }
    }

    /// Whether an error says nothing about what was written, but about the server, the connection, the schema or the
    /// role's rights (the classes of PostgreSQL's manual, appendix A). Every other one is brought out by some row: a
    /// value, a constraint, a limit, a trigger of somebody's.
    static func isOutside(_ sqlState: String) -> Bool {
        ["08", "25", "28", "3D", "3F", "40", "42", "53", "55", "57", "58", "F0"].contains(String(sqlState.prefix(2)))
    }
}
