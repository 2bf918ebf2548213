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

CREATE VIEW glossator.progress AS
SELECT c.name AS collection, coalesce(d.n, 0) AS total, coalesce(s.queued, 0) AS queued, coalesce(s.running, 0) AS running,
    coalesce(d.n, 0) - coalesce(s.queued, 0) - coalesce(s.running, 0) - coalesce(f.n, 0) AS done, coalesce(f.n, 0) AS failed
FROM glossator.collections c
LEFT JOIN (SELECT collection, count(*) AS n FROM glossator.documents GROUP BY collection) d ON d.collection = c.name
LEFT JOIN (
    SELECT collection, count(*) FILTER (WHERE lease IS NULL) AS queued, count(*) FILTER (WHERE lease IS NOT NULL) AS running
    FROM glossator.spool GROUP BY collection
) s ON s.collection = c.name
LEFT JOIN (
    SELECT d.collection, count(*) AS n
    FROM glossator.failures f JOIN glossator.documents d ON d.id = f.document_id
    WHERE NOT EXISTS (SELECT FROM glossator.spool s WHERE s.document_id = f.document_id)
    GROUP BY d.collection
) f ON f.collection = c.name;

COMMENT ON VIEW glossator.progress IS 'How far each collection is. Every document is in exactly one of queued, running, done and failed.';
COMMENT ON COLUMN glossator.progress.collection IS 'The collection.';
COMMENT ON COLUMN glossator.progress.total IS 'Its documents.';
COMMENT ON COLUMN glossator.progress.queued IS 'Waiting in the spool.';
COMMENT ON COLUMN glossator.progress.running IS 'Held by a daemon now.';
COMMENT ON COLUMN glossator.progress.done IS 'Annotated, with nothing left to do.';
COMMENT ON COLUMN glossator.progress.failed IS 'Given up; glossator.failures says why.';

CREATE FUNCTION glossator.require_collection(collection text) RETURNS void LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM glossator.collections c WHERE c.name = require_collection.collection) THEN
        RAISE EXCEPTION 'there is no collection "%"', collection
            USING ERRCODE = 'no_data_found', HINT = 'SELECT name FROM glossator.collections lists them; inserting a document creates one.';
    END IF;
END
$$;
COMMENT ON FUNCTION glossator.require_collection(text) IS 'Raises a clear error for a collection that does not exist.';

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
    PERFORM pg_notify('glossator_spool', '');
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
    PERFORM pg_notify('glossator_spool', '');
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
    PERFORM pg_notify('glossator_spool', '');
    RETURN coalesce(restored, (SELECT id FROM glossator.models WHERE is_default));
END
$$;
COMMENT ON FUNCTION glossator.rollback(text) IS
    'Undoes the newest promotion of a collection that still stands (null: of the default) and returns the model that is in force again.';

CREATE FUNCTION glossator.reannotate(collection text DEFAULT NULL, document_ids bigint[] DEFAULT NULL, priority smallint DEFAULT 0)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    IF collection IS NULL AND document_ids IS NULL THEN
        RAISE EXCEPTION 'reannotate() needs a collection or document ids'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT glossator.reannotate(collection => …) does all of one collection.';
    END IF;
    IF collection IS NOT NULL THEN
        PERFORM glossator.require_collection(collection);
    END IF;
    -- A document that a daemon holds now may have been claimed for another model: its lease is taken away, so that
    -- what the daemon brings is not written, and the document is claimed afresh.
    INSERT INTO glossator.spool AS s (document_id, collection, estimated_tokens, priority)
    SELECT d.id, d.collection, glossator.estimated_tokens(d.body), reannotate.priority
    FROM glossator.documents d
    WHERE (reannotate.collection IS NULL OR d.collection = reannotate.collection)
        AND (reannotate.document_ids IS NULL OR d.id = ANY (reannotate.document_ids))
    ORDER BY d.id
    ON CONFLICT (document_id) DO UPDATE
        SET lease = NULL, daemon_id = NULL, deadline = NULL, attempts = 0, run_after = now(),
            priority = greatest(s.priority, excluded.priority);
    GET DIAGNOSTICS changed = ROW_COUNT;
    PERFORM pg_notify('glossator_spool', '');
    RETURN changed;
END
$$;
COMMENT ON FUNCTION glossator.reannotate(text, bigint[], smallint) IS
    'Puts documents back in the spool and returns how many. Their results stay until new ones replace them.';

CREATE FUNCTION glossator.retry_failed(collection text DEFAULT NULL, code text DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    changed bigint;
BEGIN
    IF collection IS NULL AND code IS NULL THEN
        RAISE EXCEPTION 'retry_failed() needs a collection or a code'
            USING ERRCODE = 'invalid_parameter_value',
                HINT = 'SELECT code, count(*) FROM glossator.failures GROUP BY code shows what failed.';
    END IF;
    IF collection IS NOT NULL THEN
        PERFORM glossator.require_collection(collection);
    END IF;
    WITH chosen AS (
        DELETE FROM glossator.failures f USING glossator.documents d
        WHERE d.id = f.document_id
            AND (retry_failed.collection IS NULL OR d.collection = retry_failed.collection)
            AND (retry_failed.code IS NULL OR f.code = retry_failed.code)
        RETURNING d.id, d.collection, glossator.estimated_tokens(d.body) AS estimated_tokens
    )
    INSERT INTO glossator.spool (document_id, collection, estimated_tokens)
    SELECT c.id, c.collection, c.estimated_tokens FROM chosen c
    ON CONFLICT (document_id) DO NOTHING;
    GET DIAGNOSTICS changed = ROW_COUNT;
    PERFORM pg_notify('glossator_spool', '');
    RETURN changed;
END
$$;
COMMENT ON FUNCTION glossator.retry_failed(text, text) IS
    'Puts failed documents back in the spool with no attempts counted, and returns how many. An empty filter is refused.';
