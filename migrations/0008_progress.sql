-- How far collections and batches are, counted without counting. Locks glossator.documents, spool and failures for the moment
-- of adding triggers.
--
-- A counter that every writer updates would make writers wait for each other. Here each statement appends what it changed,
-- views sum the rows, and roll_up_tallies() keeps them few. The rows belong to the transactions that made the changes, so the
-- sums are exact in every snapshot.

CREATE TABLE glossator.tallies (
    at timestamptz NOT NULL DEFAULT now(),
    documents bigint NOT NULL DEFAULT 0,
    spooled bigint NOT NULL DEFAULT 0,
    failed bigint NOT NULL DEFAULT 0,
    completed bigint NOT NULL DEFAULT 0,
    reused bigint NOT NULL DEFAULT 0,
    tokens bigint NOT NULL DEFAULT 0,
    batch_id integer,
    collection text NOT NULL
) WITH (
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 20000,
    autovacuum_vacuum_cost_delay = 0
);
CREATE INDEX tallies_by_batch ON glossator.tallies (batch_id) WHERE batch_id IS NOT NULL;

COMMENT ON TABLE glossator.tallies IS 'What changed, one row a statement and group; only sums mean anything. glossator.progress reads it.';
COMMENT ON COLUMN glossator.tallies.at IS 'When the change was made; for rolled-up rows the latest of them.';
COMMENT ON COLUMN glossator.tallies.documents IS 'Documents inserted, less those deleted.';
COMMENT ON COLUMN glossator.tallies.spooled IS 'Rows that came into the spool, less those that left it.';
COMMENT ON COLUMN glossator.tallies.failed IS 'Rows that came into failures, less those that left it.';
COMMENT ON COLUMN glossator.tallies.completed IS 'Documents whose results were written; one that is annotated twice counts twice.';
COMMENT ON COLUMN glossator.tallies.reused IS 'Those of them whose results were taken from the same text.';
COMMENT ON COLUMN glossator.tallies.tokens IS 'Word pieces that were encoded for them.';
COMMENT ON COLUMN glossator.tallies.batch_id IS 'The batch; null for documents without one, and for batches that were forgotten.';
COMMENT ON COLUMN glossator.tallies.collection IS 'The collection.';

CREATE FUNCTION glossator.tally_documents() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO glossator.tallies (collection, batch_id, documents)
    SELECT c.collection, b.id, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END
    FROM changed c LEFT JOIN glossator.batches b ON b.id = c.batch_id
    GROUP BY 1, 2;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION glossator.tally_documents() IS 'Trigger: counts documents that come and go.';
REVOKE EXECUTE ON FUNCTION glossator.tally_documents() FROM PUBLIC;

CREATE FUNCTION glossator.tally_spool() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO glossator.tallies (collection, batch_id, spooled)
    SELECT c.collection, c.batch_id, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END FROM changed c GROUP BY 1, 2;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION glossator.tally_spool() IS 'Trigger: counts documents that begin and cease to wait.';
REVOKE EXECUTE ON FUNCTION glossator.tally_spool() FROM PUBLIC;

CREATE FUNCTION glossator.tally_failures() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO glossator.tallies (collection, batch_id, failed)
    SELECT c.collection, c.batch_id, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END FROM changed c GROUP BY 1, 2;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION glossator.tally_failures() IS 'Trigger: counts documents that are given up and taken up again.';
REVOKE EXECUTE ON FUNCTION glossator.tally_failures() FROM PUBLIC;

CREATE FUNCTION glossator.tally_truncate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        -- An older snapshot does not see all that there was to count.
        RAISE EXCEPTION 'TRUNCATE of glossator.% in a transaction that is not READ COMMITTED', TG_TABLE_NAME
            USING ERRCODE = 'check_violation', CONSTRAINT = 'truncate_isolation', HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED, or DELETE.';
    END IF;
    INSERT INTO glossator.tallies (collection, batch_id, documents, spooled, failed)
    SELECT t.collection, t.batch_id,
        CASE TG_TABLE_NAME WHEN 'documents' THEN -sum(t.documents) ELSE 0 END,
        CASE TG_TABLE_NAME WHEN 'spool' THEN -sum(t.spooled) ELSE 0 END,
        CASE TG_TABLE_NAME WHEN 'failures' THEN -sum(t.failed) ELSE 0 END
    FROM glossator.tallies t GROUP BY 1, 2;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION glossator.tally_truncate() IS 'Trigger: nothing is left of what was counted.';
REVOKE EXECUTE ON FUNCTION glossator.tally_truncate() FROM PUBLIC;

CREATE TRIGGER documents_tally_inserted AFTER INSERT ON glossator.documents
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_documents();
CREATE TRIGGER documents_tally_deleted AFTER DELETE ON glossator.documents
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_documents();
CREATE TRIGGER documents_tally_truncated AFTER TRUNCATE ON glossator.documents
    FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_truncate();
CREATE TRIGGER spool_tally_inserted AFTER INSERT ON glossator.spool
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_spool();
CREATE TRIGGER spool_tally_deleted AFTER DELETE ON glossator.spool
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_spool();
CREATE TRIGGER spool_tally_truncated AFTER TRUNCATE ON glossator.spool
    FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_truncate();
CREATE TRIGGER failures_tally_inserted AFTER INSERT ON glossator.failures
    REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_failures();
CREATE TRIGGER failures_tally_deleted AFTER DELETE ON glossator.failures
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_failures();
CREATE TRIGGER failures_tally_truncated AFTER TRUNCATE ON glossator.failures
    FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_truncate();

CREATE FUNCTION glossator.roll_up_tallies(minimum_rows integer DEFAULT 100) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    merged bigint;
BEGIN
    -- What was completed within the last two minutes stays as it is: documents/s is read from it.
    WITH old AS MATERIALIZED (
        SELECT t.ctid FROM glossator.tallies t
        WHERE (t.completed = 0 OR t.at < now() - interval '2 minutes')
            -- A group that is one row already has nothing to be added up.
            AND (t.collection, coalesce(t.batch_id, -1)) IN (
                SELECT s.collection, coalesce(s.batch_id, -1) FROM glossator.tallies s
                WHERE s.completed = 0 OR s.at < now() - interval '2 minutes'
                GROUP BY 1, 2 HAVING count(*) > 1)
        LIMIT 50000 FOR UPDATE OF t SKIP LOCKED
    ), gone AS (
        DELETE FROM glossator.tallies t USING old
        WHERE t.ctid = old.ctid AND (SELECT count(*) FROM old) >= minimum_rows
        RETURNING t.*
    ), kept AS (
        INSERT INTO glossator.tallies (collection, batch_id, at, documents, spooled, failed, completed, reused, tokens)
        SELECT g.collection, g.batch_id, coalesce(max(g.at) FILTER (WHERE g.completed <> 0), max(g.at)), sum(g.documents), sum(g.spooled), sum(g.failed), sum(g.completed),
            sum(g.reused), sum(g.tokens)
        FROM gone g GROUP BY 1, 2
        -- A group of which nothing is left leaves no row.
        HAVING sum(g.documents) <> 0 OR sum(g.spooled) <> 0 OR sum(g.failed) <> 0 OR sum(g.completed) <> 0
    )
    SELECT count(*) INTO merged FROM gone;
    RETURN merged;
END
$$;
COMMENT ON FUNCTION glossator.roll_up_tallies(integer) IS
    'Replaces old rows of glossator.tallies by their sums, unless there are fewer than minimum_rows; daemons do it every few seconds. Several may run at once.';

CREATE FUNCTION glossator.recount() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Changes wait meanwhile; nobody may count while rows come and go.
    LOCK TABLE glossator.documents, glossator.spool, glossator.failures, glossator.tallies IN SHARE ROW EXCLUSIVE MODE;
    CREATE TEMPORARY TABLE recounted ON COMMIT DROP AS
        SELECT collection, batch_id, sum(completed) AS completed, sum(reused) AS reused, sum(tokens) AS tokens
        FROM glossator.tallies GROUP BY 1, 2;
    DELETE FROM glossator.tallies;
    INSERT INTO glossator.tallies (collection, batch_id, documents)
    SELECT d.collection, b.id, count(*) FROM glossator.documents d LEFT JOIN glossator.batches b ON b.id = d.batch_id GROUP BY 1, 2;
    INSERT INTO glossator.tallies (collection, batch_id, spooled)
    SELECT collection, batch_id, count(*) FROM glossator.spool GROUP BY 1, 2;
    INSERT INTO glossator.tallies (collection, batch_id, failed)
    SELECT collection, batch_id, count(*) FROM glossator.failures GROUP BY 1, 2;
    INSERT INTO glossator.tallies (at, collection, batch_id, completed, reused, tokens)
    SELECT now() - interval '1 hour', collection, batch_id, completed, reused, tokens FROM recounted WHERE completed > 0;
    DROP TABLE recounted;
END
$$;
COMMENT ON FUNCTION glossator.recount() IS
    'Counts documents, spool and failures anew, for the case that somebody changed glossator.tallies by hand. Holds up writers meanwhile.';

CREATE VIEW glossator.progress AS
SELECT c.name AS collection, coalesce(t.documents, 0) AS total, coalesce(t.spooled, 0) - coalesce(r.running, 0) AS queued,
    coalesce(r.running, 0) AS running, coalesce(t.documents - t.spooled - t.failed, 0) AS done, coalesce(t.failed, 0) AS failed,
    coalesce(t.reused, 0) AS reused, coalesce(t.rate, 0) AS documents_per_second,
    CASE WHEN coalesce(t.spooled, 0) = 0 THEN interval '0' WHEN t.rate > 0 THEN make_interval(secs => ceil(t.spooled / t.rate)) END AS eta,
    now() - next.enqueued AS oldest
FROM glossator.collections c
LEFT JOIN (
    SELECT s.collection, sum(s.documents)::bigint AS documents, sum(s.spooled)::bigint AS spooled, sum(s.failed)::bigint AS failed,
        sum(s.reused)::bigint AS reused,
        (sum(s.completed) FILTER (WHERE s.at > now() - interval '1 minute') / greatest(1, least(60, extract(epoch FROM
            now() - min(s.at) FILTER (WHERE s.completed > 0 AND s.at > now() - interval '1 minute')))))::double precision AS rate
    FROM glossator.tallies s GROUP BY s.collection
) t ON t.collection = c.name
LEFT JOIN (
    SELECT s.collection, count(*) AS running FROM glossator.spool s WHERE s.lease IS NOT NULL GROUP BY s.collection
) r ON r.collection = c.name
LEFT JOIN LATERAL (
    SELECT s.due + s.priority * interval '10 minutes' AS enqueued FROM glossator.spool s
    WHERE s.collection = c.name AND s.lease IS NULL ORDER BY s.due, s.document_id LIMIT 1
) next ON true;

COMMENT ON VIEW glossator.progress IS 'How far each collection is. Every document is in exactly one of queued, running, done and failed. Cheap: nothing is counted.';
COMMENT ON COLUMN glossator.progress.collection IS 'The collection.';
COMMENT ON COLUMN glossator.progress.total IS 'Its documents.';
COMMENT ON COLUMN glossator.progress.queued IS 'Waiting in the spool.';
COMMENT ON COLUMN glossator.progress.running IS 'Held by a daemon now.';
COMMENT ON COLUMN glossator.progress.done IS 'Annotated, with nothing left to do.';
COMMENT ON COLUMN glossator.progress.failed IS 'Given up; glossator.failures says why.';
COMMENT ON COLUMN glossator.progress.reused IS 'How often the results of the same text were used instead of computing them again.';
COMMENT ON COLUMN glossator.progress.documents_per_second IS 'Within the last minute, all daemons together.';
COMMENT ON COLUMN glossator.progress.eta IS 'When the last document is done at this rate; null while nothing is being done.';
COMMENT ON COLUMN glossator.progress.oldest IS 'For how long the document that is next has been waiting; null when none waits.';

CREATE VIEW glossator.batch_progress AS
SELECT b.name AS batch, coalesce(t.documents, 0) AS total, coalesce(t.spooled, 0) - coalesce(r.running, 0) AS queued,
    coalesce(r.running, 0) AS running, coalesce(t.documents - t.spooled - t.failed, 0) AS done, coalesce(t.failed, 0) AS failed,
    coalesce(t.reused, 0) AS reused, coalesce(t.rate, 0) AS documents_per_second,
    CASE WHEN coalesce(t.spooled, 0) = 0 THEN interval '0' WHEN t.rate > 0 THEN make_interval(secs => ceil(t.spooled / t.rate)) END AS eta,
    b.opened_at, b.closed_at, b.finished_at
FROM glossator.batches b
LEFT JOIN (
    SELECT s.batch_id, sum(s.documents)::bigint AS documents, sum(s.spooled)::bigint AS spooled, sum(s.failed)::bigint AS failed,
        sum(s.reused)::bigint AS reused,
        (sum(s.completed) FILTER (WHERE s.at > now() - interval '1 minute') / greatest(1, least(60, extract(epoch FROM
            now() - min(s.at) FILTER (WHERE s.completed > 0 AND s.at > now() - interval '1 minute')))))::double precision AS rate
    FROM glossator.tallies s WHERE s.batch_id IS NOT NULL GROUP BY s.batch_id
) t ON t.batch_id = b.id
LEFT JOIN (
    SELECT s.batch_id, count(*) AS running FROM glossator.spool s WHERE s.lease IS NOT NULL AND s.batch_id IS NOT NULL GROUP BY s.batch_id
) r ON r.batch_id = b.id;

COMMENT ON VIEW glossator.batch_progress IS 'How far each batch is; columns as in glossator.progress.';
COMMENT ON COLUMN glossator.batch_progress.batch IS 'The batch''s name.';
COMMENT ON COLUMN glossator.batch_progress.total IS 'Its documents.';
COMMENT ON COLUMN glossator.batch_progress.queued IS 'Waiting in the spool.';
COMMENT ON COLUMN glossator.batch_progress.running IS 'Held by a daemon now.';
COMMENT ON COLUMN glossator.batch_progress.done IS 'Annotated, with nothing left to do.';
COMMENT ON COLUMN glossator.batch_progress.failed IS 'Given up.';
COMMENT ON COLUMN glossator.batch_progress.reused IS 'How often the results of the same text were used instead of computing them again.';
COMMENT ON COLUMN glossator.batch_progress.documents_per_second IS 'Within the last minute, all daemons together.';
COMMENT ON COLUMN glossator.batch_progress.eta IS 'When the last document is done at this rate; null while nothing is being done.';
COMMENT ON COLUMN glossator.batch_progress.opened_at IS 'When it was first named.';
COMMENT ON COLUMN glossator.batch_progress.closed_at IS 'Since when no more documents are expected.';
COMMENT ON COLUMN glossator.batch_progress.finished_at IS 'When its last document was annotated or given up.';

CREATE FUNCTION glossator.open_batch(batch text, priority integer DEFAULT NULL) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF priority IS NOT NULL THEN
        PERFORM glossator.require_priority(priority);
    END IF;
    IF coalesce(batch, '') = '' OR octet_length(batch) > 200 THEN
        RAISE EXCEPTION 'a batch''s name has 1 to 200 bytes'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT glossator.open_batch(''mails of May'')';
    END IF;
    INSERT INTO glossator.batches AS b (name, priority) VALUES (open_batch.batch, open_batch.priority)
    ON CONFLICT (name) DO UPDATE
        SET closed_at = NULL, finished_at = NULL, priority = coalesce(excluded.priority, b.priority);
END
$$;
COMMENT ON FUNCTION glossator.open_batch(text, integer) IS
    'Says that documents of this batch will come in several statements: it is not finished before close_batch(). Documents that come with it have this priority, or their collection''s.';

CREATE FUNCTION glossator.close_batch(batch text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE glossator.batches b SET closed_at = now() WHERE b.name = close_batch.batch AND b.closed_at IS NULL;
    IF NOT FOUND AND NOT EXISTS (SELECT FROM glossator.batches b WHERE b.name = close_batch.batch) THEN
        RAISE EXCEPTION 'there is no batch "%"', batch
            USING ERRCODE = 'no_data_found', HINT = 'SELECT batch FROM glossator.batch_progress lists them.';
    END IF;
    PERFORM glossator.finish_batches();
END
$$;
COMMENT ON FUNCTION glossator.close_batch(text) IS 'Says that all documents of the batch are there.';

CREATE FUNCTION glossator.finish_batches() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    candidate record;
    finished bigint := 0;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        -- Every look below has to see what was committed before it.
        RETURN 0;
    END IF;
    FOR candidate IN
        SELECT b.id, b.name FROM glossator.batches b
        WHERE b.finished_at IS NULL AND b.closed_at IS NOT NULL
            AND (SELECT coalesce(sum(t.spooled), 0) FROM glossator.tallies t WHERE t.batch_id = b.id) = 0
        ORDER BY b.id
    LOOP
        -- Whoever adds documents shares this lock until the commit; what was committed before it was got is seen below.
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(glossator.batch_lock(candidate.name));
        UPDATE glossator.batches b SET finished_at = now()
        WHERE b.id = candidate.id AND b.finished_at IS NULL AND b.closed_at IS NOT NULL
            AND (SELECT coalesce(sum(t.spooled), 0) FROM glossator.tallies t WHERE t.batch_id = b.id) = 0;
        IF FOUND THEN
            PERFORM pg_notify('glossator_batches', candidate.name);
            finished := finished + 1;
        END IF;
    END LOOP;
    RETURN finished;
END
$$;
COMMENT ON FUNCTION glossator.finish_batches() IS
    'Marks closed batches of which no document waits any more as finished, notifies glossator_batches with each name, once, and returns how many. Daemons call it.';

CREATE FUNCTION glossator.forget_batches(age interval DEFAULT '30 days') RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    candidate record;
    forgotten bigint := 0;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RETURN 0;
    END IF;
    FOR candidate IN
        SELECT b.id, b.name FROM glossator.batches b WHERE b.finished_at < now() - age ORDER BY b.id LIMIT 1000
    LOOP
        CONTINUE WHEN NOT pg_try_advisory_xact_lock(glossator.batch_lock(candidate.name));
        DELETE FROM glossator.batches b
        WHERE b.id = candidate.id AND b.finished_at < now() - age
            AND (SELECT coalesce(sum(t.spooled), 0) FROM glossator.tallies t WHERE t.batch_id = b.id) = 0;
        CONTINUE WHEN NOT FOUND;
        UPDATE glossator.failures f SET batch_id = NULL WHERE f.batch_id = candidate.id;
        UPDATE glossator.tallies t SET batch_id = NULL WHERE t.batch_id = candidate.id;
        forgotten := forgotten + 1;
    END LOOP;
    RETURN forgotten;
END
$$;
COMMENT ON FUNCTION glossator.forget_batches(interval) IS
    'Removes the rows of batches that finished longer ago; their documents, results and counts stay. Daemons do it (housekeeping.batch-days).';
