-- What people ask and tell the daemons in SQL. Locks nothing that existed before.

CREATE VIEW glossator.model_in_force AS
SELECT c.name AS collection, m.id AS model_id, m.name AS model_name, c.model_id IS NULL AS is_default,
    m.space_id, s.backbone_sha256, c.segmentation, c.paused
FROM glossator.collections c
LEFT JOIN glossator.models m ON m.id = coalesce(c.model_id, (SELECT id FROM glossator.models WHERE is_default))
LEFT JOIN glossator.embedding_spaces s ON s.id = m.space_id;

COMMENT ON VIEW glossator.model_in_force IS 'What annotates each collection now.';
COMMENT ON COLUMN glossator.model_in_force.collection IS 'The collection.';
COMMENT ON COLUMN glossator.model_in_force.model_id IS 'Its model; null when neither it nor a default is set, and then its documents wait.';
COMMENT ON COLUMN glossator.model_in_force.model_name IS 'The model''s name.';
COMMENT ON COLUMN glossator.model_in_force.is_default IS 'Whether it uses the default model.';
COMMENT ON COLUMN glossator.model_in_force.space_id IS 'The embeddings that the model makes.';
COMMENT ON COLUMN glossator.model_in_force.backbone_sha256 IS 'The backbone that a daemon needs for it.';
COMMENT ON COLUMN glossator.model_in_force.segmentation IS 'document or sentence.';
COMMENT ON COLUMN glossator.model_in_force.paused IS 'Whether daemons leave it alone.';

CREATE FUNCTION glossator.require_collection(collection text) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM glossator.collections c WHERE c.name = require_collection.collection) THEN
        RAISE EXCEPTION 'there is no collection "%"', collection
            USING ERRCODE = 'no_data_found', HINT = 'SELECT name FROM glossator.collections lists them; inserting a document creates one.';
    END IF;
END
$$;
COMMENT ON FUNCTION glossator.require_collection(text) IS 'Raises a clear error for a collection that does not exist.';

CREATE FUNCTION glossator.require_priority(priority integer) RETURNS void LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
    IF priority IS NULL OR priority NOT BETWEEN -1000 AND 1000 THEN
        RAISE EXCEPTION 'a priority is a whole number from -1000 to 1000'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A step is worth ten minutes of waiting; 1000 is a week.';
    END IF;
END
$$;
COMMENT ON FUNCTION glossator.require_priority(integer) IS 'Raises a clear error for a priority out of range.';

CREATE FUNCTION glossator.pause(collection text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM glossator.require_collection(collection);
    UPDATE glossator.collections c SET paused = true WHERE c.name = pause.collection;
END
$$;
COMMENT ON FUNCTION glossator.pause(text) IS 'Daemons finish what they hold of this collection and claim no more of it.';

CREATE FUNCTION glossator.resume(collection text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM glossator.require_collection(collection);
    UPDATE glossator.collections c SET paused = false WHERE c.name = resume.collection;
    PERFORM glossator.wake_daemons();
END
$$;
COMMENT ON FUNCTION glossator.resume(text) IS 'Undoes pause().';

CREATE FUNCTION glossator.promote(collection text, model_id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    previous bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM glossator.models m WHERE m.id = promote.model_id) THEN
        RAISE EXCEPTION 'there is no model %', model_id
            USING ERRCODE = 'no_data_found', HINT = 'SELECT id, name FROM glossator.models lists them.';
    END IF;
    -- One promotion at a time, so that the history is a line.
    LOCK TABLE glossator.model_history IN SHARE ROW EXCLUSIVE MODE;
    IF collection IS NULL THEN
        SELECT m.id INTO previous FROM glossator.models m WHERE m.is_default;
        UPDATE glossator.models m SET is_default = false WHERE m.is_default AND m.id <> promote.model_id;
        UPDATE glossator.models m SET is_default = true WHERE m.id = promote.model_id AND NOT m.is_default;
    ELSE
        PERFORM glossator.require_collection(collection);
        SELECT c.model_id INTO previous FROM glossator.collections c WHERE c.name = promote.collection FOR UPDATE;
        UPDATE glossator.collections c SET model_id = promote.model_id WHERE c.name = promote.collection;
    END IF;
    IF previous IS DISTINCT FROM model_id THEN
        INSERT INTO glossator.model_history (collection, model_id, previous_model_id)
        VALUES (promote.collection, promote.model_id, previous);
    END IF;
    PERFORM glossator.wake_daemons();
    RETURN promote.model_id;
END
$$;
COMMENT ON FUNCTION glossator.promote(text, bigint) IS
    'Brings a model into force for a collection, or as the default when the collection is null. Documents claimed from now on are annotated by it; reannotate() does the old ones.';

CREATE FUNCTION glossator.promote(collection text, model text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    found_id bigint;
BEGIN
    SELECT m.id INTO found_id FROM glossator.models m WHERE m.name = promote.model;
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'there is no model "%"', model
            USING ERRCODE = 'no_data_found', HINT = 'SELECT id, name FROM glossator.models lists them.';
    END IF;
    RETURN glossator.promote(collection, found_id);
END
$$;
COMMENT ON FUNCTION glossator.promote(text, text) IS 'promote() by the model''s name.';

CREATE FUNCTION glossator.rollback(collection text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    latest glossator.model_history;
    restored bigint;
BEGIN
    LOCK TABLE glossator.model_history IN SHARE ROW EXCLUSIVE MODE;
    SELECT h.* INTO latest FROM glossator.model_history h
    WHERE h.collection IS NOT DISTINCT FROM rollback.collection AND h.rolled_back_at IS NULL
    ORDER BY h.id DESC LIMIT 1;
    IF NOT FOUND THEN
        RAISE EXCEPTION '% has no promotion to roll back', coalesce('collection "' || collection || '"', 'the default model')
            USING ERRCODE = 'no_data_found', HINT = 'SELECT * FROM glossator.model_history shows what was promoted.';
    END IF;
    restored := latest.previous_model_id;
    IF restored IS NULL AND (collection IS NULL OR NOT EXISTS (SELECT FROM glossator.models WHERE is_default)) THEN
        RAISE EXCEPTION 'before model % there was none in force', latest.model_id
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Promote another model, or pause the collection.';
    END IF;
    IF collection IS NULL THEN
        UPDATE glossator.models m SET is_default = false WHERE m.is_default;
        UPDATE glossator.models m SET is_default = true WHERE m.id = restored;
    ELSE
        UPDATE glossator.collections c SET model_id = restored WHERE c.name = rollback.collection;
    END IF;
    UPDATE glossator.model_history h SET rolled_back_at = now() WHERE h.id = latest.id;
    PERFORM glossator.wake_daemons();
    RETURN coalesce(restored, (SELECT id FROM glossator.models WHERE is_default));
END
$$;
COMMENT ON FUNCTION glossator.rollback(text) IS
    'Undoes the newest promotion of a collection that still stands (null: of the default) and returns the model that is in force again.';

CREATE FUNCTION glossator.set_priority(collection text, priority integer) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    PERFORM glossator.require_collection(collection);
    PERFORM glossator.require_priority(priority);
    UPDATE glossator.collections c SET priority = set_priority.priority WHERE c.name = set_priority.collection;
    -- Each keeps the time for which it has waited. What a daemon holds or another claims at this moment needs no place.
    UPDATE glossator.spool s
    SET priority = set_priority.priority, due = s.due + (s.priority - set_priority.priority) * interval '10 minutes'
    WHERE s.document_id IN (
        SELECT w.document_id FROM glossator.spool w
        WHERE w.collection = set_priority.collection AND w.lease IS NULL AND w.priority <> set_priority.priority
        FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION glossator.set_priority(text, integer) IS
    'The priority of a collection''s documents, those that wait included; returns how many of these moved. A step is ten minutes'' lead: 6 lets a document overtake all that came within the hour before it.';

CREATE FUNCTION glossator.reannotate(
    collection text DEFAULT NULL, document_ids bigint[] DEFAULT NULL, batch text DEFAULT NULL, outdated boolean DEFAULT false,
    priority integer DEFAULT 0
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    IF collection IS NULL AND document_ids IS NULL AND batch IS NULL THEN
        RAISE EXCEPTION 'reannotate() needs a collection, a batch or document ids'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT glossator.reannotate(collection => …) does all of one collection.';
    END IF;
    PERFORM glossator.require_priority(priority);
    IF collection IS NOT NULL THEN
        PERFORM glossator.require_collection(collection);
    END IF;
    -- Documents before spool rows, as everywhere, and none that somebody is deleting at this moment.
    WITH chosen AS MATERIALIZED (
        SELECT d.id, d.collection, d.batch_id, glossator.estimated_tokens(d.body) AS estimated_tokens
        FROM glossator.documents d
        WHERE (reannotate.collection IS NULL OR d.collection = reannotate.collection)
            AND (reannotate.document_ids IS NULL OR d.id = ANY (reannotate.document_ids))
            AND (reannotate.batch IS NULL OR d.batch = reannotate.batch)
            AND (NOT reannotate.outdated OR EXISTS (
                SELECT FROM glossator.annotations a JOIN glossator.model_in_force f ON f.collection = d.collection
                WHERE a.document_id = d.id AND (a.model_id <> f.model_id OR a.segmentation <> f.segmentation)))
        ORDER BY d.id
        FOR KEY SHARE OF d SKIP LOCKED
    ), forgiven AS (
        DELETE FROM glossator.failures f USING chosen c WHERE f.document_id = c.id
    )
    -- A document that a daemon holds now may have been claimed for another model: its lease is taken away, so that
    -- what the daemon brings is not written, and the document is claimed afresh.
    INSERT INTO glossator.spool AS s (document_id, collection, estimated_tokens, batch_id, priority, due, fresh_since)
    SELECT c.id, c.collection, c.estimated_tokens, b.id, reannotate.priority,
        glossator.place_in_queue(now(), reannotate.priority::smallint), now()
    FROM chosen c LEFT JOIN glossator.batches b ON b.id = c.batch_id
    ORDER BY c.id
    ON CONFLICT (document_id) DO UPDATE
        SET lease = NULL, daemon_id = NULL, deadline = NULL, attempts = 0, run_after = NULL, fresh_since = now(),
            priority = greatest(s.priority, excluded.priority), due = least(s.due, excluded.due);
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed > 0 THEN
        UPDATE glossator.batches b SET finished_at = NULL
        WHERE b.finished_at IS NOT NULL
            AND (SELECT coalesce(sum(t.spooled), 0) FROM glossator.tallies t WHERE t.batch_id = b.id) > 0;
        PERFORM glossator.wake_daemons();
    END IF;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION glossator.reannotate(text, bigint[], text, boolean, integer) IS
    'Puts documents back in the spool and returns how many: all that fit every filter given; outdated means annotated by another model than the one in force. Their results stay until new ones replace them. A negative priority lets new documents pass.';

CREATE FUNCTION glossator.retry_failed(
    collection text DEFAULT NULL, code text DEFAULT NULL, batch text DEFAULT NULL, document_ids bigint[] DEFAULT NULL
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    IF collection IS NULL AND code IS NULL AND batch IS NULL AND document_ids IS NULL THEN
        RAISE EXCEPTION 'retry_failed() needs a collection, a code, a batch or document ids'
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'SELECT code, count(*) FROM glossator.failures GROUP BY code shows what failed.';
    END IF;
    IF collection IS NOT NULL THEN
        PERFORM glossator.require_collection(collection);
    END IF;
    WITH chosen AS MATERIALIZED (
        SELECT d.id, d.collection, glossator.estimated_tokens(d.body) AS estimated_tokens
        FROM glossator.failures f JOIN glossator.documents d ON d.id = f.document_id
        WHERE (retry_failed.collection IS NULL OR d.collection = retry_failed.collection)
            AND (retry_failed.code IS NULL OR f.code = retry_failed.code)
            AND (retry_failed.batch IS NULL OR d.batch = retry_failed.batch)
            AND (retry_failed.document_ids IS NULL OR d.id = ANY (retry_failed.document_ids))
        ORDER BY d.id
        FOR KEY SHARE OF d SKIP LOCKED
    ), gone AS (
        DELETE FROM glossator.failures f USING chosen c WHERE f.document_id = c.id
        RETURNING c.id, c.collection, c.estimated_tokens, f.batch_id, f.failed_at
    )
    -- What has results already is here because somebody wanted new ones.
    INSERT INTO glossator.spool (document_id, collection, estimated_tokens, batch_id, fresh_since)
    SELECT g.id, g.collection, g.estimated_tokens, g.batch_id,
        CASE WHEN EXISTS (SELECT FROM glossator.annotations a WHERE a.document_id = g.id) THEN g.failed_at END
    FROM gone g
    ON CONFLICT (document_id) DO NOTHING;
    GET DIAGNOSTICS changed = ROW_COUNT;
    IF changed > 0 THEN
        UPDATE glossator.batches b SET finished_at = NULL
        WHERE b.finished_at IS NOT NULL
            AND (SELECT coalesce(sum(t.spooled), 0) FROM glossator.tallies t WHERE t.batch_id = b.id) > 0;
        PERFORM glossator.wake_daemons();
    END IF;
    RETURN changed;
END
$$;
COMMENT ON FUNCTION glossator.retry_failed(text, text, text, bigint[]) IS
    'Puts failed documents back in the spool with no attempts counted, and returns how many: all that fit every filter given. An empty filter is refused.';
