package import Annotations

// Work that need not be done twice: a text that the same model has annotated in the same collection gets a copy of the
// results. Not a cache: the results are rows of the other document, read and written in one transaction of the server's.

extension Queue {
    /// Writes to each claimed document the results of its twin and removes it from the spool, under the same guard as
    /// `complete`. A twin that was deleted, annotated anew or locked since the claim is no use any more: its documents
    /// go back to the spool uncharged, and the next claim looks again.
    ///
    /// - Parameter documents: claimed with a `twinID`.
    package func reuse(_ documents: [ClaimedDocument]) async throws(Fault) -> ReuseSummary {
        var summary = ReuseSummary()
        var unusable: [Lease] = []
        try await reuse(documents[...], into: &summary, unusable: &unusable)
        summary.handedBack = try await handBack(unusable)
        return summary
    }

    private func reuse(
        _ documents: ArraySlice<ClaimedDocument>, into summary: inout ReuseSummary, unusable: inout [Lease]
    ) async throws(Fault) {
        guard let only = documents.first else { return }
        let outcome: Reuse.Outcome
        do throws(Fault) {
            outcome = try await connection.transaction { (session) throws(Fault) in
                try Reuse.write(documents, on: session)
            }
        } catch {
            guard let state = error.sqlState, !error.isTransient, !Self.isOutside(state) else { throw error }
            guard documents.count > 1 else {
                summary.refused.append((only.lease, error.blaming(.defect)))
                return
            }
            let middle = documents.startIndex + documents.count / 2
            try await reuse(documents[..<middle], into: &summary, unusable: &unusable)
            try await reuse(documents[middle...], into: &summary, unusable: &unusable)
            return
        }
        for document in documents {
            if outcome.written.contains(document.documentID) {
                summary.written.append(document.documentID)
            } else if outcome.unusable.contains(document.documentID) {
                unusable.append(document.lease)
            } else {
                summary.discarded.append(document.documentID)
            }
        }
    }
}

/// What became of the documents of one `reuse`.
package struct ReuseSummary: Sendable {
    package var written: [Int64] = []
    /// Their lease was taken away: nothing was written.
    package var discarded: [Int64] = []
    /// Waiting again, because their twin's results could not be used any more.
    package var handedBack = 0
    /// The database refuses the copies, as it would refuse the results. Still leased: `fail` them.
    package var refused: [(lease: Lease, fault: Fault)] = []
}

enum Reuse {
    struct Outcome: Sendable {
        var written: Set<Int64> = []
        var unusable: Set<Int64> = []
    }

    static func write(_ documents: ArraySlice<ClaimedDocument>, on session: Session) throws(Fault) -> Outcome {
        var outcome = Outcome()
        var twins: [(document: Int64, twin: Int64)] = []
        var known: [Int64] = []
        let rows = try session.query(
            hold,
            documents.map(\.lease).parameters + [
                .byteStrings(documents.map(\.bodyHash)), .int8s(documents.map { $0.twinID ?? 0 }),
                .int8s(documents.map(\.modelID)), .texts(documents.map(\.segmentation.rawValue)),
            ])
        for row in rows {
            let id = try row.int64(0)
            guard let twin = try row.optionalInt64(1) else {
                outcome.unusable.insert(id)
                continue
            }
            twins.append((id, twin))
            if try row.bool(2) { known.append(id) }
        }
        guard !twins.isEmpty else { return outcome }
        try Completion.clear(known, on: session)
        let pairs: [SQLValue] = [.int8s(twins.map(\.document)), .int8s(twins.map(\.twin))]
        for statement in [copyLabels, copyEntities, copyEmbeddings, copyUncertainties, finish] {
            _ = try session.query(statement, pairs)
        }
        outcome.written = Set(twins.map(\.document))
        return outcome
    }

    /// The guard of `Completion.hold`, and a share lock on the twin's row: as long as this transaction lasts nobody can
    /// replace or delete what it copies. Whatever is locked is left alone, so that nothing waits here.
    private static let hold = Statement(
        "reuse_hold",
        """
        WITH held AS MATERIALIZED (
            SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::bigint[], $5::bigint[], $6::text[])
                AS h (document_id, lease, body_sha256, twin_id, model_id, segmentation)
        ), present AS MATERIALIZED (
            SELECT h.document_id, h.lease, h.twin_id, h.model_id, h.segmentation
            FROM held h JOIN glossator.documents d ON d.id = h.document_id AND d.body_sha256 = h.body_sha256
            ORDER BY d.id
            FOR KEY SHARE OF d SKIP LOCKED
        ), usable AS MATERIALIZED (
            SELECT p.document_id, p.lease, p.twin_id
            FROM present p
            JOIN glossator.annotations a
                ON a.document_id = p.twin_id AND a.model_id = p.model_id AND a.segmentation = p.segmentation
                    AND glossator.is_labelled_by(p.twin_id, p.model_id)
            ORDER BY p.twin_id
            FOR SHARE OF a SKIP LOCKED
        ), gone AS (
            DELETE FROM glossator.spool s USING usable u
            WHERE s.document_id = u.document_id AND s.lease = u.lease
            RETURNING s.document_id, s.daemon_id, s.collection, s.batch_id, u.twin_id
        ), tally AS (
            INSERT INTO glossator.tallies (collection, batch_id, completed, reused)
            SELECT g.collection, g.batch_id, count(*), count(*) FROM gone g GROUP BY 1, 2
        )
        SELECT g.document_id, g.twin_id,
            EXISTS (SELECT FROM glossator.annotations a WHERE a.document_id = g.document_id)
                OR EXISTS (SELECT FROM glossator.failures f WHERE f.document_id = g.document_id)
        FROM gone g
        UNION ALL
        SELECT h.document_id, NULL, false
        FROM held h WHERE h.document_id NOT IN (SELECT u.document_id FROM usable u)
        """)

    private static let copyLabels = Statement(
        "reuse_labels",
        """
        INSERT INTO glossator.labels (document_id, model_id, segment, start_char, end_char, score, task, label)
        SELECT u.document_id, l.model_id, l.segment, l.start_char, l.end_char, l.score, l.task, l.label
        FROM unnest($1::bigint[], $2::bigint[]) AS u (document_id, twin_id)
        JOIN glossator.labels l ON l.document_id = u.twin_id
        """)

    private static let copyEntities = Statement(
        "reuse_entities",
        """
        INSERT INTO glossator.entities (
            document_id, model_id, ordinal, start_char, end_char, score, task, type, surface)
        SELECT u.document_id, e.model_id, e.ordinal, e.start_char, e.end_char, e.score, e.task, e.type, e.surface
        FROM unnest($1::bigint[], $2::bigint[]) AS u (document_id, twin_id)
        JOIN glossator.entities e ON e.document_id = u.twin_id
        """)

    private static let copyEmbeddings = Statement(
        "reuse_embeddings",
        """
        INSERT INTO glossator.embeddings (document_id, segment, space_id, start_char, end_char, data)
        SELECT u.document_id, m.segment, m.space_id, m.start_char, m.end_char, m.data
        FROM unnest($1::bigint[], $2::bigint[]) AS u (document_id, twin_id)
        JOIN glossator.embeddings m ON m.document_id = u.twin_id
        """)

    /// Only within a collection is there a twin.
    private static let copyUncertainties = Statement(
        "reuse_uncertainties",
        """
        INSERT INTO glossator.uncertainties (document_id, model_id, signature, uncertainty, collection, task)
        SELECT u.document_id, v.model_id, v.signature, v.uncertainty, v.collection, v.task
        FROM unnest($1::bigint[], $2::bigint[]) AS u (document_id, twin_id)
        JOIN glossator.uncertainties v ON v.document_id = u.twin_id
        """)

    private static let finish = Statement(
        "reuse_finish",
        """
        INSERT INTO glossator.annotations AS a (
            document_id, model_id, daemon_id, token_count, window_count, segment_count, segmentation, copied_from,
            computed_at, precision)
        SELECT u.document_id, t.model_id, t.daemon_id, t.token_count, t.window_count, t.segment_count, t.segmentation,
            u.twin_id, t.computed_at, t.precision
        FROM unnest($1::bigint[], $2::bigint[]) AS u (document_id, twin_id)
        JOIN glossator.annotations t ON t.document_id = u.twin_id
        \(Completion.replacing)
        """)

    static let statements = [hold, copyLabels, copyEntities, copyEmbeddings, copyUncertainties, finish]
}
