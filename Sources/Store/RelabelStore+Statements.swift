// The SQL of relabelling.

extension RelabelStore {
    static let request = Statement("relabel_request", "SELECT glossator.relabel($1::text)")

    /// Claims of documents have numbers that only grow: those up to the newest at this moment may have been made for the
    /// model before.
    static let claim = Statement(
        "relabel_claim",
        """
        UPDATE glossator.relabels r
        SET worker = $1::text, seen_at = now(),
            lease_limit = coalesce(r.lease_limit, (SELECT last_value FROM glossator.lease_numbers)),
            of_documents = coalesce(r.of_documents,
                (SELECT count(*) FROM glossator.documents d WHERE d.collection = r.collection))
        FROM glossator.models m
        WHERE m.id = r.model_id AND r.id = (
            SELECT o.id FROM glossator.relabels o
            WHERE \(unattended) AND ($2::text IS NULL OR o.collection = $2::text)
            ORDER BY o.id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING \(columns)
        """)

    static let isWaiting = Statement(
        "relabel_is_waiting", "SELECT EXISTS (SELECT FROM glossator.relabels o WHERE \(unattended))")

    /// Of `$1`: nobody works on it, or he himself, or somebody who died.
    private static let unattended = """
        o.finished_at IS NULL
            AND (o.worker IS NULL OR o.worker = $1::text OR o.seen_at < now() - interval '30 seconds')
        """

    static let open = Statement(
        "relabel_open",
        """
        SELECT \(columns) FROM glossator.relabels r JOIN glossator.models m ON m.id = r.model_id
        WHERE r.finished_at IS NULL ORDER BY r.id
        """)

    private static let columns = """
        r.id, r.collection, r.model_id, m.name, m.space_id, r.position, r.pages, r.documents, coalesce(r.of_documents, 0)
        """

    /// In the order of the key that begins with the collection: what other collections hold is never read.
    static let documents = Statement(
        "relabel_documents",
        """
        SELECT d.id, d.external_id, coalesce(a.segment_count, 0),
            a.document_id IS NOT NULL AND NOT EXISTS (
                SELECT FROM glossator.labels l WHERE l.document_id = d.id AND l.model_id = $3::bigint)
        FROM glossator.documents d LEFT JOIN glossator.annotations a ON a.document_id = d.id
        WHERE d.collection = $1::text AND d.external_id > $2::text
        ORDER BY d.external_id LIMIT $4::integer
        """)

    static let embeddings = Statement(
        "relabel_embeddings",
        """
        SELECT document_id, segment, data FROM glossator.embeddings
        WHERE document_id = ANY ($1::bigint[]) AND space_id = $2::integer
        ORDER BY document_id, segment
        """)

    static let reannotate = Statement(
        "relabel_reannotate", "SELECT glossator.reannotate(document_ids => $1::bigint[])")

    static let advance = Statement(
        "relabel_advance",
        """
        UPDATE glossator.relabels
        SET position = $3::text, documents = least(of_documents, documents + $4::integer), pages = pages + $5::integer,
            seen_at = now()
        WHERE id = $1::bigint AND worker = $2::text AND finished_at IS NULL
        RETURNING position, pages, documents
        """)

    static let insertPage = Statement(
        "relabel_page",
        """
        INSERT INTO glossator.relabel_pages (
            relabel_id, page, task, labels, document_ids, segments, choices, scores, margins, signatures)
        VALUES (
            $1::bigint, $2::integer, $3::text, $4::text[], $5::bigint[], $6::integer[], $7::integer[], $8::real[],
            $9::real[], $10::bigint[])
        """)

    static let hold = Statement(
        "relabel_hold",
        """
        WITH held AS (
            UPDATE glossator.relabels SET seen_at = now()
            WHERE id = $1::bigint AND worker = $2::text AND finished_at IS NULL
            RETURNING collection, pages, lease_limit
        )
        SELECT h.pages, EXISTS (
            SELECT FROM glossator.spool s WHERE s.collection = h.collection AND s.lease <= h.lease_limit)
        FROM held h
        """)

    /// Shows a page. Documents that wait in the spool get their labels from a daemon, those that a daemon has just done
    /// have them; an embedding that is gone takes its label along.
    static let show = Statement(
        "relabel_show",
        """
        WITH valid AS MATERIALIZED (
            SELECT u.document_id, u.segment, p.task, p.labels[u.choice] AS label, u.score, e.start_char, e.end_char,
                u.margin, u.signature
            FROM glossator.relabel_pages p
            CROSS JOIN LATERAL unnest(
                p.document_ids, p.segments, p.choices, p.scores, p.margins, p.signatures)
                AS u (document_id, segment, choice, score, margin, signature)
            JOIN glossator.embeddings e
                ON e.document_id = u.document_id AND e.segment = u.segment AND e.space_id = $4::integer
            WHERE p.relabel_id = $1::bigint AND p.page = $2::integer
                AND NOT EXISTS (SELECT FROM glossator.spool s WHERE s.document_id = u.document_id)
                AND NOT EXISTS (
                    SELECT FROM glossator.labels l WHERE l.document_id = u.document_id AND l.model_id = $3::bigint)
        ), changed AS (
            INSERT INTO glossator.label_changes (
                relabel_id, document_id, segment, task, old_model_id, old_label, old_score, new_label, new_score)
            SELECT $1::bigint, v.document_id, v.segment, v.task, l.model_id, l.label, l.score, v.label, v.score
            FROM valid v
            JOIN glossator.labels l ON l.document_id = v.document_id AND l.segment = v.segment AND l.task = v.task
            WHERE l.label <> v.label
            ON CONFLICT (relabel_id, document_id, segment, task) DO UPDATE
                SET new_label = excluded.new_label, new_score = excluded.new_score
            RETURNING 1
        ), gone AS (
            DELETE FROM glossator.labels l USING (SELECT DISTINCT document_id FROM valid) v
            WHERE l.document_id = v.document_id
                AND l.task NOT IN (
                    SELECT task FROM glossator.relabel_pages WHERE relabel_id = $1::bigint AND page = $2::integer)
            RETURNING l.document_id, l.task
        ), certain AS (
            DELETE FROM glossator.uncertainties u USING gone g WHERE u.document_id = g.document_id AND u.task = g.task
        ), unsure AS (
            INSERT INTO glossator.uncertainties (document_id, model_id, signature, uncertainty, collection, task)
            SELECT v.document_id, $3::bigint, max(v.signature), least(1, greatest(0, 1 - min(v.margin)))::real,
                (SELECT collection FROM glossator.relabels WHERE id = $1::bigint), v.task
            FROM valid v GROUP BY v.document_id, v.task
            ON CONFLICT (document_id, task) DO UPDATE
                SET model_id = excluded.model_id, signature = excluded.signature, uncertainty = excluded.uncertainty
        ), written AS (
            INSERT INTO glossator.labels AS l (
                document_id, model_id, segment, start_char, end_char, score, task, label)
            SELECT v.document_id, $3::bigint, v.segment, v.start_char, v.end_char, v.score, v.task, v.label
            FROM valid v
            ON CONFLICT (document_id, segment, task) DO UPDATE
                SET model_id = excluded.model_id, start_char = excluded.start_char, end_char = excluded.end_char,
                    score = excluded.score, label = excluded.label
            RETURNING 1
        )
        SELECT (SELECT count(*) FROM written), (SELECT count(*) FROM changed)
        """)

    static let empty = Statement(
        "relabel_empty",
        """
        WITH gone AS (DELETE FROM glossator.relabel_pages WHERE relabel_id = $1::bigint)
        UPDATE glossator.relabels
        SET pages = 0, position = '', relabelled = relabelled + $2::bigint, changed = changed + $3::bigint,
            documents = of_documents, seen_at = now()
        WHERE id = $1::bigint
        """)

    static let end = Statement(
        "relabel_end",
        """
        WITH gone AS (DELETE FROM glossator.relabel_pages WHERE relabel_id = $1::bigint)
        UPDATE glossator.relabels SET finished_at = now(), outcome = $2::text, message = $3::text, pages = 0
        WHERE id = $1::bigint AND finished_at IS NULL
        RETURNING relabelled, changed
        """)

    static let statements = [
        request, claim, isWaiting, open, documents, embeddings, reannotate, advance, insertPage, hold, show, empty, end,
    ]
}
