-- Labels are computed again from stored embeddings when a model with the same embeddings comes into force: what is to be done,
-- what waits for the moment at which all of it is shown, and what changed. Replaces functions; locks nothing.

CREATE TABLE glossator.relabels (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection text NOT NULL REFERENCES glossator.collections,
    model_id bigint NOT NULL REFERENCES glossator.models,
    requested_at timestamptz NOT NULL DEFAULT now(),
    worker text,
    seen_at timestamptz,
    lease_limit bigint,
    position text NOT NULL DEFAULT '',
    pages integer NOT NULL DEFAULT 0 CHECK (pages >= 0),
    documents bigint NOT NULL DEFAULT 0 CHECK (documents >= 0),
    of_documents bigint CHECK (of_documents >= 0),
    relabelled bigint NOT NULL DEFAULT 0 CHECK (relabelled >= 0),
    changed bigint NOT NULL DEFAULT 0 CHECK (changed >= 0),
    finished_at timestamptz,
    outcome text CHECK (outcome IN ('done', 'superseded', 'failed')),
    message text,
    CONSTRAINT finished_relabels_have_an_outcome CHECK ((finished_at IS NULL) = (outcome IS NULL)),
    CONSTRAINT worked_on_by_somebody CHECK ((worker IS NULL) = (seen_at IS NULL))
);
CREATE UNIQUE INDEX relabels_one_open ON glossator.relabels (collection) WHERE finished_at IS NULL;
CREATE INDEX relabels_model ON glossator.relabels (model_id);

COMMENT ON TABLE glossator.relabels IS
    'One row a time that a collection''s labels are computed again from stored embeddings, because another model with the same embeddings came into force. A daemon does it, or glossator relabel. Until it is done all show the old labels.';
COMMENT ON COLUMN glossator.relabels.id IS 'Order of requests.';
COMMENT ON COLUMN glossator.relabels.collection IS 'Whose labels.';
COMMENT ON COLUMN glossator.relabels.model_id IS 'By which model: the one that came into force.';
COMMENT ON COLUMN glossator.relabels.requested_at IS 'When it came into force, or relabel() was called.';
COMMENT ON COLUMN glossator.relabels.worker IS 'Process that computes them; another takes over when it has been silent for 30 s.';
COMMENT ON COLUMN glossator.relabels.seen_at IS 'Its last sign of life.';
COMMENT ON COLUMN glossator.relabels.lease_limit IS 'Claims up to this number may have been made for the model before: it is not done while one of them is out.';
COMMENT ON COLUMN glossator.relabels.position IS 'external_id of the last document that was looked at; empty at the beginning of a pass.';
COMMENT ON COLUMN glossator.relabels.pages IS 'Pages that wait in glossator.relabel_pages.';
COMMENT ON COLUMN glossator.relabels.documents IS 'Documents that have been looked at in the first pass.';
COMMENT ON COLUMN glossator.relabels.of_documents IS 'Of so many, counted at the beginning.';
COMMENT ON COLUMN glossator.relabels.relabelled IS 'Labels that were written.';
COMMENT ON COLUMN glossator.relabels.changed IS 'Of these, how many are another label than before; glossator.model_diff() shows them.';
COMMENT ON COLUMN glossator.relabels.finished_at IS 'When it ended.';
COMMENT ON COLUMN glossator.relabels.outcome IS 'done; superseded: another model came into force before; failed: message says why, and relabel() tries again. Null while it goes on.';
COMMENT ON COLUMN glossator.relabels.message IS 'Why it failed.';

CREATE TABLE glossator.relabel_pages (
    relabel_id bigint NOT NULL REFERENCES glossator.relabels ON DELETE CASCADE,
    page integer NOT NULL,
    task text NOT NULL,
    labels text[] NOT NULL,
    document_ids bigint[] NOT NULL,
    segments integer[] NOT NULL,
    choices integer[] NOT NULL,
    scores real[] NOT NULL,
    margins real[] NOT NULL,
    signatures bigint[] NOT NULL,
    PRIMARY KEY (relabel_id, page, task)
);

COMMENT ON TABLE glossator.relabel_pages IS
    'New labels that wait for the last of them, so that all are shown at once. A row a task and some thousand segments: a million documents are a few hundred rows.';
COMMENT ON COLUMN glossator.relabel_pages.relabel_id IS 'What they are for.';
COMMENT ON COLUMN glossator.relabel_pages.page IS 'Number of the page, from 0. A document''s segments are in one page.';
COMMENT ON COLUMN glossator.relabel_pages.task IS 'The classification task.';
COMMENT ON COLUMN glossator.relabel_pages.labels IS 'Its labels.';
COMMENT ON COLUMN glossator.relabel_pages.document_ids IS 'Of each segment, its document.';
COMMENT ON COLUMN glossator.relabel_pages.segments IS 'Of each segment, its number in the document.';
COMMENT ON COLUMN glossator.relabel_pages.choices IS 'Of each segment, which of the labels, from 1.';
COMMENT ON COLUMN glossator.relabel_pages.scores IS 'Of each segment, the probability of its label.';
COMMENT ON COLUMN glossator.relabel_pages.margins IS 'Of each segment, by how much that is more than the next label''s.';
COMMENT ON COLUMN glossator.relabel_pages.signatures IS 'Of each segment, where its document lies among the others: glossator.uncertainties has the same.';

CREATE TABLE glossator.label_changes (
    relabel_id bigint NOT NULL REFERENCES glossator.relabels ON DELETE CASCADE,
    document_id bigint NOT NULL,
    segment integer NOT NULL,
    task text NOT NULL,
    old_model_id bigint NOT NULL,
    old_label text NOT NULL,
    old_score real NOT NULL,
    new_label text NOT NULL,
    new_score real NOT NULL,
    PRIMARY KEY (relabel_id, document_id, segment, task)
);

COMMENT ON TABLE glossator.label_changes IS 'Labels that became others when a collection was relabelled: what glossator.model_diff() shows.';
COMMENT ON COLUMN glossator.label_changes.relabel_id IS 'When.';
COMMENT ON COLUMN glossator.label_changes.document_id IS 'The document; it may have been deleted since.';
COMMENT ON COLUMN glossator.label_changes.segment IS 'Number of the segment, from 0.';
COMMENT ON COLUMN glossator.label_changes.task IS 'The classification task.';
COMMENT ON COLUMN glossator.label_changes.old_model_id IS 'The model that gave the old label.';
COMMENT ON COLUMN glossator.label_changes.old_label IS 'The label before.';
COMMENT ON COLUMN glossator.label_changes.old_score IS 'Its probability.';
COMMENT ON COLUMN glossator.label_changes.new_label IS 'The label since.';
COMMENT ON COLUMN glossator.label_changes.new_score IS 'Its probability.';

-- Two predicates that say which of a document's results are still good.

CREATE FUNCTION glossator.trained_tasks(model_id bigint, kind text) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(t ->> 'name' ORDER BY t ->> 'name'), '{}')
    FROM glossator.models m CROSS JOIN LATERAL jsonb_array_elements(m.tasks) AS t
    WHERE m.id = $1 AND t ->> 'kind' = $2 AND (t -> 'trained')::boolean
$$;
COMMENT ON FUNCTION glossator.trained_tasks(bigint, text) IS
    'Names of a model''s tasks of one kind (classification, entities) that have learned something.';

CREATE FUNCTION glossator.is_labelled_by(document_id bigint, model_id bigint) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT NOT EXISTS (SELECT FROM glossator.labels l WHERE l.document_id = $1 AND l.model_id <> $2)
$$;
COMMENT ON FUNCTION glossator.is_labelled_by(bigint, bigint) IS
    'Whether no label of a document is another model''s: after a change of heads labels may be newer, or older, than the rest.';

-- What is to be done.

CREATE FUNCTION glossator.request_relabel(collection text, model_id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    request bigint;
BEGIN
    UPDATE glossator.relabels r SET finished_at = now(), outcome = 'superseded'
    WHERE r.collection = request_relabel.collection AND r.finished_at IS NULL;
    DELETE FROM glossator.relabel_pages p USING glossator.relabels r
    WHERE p.relabel_id = r.id AND r.collection = request_relabel.collection;
    IF cardinality(glossator.trained_tasks(model_id, 'classification')) > 0
        AND EXISTS (SELECT FROM glossator.documents d WHERE d.collection = request_relabel.collection)
    THEN
        INSERT INTO glossator.relabels (collection, model_id)
        VALUES (request_relabel.collection, request_relabel.model_id) RETURNING id INTO request;
        PERFORM glossator.wake_daemons();
    END IF;
    RETURN request;
END
$$;
COMMENT ON FUNCTION glossator.request_relabel(text, bigint) IS
    'Asks for a collection''s labels by a model, in the place of whatever was asked for before. Null, and nothing is asked for, where the model has no labels to give or the collection no documents.';

CREATE FUNCTION glossator.relabel_after(collection text, old_model bigint, new_model bigint) RETURNS void
    LANGUAGE plpgsql AS $$
DECLARE
    changed record;
    spaces bigint;
BEGIN
    SELECT count(DISTINCT m.space_id) INTO spaces FROM glossator.models m WHERE m.id IN (old_model, new_model);
    FOR changed IN
        SELECT c.name FROM glossator.collections c
        WHERE CASE WHEN relabel_after.collection IS NULL THEN c.model_id IS NULL ELSE c.name = relabel_after.collection END
        ORDER BY c.name
    LOOP
        IF old_model IS DISTINCT FROM new_model AND old_model IS NOT NULL AND spaces = 1 THEN
            PERFORM glossator.request_relabel(changed.name, new_model);
        ELSIF old_model IS DISTINCT FROM new_model THEN
            -- The encoder is another: what was under way is in the wrong space.
            UPDATE glossator.relabels r SET finished_at = now(), outcome = 'superseded'
            WHERE r.collection = changed.name AND r.finished_at IS NULL;
            DELETE FROM glossator.relabel_pages p USING glossator.relabels r
            WHERE p.relabel_id = r.id AND r.collection = changed.name;
        END IF;
    END LOOP;
END
$$;
COMMENT ON FUNCTION glossator.relabel_after(text, bigint, bigint) IS
    'What a change of the model in force means for labels: where both models have the same embeddings, they are computed again. A null collection: all that use the default model.';

CREATE FUNCTION glossator.relabel(collection text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    model bigint;
    open_id bigint;
BEGIN
    PERFORM glossator.require_collection(collection);
    SELECT f.model_id INTO model FROM glossator.model_in_force f WHERE f.collection = relabel.collection;
    IF model IS NULL OR cardinality(glossator.trained_tasks(model, 'classification')) = 0 THEN
        RAISE EXCEPTION 'the model in force in collection "%" has no labels to give', collection
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Train one with gold labels: glossator train --collection …; or SELECT glossator.promote(collection, model).';
    END IF;
    SELECT r.id INTO open_id FROM glossator.relabels r
    WHERE r.collection = relabel.collection AND r.model_id = model AND r.finished_at IS NULL;
    RETURN coalesce(open_id, glossator.request_relabel(collection, model));
END
$$;
COMMENT ON FUNCTION glossator.relabel(text) IS
    'Asks for the labels of all documents of a collection whose stored embeddings are those of the model in force, by that model, without reading a text again; returns the row of glossator.relabels. promote() and rollback() ask by themselves. Null for a collection without documents.';

CREATE OR REPLACE FUNCTION glossator.promote(collection text, model_id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    previous bigint;
    old_model bigint;
BEGIN
    IF NOT EXISTS (SELECT FROM glossator.models m WHERE m.id = promote.model_id) THEN
        RAISE EXCEPTION 'there is no model %', model_id
            USING ERRCODE = 'no_data_found', HINT = 'SELECT id, name FROM glossator.models lists them.';
    END IF;
    -- One promotion at a time, so that the history is a line.
    LOCK TABLE glossator.model_history IN SHARE ROW EXCLUSIVE MODE;
    SELECT m.id INTO old_model FROM glossator.models m WHERE m.is_default;
    IF collection IS NULL THEN
        previous := old_model;
        UPDATE glossator.models m SET is_default = false WHERE m.is_default AND m.id <> promote.model_id;
        UPDATE glossator.models m SET is_default = true WHERE m.id = promote.model_id AND NOT m.is_default;
    ELSE
        PERFORM glossator.require_collection(collection);
        SELECT c.model_id INTO previous FROM glossator.collections c WHERE c.name = promote.collection FOR UPDATE;
        old_model := coalesce(previous, old_model);
        UPDATE glossator.collections c SET model_id = promote.model_id WHERE c.name = promote.collection;
    END IF;
    IF previous IS DISTINCT FROM model_id THEN
        INSERT INTO glossator.model_history (collection, model_id, previous_model_id)
        VALUES (promote.collection, promote.model_id, previous);
    END IF;
    PERFORM glossator.relabel_after(collection, old_model, model_id);
    PERFORM glossator.wake_daemons();
    RETURN promote.model_id;
END
$$;
COMMENT ON FUNCTION glossator.promote(text, bigint) IS
    'Brings a model into force for a collection, or as the default when the collection is null. Documents claimed from now on are annotated by it. Where its embeddings are those of the model before, labels of all documents are computed again from them (glossator.relabels); entities, and everything where the encoder is another, stay until reannotate().';

CREATE OR REPLACE FUNCTION glossator.rollback(collection text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    latest glossator.model_history;
    restored bigint;
    in_force bigint;
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
    in_force := coalesce(restored, (SELECT id FROM glossator.models WHERE is_default));
    PERFORM glossator.relabel_after(collection, latest.model_id, in_force);
    PERFORM glossator.wake_daemons();
    RETURN in_force;
END
$$;
COMMENT ON FUNCTION glossator.rollback(text) IS
    'Undoes the newest promotion of a collection that still stands (null: of the default) and returns the model that is in force again. Labels follow as after promote().';

-- What is outdated: a document whose labels were computed anew has the model in force's say, as far as that model has one.
CREATE OR REPLACE FUNCTION glossator.reannotate(
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
                SELECT FROM glossator.annotations a
                JOIN glossator.model_in_force f ON f.collection = d.collection
                JOIN glossator.models made ON made.id = a.model_id
                WHERE a.document_id = d.id
                    AND (a.segmentation <> f.segmentation
                        OR a.model_id <> f.model_id AND (
                            made.space_id <> f.space_id
                            OR cardinality(glossator.trained_tasks(f.model_id, 'entities')) > 0
                            OR NOT EXISTS (
                                SELECT FROM glossator.labels l WHERE l.document_id = d.id AND l.model_id = f.model_id))
                        OR NOT glossator.is_labelled_by(d.id, f.model_id))))
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
    'Puts documents back in the spool and returns how many: all that fit every filter given; outdated means that something of their results is another model''s than the one in force''s. Their results stay until new ones replace them. A negative priority lets new documents pass.';

-- What changed.

CREATE FUNCTION glossator.model_diff(old_model bigint, new_model bigint, collection text DEFAULT NULL)
RETURNS TABLE (
    document_id bigint, external_id text, segment integer, task text, old_label text, old_score real, new_label text,
    new_score real, is_shown boolean
) LANGUAGE plpgsql STABLE AS $$
#variable_conflict use_column
DECLARE
    missing bigint;
BEGIN
    SELECT g.id INTO missing FROM unnest(ARRAY[$1, $2]) AS g (id)
    WHERE NOT EXISTS (SELECT FROM glossator.models m WHERE m.id = g.id) LIMIT 1;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'there is no model %', missing
            USING ERRCODE = 'no_data_found', HINT = 'SELECT id, name FROM glossator.models lists them.';
    END IF;
    IF $3 IS NOT NULL THEN
        PERFORM glossator.require_collection($3);
    END IF;
    IF NOT EXISTS (
        SELECT FROM glossator.relabels r WHERE r.model_id = $2 AND ($3 IS NULL OR r.collection = $3))
    THEN
        RAISE EXCEPTION 'nothing has been relabelled by model %', $2
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Changes are recorded when a model comes into force. glossator model diff OLD NEW --collection … compares two models before that.';
    END IF;
    RETURN QUERY
    SELECT c.document_id, d.external_id, c.segment, c.task, c.old_label, c.old_score, c.new_label, c.new_score, true
    FROM glossator.relabels r
    JOIN glossator.label_changes c ON c.relabel_id = r.id AND c.old_model_id = $1
    LEFT JOIN glossator.documents d ON d.id = c.document_id
    WHERE r.model_id = $2 AND ($3 IS NULL OR r.collection = $3)
    UNION ALL
    SELECT l.document_id, d.external_id, l.segment, l.task, l.label, l.score, p.labels[u.choice], u.score, false
    FROM glossator.relabels r
    JOIN glossator.relabel_pages p ON p.relabel_id = r.id
    CROSS JOIN LATERAL unnest(p.document_ids, p.segments, p.choices, p.scores) AS u (document_id, segment, choice, score)
    JOIN glossator.labels l ON l.document_id = u.document_id AND l.segment = u.segment AND l.task = p.task
        AND l.model_id = $1 AND l.label <> p.labels[u.choice]
    JOIN glossator.documents d ON d.id = l.document_id
    WHERE r.model_id = $2 AND ($3 IS NULL OR r.collection = $3);
END
$$;
COMMENT ON FUNCTION glossator.model_diff(bigint, bigint, text) IS
    'Which labels became others when a new model took over from an old one: recorded when collections are relabelled. is_shown is false for those that are computed and wait for the rest.';

CREATE FUNCTION glossator.model_diff(old_model text, new_model text, collection text DEFAULT NULL)
RETURNS TABLE (
    document_id bigint, external_id text, segment integer, task text, old_label text, old_score real, new_label text,
    new_score real, is_shown boolean
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    old_id bigint;
    new_id bigint;
BEGIN
    SELECT m.id INTO old_id FROM glossator.models m WHERE m.name = $1;
    SELECT m.id INTO new_id FROM glossator.models m WHERE m.name = $2;
    IF old_id IS NULL OR new_id IS NULL THEN
        RAISE EXCEPTION 'there is no model "%"', CASE WHEN old_id IS NULL THEN $1 ELSE $2 END
            USING ERRCODE = 'no_data_found', HINT = 'SELECT id, name FROM glossator.models lists them.';
    END IF;
    RETURN QUERY SELECT d.* FROM glossator.model_diff(old_id, new_id, $3) AS d;
END
$$;
COMMENT ON FUNCTION glossator.model_diff(text, text, text) IS 'model_diff() by the models'' names.';
