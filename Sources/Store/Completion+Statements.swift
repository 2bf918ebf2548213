// The completion's SQL, in the order of its transaction.

extension Completion {
    /// The guard: only the holder of the lease can delete the row, and only while the text is the one it was given.
    ///
    /// The documents are locked first: whoever deletes one locks it and then its spool row, and the other way round
    /// the two would wait for each other. A document that is locked already is reported with no daemon.
    static let hold = Statement(
        "complete_hold",
        """
        WITH held AS MATERIALIZED (
            SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bytea[], $4::integer[], $5::boolean[])
                AS h (document_id, lease, body_sha256, tokens, reused)
        ), present AS MATERIALIZED (
            SELECT h.document_id, h.lease, h.tokens, h.reused
            FROM held h JOIN glossator.documents d ON d.id = h.document_id AND d.body_sha256 = h.body_sha256
            ORDER BY d.id
            FOR KEY SHARE OF d SKIP LOCKED
        ), gone AS (
            DELETE FROM glossator.spool s USING present p
            WHERE s.document_id = p.document_id AND s.lease = p.lease
            RETURNING s.document_id, s.daemon_id, s.collection, s.batch_id, p.tokens, p.reused
        ), tally AS (
            INSERT INTO glossator.tallies (collection, batch_id, completed, reused, tokens)
            SELECT g.collection, g.batch_id, count(*), count(*) FILTER (WHERE g.reused), sum(g.tokens)
            FROM gone g GROUP BY 1, 2
        )
        SELECT g.document_id, g.daemon_id,
            EXISTS (SELECT FROM glossator.annotations a WHERE a.document_id = g.document_id)
                OR EXISTS (SELECT FROM glossator.failures f WHERE f.document_id = g.document_id)
        FROM gone g
        UNION ALL
        SELECT h.document_id, NULL, false
        FROM held h JOIN glossator.documents d ON d.id = h.document_id AND d.body_sha256 = h.body_sha256
        WHERE h.document_id NOT IN (SELECT p.document_id FROM present p)
        """)

    static let clearLabels = Statement(
        "complete_clear_labels", "DELETE FROM glossator.labels WHERE document_id = ANY ($1::bigint[])")
    static let clearEntities = Statement(
        "complete_clear_entities", "DELETE FROM glossator.entities WHERE document_id = ANY ($1::bigint[])")
    static let clearEmbeddings = Statement(
        "complete_clear_embeddings", "DELETE FROM glossator.embeddings WHERE document_id = ANY ($1::bigint[])")

    static let clearUncertainties = Statement(
        "complete_clear_uncertainties", "DELETE FROM glossator.uncertainties WHERE document_id = ANY ($1::bigint[])")

    /// A document that had failed before, and was annotated after all, is no failure any more.
    static let clearFailures = Statement(
        "complete_clear_failures", "DELETE FROM glossator.failures WHERE document_id = ANY ($1::bigint[])")

    static let insertLabels = Statement(
        "complete_labels",
        """
        INSERT INTO glossator.labels (document_id, model_id, segment, start_char, end_char, score, task, label)
        SELECT * FROM unnest(
            $1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[], $6::real[], $7::text[], $8::text[])
        """)

    static let insertEntities = Statement(
        "complete_entities",
        """
        INSERT INTO glossator.entities (document_id, model_id, ordinal, start_char, end_char, score, task, type, surface)
        SELECT * FROM unnest(
            $1::bigint[], $2::bigint[], $3::integer[], $4::integer[], $5::integer[], $6::real[], $7::text[], $8::text[],
            $9::text[])
        """)

    static let insertEmbeddings = Statement(
        "complete_embeddings",
        """
        INSERT INTO glossator.embeddings (document_id, segment, space_id, start_char, end_char, data)
        SELECT * FROM unnest($1::bigint[], $2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::bytea[])
        """)

    static let insertUncertainties = Statement(
        "complete_uncertainties",
        """
        INSERT INTO glossator.uncertainties (document_id, model_id, signature, uncertainty, collection, task)
        SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::real[], $5::text[], $6::text[])
        """)

    static let finish = Statement(
        "complete_finish",
        """
        INSERT INTO glossator.annotations AS a (
            document_id, model_id, daemon_id, token_count, window_count, segment_count, segmentation, copied_from,
            precision)
        SELECT u.document_id, u.model_id, u.daemon_id, u.tokens, u.windows, u.segments, u.segmentation,
            nullif(u.copied_from, 0), u.precision
        FROM unnest(
            $1::bigint[], $2::bigint[], $3::bigint[], $4::integer[], $5::integer[], $6::integer[], $7::text[],
            $8::bigint[], $9::text[])
            AS u (document_id, model_id, daemon_id, tokens, windows, segments, segmentation, copied_from, precision)
        \(replacing)
        """)

    /// What a second annotation of a document changes in its row.
    static let replacing = """
        ON CONFLICT (document_id) DO UPDATE
        SET model_id = excluded.model_id, daemon_id = excluded.daemon_id, copied_from = excluded.copied_from,
            token_count = excluded.token_count, window_count = excluded.window_count,
            segment_count = excluded.segment_count, segmentation = excluded.segmentation, completed_at = now(),
            computed_at = excluded.computed_at, precision = excluded.precision
        """

    static let statements = [
        hold, clearLabels, clearEntities, clearEmbeddings, clearUncertainties, clearFailures, insertLabels,
        insertEntities, insertEmbeddings, insertUncertainties, finish,
    ]
}
