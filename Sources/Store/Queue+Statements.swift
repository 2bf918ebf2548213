// The queue's SQL, in the order of a document's life: claimed, handed back, failed, rescued. What completes it is in
// Completion.swift. docs/queue.md draws the states.

extension Queue {
    static let register = Statement(
        "daemon_register",
        "INSERT INTO glossator.daemons (host, pid, version) VALUES ($1::text, $2::integer, $3::text) RETURNING id")

    static let beat = Statement(
        "daemon_beat",
        """
        UPDATE glossator.daemons SET beat_at = now(), state = $2::text, models = $3::bigint[], stages = $4::jsonb
        WHERE id = $1::bigint
        """)

    static let stop = Statement(
        "daemon_stop",
        """
        UPDATE glossator.daemons SET beat_at = now(), stopped_at = now(), state = 'stopped', models = '{}', stages = '{}'
        WHERE id = $1::bigint
        """)

    static let handBackAll = Statement(
        "spool_hand_back_all",
        """
        UPDATE glossator.spool
        SET lease = NULL, daemon_id = NULL, deadline = NULL, attempts = attempts - 1
        WHERE document_id IN (
            SELECT document_id FROM glossator.spool WHERE lease IS NOT NULL AND daemon_id = $1::bigint
            FOR UPDATE SKIP LOCKED)
        """)

    static let handBackOthers = Statement(
        "spool_hand_back_others",
        """
        UPDATE glossator.spool
        SET lease = NULL, daemon_id = NULL, deadline = NULL, attempts = attempts - 1
        WHERE document_id IN (
            SELECT document_id FROM glossator.spool
            WHERE lease IS NOT NULL AND daemon_id = $1::bigint AND lease <> ALL ($2::bigint[])
            FOR UPDATE SKIP LOCKED)
        """)

    /// One statement: which collection, which rows, the lease, the bodies.
    ///
    /// 1. Of every collection that may run, the row that is next. Not locked: a hint that only chooses the collection.
    /// 2. How many of its rows the token budget has room for. Not locked either: rows are not locked to be left again.
    /// 3. So many rows, skipping those that another claimer holds at this moment, and cut where the budget is spent. A
    ///    row that was tried before is taken alone, by a daemon that holds nothing else, and left out of company.
    ///    Where all rows of a collection are held by somebody, the row that comes back has no document.
    /// 4. A twin: another document of the collection with the same text, annotated by the same model. Then the body is
    ///    not needed. Eight candidates at most, of which the oldest come first, so that a text that is there a million
    ///    times costs no more than one.
    static let claim = Statement(
        "spool_claim",
        """
        WITH runnable AS MATERIALIZED (
            SELECT f.collection, f.model_id, f.segmentation
            FROM glossator.model_in_force f
            WHERE NOT f.paused AND f.model_id IS NOT NULL AND f.model_id <> ALL ($6::bigint[])
                AND ($5::text[] IS NULL OR f.backbone_sha256 = ANY ($5::text[]) OR EXISTS (
                    SELECT FROM glossator.backbones b
                    WHERE b.sha256 = f.backbone_sha256 AND b.imported_sha256 = ANY ($5::text[])))
                AND f.collection <> ALL ($8::text[])
        ), chosen AS MATERIALIZED (
            SELECT r.collection, r.model_id, r.segmentation, next.attempts
            FROM runnable r
            CROSS JOIN LATERAL (
                SELECT s.due, s.document_id, s.attempts FROM glossator.spool s
                WHERE s.collection = r.collection AND s.lease IS NULL AND (s.run_after IS NULL OR s.run_after <= now())
                ORDER BY s.due, s.document_id LIMIT 1
            ) next
            ORDER BY next.due, next.document_id LIMIT 1
        ), room AS MATERIALIZED (
            SELECT count(*) FILTER (WHERE seen.tokens <= $3::bigint) AS documents
            FROM (
                SELECT sum(s.estimated_tokens) OVER (ORDER BY s.due, s.document_id) AS tokens
                FROM (
                    SELECT s.due, s.document_id, s.estimated_tokens FROM glossator.spool s
                    WHERE s.collection = (SELECT collection FROM chosen) AND s.lease IS NULL
                        AND (s.run_after IS NULL OR s.run_after <= now())
                    ORDER BY s.due, s.document_id
                    LIMIT CASE WHEN (SELECT attempts FROM chosen) > 0 THEN 1 ELSE $2::integer END
                ) s
            ) seen
        ), free AS MATERIALIZED (
            SELECT s.document_id, s.due, s.estimated_tokens, s.attempts
            FROM glossator.spool s
            WHERE s.collection = (SELECT collection FROM chosen) AND s.lease IS NULL
                AND (s.run_after IS NULL OR s.run_after <= now())
            ORDER BY s.due, s.document_id
            LIMIT (SELECT greatest(1, documents) FROM room)
            FOR UPDATE OF s SKIP LOCKED
        ), ranked AS (
            SELECT document_id, attempts, estimated_tokens,
                row_number() OVER (ORDER BY due, document_id) AS place,
                sum(estimated_tokens) FILTER (WHERE attempts = 0) OVER (ORDER BY due, document_id) AS tokens,
                first_value(attempts) OVER (ORDER BY due, document_id) AS first_attempts
            FROM free
        ), picked AS MATERIALIZED (
            SELECT document_id, estimated_tokens FROM ranked
            WHERE (place = 1 AND (attempts = 0 OR $7::boolean))
                OR (first_attempts = 0 AND attempts = 0 AND tokens <= $3::bigint)
        ), token AS MATERIALIZED (
            SELECT nextval('glossator.lease_numbers') AS number,
                now() + make_interval(secs => $4::bigint + 0.01 * (SELECT sum(estimated_tokens) FROM picked)) AS deadline
            WHERE EXISTS (SELECT FROM picked)
        ), leased AS (
            UPDATE glossator.spool s
            SET lease = token.number, daemon_id = $1::bigint, deadline = token.deadline, attempts = s.attempts + 1,
                run_after = NULL
            FROM picked, token
            WHERE s.document_id = picked.document_id
            RETURNING s.document_id, s.lease, s.attempts, s.due, s.fresh_since
        )
        SELECT l.document_id, l.lease, l.attempts, c.collection, c.model_id, c.segmentation,
            CASE WHEN twin.document_id IS NULL THEN d.body ELSE '' END, d.body_sha256, twin.document_id,
            l.fresh_since IS NOT NULL, EXISTS (SELECT FROM free)
        FROM chosen c
        LEFT JOIN leased l ON true
        LEFT JOIN glossator.documents d ON d.id = l.document_id
        LEFT JOIN LATERAL (
            SELECT same.id AS document_id
            FROM (
                SELECT o.id FROM glossator.documents o
                WHERE glossator.text_key(o.collection, o.body_sha256) = glossator.text_key(d.collection, d.body_sha256)
                    AND o.body_sha256 = d.body_sha256 AND o.collection = d.collection
                LIMIT 8
            ) same
            JOIN glossator.annotations a ON a.document_id = same.id
            WHERE same.id <> l.document_id AND a.model_id = c.model_id AND a.segmentation = c.segmentation
                AND glossator.is_labelled_by(same.id, c.model_id)
                AND (l.fresh_since IS NULL OR a.computed_at >= l.fresh_since)
            LIMIT 1
        ) twin ON true
        ORDER BY l.due, l.document_id
        """)

    /// Rows that somebody else holds at this moment are passed over, here and below: nobody who holds documents waits for
    /// a user's transaction. They stay leased until `handBackOthers` finds them free, or gone.
    static let handBack = Statement(
        "spool_hand_back",
        """
        UPDATE glossator.spool s
        SET lease = NULL, daemon_id = NULL, deadline = NULL, attempts = s.attempts - 1
        WHERE s.document_id IN (
            SELECT h.document_id FROM glossator.spool h
            JOIN unnest($1::bigint[], $2::bigint[]) AS held (document_id, lease) USING (document_id, lease)
            FOR UPDATE OF h SKIP LOCKED)
        RETURNING s.document_id
        """)

    static let retry = Statement(
        "spool_retry",
        """
        UPDATE glossator.spool
        SET lease = NULL, daemon_id = NULL, deadline = NULL,
            run_after = now() + make_interval(secs => $3::double precision)
        WHERE document_id IN (
            SELECT document_id FROM glossator.spool WHERE document_id = $1::bigint AND lease = $2::bigint
            FOR UPDATE SKIP LOCKED)
        """)

    static let giveUp = Statement(
        "spool_give_up",
        """
        WITH document AS MATERIALIZED (
            -- First, as everywhere: whoever deletes the document locks it before its spool row.
            SELECT id FROM glossator.documents WHERE id = $1::bigint FOR KEY SHARE SKIP LOCKED
        ), gone AS (
            DELETE FROM glossator.spool s USING document d WHERE s.document_id = d.id AND s.lease = $2::bigint
            RETURNING s.document_id, s.collection, s.batch_id, s.attempts
        )
        INSERT INTO glossator.failures (
            document_id, collection, batch_id, attempts, class, code, message, hint, sqlstate)
        SELECT document_id, collection, batch_id, attempts, $3::text, $4::text, $5::text, $6::text, $7::text FROM gone
        ON CONFLICT (document_id) DO UPDATE
        SET attempts = excluded.attempts, class = excluded.class, code = excluded.code, message = excluded.message,
            hint = excluded.hint, sqlstate = excluded.sqlstate, failed_at = now()
        """)

    /// A clock that was set back would leave a dead daemon's last beat in the future for as long: its silence begins now.
    static let clampBeats = Statement(
        "daemon_clamp_beats",
        "UPDATE glossator.daemons SET beat_at = now() WHERE beat_at > now() + interval '5 seconds'")

    /// A daemon that never got the chance to beat, because the server itself was down, is not dead: silence is counted
    /// from the server's start at the earliest, unless the clock was set back since.
    static let rescue = Statement(
        "spool_rescue",
        """
        WITH lost AS MATERIALIZED (
            SELECT s.document_id, s.attempts, s.deadline < now() AS hung
            FROM glossator.spool s
            JOIN glossator.documents o ON o.id = s.document_id
            LEFT JOIN glossator.daemons d ON d.id = s.daemon_id
            WHERE s.lease IS NOT NULL
                AND (d.id IS NULL OR d.stopped_at IS NOT NULL OR s.deadline < now()
                    OR greatest(d.beat_at, CASE WHEN pg_postmaster_start_time() <= now() THEN pg_postmaster_start_time() END)
                        < now() - make_interval(secs => $1::double precision))
            ORDER BY s.document_id
            LIMIT 10000
            FOR UPDATE OF s SKIP LOCKED
            FOR KEY SHARE OF o SKIP LOCKED
        ), returned AS (
            UPDATE glossator.spool s SET lease = NULL, daemon_id = NULL, deadline = NULL
            FROM lost WHERE s.document_id = lost.document_id AND lost.attempts < $2::integer
            RETURNING s.document_id
        ), gone AS (
            DELETE FROM glossator.spool s USING lost
            WHERE s.document_id = lost.document_id AND lost.attempts >= $2::integer
            RETURNING s.document_id, s.collection, s.batch_id, s.attempts, lost.hung
        ), failed AS (
            INSERT INTO glossator.failures (document_id, collection, batch_id, attempts, class, code, message, hint)
            SELECT document_id, collection, batch_id, attempts, 'document',
                CASE WHEN hung THEN 'daemon-hung' ELSE 'daemon-died' END,
                'the daemon that held it ' || CASE WHEN hung THEN 'did not finish it in time' ELSE 'died' END
                    || ', at attempt ' || attempts,
                'the text may be what kills or stops the daemon; its log says more'
            FROM gone
            ON CONFLICT (document_id) DO UPDATE
            SET attempts = excluded.attempts, class = excluded.class, code = excluded.code, message = excluded.message,
                hint = excluded.hint, sqlstate = NULL, failed_at = now()
            RETURNING document_id
        )
        SELECT (SELECT count(*) FROM returned), (SELECT count(*) FROM failed)
        """)

    static let forgetDaemons = Statement(
        "daemon_forget",
        """
        DELETE FROM glossator.daemons d
        WHERE greatest(d.stopped_at, d.beat_at) < now() - interval '7 days'
            AND NOT EXISTS (SELECT FROM glossator.spool s WHERE s.lease IS NOT NULL AND s.daemon_id = d.id)
        """)

    static let depth = Statement(
        "spool_depth",
        """
        SELECT count(*) FILTER (WHERE s.lease IS NULL AND runnable AND coalesce(s.run_after, now()) <= now()),
            count(*) FILTER (WHERE s.lease IS NULL AND runnable AND s.run_after > now()),
            count(*) FILTER (WHERE s.lease IS NOT NULL),
            count(*) FILTER (WHERE s.lease IS NULL AND NOT runnable),
            extract(epoch FROM min(s.run_after) FILTER (WHERE s.lease IS NULL AND runnable AND s.run_after > now())
                - now())::double precision
        FROM glossator.spool s
        JOIN (
            SELECT collection, NOT paused AND model_id IS NOT NULL AS runnable FROM glossator.model_in_force
        ) f USING (collection)
        """)

    static let statements = [
        register, beat, stop, handBackAll, handBackOthers, claim, handBack, retry, giveUp, rescue,
        clampBeats, forgetDaemons, depth,
    ]
}
