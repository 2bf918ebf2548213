-- Documents and the spool: what waits for annotation. Locks nothing that existed before.
-- The states of a spool row are drawn in docs/queue.md; the CHECKs below refuse every other.

CREATE TABLE glossator.collections (
    name text PRIMARY KEY CHECK (name <> '' AND octet_length(name) <= 200),
    model_id bigint REFERENCES glossator.models,
    segmentation text NOT NULL DEFAULT 'document' CHECK (segmentation IN ('document', 'sentence')),
    paused boolean NOT NULL DEFAULT false,
    priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -1000 AND 1000),
    created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE glossator.collections IS
    'Documents that share a pipeline. Created by itself when a document names a new one.';
COMMENT ON COLUMN glossator.collections.name IS 'What documents name.';
COMMENT ON COLUMN glossator.collections.model_id IS 'The promoted model; null means the default model (glossator.models.is_default).';
COMMENT ON COLUMN glossator.collections.segmentation IS 'What is classified and embedded: the whole document or each of its sentences.';
COMMENT ON COLUMN glossator.collections.paused IS 'No daemon claims from a paused collection.';
COMMENT ON COLUMN glossator.collections.priority IS 'Of documents that arrive from now on; set_priority() moves those that wait as well. One step is ten minutes'' lead.';
COMMENT ON COLUMN glossator.collections.created_at IS 'When it was first named.';

CREATE TABLE glossator.model_history (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection text REFERENCES glossator.collections,
    model_id bigint NOT NULL REFERENCES glossator.models,
    previous_model_id bigint REFERENCES glossator.models,
    promoted_by text NOT NULL DEFAULT current_user,
    promoted_at timestamptz NOT NULL DEFAULT now(),
    rolled_back_at timestamptz
);
CREATE INDEX model_history_in_force ON glossator.model_history (collection, id DESC) WHERE rolled_back_at IS NULL;

COMMENT ON TABLE glossator.model_history IS 'Every promotion; what rollback() goes back along.';
COMMENT ON COLUMN glossator.model_history.id IS 'Order of promotions.';
COMMENT ON COLUMN glossator.model_history.collection IS 'Where it was promoted; null is the default model.';
COMMENT ON COLUMN glossator.model_history.model_id IS 'The model that came into force.';
COMMENT ON COLUMN glossator.model_history.previous_model_id IS 'What was set before; null when nothing was (a collection then used the default).';
COMMENT ON COLUMN glossator.model_history.promoted_by IS 'Role that promoted it.';
COMMENT ON COLUMN glossator.model_history.promoted_at IS 'When.';
COMMENT ON COLUMN glossator.model_history.rolled_back_at IS 'When this promotion was undone; null while it stands.';

CREATE TABLE glossator.batches (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> '' AND octet_length(name) <= 200),
    priority smallint CHECK (priority BETWEEN -1000 AND 1000),
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    finished_at timestamptz,
    CONSTRAINT only_closed_batches_finish CHECK (finished_at IS NULL OR closed_at IS NOT NULL)
);
CREATE INDEX batches_unfinished ON glossator.batches (id) WHERE finished_at IS NULL;

COMMENT ON TABLE glossator.batches IS
    'What one import, or one INSERT that names it in documents.batch, brings. When none of its documents waits any more, its name is notified on the channel glossator_batches, once.';
COMMENT ON COLUMN glossator.batches.id IS 'Short for the name, in spool, failures and tallies.';
COMMENT ON COLUMN glossator.batches.name IS 'What documents name.';
COMMENT ON COLUMN glossator.batches.priority IS 'Of its documents; null means the collection''s.';
COMMENT ON COLUMN glossator.batches.opened_at IS 'When it was first named.';
COMMENT ON COLUMN glossator.batches.closed_at IS 'Since when no more documents are expected: null between open_batch() and close_batch(). A batch that an INSERT names without opening it is complete at the commit.';
COMMENT ON COLUMN glossator.batches.finished_at IS 'When the last of its documents was annotated or given up; null before. More documents reopen it.';

-- convert_to() is only STABLE because conversions can be redefined; the one from UTF8 to UTF8 is the identity.
CREATE FUNCTION glossator.body_sha256(body text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN sha256(convert_to(body, 'UTF8'));
COMMENT ON FUNCTION glossator.body_sha256(text) IS 'sha256 of a text''s UTF-8.';

CREATE TABLE glossator.documents (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection text NOT NULL DEFAULT 'default' REFERENCES glossator.collections,
    external_id text NOT NULL DEFAULT gen_random_uuid()::text
        CHECK (external_id <> '' AND octet_length(external_id) <= 1024),
    body text NOT NULL,
    body_sha256 bytea NOT NULL GENERATED ALWAYS AS (glossator.body_sha256(body)) STORED,
    metadata jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    batch_id integer,
    batch text CHECK (batch <> '' AND octet_length(batch) <= 200),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (collection, external_id)
);

CREATE FUNCTION glossator.text_key(collection text, body_sha256 bytea) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN hashtextextended(collection || encode(body_sha256, 'hex'), 0);
COMMENT ON FUNCTION glossator.text_key(text, bytea) IS
    'Eight bytes that are the same for the same text in the same collection: a small index finds texts that were seen before.';

-- One text a million times is one key with a long list, which the index stores compressed.
CREATE INDEX documents_by_text ON glossator.documents (glossator.text_key(collection, body_sha256));

COMMENT ON TABLE glossator.documents IS
    'Texts to annotate. INSERT or COPY (collection, external_id, body) is all it takes; results appear in labels, entities and embeddings.';
COMMENT ON COLUMN glossator.documents.id IS 'What results, gold and the spool refer to.';
COMMENT ON COLUMN glossator.documents.collection IS 'Decides the model and the segmentation.';
COMMENT ON COLUMN glossator.documents.external_id IS 'Your own key; unique in its collection. A random uuid when none is given.';
COMMENT ON COLUMN glossator.documents.body IS 'The text. Immutable: gold and results point into it.';
COMMENT ON COLUMN glossator.documents.body_sha256 IS 'sha256 of the body''s UTF-8; guards results and decides the held-out split.';
COMMENT ON COLUMN glossator.documents.metadata IS 'Anything of yours, a JSON object. May change.';
COMMENT ON COLUMN glossator.documents.batch_id IS 'Row of glossator.batches that the name meant at the time; set by itself. No foreign key: forgetting a batch must not rewrite its documents.';
COMMENT ON COLUMN glossator.documents.batch IS 'What it came with: a name of your choice for one load, followed in glossator.batch_progress.';
COMMENT ON COLUMN glossator.documents.created_at IS 'When it was inserted.';

CREATE TABLE glossator.daemons (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    beat_at timestamptz NOT NULL DEFAULT now(),
    stopped_at timestamptz,
    state text NOT NULL DEFAULT 'starting',
    models bigint[] NOT NULL DEFAULT '{}',
    stages jsonb NOT NULL DEFAULT '{}'
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 200);

COMMENT ON TABLE glossator.daemons IS
    'One row a daemon that ever started. Documents held by a daemon that has not beaten for 45 s are given to others.';
COMMENT ON COLUMN glossator.daemons.id IS 'Given at the start.';
COMMENT ON COLUMN glossator.daemons.host IS 'Machine it runs on.';
COMMENT ON COLUMN glossator.daemons.pid IS 'Its process there.';
COMMENT ON COLUMN glossator.daemons.version IS 'Glossator''s version.';
COMMENT ON COLUMN glossator.daemons.started_at IS 'By the database''s clock, like every time here.';
COMMENT ON COLUMN glossator.daemons.beat_at IS 'Last sign of life. Not indexed, so that a beat is a heap-only update.';
COMMENT ON COLUMN glossator.daemons.stopped_at IS 'When it said goodbye; null while it runs or when it died.';
COMMENT ON COLUMN glossator.daemons.state IS 'What it said of itself with its last beat: working, idle, or why it pauses.';
COMMENT ON COLUMN glossator.daemons.models IS 'Models that it has in memory.';
COMMENT ON COLUMN glossator.daemons.stages IS
    'How busy it was in the minute before its last beat: tokenize, plan, encode, decode and idle are shares of its compute threads'' time, claim and write of one connection''s. Empty before the first beat.';

CREATE SEQUENCE glossator.lease_numbers;
COMMENT ON SEQUENCE glossator.lease_numbers IS
    'Fencing tokens, one a claim, only ever growing: a daemon that comes back from the dead holds an old one and can write nothing.';

-- Columns in descending width, so that a row is as narrow as it can be; what is null takes no room.
CREATE TABLE glossator.spool (
    document_id bigint PRIMARY KEY REFERENCES glossator.documents ON DELETE CASCADE,
    due timestamptz NOT NULL DEFAULT now(),
    lease bigint,
    daemon_id bigint,
    deadline timestamptz,
    run_after timestamptz,
    fresh_since timestamptz,
    estimated_tokens integer NOT NULL CHECK (estimated_tokens > 0),
    batch_id integer,
    priority smallint NOT NULL DEFAULT 0 CHECK (priority BETWEEN -1000 AND 1000),
    attempts smallint NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    collection text NOT NULL,
    CONSTRAINT ready_or_leased CHECK (
        (lease IS NULL AND daemon_id IS NULL AND deadline IS NULL)
        OR (lease IS NOT NULL AND daemon_id IS NOT NULL AND deadline IS NOT NULL AND run_after IS NULL AND attempts > 0))
) WITH (
    fillfactor = 70,
    -- The table is small and turns over completely: vacuum by what died, not by what lives, and without pauses.
    autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0, autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 5000,
    autovacuum_vacuum_cost_delay = 0
);

-- What a claim reads, in its order. The collection leads, so that a paused collection's rows are never walked over.
CREATE INDEX spool_ready ON glossator.spool (collection, due, document_id) WHERE lease IS NULL;
-- What a rescue reads: only the few rows that somebody holds.
CREATE INDEX spool_leased ON glossator.spool (daemon_id) WHERE lease IS NOT NULL;

COMMENT ON TABLE glossator.spool IS
    'The queue: one narrow row a document that waits (lease null) or is being annotated (leased). Deleted in the transaction that writes the results.';
COMMENT ON COLUMN glossator.spool.document_id IS 'The document that waits.';
COMMENT ON COLUMN glossator.spool.due IS 'Its place in the queue: when it came, ten minutes earlier for each step of priority. All rows age alike, so the order never has to be computed again, and whatever waits is overtaken for a bounded time only.';
COMMENT ON COLUMN glossator.spool.lease IS 'Fencing token of the claim that holds it; null is ready.';
COMMENT ON COLUMN glossator.spool.daemon_id IS 'Who holds it; null is ready. No foreign key: its check would lock the daemon''s row at every claim, and a lease of an unknown daemon is taken back anyhow.';
COMMENT ON COLUMN glossator.spool.deadline IS 'When it is taken back even from a daemon that still beats; null is ready.';
COMMENT ON COLUMN glossator.spool.run_after IS 'Not claimed before, after a failed attempt; null is at once.';
COMMENT ON COLUMN glossator.spool.fresh_since IS 'Results of the same text are reused only when they were made after this, because somebody asked for new ones; null: any.';
COMMENT ON COLUMN glossator.spool.estimated_tokens IS 'Word pieces, guessed from the body''s length: claims are cut by a token budget.';
COMMENT ON COLUMN glossator.spool.batch_id IS 'The batch it came with; null when it named none.';
COMMENT ON COLUMN glossator.spool.priority IS 'Higher goes first, by ten minutes a step; already counted in due.';
COMMENT ON COLUMN glossator.spool.attempts IS 'Claims that were not handed back. More than none: claimed alone, so that a text that kills a daemon takes no other with it.';
COMMENT ON COLUMN glossator.spool.collection IS 'The document''s, repeated here so that a claim reads one index.';

CREATE FUNCTION glossator.place_in_queue(enqueued timestamptz, priority smallint) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    -- Minutes of a timestamptz are the same length in every time zone.
    RETURN enqueued - priority * interval '10 minutes';
COMMENT ON FUNCTION glossator.place_in_queue(timestamptz, smallint) IS
    'spool.due: a step of priority is worth ten minutes of waiting.';

CREATE FUNCTION glossator.wake_daemons() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    -- Commits that notify wait for each other: who inserts single rows at a high rate switches it off for a role, a
    -- database or a session, and daemons find the rows by polling.
    IF coalesce(current_setting('glossator.notify', true), '') <> 'off' THEN
        PERFORM pg_notify('glossator_spool', '');
    END IF;
END
$$;
COMMENT ON FUNCTION glossator.wake_daemons() IS
    'Tells idle daemons that there is work; nothing after SET glossator.notify = off.';

CREATE TABLE glossator.failures (
    document_id bigint PRIMARY KEY REFERENCES glossator.documents ON DELETE CASCADE,
    batch_id integer,
    attempts smallint NOT NULL CHECK (attempts > 0),
    collection text NOT NULL,
    class text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    hint text,
    sqlstate text,
    failed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX failures_by_code ON glossator.failures (code);

COMMENT ON TABLE glossator.failures IS
    'Documents that were given up, with the reason. SELECT glossator.retry_failed(collection => …) puts them back in the spool.';
COMMENT ON COLUMN glossator.failures.document_id IS 'The document.';
COMMENT ON COLUMN glossator.failures.batch_id IS 'The batch it came with.';
COMMENT ON COLUMN glossator.failures.collection IS 'The document''s, repeated here because a deleted document''s failure is still to be counted.';
COMMENT ON COLUMN glossator.failures.class IS 'Whose fault: document, or defect (ours).';
COMMENT ON COLUMN glossator.failures.attempts IS 'How often it was tried.';
COMMENT ON COLUMN glossator.failures.code IS 'Stable, machine-readable reason.';
COMMENT ON COLUMN glossator.failures.message IS 'What happened, for people. Never quotes the body.';
COMMENT ON COLUMN glossator.failures.hint IS 'What to do about it.';
COMMENT ON COLUMN glossator.failures.sqlstate IS 'The server''s code, when the server refused.';
COMMENT ON COLUMN glossator.failures.failed_at IS 'When it was given up.';

-- Inserting is all a user needs the right to do: what follows from it runs as the schema's owner. Nobody may attach these functions to a table of his own, where they would do what they do with other rows: the right to
-- execute a trigger function is needed to create a trigger, not to fire it.
CREATE FUNCTION glossator.batch_lock(batch text) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN hashtextextended('glossator batch ' || batch, 0);
COMMENT ON FUNCTION glossator.batch_lock(text) IS
    'Advisory lock of a batch: whoever adds documents shares it until the commit, whoever finishes or forgets it takes it alone, or leaves it.';

CREATE FUNCTION glossator.prepare_document() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    finished timestamptz;
BEGIN
    -- A null is for the column's own constraint to refuse.
    IF NEW.collection IS NOT NULL AND NOT EXISTS (SELECT FROM glossator.collections WHERE name = NEW.collection) THEN
        INSERT INTO glossator.collections (name) VALUES (NEW.collection) ON CONFLICT (name) DO NOTHING;
    END IF;
    NEW.batch_id := NULL;
    -- An empty name is for the column's own constraint to refuse.
    IF NEW.batch <> '' THEN
        PERFORM pg_advisory_xact_lock_shared(glossator.batch_lock(NEW.batch));
        SELECT b.id, b.finished_at INTO NEW.batch_id, finished FROM glossator.batches b WHERE b.name = NEW.batch;
        IF NOT FOUND THEN
            INSERT INTO glossator.batches (name, closed_at) VALUES (left(NEW.batch, 200), now()) ON CONFLICT (name) DO NOTHING;
            SELECT b.id INTO NEW.batch_id FROM glossator.batches b WHERE b.name = NEW.batch;
        ELSIF finished IS NOT NULL THEN
            UPDATE glossator.batches b SET finished_at = NULL WHERE b.id = NEW.batch_id AND b.finished_at IS NOT NULL;
        END IF;
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION glossator.prepare_document() IS 'Trigger: a collection and a batch exist as soon as a document names them.';
REVOKE EXECUTE ON FUNCTION glossator.prepare_document() FROM PUBLIC;

CREATE TRIGGER documents_prepare BEFORE INSERT ON glossator.documents
    FOR EACH ROW EXECUTE FUNCTION glossator.prepare_document();

CREATE FUNCTION glossator.estimated_tokens(body text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    -- A word piece is three bytes of Chinese and about four of English; one too many does no harm.
    RETURN octet_length(body) / 3 + 2;
COMMENT ON FUNCTION glossator.estimated_tokens(text) IS 'Word pieces of a text, guessed from its length without reading it.';

CREATE FUNCTION glossator.spool_new_documents() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO glossator.spool (document_id, collection, estimated_tokens, batch_id, priority, due)
    SELECT n.id, n.collection, glossator.estimated_tokens(n.body), b.id, p.priority, glossator.place_in_queue(now(), p.priority)
    FROM new_documents n
    JOIN glossator.collections c ON c.name = n.collection
    LEFT JOIN glossator.batches b ON b.id = n.batch_id
    CROSS JOIN LATERAL (SELECT coalesce(b.priority, c.priority)) AS p (priority);
    IF FOUND THEN
        PERFORM glossator.wake_daemons();
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION glossator.spool_new_documents() IS 'Trigger: new documents wait in the spool; daemons are woken once a statement.';
REVOKE EXECUTE ON FUNCTION glossator.spool_new_documents() FROM PUBLIC;

CREATE TRIGGER documents_spool AFTER INSERT ON glossator.documents
    REFERENCING NEW TABLE AS new_documents
    FOR EACH STATEMENT EXECUTE FUNCTION glossator.spool_new_documents();

CREATE FUNCTION glossator.refuse_document_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'body, external_id, collection and batch of document % are immutable', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'document_immutable',
            HINT = 'Delete the document and insert it with its new text; gold and results that point into the old text go with it.';
END
$$;
COMMENT ON FUNCTION glossator.refuse_document_update() IS 'Trigger: offsets point into bodies, so bodies do not change.';

CREATE TRIGGER documents_immutable BEFORE UPDATE ON glossator.documents FOR EACH ROW
    WHEN (OLD.id IS DISTINCT FROM NEW.id
        OR OLD.collection IS DISTINCT FROM NEW.collection
        OR OLD.external_id IS DISTINCT FROM NEW.external_id
        OR OLD.batch IS DISTINCT FROM NEW.batch
        OR OLD.batch_id IS DISTINCT FROM NEW.batch_id
        OR OLD.body IS DISTINCT FROM NEW.body)
    EXECUTE FUNCTION glossator.refuse_document_update();

CREATE FUNCTION glossator.document_id(collection text, external_id text) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    found_id bigint;
BEGIN
    SELECT d.id INTO found_id FROM glossator.documents d
    WHERE d.collection = document_id.collection AND d.external_id = document_id.external_id;
    IF found_id IS NULL THEN
        RAISE EXCEPTION 'collection "%" has no document "%"', collection, external_id
            USING ERRCODE = 'no_data_found', HINT = 'SELECT external_id FROM glossator.documents WHERE collection = … lists them.';
    END IF;
    RETURN found_id;
END
$$;
COMMENT ON FUNCTION glossator.document_id(text, text) IS
    'The id of a document by your own key: INSERT INTO glossator.gold_labels (document_id, task, label) VALUES (glossator.document_id(''reviews'', ''r-17''), ''sentiment'', ''positive'').';
