-- The schema after all migrations; deploy/schema-dump.sh writes this file. Do not edit it, and do not run it.
--
-- PostgreSQL database dump
--

--
-- Name: glossator; Type: SCHEMA; Schema: -; Owner: -
--

CREATE SCHEMA glossator;

--
-- Name: SCHEMA glossator; Type: COMMENT; Schema: -; Owner: -
--

COMMENT ON SCHEMA glossator IS 'Glossator: documents that come back with labels, named entities and embeddings. Everything the daemon keeps lives here.';

--
-- Name: document_to_label; Type: TYPE; Schema: glossator; Owner: -
--

CREATE TYPE glossator.document_to_label AS (
	place integer,
	document_id bigint,
	external_id text,
	task text,
	answer text,
	uncertainty real,
	novelty real,
	score real,
	reason text,
	body text
);

--
-- Name: TYPE document_to_label; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TYPE glossator.document_to_label IS 'A row of next_to_label().';

--
-- Name: COLUMN document_to_label.place; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.document_to_label.place IS 'From 1, in the order in which to label.';

--
-- Name: COLUMN document_to_label.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.document_to_label.document_id IS 'The document.';

--
-- Name: COLUMN document_to_label.external_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.document_to_label.external_id IS 'What its owner calls it.';

--
-- Name: COLUMN document_to_label.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.document_to_label.task IS 'The task that it is to be labelled for; null when there is none yet.';

--
-- Name: COLUMN document_to_label.answer; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.document_to_label.answer IS 'What the model says: its label (of several sentences, the one it is least sure of), or its entities; null when it says nothing.';

--
-- Name: COLUMN document_to_label.uncertainty; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.document_to_label.uncertainty IS 'That of glossator.uncertainties; null before the document was annotated.';

--
-- Name: COLUMN document_to_label.novelty; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.document_to_label.novelty IS '1 when no document of its neighbourhood is labelled or named before it, 1/sqrt(n) when it is the n-th there; null for a random one.';

--
-- Name: COLUMN document_to_label.score; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.document_to_label.score IS 'uncertainty times novelty.';

--
-- Name: COLUMN document_to_label.reason; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.document_to_label.reason IS 'uncertain, or random: part of the share that makes held-out documents like the collection.';

--
-- Name: COLUMN document_to_label.body; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.document_to_label.body IS 'The text.';

--
-- Name: agreement(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.agreement(collection text, OUT task text, OUT annotator_a text, OUT annotator_b text, OUT documents bigint, OUT observed double precision, OUT kappa double precision, OUT alpha double precision, OUT span_f1 double precision) RETURNS SETOF record
    LANGUAGE sql STABLE
    AS $$
    WITH said AS MATERIALIZED (
        SELECT o.document_id, o.task, o.annotator, o.label
        FROM glossator.gold_label_opinions o JOIN glossator.documents d ON d.id = o.document_id
        WHERE d.collection = agreement.collection
    ), votes AS (
        SELECT s.document_id, s.task, s.label, count(*) AS votes, sum(count(*)) OVER (PARTITION BY s.document_id, s.task) AS m
        FROM said s GROUP BY s.document_id, s.task, s.label
    ), doubly AS (
        SELECT * FROM votes WHERE m > 1
    ), classes AS (
        SELECT v.task, v.label, sum(v.votes) AS total, sum(v.votes * (v.votes - 1) / (v.m - 1)) AS agreeing
        FROM doubly v GROUP BY v.task, v.label
    ), alphas AS (
        -- Krippendorff 2011, nominal: 1 - observed / expected disagreement, from coincidences of values within a document.
        SELECT c.task,
            1 - (sum(c.total) - sum(c.agreeing)) * (sum(c.total) - 1)
                / nullif(sum(c.total) ^ 2 - sum(c.total ^ 2), 0) AS alpha
        FROM classes c GROUP BY c.task
    ), overall AS (
        SELECT u.task, count(*) AS documents, avg(u.agreeing) AS observed
        FROM (
            SELECT v.task, v.document_id, sum(v.votes * (v.votes - 1)) / (v.m * (v.m - 1)) AS agreeing
            FROM doubly v GROUP BY v.task, v.document_id, v.m
        ) AS u
        GROUP BY u.task
    ), pairs AS MATERIALIZED (
        SELECT a.task, a.annotator AS a, b.annotator AS b, a.label AS label_a, b.label AS label_b
        FROM said a JOIN said b ON b.document_id = a.document_id AND b.task = a.task AND a.annotator < b.annotator
    ), expected AS (
        -- Cohen 1960: each of the two keeps the own frequencies and says them about any document.
        SELECT x.task, x.a, x.b, sum(x.n * y.n) AS hits
        FROM (SELECT p.task, p.a, p.b, p.label_a AS label, count(*) AS n FROM pairs p GROUP BY 1, 2, 3, 4) AS x
        JOIN (SELECT p.task, p.a, p.b, p.label_b AS label, count(*) AS n FROM pairs p GROUP BY 1, 2, 3, 4) AS y
            USING (task, a, b, label)
        GROUP BY x.task, x.a, x.b
    ), kappas AS (
        SELECT p.task, p.a, p.b, count(*) AS documents, avg((p.label_a = p.label_b)::integer) AS observed,
            coalesce(max(e.hits), 0) / (count(*) * count(*)) AS chance
        FROM pairs p LEFT JOIN expected e USING (task, a, b)
        GROUP BY p.task, p.a, p.b
    ), markers AS MATERIALIZED (
        SELECT o.document_id, o.task, o.annotator
        FROM glossator.gold_task_opinions o JOIN glossator.documents d ON d.id = o.document_id
        WHERE d.collection = agreement.collection
    ), spans AS MATERIALIZED (
        SELECT e.document_id, e.task, e.annotator, e.type, e.start_char, e.end_char
        FROM glossator.gold_entities e JOIN glossator.documents d ON d.id = e.document_id
        WHERE d.collection = agreement.collection AND e.retracted_at IS NULL
    ), markings AS MATERIALIZED (
        SELECT m.document_id, m.task, m.annotator, coalesce(c.n, 0) AS n
        FROM markers m
        LEFT JOIN (
            SELECT s.document_id, s.task, s.annotator, count(*) AS n FROM spans s GROUP BY 1, 2, 3
        ) AS c USING (document_id, task, annotator)
    ), compared AS (
        SELECT a.task, a.annotator AS a, b.annotator AS b, count(*) AS documents, sum(a.n + b.n) AS spans
        FROM markings a JOIN markings b
            ON b.document_id = a.document_id AND b.task = a.task AND a.annotator < b.annotator
        GROUP BY a.task, a.annotator, b.annotator
    ), shared AS (
        SELECT s.task, s.annotator AS a, t.annotator AS b, count(*) AS hits
        FROM spans s JOIN spans t
            ON t.document_id = s.document_id AND t.task = s.task AND t.type = s.type AND t.start_char = s.start_char
            AND t.end_char = s.end_char AND s.annotator < t.annotator
        GROUP BY s.task, s.annotator, t.annotator
    ), spanned AS MATERIALIZED (
        SELECT c.task, c.a, c.b, c.documents, c.spans, coalesce(h.hits, 0) AS hits
        FROM compared c LEFT JOIN shared h USING (task, a, b)
    ), twice AS (
        SELECT m.task, count(*) AS documents
        FROM (SELECT n.task FROM markers n GROUP BY n.document_id, n.task HAVING count(*) > 1) AS m
        GROUP BY m.task
    )
    SELECT o.task, NULL, NULL, o.documents, o.observed::double precision, NULL::double precision,
        a.alpha::double precision, NULL::double precision
    FROM overall o JOIN alphas a USING (task)
    UNION ALL
    SELECT k.task, k.a, k.b, k.documents, k.observed::double precision,
        ((k.observed - k.chance) / nullif(1 - k.chance, 0))::double precision, NULL, NULL
    FROM kappas k
    UNION ALL
    SELECT s.task, s.a, s.b, s.documents, NULL, NULL, NULL, 2 * s.hits / nullif(s.spans, 0)::double precision
    FROM spanned s
    UNION ALL
    SELECT t.task, NULL, NULL, t.documents, NULL, NULL, NULL, 2 * sum(s.hits) / nullif(sum(s.spans), 0)::double precision
    FROM spanned s JOIN twice t USING (task)
    GROUP BY t.task, t.documents
    ORDER BY 1, 2 NULLS FIRST, 3
$$;

--
-- Name: FUNCTION agreement(collection text, OUT task text, OUT annotator_a text, OUT annotator_b text, OUT documents bigint, OUT observed double precision, OUT kappa double precision, OUT alpha double precision, OUT span_f1 double precision); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.agreement(collection text, OUT task text, OUT annotator_a text, OUT annotator_b text, OUT documents bigint, OUT observed double precision, OUT kappa double precision, OUT alpha double precision, OUT span_f1 double precision) IS 'How well a collection''s annotators agree, by their newest opinions on documents that two or more have spoken about. One row a task over all (annotators null) and one a pair of annotators. observed: share of agreeing pairs of labels. kappa (Cohen), alpha (Krippendorff, nominal): 1 is agreement, 0 what chance gives; null where only one label occurs. span_f1: of entities, type and both ends right.';

--
-- Name: watches; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.watches (
    id bigint NOT NULL,
    relation regclass NOT NULL,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    key text[] NOT NULL,
    body text NOT NULL,
    collection text NOT NULL,
    filter text,
    metadata text[] DEFAULT '{}'::text[] NOT NULL,
    is_adopted boolean DEFAULT false NOT NULL,
    owner text DEFAULT CURRENT_USER NOT NULL,
    view_name text,
    backfilled_to jsonb,
    backfilled_at timestamp with time zone,
    problem text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT watches_key_check CHECK ((cardinality(key) > 0))
);

--
-- Name: TABLE watches; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.watches IS 'Watched tables. Rows come from glossator.watch() and go with glossator.unwatch(); nothing else should write here.';

--
-- Name: COLUMN watches.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.id IS 'What watch() returned; the generated functions are named after it.';

--
-- Name: COLUMN watches.relation; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.relation IS 'The table. A bare number here: it was dropped while it was watched.';

--
-- Name: COLUMN watches.schema_name; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.schema_name IS 'Its schema when it was watched: what unwatch() can find it by when it is gone.';

--
-- Name: COLUMN watches.table_name; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.table_name IS 'Its name when it was watched.';

--
-- Name: COLUMN watches.key; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.key IS 'The columns whose values name a document, in the order of its external_id.';

--
-- Name: COLUMN watches.body; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.body IS 'The column with the text.';

--
-- Name: COLUMN watches.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.collection IS 'Where its documents are. Nothing else should insert there.';

--
-- Name: COLUMN watches.filter; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.filter IS 'Condition on a row; only rows for which it is true are documents. Null: all rows.';

--
-- Name: COLUMN watches.metadata; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.metadata IS 'Columns that are kept in documents.metadata.';

--
-- Name: COLUMN watches.is_adopted; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.is_adopted IS 'Whether documents that were there before were taken over; those without a row go at the end of the backfill.';

--
-- Name: COLUMN watches.owner; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.owner IS 'Who called watch(): the filter runs with this role''s rights.';

--
-- Name: COLUMN watches.view_name; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.view_name IS 'The view in the schema glossator that shows the table with its annotations.';

--
-- Name: COLUMN watches.backfilled_to; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.backfilled_to IS 'Key of the last row that the backfill has looked at, in the order of the key''s index.';

--
-- Name: COLUMN watches.backfilled_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.backfilled_at IS 'When every row that was there before had its document; null while that goes on.';

--
-- Name: COLUMN watches.problem; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.problem IS 'SQLSTATE that the last step of the backfill ended with; SELECT glossator.backfill_step(id) shows the whole error. Null when it went well.';

--
-- Name: COLUMN watches.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.watches.created_at IS 'When watch() was called.';

--
-- Name: annotated_view_name(glossator.watches); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.annotated_view_name(watch glossator.watches) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    base text := 'annotated_' || CASE watch.schema_name WHEN 'public' THEN '' ELSE watch.schema_name || '_' END || watch.table_name;
    name text;
BEGIN
    -- A name has 63 bytes at most, and a suffix must fit.
    WHILE octet_length(base) > 50 LOOP
        base := left(base, -1);
    END LOOP;
    name := base;
    IF EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.relname = name AND c.relnamespace = 'glossator'::regnamespace) THEN
        name := base || '_' || watch.id;
    END IF;
    RETURN name;
END
$$;

--
-- Name: FUNCTION annotated_view_name(watch glossator.watches); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.annotated_view_name(watch glossator.watches) IS 'annotated_table in the schema public, annotated_schema_table elsewhere, and the watch''s id behind it where that is taken.';

--
-- Name: backfill(text, integer); Type: PROCEDURE; Schema: glossator; Owner: -
--

CREATE PROCEDURE glossator.backfill(IN watched text, IN maximum_rows integer DEFAULT 1000)
    LANGUAGE plpgsql
    AS $$
DECLARE
    watch CONSTANT bigint := glossator.watch_id(watched);
    looked integer;
BEGIN
    LOOP
        looked := glossator.backfill_step(watch, maximum_rows);
        COMMIT;
        EXIT WHEN looked = 0;
        IF looked IS NULL THEN
            PERFORM pg_sleep(0.2);
        END IF;
    END LOOP;
END
$$;

--
-- Name: PROCEDURE backfill(IN watched text, IN maximum_rows integer); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON PROCEDURE glossator.backfill(IN watched text, IN maximum_rows integer) IS 'CALL glossator.backfill(''public.reviews'') makes documents of all rows that were there before, and commits after every step. Running daemons do it by themselves.';

--
-- Name: backfill_pending(integer); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.backfill_pending(maximum_rows integer DEFAULT 1000) RETURNS integer
    LANGUAGE plpgsql
    AS $$
DECLARE
    tried bigint[] := '{}';
    chosen bigint;
    looked integer;
BEGIN
    LOOP
        SELECT w.id INTO chosen
        FROM glossator.watches w JOIN pg_catalog.pg_class c ON c.oid = w.relation
        WHERE w.backfilled_at IS NULL AND w.id <> ALL (tried)
        ORDER BY w.id LIMIT 1 FOR UPDATE OF w SKIP LOCKED;
        IF NOT FOUND THEN
            RETURN 0;
        END IF;
        BEGIN
            looked := glossator.backfill_step(chosen, maximum_rows);
            IF looked > 0 THEN
                RETURN looked;
            END IF;
        EXCEPTION
            WHEN serialization_failure THEN
                RAISE;
            WHEN OTHERS THEN
                -- The code only: a message may quote a row. The other watches get their turn.
                UPDATE glossator.watches w SET problem = SQLSTATE WHERE w.id = chosen AND w.problem IS DISTINCT FROM SQLSTATE;
        END;
        tried := tried || chosen;
    END LOOP;
END
$$;

--
-- Name: FUNCTION backfill_pending(maximum_rows integer); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.backfill_pending(maximum_rows integer) IS 'One step of one backfill that is not finished and that nobody else is at; what daemons call. Returns the rows looked at, 0 when there is nothing to do now. A step that fails leaves its SQLSTATE in watches.problem.';

--
-- Name: backfill_step(bigint, integer); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.backfill_step(watch_id bigint, maximum_rows integer DEFAULT 1000) RETURNS integer
    LANGUAGE plpgsql
    AS $_$
DECLARE
    step oid;
    looked integer;
BEGIN
    IF maximum_rows IS NULL OR maximum_rows NOT BETWEEN 1 AND 1000000 THEN
        RAISE EXCEPTION 'a step of % rows', coalesce(maximum_rows::text, 'null') USING ERRCODE = 'check_violation',
            CONSTRAINT = 'watch_step', HINT = 'maximum_rows is 1 to 1,000,000; a thousand is a good number.';
    END IF;
    IF NOT EXISTS (SELECT FROM glossator.watches w WHERE w.id = backfill_step.watch_id) THEN
        RAISE EXCEPTION 'there is no watch %', watch_id USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_unknown',
            HINT = 'SELECT id, relation FROM glossator.watches lists them.';
    END IF;
    -- Only a function that runs as its own owner is called: nobody is to borrow the caller's rights by this name.
    SELECT p.oid INTO step FROM pg_catalog.pg_proc p
    WHERE p.oid = to_regprocedure(format('glossator.watch_%s_backfill(integer)', watch_id)) AND p.prosecdef;
    IF step IS NULL OR NOT EXISTS (
        SELECT FROM glossator.watches w JOIN pg_catalog.pg_class c ON c.oid = w.relation WHERE w.id = backfill_step.watch_id) THEN
        RAISE EXCEPTION 'watch % has lost its table or its functions', watch_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_broken',
                HINT = 'They were dropped. SELECT glossator.unwatch(''the collection'') clears up; documents stay.';
    END IF;
    EXECUTE format('SELECT glossator.watch_%s_backfill($1)', watch_id) INTO looked USING maximum_rows;
    RETURN looked;
END
$_$;

--
-- Name: FUNCTION backfill_step(watch_id bigint, maximum_rows integer); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.backfill_step(watch_id bigint, maximum_rows integer) IS 'Makes documents of the next rows of a watched table and returns how many rows it looked at: 0 when all are done, null when somebody holds one of them and the step gave way (call it again).';

--
-- Name: base_type(oid); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.base_type(type oid) RETURNS oid
    LANGUAGE sql STABLE STRICT
    AS $$
    WITH RECURSIVE bases (oid, typtype, typbasetype) AS (
        SELECT t.oid, t.typtype, t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = base_type.type
        UNION ALL
        SELECT t.oid, t.typtype, t.typbasetype
        FROM bases b JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype
        WHERE b.typtype = 'd'
    )
    SELECT b.oid FROM bases b WHERE b.typtype <> 'd'
$$;

--
-- Name: FUNCTION base_type(type oid); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.base_type(type oid) IS 'What a domain, or a domain over domains, is made of; any other type itself.';

--
-- Name: batch_lock(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.batch_lock(batch text) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN hashtextextended(('glossator batch '::text || batch), (0)::bigint);

--
-- Name: FUNCTION batch_lock(batch text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.batch_lock(batch text) IS 'Advisory lock of a batch: whoever adds documents shares it until the commit, whoever finishes or forgets it takes it alone, or leaves it.';

--
-- Name: body_sha256(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.body_sha256(body text) RETURNS bytea
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN sha256(convert_to(body, 'UTF8'::name));

--
-- Name: FUNCTION body_sha256(body text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.body_sha256(body text) IS 'sha256 of a text''s UTF-8.';

--
-- Name: check_entity_surfaces(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.check_entity_surfaces() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    wrong record;
BEGIN
    SELECT w.* INTO wrong
    FROM (
        SELECT array_agg(n.document_id) AS ids, array_agg(n.start_char) AS starts, array_agg(n.end_char) AS ends,
            array_agg(n.surface) AS surfaces
        FROM new_entities n
    ) AS given, glossator.first_wrong_surface(given.ids, given.starts, given.ends, given.surfaces) AS w;
    IF wrong.document_id IS NOT NULL THEN
        RAISE EXCEPTION 'entity %..% of document % does not say what the body says there',
            wrong.start_char, wrong.end_char, wrong.document_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'entity_surface',
                HINT = 'Offsets count code points from 0: surface = substr(body, start_char + 1, end_char - start_char).';
    END IF;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION check_entity_surfaces(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.check_entity_surfaces() IS 'Trigger: an entity''s surface is what its offsets say, in every document of the statement.';

--
-- Name: check_gold_entities(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.check_gold_entities() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    wrong record;
BEGIN
    -- Two people marking the same document wait for each other here, so that each sees the other's spans below.
    PERFORM FROM glossator.documents d WHERE d.id IN (SELECT document_id FROM new_gold) ORDER BY d.id FOR NO KEY UPDATE;

    SELECT w.* INTO wrong
    FROM (
        SELECT array_agg(n.document_id) AS ids, array_agg(n.start_char) AS starts, array_agg(n.end_char) AS ends,
            array_agg(n.surface) AS surfaces
        FROM new_gold n
    ) AS given, glossator.first_wrong_surface(given.ids, given.starts, given.ends, given.surfaces) AS w;
    IF wrong.is_outside THEN
        RAISE EXCEPTION 'gold entity %..% lies outside the body of document %', wrong.start_char, wrong.end_char, wrong.document_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_entity_outside',
                HINT = 'Offsets count code points from 0 and end_char is exclusive: char_length(body) is the largest end_char.';
    ELSIF wrong.document_id IS NOT NULL THEN
        RAISE EXCEPTION 'gold entity %..% of document % does not say what the body says there',
            wrong.start_char, wrong.end_char, wrong.document_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_entity_surface',
                HINT = 'Offsets count code points from 0: surface = substr(body, start_char + 1, end_char - start_char).';
    END IF;

    SELECT n.document_id, n.start_char, n.end_char, o.start_char AS other_start, o.end_char AS other_end INTO wrong
    FROM new_gold n
    CROSS JOIN LATERAL (
        SELECT e.start_char, e.end_char FROM glossator.gold_entities e
        WHERE e.document_id = n.document_id AND e.task = n.task AND e.annotator = n.annotator AND e.id <> n.id
            AND e.retracted_at IS NULL AND e.start_char < n.end_char AND n.start_char < e.end_char
        OFFSET 0
    ) AS o
    WHERE n.retracted_at IS NULL
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'gold entity %..% of document % overlaps %..% of the same task and annotator',
            wrong.start_char, wrong.end_char, wrong.document_id, wrong.other_start, wrong.other_end
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'gold_entity_overlap',
                HINT = 'Entities of one task do not overlap. Retract the wrong one first: UPDATE glossator.gold_entities SET retracted_at = now() WHERE id = ….';
    END IF;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION check_gold_entities(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.check_gold_entities() IS 'Trigger: marked spans lie in the body, say what it says, and do not overlap.';

--
-- Name: check_train_schedule(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.check_train_schedule() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    known text;
    near text;
    wanted text := btrim(NEW.time_zone);
    is_new boolean := TG_OP = 'INSERT';
BEGIN
    IF is_new THEN
        PERFORM glossator.require_collection(NEW.collection);
    END IF;
    IF is_new OR NEW.time_zone IS DISTINCT FROM OLD.time_zone THEN
        SELECT z.name INTO known FROM pg_catalog.pg_timezone_names z WHERE z.name ~ '^[A-Z]' AND lower(z.name) = lower(wanted);
        IF known IS NULL THEN
            SELECT string_agg(z.name, ', ' ORDER BY z.name) INTO near FROM pg_catalog.pg_timezone_names z
            WHERE z.name ~ '^[A-Z]' AND lower(regexp_replace(z.name, '^.*/', '')) = replace(lower(wanted), ' ', '_');
            RAISE EXCEPTION 'there is no time zone "%"', wanted
                USING ERRCODE = 'check_violation', CONSTRAINT = 'schedule_time_zone',
                    HINT = CASE WHEN near IS NULL
                        THEN 'SELECT name FROM pg_timezone_names lists them; an abbreviation or an offset knows no summer time.'
                        ELSE 'Did you mean ' || near || '?' END;
        END IF;
        NEW.time_zone := known;
    END IF;
    IF NOT is_new AND NEW.since = OLD.since
        AND (NEW.at, NEW.time_zone, NEW.enabled) IS DISTINCT FROM (OLD.at, OLD.time_zone, OLD.enabled) THEN
        NEW.since := now();
    END IF;
    RETURN NEW;
END
$$;

--
-- Name: FUNCTION check_train_schedule(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.check_train_schedule() IS 'Trigger: the collection and the time zone exist, and a changed schedule owes nothing from before.';

--
-- Name: check_watch_rights(regclass); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.check_watch_rights(relation regclass) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    missing text;
BEGIN
    SELECT string_agg(needed, ', ') INTO missing FROM (
        SELECT 'CREATE on schema glossator' AS needed WHERE NOT has_schema_privilege('glossator', 'CREATE')
        UNION ALL
        SELECT format('%s on %s', r.privilege, t.name)
        FROM (VALUES
            (relation::text, 'SELECT, UPDATE, TRIGGER'), ('glossator.documents', 'SELECT, INSERT, UPDATE, DELETE'),
            ('glossator.watches', 'SELECT, INSERT, UPDATE, DELETE'), ('glossator.collections', 'SELECT, INSERT'),
            ('glossator.spool', 'SELECT'), ('glossator.failures', 'SELECT'), ('glossator.annotations', 'SELECT'),
            ('glossator.labels', 'SELECT'), ('glossator.entities', 'SELECT'), ('glossator.embeddings', 'SELECT'),
            ('glossator.models', 'SELECT')
        ) AS t (name, privileges), string_to_table(t.privileges, ', ') AS r (privilege)
        WHERE NOT has_table_privilege(t.name, r.privilege)
    ) AS needs;
    IF missing IS NOT NULL THEN
        RAISE EXCEPTION 'watching % needs rights that % has not: %', relation, current_user, missing
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_rights',
                HINT = 'GRANT them, or let the table''s owner call watch(): what it makes runs with its caller''s rights.';
    END IF;
    IF row_security_active(relation) THEN
        RAISE EXCEPTION 'row security hides rows of % from %', relation, current_user
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_row_security',
                HINT = 'Call watch() as the table''s owner or as a role with BYPASSRLS.';
    END IF;
END
$$;

--
-- Name: FUNCTION check_watch_rights(relation regclass); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.check_watch_rights(relation regclass) IS 'Refuses a caller whose triggers would fail later, in the middle of somebody''s INSERT.';

--
-- Name: check_watched_collection(text, boolean); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.check_watched_collection(collection text, adopt boolean) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    IF collection = '' OR octet_length(collection) > 200 THEN
        RAISE EXCEPTION 'a collection needs a name of 1 to 200 bytes' USING ERRCODE = 'check_violation',
            CONSTRAINT = 'watch_collection_name', HINT = 'collection => …; without it, the table''s name is taken.';
    END IF;
    IF EXISTS (SELECT FROM glossator.watches w WHERE w.collection = check_watched_collection.collection)
        OR NOT adopt AND EXISTS (SELECT FROM glossator.documents d WHERE d.collection = check_watched_collection.collection) THEN
        RAISE EXCEPTION 'collection "%" belongs to another watched table, or has documents already', collection
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_collection_taken',
                HINT = 'Name another collection => …. If its documents came from this table, adopt => true takes them over: those with the same key and text stay, all others go.';
    END IF;
END
$$;

--
-- Name: FUNCTION check_watched_collection(collection text, adopt boolean); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.check_watched_collection(collection text, adopt boolean) IS 'Refuses a collection whose documents would be mixed with those of the table.';

--
-- Name: check_watched_columns(regclass, text[], text, text[]); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.check_watched_columns(relation regclass, key text[], body text, metadata text[]) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    wrong text;
BEGIN
    IF cardinality(key) IS DISTINCT FROM (SELECT count(DISTINCT k) FROM unnest(key) AS k) OR cardinality(key) = 0
        OR cardinality(metadata) IS DISTINCT FROM (SELECT count(DISTINCT m) FROM unnest(metadata) AS m) THEN
        RAISE EXCEPTION 'the columns of key and metadata of % are not named once each', relation
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_columns',
                HINT = 'key => ''id'', or key => ARRAY[''tenant'', ''id''] for several; metadata => ARRAY[''rating'', …]';
    END IF;
    SELECT string_agg(coalesce(quote_ident(n.name), 'null'), ', ') INTO wrong
    FROM unnest(key || body || metadata) AS n (name)
    WHERE NOT EXISTS (
        SELECT FROM pg_catalog.pg_attribute a
        WHERE a.attrelid = relation AND a.attname = n.name AND a.attnum > 0 AND NOT a.attisdropped);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION '% has no column %', relation, wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_column_unknown',
                HINT = 'Names are written as the catalog has them: small letters, unless they were quoted when they were made.';
    END IF;
    SELECT string_agg(format('%I (%s)', a.attname, format_type(a.atttypid, a.atttypmod)), ', ') INTO wrong
    FROM pg_catalog.pg_attribute a
    WHERE a.attrelid = relation AND a.attname = ANY (key) AND NOT glossator.is_key_type(a.atttypid);
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'a document of % cannot be named by %', relation, wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_key_type',
                HINT = 'Take a key of whole numbers, numeric, text, uuid, date, timestamp, bytea, boolean or an enum.';
    END IF;
    IF glossator.watched_key_order(relation, key) IS NULL THEN
        RAISE EXCEPTION '% is no key of %', array_to_string(key, ', '), relation
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_key',
                HINT = 'It takes NOT NULL and a PRIMARY KEY or UNIQUE index over exactly these columns, not partial, without expressions, not DEFERRABLE.';
    END IF;
    SELECT format_type(a.atttypid, a.atttypmod) INTO wrong
    FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t ON t.oid = glossator.base_type(a.atttypid)
    WHERE a.attrelid = relation AND a.attname = check_watched_columns.body AND t.typcategory <> 'S';
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'column % of % is no text but %', quote_ident(body), relation, wrong
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_body_type',
                HINT = 'Name a column of text, varchar or char. A text inside of JSON can be brought out by a generated column.';
    END IF;
END
$$;

--
-- Name: FUNCTION check_watched_columns(relation regclass, key text[], body text, metadata text[]); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.check_watched_columns(relation regclass, key text[], body text, metadata text[]) IS 'Refuses columns that do not exist, a key that does not name one row, and a body that is no text.';

--
-- Name: check_watched_filter(regclass, text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.check_watched_filter(relation regclass, filter text) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    parsed refcursor;
BEGIN
    -- A cursor is one query or none, and nothing of it runs before a row is fetched. The inner query has no system
    -- columns, as the transition tables have none.
    OPEN parsed FOR EXECUTE format(E'SELECT FROM (SELECT * FROM ONLY %s) AS %I WHERE (%s\n)',
        relation, (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid = relation), filter);
    CLOSE parsed;
EXCEPTION WHEN OTHERS THEN
    RAISE EXCEPTION 'the filter on % is no condition on its columns: % (%)', relation, SQLERRM, SQLSTATE
        USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_filter',
            HINT = 'What could follow WHERE, as in filter => ''lang = ''''en'''' AND NOT is_deleted''. Functions and types outside of pg_catalog need their schema.';
END
$$;

--
-- Name: FUNCTION check_watched_filter(relation regclass, filter text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.check_watched_filter(relation regclass, filter text) IS 'Refuses a filter that is not one boolean expression over the table''s columns.';

--
-- Name: check_watched_table(regclass); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.check_watched_table(relation regclass) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    class pg_catalog.pg_class;
    schema text;
BEGIN
    SELECT c.* INTO class FROM pg_catalog.pg_class c WHERE c.oid = relation;
    IF class.oid IS NULL THEN
        RAISE EXCEPTION 'there is no table to watch' USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_no_table',
            HINT = 'SELECT glossator.watch(''public.reviews'', key => ''id'', body => ''text'')';
    END IF;
    schema := class.relnamespace::regnamespace::text;
    IF class.relkind = 'p' OR class.relispartition
        OR EXISTS (SELECT FROM pg_catalog.pg_inherits i WHERE relation IN (i.inhrelid, i.inhparent)) THEN
        RAISE EXCEPTION '% is partitioned, or part of an inheritance tree', relation
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_partition',
                HINT = 'PostgreSQL has no triggers there that see a whole statement. Insert into glossator.documents from row triggers of your own.';
    ELSIF class.relkind <> 'r' THEN
        RAISE EXCEPTION '% is no table but a %', relation, CASE class.relkind WHEN 'v' THEN 'view'
                WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'S' THEN 'sequence' ELSE 'relation of another kind' END
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_not_a_table',
                HINT = 'Watch the table that the rows are stored in; filter and metadata choose among its rows and columns.';
    ELSIF schema IN ('pg_catalog', 'information_schema', 'pg_toast', 'glossator') THEN
        RAISE EXCEPTION '% belongs to PostgreSQL or to Glossator', relation
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_system_table',
                HINT = 'Watch a table of your own. Texts that have none go into glossator.documents by INSERT.';
    ELSIF class.relpersistence <> 'p' THEN
        RAISE EXCEPTION '% is %', relation, CASE class.relpersistence WHEN 't' THEN 'temporary' ELSE 'unlogged' END
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_not_durable',
                HINT = 'Its rows can vanish without a trigger being told. ALTER TABLE … SET LOGGED makes an unlogged table an ordinary one.';
    ELSIF EXISTS (SELECT FROM glossator.watches w WHERE w.relation = check_watched_table.relation) THEN
        RAISE EXCEPTION '% is watched already', relation USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_twice',
            HINT = 'SELECT * FROM glossator.watches shows how. glossator.unwatch() it first to watch it differently.';
    END IF;
END
$$;

--
-- Name: FUNCTION check_watched_table(relation regclass); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.check_watched_table(relation regclass) IS 'Refuses what is not a lasting table of its own with rows of its own.';

--
-- Name: close_batch(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.close_batch(batch text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE glossator.batches b SET closed_at = now() WHERE b.name = close_batch.batch AND b.closed_at IS NULL;
    IF NOT FOUND AND NOT EXISTS (SELECT FROM glossator.batches b WHERE b.name = close_batch.batch) THEN
        RAISE EXCEPTION 'there is no batch "%"', batch
            USING ERRCODE = 'no_data_found', HINT = 'SELECT batch FROM glossator.batch_progress lists them.';
    END IF;
    PERFORM glossator.finish_batches();
END
$$;

--
-- Name: FUNCTION close_batch(batch text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.close_batch(batch text) IS 'Says that all documents of the batch are there.';

--
-- Name: create_annotated_view(glossator.watches); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.create_annotated_view(watch glossator.watches) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    alias CONSTANT text := (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid = watch.relation);
    own text[];
    column_record record;
    names text[] := '{}';
    name text;
    comments text[] := '{}';
BEGIN
    SELECT array_agg(c.name ORDER BY c.i) INTO own
    FROM (SELECT n.name, min(n.i) AS i FROM unnest(watch.key || watch.body || watch.metadata) WITH ORDINALITY AS n (name, i) GROUP BY 1) AS c;
    names := own;
    FOR column_record IN SELECT * FROM (VALUES
        ('document_id', 'The document; null when there is none.'),
        ('status', 'left out (the filter, or no text), queued, running, done or failed.'),
        ('labels', 'JSON: task, label, score, segment, start and end of every label; null before the first annotation.'),
        ('entities', 'JSON: task, type, surface, start, end and score of every entity; null before the first annotation.'),
        ('embeddings', 'One embedding a segment, in order; glossator.cosine_similarity() compares them.'),
        ('model_id', 'The model that made these results.'), ('annotated_at', 'When they were written.')) AS c (name, comment)
    LOOP
        name := column_record.name;
        WHILE name = ANY (names) LOOP
            name := 'glossator_' || name;
        END LOOP;
        names := names || name;
        comments := comments || column_record.comment;
    END LOOP;
    -- The columns that were named, not t.*: PostgreSQL lets nobody drop or retype a column that a view shows, and the
    -- other columns are none of Glossator's business. What a query does not select is not computed: tables are joined by
    -- their keys, and results are subqueries of the select list.
    EXECUTE format($view$
CREATE VIEW glossator.%1$I (%2$s) AS
SELECT %3$s, d.id,
    CASE WHEN d.id IS NULL THEN CASE WHEN r.is_document THEN 'queued' ELSE 'left out' END
        WHEN s.lease IS NOT NULL THEN 'running' WHEN s.document_id IS NOT NULL THEN 'queued'
        WHEN f.document_id IS NOT NULL THEN 'failed' WHEN a.document_id IS NOT NULL THEN 'done' END,
    CASE WHEN a.document_id IS NOT NULL THEN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('task', l.task, 'label', l.label, 'score', l.score, 'segment', l.segment,
            'start', l.start_char, 'end', l.end_char) ORDER BY l.segment, l.task), '[]')
        FROM glossator.labels l WHERE l.document_id = d.id) END,
    CASE WHEN a.document_id IS NOT NULL THEN (
        SELECT coalesce(jsonb_agg(jsonb_build_object('task', e.task, 'type', e.type, 'surface', e.surface,
            'start', e.start_char, 'end', e.end_char, 'score', e.score) ORDER BY e.start_char, e.task), '[]')
        FROM glossator.entities e WHERE e.document_id = d.id) END,
    (SELECT array_agg(e.data ORDER BY e.segment)
        FROM glossator.embeddings e JOIN glossator.models m ON m.space_id = e.space_id
        WHERE e.document_id = d.id AND m.id = a.model_id),
    a.model_id, a.completed_at
FROM (SELECT %4$s, %5$s, %6$I.%7$I IS NOT NULL AND (%8$s
    ) IS TRUE FROM ONLY %9$s AS %6$I) AS r (%10$s, external_id, is_document)
LEFT JOIN glossator.documents d ON d.collection = %11$L AND d.external_id = r.external_id
LEFT JOIN glossator.spool s ON s.document_id = d.id
LEFT JOIN glossator.failures f ON f.document_id = d.id
LEFT JOIN glossator.annotations a ON a.document_id = d.id
$view$, watch.view_name, (SELECT string_agg(quote_ident(n.name), ', ' ORDER BY n.i) FROM unnest(names) WITH ORDINALITY AS n (name, i)),
        (SELECT string_agg(format('r.c%s', n.i), ', ' ORDER BY n.i) FROM unnest(own) WITH ORDINALITY AS n (name, i)),
        (SELECT string_agg(format('%I.%I', alias, n.name), ', ' ORDER BY n.i) FROM unnest(own) WITH ORDINALITY AS n (name, i)),
        glossator.watch_key_expression(watch.relation, watch.key,
            ARRAY(SELECT format('%I.%I', alias, k.name) FROM unnest(watch.key) WITH ORDINALITY AS k (name, i) ORDER BY k.i)),
        alias, watch.body, coalesce(watch.filter, 'true'), watch.relation,
        (SELECT string_agg(format('c%s', n.i), ', ' ORDER BY n.i) FROM unnest(own) WITH ORDINALITY AS n (name, i)), watch.collection);
    EXECUTE format('COMMENT ON VIEW glossator.%I IS %L', watch.view_name,
        format('%s with what Glossator says of its rows. Seen with the rights of %s: grant it to whom may read the table.', watch.relation, watch.owner));
    FOR i IN 1 .. cardinality(names) LOOP
        EXECUTE format('COMMENT ON COLUMN glossator.%I.%I IS %L', watch.view_name, names[i],
            CASE WHEN i <= cardinality(own) THEN format('The table''s column %I.', own[i]) ELSE comments[i - cardinality(own)] END);
    END LOOP;
END
$_$;

--
-- Name: FUNCTION create_annotated_view(watch glossator.watches); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.create_annotated_view(watch glossator.watches) IS 'Makes the view of one watch. A name of ours that is also one of the table''s gets glossator_ in front.';

--
-- Name: create_watch_functions(glossator.watches); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.create_watch_functions(watch glossator.watches) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    arrays text;        -- keys_1 bigint[], keys_2 text[]
    variables text;     -- keys_1, keys_2
    names text;         -- k1, k2
    same text;          -- r.k1 = a.k1 AND r.k2 = a.k2
    collected text;     -- array_agg(c.k1), array_agg(c.k2)
    merged text;        -- coalesce(o.k1, n.k1) AS k1, …
    reached text;       -- (watch.backfilled_to ->> 0)::bigint, …
    last text;          -- keys_1[cardinality(keys_1)], …
    affected text;      -- the keys with their external_id
    ordered CONSTANT text[] := glossator.watched_key_order(watch.relation, watch.key);
BEGIN
    SELECT string_agg(format('keys_%s %s[]', o.i, format_type(a.atttypid, -1)), ', ' ORDER BY o.i),
        string_agg(format('keys_%s', o.i), ', ' ORDER BY o.i), string_agg(format('k%s', o.i), ', ' ORDER BY o.i),
        string_agg(format('r.k%s = a.k%s', o.i, o.i), ' AND ' ORDER BY o.i),
        string_agg(format('array_agg(c.k%s)', o.i), ', ' ORDER BY o.i),
        string_agg(format('coalesce(o.k%s, n.k%s) AS k%s', o.i, o.i, o.i), ', ' ORDER BY o.i),
        string_agg(format('(watch.backfilled_to ->> %s)::%s', o.i - 1, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY o.i),
        string_agg(format('keys_%s[cardinality(keys_%s)]', o.i, o.i), ', ' ORDER BY o.i)
    INTO arrays, variables, names, same, collected, merged, reached, last
    FROM unnest(ordered) WITH ORDINALITY AS o (name, i)
    JOIN pg_catalog.pg_attribute a ON a.attrelid = watch.relation AND a.attname = o.name AND NOT a.attisdropped;
    affected := format('(SELECT u.*, %s AS external_id FROM unnest(%s) AS u (%s)) AS a',
        glossator.watch_key_expression(watch.relation, watch.key,
            ARRAY(SELECT format('u.k%s', array_position(ordered, k.name)) FROM unnest(watch.key) WITH ORDINALITY AS k (name, i) ORDER BY k.i)),
        variables, names);

    -- OFFSET 0, and no joins but nested loops: every key is looked up by itself. A planner that believes old statistics
    -- would read a whole collection for every statement.
    EXECUTE format('CREATE FUNCTION glossator.watch_%s_sync(%s) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp SET timezone = ''UTC''
        SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off SET enable_material = off AS %L',
        watch.id, arrays, format($sync$
BEGIN
    -- A transaction with an old snapshot does not see the document that a step of the backfill has made since, and would
    -- leave it behind. Inserting it finds it all the same: then PostgreSQL reports a serialization failure.
    IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable')
        AND NOT EXISTS (SELECT FROM glossator.watches w WHERE w.id = %1$s AND w.backfilled_at IS NOT NULL) THEN
        INSERT INTO glossator.documents (collection, external_id, body)
        SELECT %2$L, a.external_id, '' FROM %3$s
        WHERE NOT EXISTS (SELECT FROM glossator.documents d WHERE d.collection = %2$L AND d.external_id = a.external_id OFFSET 0)
            AND NOT EXISTS (SELECT FROM %4$s AND r.is_document OFFSET 0)
        ON CONFLICT (collection, external_id) DO NOTHING;
    END IF;
    DELETE FROM glossator.documents WHERE id = ANY (ARRAY(
        SELECT d.id FROM %3$s CROSS JOIN LATERAL (%5$s) AS d
        WHERE NOT EXISTS (SELECT FROM %4$s AND r.is_document AND r.body = d.body OFFSET 0)));
    UPDATE glossator.documents t SET metadata = n.metadata
    FROM (
        SELECT d.id, r.metadata FROM %3$s CROSS JOIN LATERAL (%5$s) AS d
        CROSS JOIN LATERAL (SELECT r.metadata FROM %4$s OFFSET 0) AS r
        WHERE d.metadata IS DISTINCT FROM r.metadata
    ) AS n
    WHERE t.id = n.id;
    INSERT INTO glossator.documents (collection, external_id, body, metadata)
    SELECT %2$L, a.external_id, r.body, r.metadata
    FROM %3$s CROSS JOIN LATERAL (SELECT r.body, r.metadata FROM %4$s AND r.is_document OFFSET 0) AS r
    WHERE NOT EXISTS (SELECT FROM glossator.documents d WHERE d.collection = %2$L AND d.external_id = a.external_id OFFSET 0)
    ON CONFLICT (collection, external_id) DO NOTHING;
END
$sync$, watch.id, watch.collection, affected,
        format('glossator.watch_%s_rows r WHERE %s AND r.external_id = a.external_id', watch.id, same),
        format('SELECT d.id, d.body, d.metadata FROM glossator.documents d WHERE d.collection = %L AND d.external_id = a.external_id OFFSET 0',
            watch.collection)));

    EXECUTE format('CREATE FUNCTION glossator.watch_%s_keep() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp SET timezone = ''UTC'' AS %L', watch.id, format($keep$
DECLARE
    %2$s;
BEGIN
    IF TG_OP = 'INSERT' THEN
        SELECT %3$s INTO %4$s FROM (%5$s) AS c WHERE c.is_document;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT %3$s INTO %4$s FROM (%6$s) AS c;
    ELSIF TG_OP = 'UPDATE' THEN
        -- Rows that say what they said before are left alone here, at the price of one comparison.
        SELECT %3$s INTO %4$s
        FROM (
            SELECT %8$s FROM (%6$s) AS o FULL JOIN (%5$s) AS n ON o.external_id = n.external_id
            WHERE (o.body, o.is_document, o.metadata) IS DISTINCT FROM (n.body, n.is_document, n.metadata)
        ) AS c;
    ELSE
        IF current_setting('transaction_isolation') IN ('repeatable read', 'serializable') THEN
            RAISE EXCEPTION 'a watched table cannot be truncated by a %% transaction', current_setting('transaction_isolation')
                USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_truncate_isolation',
                    HINT = 'TRUNCATE removes rows that such a transaction does not see. Use READ COMMITTED, or DELETE.';
        END IF;
        DELETE FROM glossator.documents d WHERE d.collection = %7$L;
    END IF;
    IF keys_1 IS NOT NULL THEN
        PERFORM glossator.watch_%1$s_sync(%4$s);
    END IF;
    RETURN NULL;
END
$keep$, watch.id, replace(arrays, ', keys_', '; keys_'),
        -- Shown with the error of a statement that meets a renamed column.
        '/* Was a column renamed? glossator.unwatch() the table, and watch() it with adopt => true. */ ' || collected,
        variables, glossator.watch_source(watch, 'new_rows'),
        glossator.watch_source(watch, 'old_rows'), watch.collection, merged));

    -- On another table they would do to this one's documents what happens there.
    EXECUTE format('REVOKE EXECUTE ON FUNCTION glossator.watch_%1$s_sync, glossator.watch_%1$s_keep FROM PUBLIC', watch.id);

    EXECUTE format('CREATE FUNCTION glossator.watch_%s_backfill(maximum_rows integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
        SET search_path = pg_catalog, pg_temp SET timezone = ''UTC'' SET enable_seqscan = off SET lock_timeout = ''500ms'' AS %L', watch.id, format($backfill$
DECLARE
    watch glossator.watches;
    %2$s;
BEGIN
    SELECT w.* INTO watch FROM glossator.watches w WHERE w.id = %1$s AND w.backfilled_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN 0;
    END IF;
    -- Read without locks first: where the step ends must not depend on a key that changes while it waits.
    IF watch.backfilled_to IS NULL THEN
        SELECT %3$s INTO %4$s FROM (
            SELECT %5$s FROM glossator.watch_%1$s_rows ORDER BY %5$s LIMIT maximum_rows
        ) AS c;
    ELSE
        SELECT %3$s INTO %4$s FROM (
            SELECT %5$s FROM glossator.watch_%1$s_rows WHERE (%5$s) > (%6$s) ORDER BY %5$s LIMIT maximum_rows
        ) AS c;
    END IF;
    -- Whoever is changing one of these rows is waited for, and changes what was inserted here when he comes later.
    PERFORM FROM unnest(%4$s) AS a (%5$s) CROSS JOIN LATERAL (
        SELECT FROM glossator.watch_%1$s_rows r WHERE %7$s FOR SHARE
    ) AS r;
    IF keys_1 IS NOT NULL THEN
        PERFORM glossator.watch_%1$s_sync(%4$s);
    END IF;
    IF coalesce(cardinality(keys_1), 0) < maximum_rows THEN
        IF watch.is_adopted THEN
            DELETE FROM glossator.documents d WHERE d.collection = %9$L
                AND NOT EXISTS (SELECT FROM glossator.watch_%1$s_rows r WHERE r.external_id = d.external_id AND r.is_document);
        END IF;
        UPDATE glossator.watches w SET backfilled_at = now(), problem = NULL WHERE w.id = %1$s;
    ELSE
        UPDATE glossator.watches w SET backfilled_to = jsonb_build_array(%8$s), problem = NULL WHERE w.id = %1$s;
    END IF;
    RETURN coalesce(cardinality(keys_1), 0);
EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
    -- Somebody holds one of the rows for longer. He is not made to wait for a backfill: it gives way.
    RETURN NULL;
END
$backfill$, watch.id, replace(arrays, ', keys_', '; keys_'), collected, variables, names, reached, same, last, watch.collection));

    EXECUTE format('REVOKE ALL ON FUNCTION glossator.watch_%1$s_sync, glossator.watch_%1$s_keep FROM PUBLIC', watch.id);
    EXECUTE format('COMMENT ON FUNCTION glossator.watch_%s_sync IS %L', watch.id,
        format('Makes the documents of the given keys what %s says of them now.', watch.relation));
    EXECUTE format('COMMENT ON FUNCTION glossator.watch_%s_keep IS %L', watch.id,
        format('Trigger on %s: finds the keys that a statement has touched.', watch.relation));
    EXECUTE format('COMMENT ON FUNCTION glossator.watch_%s_backfill IS %L', watch.id,
        format('One step of the backfill of %s; glossator.backfill_step() calls it.', watch.relation));
END
$_$;

--
-- Name: FUNCTION create_watch_functions(watch glossator.watches); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.create_watch_functions(watch glossator.watches) IS 'Makes the functions of one watch. SECURITY DEFINER: they run as whoever called watch(), and nobody else''s rights are used for the filter.';

--
-- Name: create_watch_rows_view(glossator.watches); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.create_watch_rows_view(watch glossator.watches) RETURNS void
    LANGUAGE plpgsql
    AS $$
DECLARE
    name CONSTANT text := format('watch_%s_rows', watch.id);
    shown record;
    foreign_relation text;
BEGIN
    EXECUTE format('CREATE VIEW glossator.%I AS %s', name, glossator.watch_source(watch, format('ONLY %s', watch.relation)));
    EXECUTE format('COMMENT ON VIEW glossator.%I IS %L', name,
        format('Rows of %s as documents. A view, so that the functions of the watch go on when the table is renamed.', watch.relation));
    FOR shown IN
        SELECT a.attname, CASE a.attname WHEN 'external_id' THEN 'The document''s name.' WHEN 'body' THEN 'Its text.'
            WHEN 'metadata' THEN 'What documents.metadata keeps.'
            WHEN 'is_document' THEN 'Whether the row has a text and the filter lets it through.'
            ELSE 'A column of the key, in the order of its index.' END AS comment
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = format('glossator.%I', name)::regclass AND a.attnum > 0
    LOOP
        EXECUTE format('COMMENT ON COLUMN glossator.%I.%I IS %L', name, shown.attname, shown.comment);
    END LOOP;
    -- What the filter reads stands in the view's dependencies.
    SELECT d.refobjid::regclass::text INTO foreign_relation
    FROM pg_catalog.pg_rewrite r
    JOIN pg_catalog.pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid NOT IN (r.ev_class, watch.relation)
    WHERE r.ev_class = format('glossator.%I', name)::regclass LIMIT 1;
    IF foreign_relation IS NOT NULL THEN
        RAISE EXCEPTION 'the filter on % reads %', watch.relation, foreign_relation
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_filter_subquery',
                HINT = 'Changes there would go unnoticed. Keep what the filter needs in a column of the table itself.';
    END IF;
END
$$;

--
-- Name: FUNCTION create_watch_rows_view(watch glossator.watches); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.create_watch_rows_view(watch glossator.watches) IS 'Makes the view that the functions of one watch read the table through.';

--
-- Name: create_watch_triggers(glossator.watches); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.create_watch_triggers(watch glossator.watches) RETURNS void
    LANGUAGE plpgsql
    AS $_$
DECLARE
    kind record;
BEGIN
    FOR kind IN SELECT * FROM (VALUES
        ('insert', 'REFERENCING NEW TABLE AS new_rows'), ('delete', 'REFERENCING OLD TABLE AS old_rows'),
        ('update', 'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows'), ('truncate', '')) AS k (operation, tables)
    LOOP
        EXECUTE format('CREATE TRIGGER glossator_%1$s AFTER %1$s ON %2$s %3$s FOR EACH STATEMENT EXECUTE FUNCTION glossator.watch_%4$s_keep()',
            kind.operation, watch.relation, kind.tables, watch.id);
        EXECUTE format('COMMENT ON TRIGGER glossator_%s ON %s IS %L', kind.operation, watch.relation,
            format('Keeps the collection "%s" in step. glossator.unwatch() removes it.', watch.collection));
    END LOOP;
END
$_$;

--
-- Name: FUNCTION create_watch_triggers(watch glossator.watches); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.create_watch_triggers(watch glossator.watches) IS 'Makes the four triggers of one watch.';

--
-- Name: document_id(text, text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.document_id(collection text, external_id text) RETURNS bigint
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
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

--
-- Name: FUNCTION document_id(collection text, external_id text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.document_id(collection text, external_id text) IS 'The id of a document by your own key: INSERT INTO glossator.gold_labels (document_id, task, label) VALUES (glossator.document_id(''reviews'', ''r-17''), ''sentiment'', ''positive'').';

--
-- Name: document_key(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.document_key(key text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN ((octet_length(key) >= 1) AND (octet_length(key) <= 1024)) THEN key ELSE ('sha256:'::text || encode(glossator.body_sha256(key), 'hex'::text)) END;

--
-- Name: FUNCTION document_key(key text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.document_key(key text) IS 'The external_id of a watched row: its key, or the key''s hash when external_id cannot hold it (empty, or longer than 1,024 bytes).';

--
-- Name: due_at(time without time zone, text, date); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.due_at(at time without time zone, time_zone text, day date) RETURNS timestamp with time zone
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    instant timestamptz := glossator.first_instant(day + at, time_zone);
BEGIN
    -- Also when the clock jumped from before the time to the next day. A day that was jumped over as a whole has none.
    IF (instant AT TIME ZONE time_zone)::date = day
        OR (glossator.first_instant(day::timestamp, time_zone) AT TIME ZONE time_zone)::date = day THEN
        RETURN instant;
    END IF;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION due_at(at time without time zone, time_zone text, day date); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.due_at(at time without time zone, time_zone text, day date) IS 'The one instant of a daily run on a day of a time zone: a wall time that the clock jumps over is due when it has jumped, one that comes twice is due the first time. Null for a day that a zone left out (Samoa, 30 December 2011).';

--
-- Name: estimated_tokens(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.estimated_tokens(body text) RETURNS integer
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN ((octet_length(body) / 3) + 2);

--
-- Name: FUNCTION estimated_tokens(body text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.estimated_tokens(body text) IS 'Word pieces of a text, guessed from its length without reading it.';

--
-- Name: finish_batches(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.finish_batches() RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION finish_batches(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.finish_batches() IS 'Marks closed batches of which no document waits any more as finished, notifies glossator_batches with each name, once, and returns how many. Daemons call it.';

--
-- Name: first_instant(timestamp without time zone, text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.first_instant(wall timestamp without time zone, time_zone text) RETURNS timestamp with time zone
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    utc timestamptz := wall AT TIME ZONE 'UTC';
    -- No zone was ever as far as 16 hours from UTC: these two instants have the wall time between them.
    earliest timestamptz := utc - interval '16 hours';
    latest timestamptz := utc + interval '16 hours';
    by_old_clock timestamptz;
    by_new_clock timestamptz;
    low bigint;
    high bigint;
    middle bigint;
BEGIN
    -- A wall time that comes twice came first by the old clock.
    by_old_clock := utc - ((earliest AT TIME ZONE time_zone) - (earliest AT TIME ZONE 'UTC'));
    IF by_old_clock AT TIME ZONE time_zone = wall THEN
        RETURN by_old_clock;
    END IF;
    by_new_clock := utc - ((latest AT TIME ZONE time_zone) - (latest AT TIME ZONE 'UTC'));
    IF by_new_clock AT TIME ZONE time_zone = wall THEN
        RETURN by_new_clock;
    END IF;
    -- The clock jumped over it, at a whole second between the two.
    low := floor(extract(epoch FROM by_new_clock));
    high := ceil(extract(epoch FROM by_old_clock));
    WHILE high - low > 1 LOOP
        middle := (low + high) / 2;
        IF to_timestamp(middle) AT TIME ZONE time_zone >= wall THEN
            high := middle;
        ELSE
            low := middle;
        END IF;
    END LOOP;
    RETURN to_timestamp(high);
END
$$;

--
-- Name: FUNCTION first_instant(wall timestamp without time zone, time_zone text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.first_instant(wall timestamp without time zone, time_zone text) IS 'The first instant at which clocks of a time zone show this time or a later one: of a time that comes twice the first, of one that is jumped over the end of the jump.';

--
-- Name: first_wrong_surface(bigint[], integer[], integer[], text[]); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.first_wrong_surface(document_ids bigint[], starts integer[], ends integer[], surfaces text[], OUT document_id bigint, OUT start_char integer, OUT end_char integer, OUT is_outside boolean) RETURNS record
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    -- Nearly all bodies are short, and substr() is quick in them; ends are compared because it stops at the body's.
    SELECT s.document_id, s.start_char, s.end_char, s.end_char > char_length(d.body)
    INTO document_id, start_char, end_char, is_outside
    FROM unnest(document_ids, first_wrong_surface.starts, first_wrong_surface.ends, surfaces)
        AS s (document_id, start_char, end_char, surface)
    -- OFFSET 0: one look-up by key a span. Left to choose, and told LIMIT 1, the planner reads every document.
    CROSS JOIN LATERAL (
        SELECT o.body FROM glossator.documents o WHERE o.id = s.document_id AND octet_length(o.body) <= 8192 OFFSET 0
    ) AS d
    WHERE substr(d.body, s.start_char + 1, s.end_char - s.start_char) IS DISTINCT FROM s.surface
        OR s.end_char > char_length(d.body)
    LIMIT 1;
    IF FOUND THEN
        RETURN;
    END IF;
    SELECT spans.document_id, spans.starts[i], spans.ends[i], actual[i] IS NULL
    INTO document_id, start_char, end_char, is_outside
    FROM (
        SELECT s.document_id, array_agg(s.start_char) AS starts, array_agg(s.end_char) AS ends, array_agg(s.surface) AS given
        FROM unnest(document_ids, first_wrong_surface.starts, first_wrong_surface.ends, surfaces)
            AS s (document_id, start_char, end_char, surface)
        GROUP BY s.document_id
    ) AS spans
    CROSS JOIN LATERAL (
        SELECT o.body FROM glossator.documents o WHERE o.id = spans.document_id AND octet_length(o.body) > 8192 OFFSET 0
    ) AS d
    CROSS JOIN LATERAL glossator.surfaces(d.body, spans.starts, spans.ends) AS actual
    CROSS JOIN LATERAL generate_subscripts(spans.given, 1) AS i
    WHERE actual[i] IS DISTINCT FROM spans.given[i]
    LIMIT 1;
END
$$;

--
-- Name: FUNCTION first_wrong_surface(document_ids bigint[], starts integer[], ends integer[], surfaces text[], OUT document_id bigint, OUT start_char integer, OUT end_char integer, OUT is_outside boolean); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.first_wrong_surface(document_ids bigint[], starts integer[], ends integer[], surfaces text[], OUT document_id bigint, OUT start_char integer, OUT end_char integer, OUT is_outside boolean) IS 'One of the given spans whose surface is not what its document says there, and whether it lies outside the body; nulls when all are right.';

--
-- Name: forget_batches(interval); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.forget_batches(age interval DEFAULT '30 days'::interval) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION forget_batches(age interval); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.forget_batches(age interval) IS 'Removes the rows of batches that finished longer ago; their documents, results and counts stay. Daemons do it (housekeeping.batch-days).';

--
-- Name: has_gold(bigint, text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.has_gold(document_id bigint, task text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE
    AS $$
BEGIN
    RETURN EXISTS (
            SELECT FROM glossator.gold_labels g
            WHERE g.document_id = has_gold.document_id AND (has_gold.task IS NULL OR g.task = has_gold.task))
        OR EXISTS (
            SELECT FROM glossator.gold_entities g
            WHERE g.document_id = has_gold.document_id AND (has_gold.task IS NULL OR g.task = has_gold.task)
                AND g.retracted_at IS NULL)
        OR EXISTS (
            SELECT FROM glossator.gold_complete g
            WHERE g.document_id = has_gold.document_id AND (has_gold.task IS NULL OR g.task = has_gold.task));
END
$$;

--
-- Name: FUNCTION has_gold(document_id bigint, task text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.has_gold(document_id bigint, task text) IS 'Whether anybody has said anything about a document in a task (null: in any).';

--
-- Name: is_key_type(oid); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.is_key_type(type oid) RETURNS boolean
    LANGUAGE sql STABLE STRICT
    RETURN ((glossator.base_type(type) = ANY ((ARRAY['smallint'::regtype, 'integer'::regtype, 'bigint'::regtype, 'numeric'::regtype, 'oid'::regtype, 'text'::regtype, 'character varying'::regtype, 'character'::regtype, 'uuid'::regtype, 'date'::regtype, 'timestamp without time zone'::regtype, 'timestamp with time zone'::regtype, 'bytea'::regtype, 'boolean'::regtype])::oid[])) OR (EXISTS (SELECT FROM pg_type t WHERE ((t.oid = glossator.base_type(is_key_type.type)) AND (t.typtype = 'e'::"char")))));

--
-- Name: FUNCTION is_key_type(type oid); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.is_key_type(type oid) IS 'Whether a column of this type can name a document.';

--
-- Name: is_labelled_by(bigint, bigint); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.is_labelled_by(document_id bigint, model_id bigint) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $_$
    SELECT NOT EXISTS (SELECT FROM glossator.labels l WHERE l.document_id = $1 AND l.model_id <> $2)
$_$;

--
-- Name: FUNCTION is_labelled_by(document_id bigint, model_id bigint); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.is_labelled_by(document_id bigint, model_id bigint) IS 'Whether no label of a document is another model''s: after a change of heads labels may be newer, or older, than the rest.';

--
-- Name: lineage(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.lineage(collection text) RETURNS TABLE(model_id bigint, training_run_id bigint)
    LANGUAGE sql STABLE
    AS $_$
    WITH RECURSIVE lineage AS (
        SELECT m.id, m.parent_id, m.training_run_id
        FROM glossator.model_in_force f JOIN glossator.models m ON m.id = f.model_id
        WHERE f.collection = $1
        UNION
        SELECT m.id, m.parent_id, m.training_run_id FROM lineage l JOIN glossator.models m ON m.id = l.parent_id
    )
    SELECT l.id, l.training_run_id FROM lineage l
$_$;

--
-- Name: FUNCTION lineage(collection text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.lineage(collection text) IS 'The model in force in a collection and all that it descends from, with the runs that made them. What these have learned is learned; gold of a model that was not promoted, or was rolled back, is not.';

--
-- Name: locate_gold_entity(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.locate_gold_entity() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    body text;
    first integer;
BEGIN
    IF NEW.start_char < 0 OR NEW.start_char >= NEW.end_char THEN
        RAISE EXCEPTION 'gold entity %..% of document % is not a span', NEW.start_char, NEW.end_char, NEW.document_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_entity_span',
                HINT = 'Offsets count code points from 0, and end_char is exclusive: 0 <= start_char < end_char.';
    END IF;
    IF btrim(coalesce(NEW.task, '')) = '' OR btrim(coalesce(NEW.type, '')) = '' THEN
        RAISE EXCEPTION 'a gold entity of document % has no task or no type', NEW.document_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_entity_empty',
                HINT = 'Name both. A document without entities is said in glossator.gold_complete.';
    END IF;
    IF NEW.start_char IS NOT NULL AND NEW.end_char IS NOT NULL AND NEW.surface IS NOT NULL THEN
        RETURN NEW;
    END IF;
    SELECT d.body INTO body FROM glossator.documents d WHERE d.id = NEW.document_id;
    IF NOT FOUND THEN
        RETURN NEW;  -- the foreign key says it better
    END IF;
    IF NEW.start_char IS NOT NULL AND NEW.end_char IS NOT NULL THEN
        -- A span that ends outside the body gets what there is of it; the statement's check refuses it.
        NEW.surface := substr(body, NEW.start_char + 1, NEW.end_char - NEW.start_char);
        RETURN NEW;
    END IF;
    IF NEW.start_char IS NOT NULL OR NEW.end_char IS NOT NULL OR coalesce(NEW.surface, '') = '' THEN
        RAISE EXCEPTION 'a gold entity of document % has no span', NEW.document_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_entity_span',
                HINT = 'Give start_char and end_char, or a surface that occurs once in the body.';
    END IF;
    first := strpos(body, NEW.surface);
    IF first = 0 THEN
        RAISE EXCEPTION 'the surface of a gold entity does not occur in document %', NEW.document_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_entity_surface',
                HINT = 'Copy it exactly as the body writes it, upper and lower case included.';
    END IF;
    IF strpos(substr(body, first + 1), NEW.surface) > 0 THEN
        RAISE EXCEPTION 'the surface of a gold entity occurs more than once in document %', NEW.document_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_entity_ambiguous',
                HINT = 'Give start_char and end_char to say which one is meant.';
    END IF;
    NEW.start_char := first - 1;
    NEW.end_char := NEW.start_char + char_length(NEW.surface);
    RETURN NEW;
END
$$;

--
-- Name: FUNCTION locate_gold_entity(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.locate_gold_entity() IS 'Trigger: finds the offsets of a surface, or the surface at offsets.';

--
-- Name: model_diff(bigint, bigint, text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.model_diff(old_model bigint, new_model bigint, collection text DEFAULT NULL::text) RETURNS TABLE(document_id bigint, external_id text, segment integer, task text, old_label text, old_score real, new_label text, new_score real, is_shown boolean)
    LANGUAGE plpgsql STABLE
    AS $_$
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
$_$;

--
-- Name: FUNCTION model_diff(old_model bigint, new_model bigint, collection text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.model_diff(old_model bigint, new_model bigint, collection text) IS 'Which labels became others when a new model took over from an old one: recorded when collections are relabelled. is_shown is false for those that are computed and wait for the rest.';

--
-- Name: model_diff(text, text, text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.model_diff(old_model text, new_model text, collection text DEFAULT NULL::text) RETURNS TABLE(document_id bigint, external_id text, segment integer, task text, old_label text, old_score real, new_label text, new_score real, is_shown boolean)
    LANGUAGE plpgsql STABLE
    AS $_$
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
$_$;

--
-- Name: FUNCTION model_diff(old_model text, new_model text, collection text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.model_diff(old_model text, new_model text, collection text) IS 'model_diff() by the models'' names.';

--
-- Name: next_to_label(text, integer, text, real); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.next_to_label(collection text, k integer DEFAULT 20, task text DEFAULT NULL::text, random_share real DEFAULT 0.2) RETURNS SETOF glossator.document_to_label
    LANGUAGE plpgsql
    AS $$
#variable_conflict use_column
DECLARE
    tasks text[];
    holdout double precision;
    -- A share of less than one document is one document now and then.
    luck CONSTANT double precision := random();
    random_count integer;
    held_out_count integer;
    turn integer;
    chosen_ids bigint[];
    chosen_tasks text[];
    novelties real[];
    random_ids bigint[] := '{}';
    random_tasks text[] := '{}';
    more bigint[];
    wanted integer;
BEGIN
    PERFORM glossator.require_collection(next_to_label.collection);
    IF next_to_label.k IS NULL OR next_to_label.k NOT BETWEEN 1 AND 10000 THEN
        RAISE EXCEPTION 'k is a whole number from 1 to 10000'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It says how many documents to name.';
    ELSIF next_to_label.random_share IS NULL OR NOT next_to_label.random_share BETWEEN 0 AND 1 THEN
        RAISE EXCEPTION 'random_share is a number from 0 to 1'
            USING ERRCODE = 'invalid_parameter_value', HINT = '0.2 makes every fifth document a random one; 1 all of them.';
    END IF;
    tasks := glossator.tasks_to_label(next_to_label.collection, next_to_label.task);
    holdout := coalesce((
        SELECT (r.options #>> '{heads,holdout}')::double precision FROM glossator.training_runs r
        WHERE r.collection = next_to_label.collection AND r.options #>> '{heads,holdout}' IS NOT NULL
        ORDER BY r.id DESC LIMIT 1), 0.2);
    -- As many held-out documents as there would be if all were random, all of them random.
    random_count := floor(next_to_label.random_share::numeric * next_to_label.k + luck);
    held_out_count := least(random_count, floor(holdout * next_to_label.k + luck));

    SELECT array_agg(c.document_id ORDER BY c.rank, c.task_place), array_agg(c.task ORDER BY c.rank, c.task_place),
        array_agg(c.novelty ORDER BY c.rank, c.task_place)
    INTO chosen_ids, chosen_tasks, novelties
    FROM (
        SELECT d.* FROM (
            SELECT DISTINCT ON (u.signature) u.*, t.task, (t.place + u.rank) % cardinality(tasks) AS task_place
            FROM unnest(tasks) WITH ORDINALITY AS t (task, place)
            CROSS JOIN LATERAL glossator.uncertain_documents(
                next_to_label.collection, t.task, next_to_label.k - random_count, holdout) AS u
            -- Tasks that are unsure of the same documents share them.
            ORDER BY u.signature, u.rank, task_place
        ) AS d
        ORDER BY d.rank, d.task_place LIMIT next_to_label.k - random_count
    ) AS c;
    chosen_ids := coalesce(chosen_ids, '{}');

    -- Held-out ones, then others; what is missing elsewhere is random, too, and at last from wherever there is any.
    turn := floor(random() * cardinality(tasks));
    FOR side IN 1..3 LOOP
        FOR t IN 1..cardinality(tasks) LOOP
            wanted := next_to_label.k - cardinality(chosen_ids) - cardinality(random_ids);
            IF side = 1 THEN
                wanted := least(wanted, held_out_count - cardinality(random_ids));
            END IF;
            turn := turn % cardinality(tasks) + 1;
            IF side < 3 THEN
                -- An even part for each task.
                wanted := (wanted + cardinality(tasks) - t) / (cardinality(tasks) - t + 1);
            END IF;
            more := glossator.random_documents(
                next_to_label.collection, tasks[turn], wanted, CASE side WHEN 1 THEN true WHEN 2 THEN false END, holdout,
                chosen_ids || random_ids);
            random_ids := random_ids || more;
            random_tasks := random_tasks || array_fill(tasks[turn], ARRAY[cardinality(more)]);
        END LOOP;
    END LOOP;

    RETURN QUERY
    WITH chosen AS (
        -- Evenly among the others: who stops early has seen some of both.
        SELECT c.id, c.task, c.novelty, 'uncertain' AS reason, (c.n - 0.5) / cardinality(chosen_ids) AS along
        FROM unnest(chosen_ids, chosen_tasks, novelties) WITH ORDINALITY AS c (id, task, novelty, n)
        UNION ALL
        SELECT r.id, r.task, NULL, 'random', (s.n - 0.5) / cardinality(random_ids)
        FROM unnest(random_ids, random_tasks) WITH ORDINALITY AS r (id, task, n)
        -- Held-out ones were drawn first.
        JOIN (SELECT i, row_number() OVER (ORDER BY random()) AS n FROM generate_subscripts(random_ids, 1) AS i) AS s ON s.i = r.n
    )
    SELECT (row_number() OVER (ORDER BY c.along, c.reason DESC))::integer, c.id, d.external_id, c.task, a.answer, u.uncertainty,
        c.novelty, u.uncertainty * c.novelty, c.reason, d.body
    FROM chosen c
    JOIN glossator.documents d ON d.id = c.id
    LEFT JOIN glossator.uncertainties u ON u.document_id = c.id AND u.task = c.task
    LEFT JOIN LATERAL (
        SELECT coalesce(
            (SELECT l.label FROM glossator.labels l WHERE l.document_id = c.id AND l.task = c.task ORDER BY l.score LIMIT 1),
            (SELECT string_agg(format('%s: %s', e.type, e.surface), ', ' ORDER BY e.ordinal)
            FROM glossator.entities e WHERE e.document_id = c.id AND e.task = c.task AND e.ordinal < 20)) AS answer
    ) AS a ON true
    ORDER BY 1;
END
$$;

--
-- Name: FUNCTION next_to_label(collection text, k integer, task text, random_share real); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.next_to_label(collection text, k integer, task text, random_share real) IS 'What a person should label next in a collection: documents that the model in force is unsure of and that are unlike what is labelled, and among them a share of random ones, so that held-out documents stay like the collection. SELECT * FROM glossator.next_to_label(''mail'', 20).';

--
-- Name: open_batch(text, integer); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.open_batch(batch text, priority integer DEFAULT NULL::integer) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION open_batch(batch text, priority integer); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.open_batch(batch text, priority integer) IS 'Says that documents of this batch will come in several statements: it is not finished before close_batch(). Documents that come with it have this priority, or their collection''s.';

--
-- Name: pause(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.pause(collection text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM glossator.require_collection(collection);
    UPDATE glossator.collections c SET paused = true WHERE c.name = pause.collection;
END
$$;

--
-- Name: FUNCTION pause(collection text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.pause(collection text) IS 'Daemons finish what they hold of this collection and claim no more of it.';

--
-- Name: place_in_queue(timestamp with time zone, smallint); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.place_in_queue(enqueued timestamp with time zone, priority smallint) RETURNS timestamp with time zone
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN (enqueued - ((priority)::double precision * '00:10:00'::interval));

--
-- Name: FUNCTION place_in_queue(enqueued timestamp with time zone, priority smallint); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.place_in_queue(enqueued timestamp with time zone, priority smallint) IS 'spool.due: a step of priority is worth ten minutes of waiting.';

--
-- Name: prepare_document(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.prepare_document() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION prepare_document(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.prepare_document() IS 'Trigger: a collection and a batch exist as soon as a document names them.';

--
-- Name: promote(text, bigint); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.promote(collection text, model_id bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION promote(collection text, model_id bigint); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.promote(collection text, model_id bigint) IS 'Brings a model into force for a collection, or as the default when the collection is null. Documents claimed from now on are annotated by it. Where its embeddings are those of the model before, labels of all documents are computed again from them (glossator.relabels); entities, and everything where the encoder is another, stay until reannotate().';

--
-- Name: promote(text, text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.promote(collection text, model text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION promote(collection text, model text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.promote(collection text, model text) IS 'promote() by the model''s name.';

--
-- Name: prunable_models(integer, integer); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.prunable_models(keep integer DEFAULT 10, days integer DEFAULT 30) RETURNS TABLE(model_id bigint, model text, collection text, made_at timestamp with time zone, bytes bigint)
    LANGUAGE sql STABLE
    AS $$
    SELECT m.id, m.name, m.collection, m.created_at, m.bytes
    FROM (
        SELECT o.id, o.name, r.collection, o.created_at, octet_length(o.heads)::bigint AS bytes,
            row_number() OVER (PARTITION BY r.collection ORDER BY o.id DESC) AS place
        FROM glossator.models o JOIN glossator.training_runs r ON r.id = o.training_run_id
        WHERE o.removed_at IS NULL
    ) AS m
    WHERE m.place > keep AND m.created_at < now() - make_interval(days => days)
        AND NOT EXISTS (SELECT FROM glossator.model_uses u WHERE u.model_id = m.id)
    ORDER BY m.id
$$;

--
-- Name: FUNCTION prunable_models(keep integer, days integer); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.prunable_models(keep integer, days integer) IS 'Models that prune_models() would remove: made by training, not in use, older than so many days, and not among the newest of their collection.';

--
-- Name: prune_models(integer, integer); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.prune_models(keep integer DEFAULT 10, days integer DEFAULT 30) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    old record;
    removed bigint := 0;
BEGIN
    IF keep IS NULL OR keep < 0 OR days IS NULL OR days < 0 THEN
        RAISE EXCEPTION 'prune_models() keeps a number of models and of days'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'SELECT glossator.prune_models(keep => 10, days => 30) is the default.';
    END IF;
    FOR old IN SELECT p.model FROM glossator.prunable_models(prune_models.keep, prune_models.days) p LOOP
        PERFORM glossator.remove_model(old.model);
        removed := removed + 1;
    END LOOP;
    -- What a run learned from is asked for as long as its model, or one that descends from it, is in force.
    UPDATE glossator.training_runs r SET manifest_removed_at = now()
    WHERE r.manifest_removed_at IS NULL AND r.finished_at < now() - make_interval(days => prune_models.days)
        AND NOT EXISTS (SELECT FROM glossator.models m WHERE m.id = r.model_id AND m.removed_at IS NULL)
        AND NOT EXISTS (SELECT FROM glossator.lineage(r.collection) l WHERE l.training_run_id = r.id);
    DELETE FROM glossator.training_rows t USING glossator.training_runs r
    WHERE r.id = t.run_id AND r.manifest_removed_at IS NOT NULL;
    DELETE FROM glossator.relabels r
    WHERE r.finished_at < now() - make_interval(days => prune_models.days)
        AND EXISTS (SELECT FROM glossator.models m WHERE m.id = r.model_id AND m.removed_at IS NOT NULL);
    RETURN removed;
END
$$;

--
-- Name: FUNCTION prune_models(keep integer, days integer); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.prune_models(keep integer, days integer) IS 'Removes models of old training runs (prunable_models() shows which), then the manifests of runs without a model and the label changes of removed ones; returns how many models. Daemons call it every hour: housekeeping.keep-models and housekeeping.model-days.';

--
-- Name: random_documents(text, text, integer, boolean, double precision, bigint[]); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.random_documents(collection text, task text, k integer, held_out boolean, holdout double precision, besides bigint[] DEFAULT '{}'::bigint[]) RETURNS bigint[]
    LANGUAGE plpgsql
    SET jit TO 'off'
    AS $$
DECLARE
    first_id bigint;
    last_id bigint;
    found bigint[] := '{}';
    texts bytea[] := ARRAY(SELECT d.body_sha256 FROM glossator.documents d WHERE d.id = ANY (besides));
    candidate record;
BEGIN
    IF k <= 0 THEN
        RETURN found;
    END IF;
    SELECT min(d.id), max(d.id) INTO first_id, last_id FROM glossator.documents d;
    -- Ids are drawn evenly and those refused that are no such document: gaps favour nobody.
    FOR candidate IN
        SELECT d.id, d.body_sha256
        FROM (
            SELECT first_id + floor(random() * (last_id - first_id + 1))::bigint AS id
            FROM generate_series(1, 500 + 20 * random_documents.k) OFFSET 0
        ) AS drawn
        CROSS JOIN LATERAL (
            SELECT d.id, d.body_sha256 FROM glossator.documents d
            WHERE d.id = drawn.id AND d.collection = random_documents.collection OFFSET 0
        ) AS d
        WHERE NOT glossator.has_gold(d.id, random_documents.task)
            AND (random_documents.held_out IS NULL
                OR (glossator.split_fraction(d.body_sha256) < random_documents.holdout) = random_documents.held_out)
    LOOP
        IF candidate.body_sha256 <> ALL (texts) THEN
            found := found || candidate.id;
            texts := texts || candidate.body_sha256;
            IF cardinality(found) = k THEN
                RETURN found;
            END IF;
        END IF;
    END LOOP;
    -- Few of the table's rows are such documents: all of them, shuffled.
    FOR candidate IN
        SELECT d.id, d.body_sha256
        FROM (
            SELECT d.id, d.body_sha256 FROM glossator.documents d
            WHERE d.collection = random_documents.collection
                AND NOT EXISTS (
                    SELECT FROM glossator.gold_labels g
                    WHERE g.document_id = d.id AND (random_documents.task IS NULL OR g.task = random_documents.task))
                AND NOT EXISTS (
                    SELECT FROM glossator.gold_entities g
                    WHERE g.document_id = d.id AND (random_documents.task IS NULL OR g.task = random_documents.task)
                        AND g.retracted_at IS NULL)
                AND NOT EXISTS (
                    SELECT FROM glossator.gold_complete g
                    WHERE g.document_id = d.id AND (random_documents.task IS NULL OR g.task = random_documents.task))
            ORDER BY random() OFFSET 0
        ) AS d
        WHERE random_documents.held_out IS NULL
            OR (glossator.split_fraction(d.body_sha256) < random_documents.holdout) = random_documents.held_out
    LOOP
        IF candidate.body_sha256 <> ALL (texts) THEN
            found := found || candidate.id;
            texts := texts || candidate.body_sha256;
            EXIT WHEN cardinality(found) = k;
        END IF;
    END LOOP;
    RETURN found;
END
$$;

--
-- Name: FUNCTION random_documents(collection text, task text, k integer, held_out boolean, holdout double precision, besides bigint[]); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.random_documents(collection text, task text, k integer, held_out boolean, holdout double precision, besides bigint[]) IS 'Documents of a collection without gold of a task (null: without any), each as likely as every other: of those that training holds out (held_out), of the others (not held_out) or of all (null).';

--
-- Name: reannotate(text, bigint[], text, boolean, integer); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.reannotate(collection text DEFAULT NULL::text, document_ids bigint[] DEFAULT NULL::bigint[], batch text DEFAULT NULL::text, outdated boolean DEFAULT false, priority integer DEFAULT 0) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION reannotate(collection text, document_ids bigint[], batch text, outdated boolean, priority integer); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.reannotate(collection text, document_ids bigint[], batch text, outdated boolean, priority integer) IS 'Puts documents back in the spool and returns how many: all that fit every filter given; outdated means that something of their results is another model''s than the one in force''s. Their results stay until new ones replace them. A negative priority lets new documents pass.';

--
-- Name: recount(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.recount() RETURNS void
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION recount(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.recount() IS 'Counts documents, spool and failures anew, for the case that somebody changed glossator.tallies by hand. Holds up writers meanwhile.';

--
-- Name: refuse_document_update(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.refuse_document_update() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'body, external_id, collection and batch of document % are immutable', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'document_immutable',
            HINT = 'Delete the document and insert it with its new text; gold and results that point into the old text go with it.';
END
$$;

--
-- Name: FUNCTION refuse_document_update(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.refuse_document_update() IS 'Trigger: offsets point into bodies, so bodies do not change.';

--
-- Name: refuse_empty_gold_label(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.refuse_empty_gold_label() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'a gold label of document % has no task or no label', NEW.document_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_label_empty',
            HINT = 'Leave the row out when the label is unknown: a task without a row is unknown, not negative.';
END
$$;

--
-- Name: FUNCTION refuse_empty_gold_label(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.refuse_empty_gold_label() IS 'Trigger: says what a CHECK could only name.';

--
-- Name: refuse_gold_update(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.refuse_gold_update() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'gold rows are append-only'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_append_only',
            HINT = CASE TG_TABLE_NAME
                WHEN 'gold_labels' THEN 'Insert the right label: the newest row of a document and task counts.'
                ELSE 'Set retracted_at = now() on the wrong row, then insert the right one.' END;
END
$$;

--
-- Name: FUNCTION refuse_gold_update(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.refuse_gold_update() IS 'Trigger: what people said stays said; corrections are new rows.';

--
-- Name: refuse_manifest_change(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.refuse_manifest_change() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    IF TG_OP = 'DELETE' AND EXISTS (
        SELECT FROM glossator.training_runs r WHERE r.id = OLD.run_id AND r.manifest_removed_at IS NOT NULL)
    THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'what training run % learned from does not change', OLD.run_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'manifest_immutable',
            HINT = 'A manifest stays as long as the model that the run made, and prune_models() removes both.';
END
$$;

--
-- Name: FUNCTION refuse_manifest_change(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.refuse_manifest_change() IS 'Trigger: a manifest says what was, not what should have been.';

--
-- Name: refuse_model_update(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.refuse_model_update() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION 'model % is immutable', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'model_immutable',
            HINT = 'Store the changed model under a new name, then SELECT glossator.promote(collection, name).';
END
$$;

--
-- Name: FUNCTION refuse_model_update(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.refuse_model_update() IS 'Trigger: models do not change after they have annotated something.';

--
-- Name: refuse_removed_model(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.refuse_removed_model() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
DECLARE
    removed record;
BEGIN
    -- Shared with whoever sets a model; remove_model() takes the row alone, so one of the two waits and sees the other.
    SELECT m.name, m.removed_at INTO removed FROM glossator.models m WHERE m.id = NEW.model_id FOR SHARE;
    IF removed.removed_at IS NOT NULL THEN
        RAISE EXCEPTION 'model "%" was removed on %', removed.name, removed.removed_at::date
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'SELECT name FROM glossator.models WHERE removed_at IS NULL lists those that can be promoted.';
    END IF;
    RETURN NEW;
END
$$;

--
-- Name: FUNCTION refuse_removed_model(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.refuse_removed_model() IS 'Trigger: a model without weights comes into force nowhere.';

--
-- Name: refuse_undeclared_gold(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.refuse_undeclared_gold() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
DECLARE
    given text := TG_ARGV[0];
    wrong record;
    known text;
BEGIN
    IF NOT EXISTS (SELECT FROM glossator.gold_policies WHERE NOT accepts_new) THEN
        RETURN NULL;
    END IF;
    SELECT d.collection, n.document_id, n.task, to_jsonb(n) ->> given AS label INTO wrong
    FROM new_gold n
    JOIN glossator.documents d ON d.id = n.document_id
    JOIN glossator.gold_policies p ON p.collection = d.collection AND NOT p.accepts_new
    WHERE NOT EXISTS (
        SELECT FROM glossator.gold_declared g
        WHERE g.collection = d.collection AND g.task = n.task AND (given = '' OR g.label = to_jsonb(n) ->> given))
    LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT string_agg(label, ', ' ORDER BY label) INTO known
    FROM glossator.gold_declared WHERE collection = wrong.collection AND task = wrong.task;
    IF known IS NULL THEN
        SELECT string_agg(DISTINCT task, ', ' ORDER BY task) INTO known
        FROM glossator.gold_declared WHERE collection = wrong.collection;
        RAISE EXCEPTION 'task "%" of document % is not declared in collection "%"', wrong.task, wrong.document_id, wrong.collection
            USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_undeclared',
                HINT = format('Declared tasks: %s. A new one is declared in glossator.gold_declared, or let the collection take new ones: UPDATE glossator.gold_policies SET accepts_new = true.',
                    coalesce(known, 'none'));
    END IF;
    RAISE EXCEPTION '% "%" of task "%" (document %) is not declared in collection "%"',
        given, wrong.label, wrong.task, wrong.document_id, wrong.collection
        USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_undeclared',
            HINT = format('Declared for this task: %s. A new one is declared in glossator.gold_declared.', known);
END
$$;

--
-- Name: FUNCTION refuse_undeclared_gold(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.refuse_undeclared_gold() IS 'Trigger: where a collection takes declared labels and types only, others are refused, and the declared ones named.';

--
-- Name: relabel(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.relabel(collection text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION relabel(collection text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.relabel(collection text) IS 'Asks for the labels of all documents of a collection whose stored embeddings are those of the model in force, by that model, without reading a text again; returns the row of glossator.relabels. promote() and rollback() ask by themselves. Null for a collection without documents.';

--
-- Name: relabel_after(text, bigint, bigint); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.relabel_after(collection text, old_model bigint, new_model bigint) RETURNS void
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION relabel_after(collection text, old_model bigint, new_model bigint); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.relabel_after(collection text, old_model bigint, new_model bigint) IS 'What a change of the model in force means for labels: where both models have the same embeddings, they are computed again. A null collection: all that use the default model.';

--
-- Name: remove_model(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.remove_model(model text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
DECLARE
    target record;
    reason text;
    backbone text;
BEGIN
    SELECT m.id, m.removed_at, m.space_id INTO target FROM glossator.models m WHERE m.name = remove_model.model FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'there is no model "%"', model
            USING ERRCODE = 'no_data_found', HINT = 'SELECT id, name FROM glossator.models lists them.';
    END IF;
    IF target.removed_at IS NOT NULL THEN
        RETURN target.id;
    END IF;
    SELECT string_agg(u.use, '; ') INTO reason FROM glossator.model_uses u WHERE u.model_id = target.id;
    IF reason IS NOT NULL THEN
        RAISE EXCEPTION 'model "%" is in use: %', model, reason
            USING ERRCODE = 'object_not_in_prerequisite_state',
                HINT = 'Promote another model first. SELECT * FROM glossator.model_uses shows what is used.';
    END IF;
    UPDATE glossator.models m SET heads = NULL, removed_at = now() WHERE m.id = target.id;
    -- Layers that an encoder has learned go with the last model that has it, each when no other encoder shares it.
    SELECT s.backbone_sha256 INTO backbone FROM glossator.embedding_spaces s WHERE s.id = target.space_id;
    IF NOT EXISTS (
        SELECT FROM glossator.models m JOIN glossator.embedding_spaces s ON s.id = m.space_id
        WHERE s.backbone_sha256 = backbone AND m.removed_at IS NULL)
    THEN
        WITH unused AS (
            DELETE FROM glossator.backbone_layers l WHERE l.backbone_sha256 = backbone RETURNING l.layer_sha256
        )
        DELETE FROM glossator.learned_layers w USING unused
        WHERE w.sha256 = unused.layer_sha256
            AND NOT EXISTS (
                SELECT FROM glossator.backbone_layers o WHERE o.layer_sha256 = w.sha256 AND o.backbone_sha256 <> backbone);
    END IF;
    RETURN target.id;
END
$$;

--
-- Name: FUNCTION remove_model(model text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.remove_model(model text) IS 'Removes a model''s weights, and the learned layers that no other model uses. Its row stays, because results name it. One that is in use is refused, and the use is said.';

--
-- Name: request_relabel(text, bigint); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.request_relabel(collection text, model_id bigint) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION request_relabel(collection text, model_id bigint); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.request_relabel(collection text, model_id bigint) IS 'Asks for a collection''s labels by a model, in the place of whatever was asked for before. Null, and nothing is asked for, where the model has no labels to give or the collection no documents.';

--
-- Name: require_collection(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.require_collection(collection text) RETURNS void
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM glossator.collections c WHERE c.name = require_collection.collection) THEN
        RAISE EXCEPTION 'there is no collection "%"', collection
            USING ERRCODE = 'no_data_found', HINT = 'SELECT name FROM glossator.collections lists them; inserting a document creates one.';
    END IF;
END
$$;

--
-- Name: FUNCTION require_collection(collection text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.require_collection(collection text) IS 'Raises a clear error for a collection that does not exist.';

--
-- Name: require_priority(integer); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.require_priority(priority integer) RETURNS void
    LANGUAGE plpgsql IMMUTABLE
    AS $$
BEGIN
    IF priority IS NULL OR priority NOT BETWEEN -1000 AND 1000 THEN
        RAISE EXCEPTION 'a priority is a whole number from -1000 to 1000'
            USING ERRCODE = 'invalid_parameter_value', HINT = 'A step is worth ten minutes of waiting; 1000 is a week.';
    END IF;
END
$$;

--
-- Name: FUNCTION require_priority(priority integer); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.require_priority(priority integer) IS 'Raises a clear error for a priority out of range.';

--
-- Name: resume(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.resume(collection text) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    PERFORM glossator.require_collection(collection);
    UPDATE glossator.collections c SET paused = false WHERE c.name = resume.collection;
    PERFORM glossator.wake_daemons();
END
$$;

--
-- Name: FUNCTION resume(collection text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.resume(collection text) IS 'Undoes pause().';

--
-- Name: retry_failed(text, text, text, bigint[]); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.retry_failed(collection text DEFAULT NULL::text, code text DEFAULT NULL::text, batch text DEFAULT NULL::text, document_ids bigint[] DEFAULT NULL::bigint[]) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION retry_failed(collection text, code text, batch text, document_ids bigint[]); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.retry_failed(collection text, code text, batch text, document_ids bigint[]) IS 'Puts failed documents back in the spool with no attempts counted, and returns how many: all that fit every filter given. An empty filter is refused.';

--
-- Name: roll_up_tallies(integer); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.roll_up_tallies(minimum_rows integer DEFAULT 100) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION roll_up_tallies(minimum_rows integer); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.roll_up_tallies(minimum_rows integer) IS 'Replaces old rows of glossator.tallies by their sums, unless there are fewer than minimum_rows; daemons do it every few seconds. Several may run at once.';

--
-- Name: rollback(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.rollback(collection text) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION rollback(collection text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.rollback(collection text) IS 'Undoes the newest promotion of a collection that still stands (null: of the default) and returns the model that is in force again. Labels follow as after promote().';

--
-- Name: schedule_instants(time without time zone, text, timestamp with time zone); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.schedule_instants(at time without time zone, time_zone text, around timestamp with time zone, OUT last_at timestamp with time zone, OUT next_at timestamp with time zone, OUT problem text) RETURNS record
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    today date;
BEGIN
    today := (around AT TIME ZONE time_zone)::date;
    SELECT max(d.instant) FILTER (WHERE d.instant <= around), min(d.instant) FILTER (WHERE d.instant > around)
    INTO last_at, next_at
    FROM (SELECT glossator.due_at(at, time_zone, today + n) AS instant FROM generate_series(-1, 1) AS n) AS d;
    -- The day beside today may be one that does not exist.
    last_at := coalesce(last_at, glossator.due_at(at, time_zone, today - 2));
    next_at := coalesce(next_at, glossator.due_at(at, time_zone, today + 2));
EXCEPTION WHEN invalid_parameter_value THEN
    -- A server may come to know fewer zones than the one that took the row.
    problem := SQLERRM;
END
$$;

--
-- Name: FUNCTION schedule_instants(at time without time zone, time_zone text, around timestamp with time zone, OUT last_at timestamp with time zone, OUT next_at timestamp with time zone, OUT problem text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.schedule_instants(at time without time zone, time_zone text, around timestamp with time zone, OUT last_at timestamp with time zone, OUT next_at timestamp with time zone, OUT problem text) IS 'The latest instant of a daily run that is not after a moment, and the next one; or why there is none: the server does not know the zone.';

--
-- Name: set_priority(text, integer); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.set_priority(collection text, priority integer) RETURNS bigint
    LANGUAGE plpgsql
    AS $$
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

--
-- Name: FUNCTION set_priority(collection text, priority integer); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.set_priority(collection text, priority integer) IS 'The priority of a collection''s documents, those that wait included; returns how many of these moved. A step is ten minutes'' lead: 6 lets a document overtake all that came within the hour before it.';

--
-- Name: split_fraction(bytea); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.split_fraction(body_sha256 bytea) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    two_64 CONSTANT numeric := 18446744073709551616;
    two_63 CONSTANT numeric := 9223372036854775808;
    digits CONSTANT text := encode(body_sha256, 'hex');
    state bigint := 7960286522194355700;  -- of no byte yet
    n numeric;
BEGIN
    FOR word IN 0..4 LOOP
        -- After four words the number of bytes.
        state := state # CASE word WHEN 4 THEN 32 ELSE ('x' || substr(digits, 16 * word + 1, 16))::bit(64)::bigint END;
        -- SplitMix64's finaliser: numeric, because bigint does not wrap round.
        n := mod(state + 11400714819323198485::numeric, two_64);
        state := CASE WHEN n >= two_63 THEN n - two_64 WHEN n < -two_63 THEN n + two_64 ELSE n END;
        state := state # ((state >> 30) & 17179869183);
        n := mod(state * 13787848793156543929::numeric, two_64);
        state := CASE WHEN n >= two_63 THEN n - two_64 WHEN n < -two_63 THEN n + two_64 ELSE n END;
        state := state # ((state >> 27) & 137438953471);
        n := mod(state * 10723151780598845931::numeric, two_64);
        state := CASE WHEN n >= two_63 THEN n - two_64 WHEN n < -two_63 THEN n + two_64 ELSE n END;
        state := state # ((state >> 31) & 8589934591);
    END LOOP;
    RETURN ((state >> 11) & 9007199254740991)::double precision / 9007199254740992;
END
$$;

--
-- Name: FUNCTION split_fraction(body_sha256 bytea); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.split_fraction(body_sha256 bytea) IS 'Where the hash of a text puts it between 0 and 1, evenly spread. Training holds out the texts below train.holdout: they judge, and nothing is learned from them.';

--
-- Name: spool_new_documents(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.spool_new_documents() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION spool_new_documents(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.spool_new_documents() IS 'Trigger: new documents wait in the spool; daemons are woken once a statement.';

--
-- Name: surfaces(text, integer[], integer[]); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.surfaces(body text, starts integer[], ends integer[]) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
    AS $$
DECLARE
    piece_bytes CONSTANT integer := 8192;
    bytes bytea := convert_to(body, 'UTF8');
    total CONSTANT integer := length(bytes);
    next_byte integer := 0;         -- the first byte after the piece
    piece text := '';
    piece_start integer := 0;       -- characters before the piece
    piece_chars integer := 0;
    cut integer;
    result text[] := array_fill(NULL::text, ARRAY[cardinality(starts)]);
    span record;
    addition text;
BEGIN
    FOR span IN
        SELECT ordinality::integer AS i, s, e
        FROM unnest(starts, ends) WITH ORDINALITY AS spans(s, e, ordinality)
        WHERE s >= 0 AND e >= s ORDER BY s
    LOOP
        -- Grow the piece until it holds the span's end, dropping whatever lies before the span's start.
        WHILE piece_start + piece_chars < span.e AND next_byte < total LOOP
            cut := least(next_byte + piece_bytes, total);
            -- Not inside a character: continuation bytes are 10xxxxxx.
            WHILE cut < total AND (get_byte(bytes, cut) & 192) = 128 LOOP
                cut := cut - 1;
            END LOOP;
            addition := convert_from(substring(bytes FROM next_byte + 1 FOR cut - next_byte), 'UTF8');
            IF piece_start + piece_chars <= span.s THEN
                piece_start := piece_start + piece_chars;
                piece := addition;
                piece_chars := char_length(addition);
            ELSE
                piece := piece || addition;
                piece_chars := piece_chars + char_length(addition);
            END IF;
            next_byte := cut;
        END LOOP;
        IF span.e <= piece_start + piece_chars THEN
            result[span.i] := substr(piece, span.s - piece_start + 1, span.e - span.s);
        END IF;
    END LOOP;
    RETURN result;
END
$$;

--
-- Name: FUNCTION surfaces(body text, starts integer[], ends integer[]); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.surfaces(body text, starts integer[], ends integer[]) IS 'The pieces of a text between code points starts[i] and ends[i], in one walk; null for a span that does not lie inside the text.';

--
-- Name: tally_documents(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.tally_documents() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO glossator.tallies (collection, batch_id, documents)
    SELECT c.collection, b.id, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END
    FROM changed c LEFT JOIN glossator.batches b ON b.id = c.batch_id
    GROUP BY 1, 2;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION tally_documents(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.tally_documents() IS 'Trigger: counts documents that come and go.';

--
-- Name: tally_failures(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.tally_failures() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO glossator.tallies (collection, batch_id, failed)
    SELECT c.collection, c.batch_id, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END FROM changed c GROUP BY 1, 2;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION tally_failures(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.tally_failures() IS 'Trigger: counts documents that are given up and taken up again.';

--
-- Name: tally_spool(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.tally_spool() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
BEGIN
    INSERT INTO glossator.tallies (collection, batch_id, spooled)
    SELECT c.collection, c.batch_id, CASE TG_OP WHEN 'INSERT' THEN count(*) ELSE -count(*) END FROM changed c GROUP BY 1, 2;
    RETURN NULL;
END
$$;

--
-- Name: FUNCTION tally_spool(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.tally_spool() IS 'Trigger: counts documents that begin and cease to wait.';

--
-- Name: tally_truncate(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.tally_truncate() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER
    SET search_path TO 'pg_catalog', 'pg_temp'
    AS $$
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

--
-- Name: FUNCTION tally_truncate(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.tally_truncate() IS 'Trigger: nothing is left of what was counted.';

--
-- Name: tasks_to_label(text, text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.tasks_to_label(collection text, task text) RETURNS text[]
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    annotated text[];
    known text[];
BEGIN
    SELECT coalesce(array_agg(t.task ->> 'name' ORDER BY t.place), '{}') INTO annotated
    FROM glossator.model_in_force f
    JOIN glossator.models m ON m.id = f.model_id
    CROSS JOIN LATERAL jsonb_array_elements(m.tasks) WITH ORDINALITY AS t (task, place)
    WHERE f.collection = tasks_to_label.collection AND (t.task ->> 'trained')::boolean;
    IF task = ANY (annotated) THEN
        RETURN ARRAY[task];
    ELSIF task IS NULL AND annotated <> '{}' THEN
        RETURN annotated;
    END IF;
    SELECT coalesce(array_agg(DISTINCT t.task), '{}') || annotated INTO known
    FROM (
        SELECT DISTINCT g.document_id, g.task FROM glossator.gold_labels g
        UNION SELECT g.document_id, g.task FROM glossator.gold_entities g WHERE g.retracted_at IS NULL
        UNION SELECT g.document_id, g.task FROM glossator.gold_complete g
    ) AS t
    JOIN glossator.documents d ON d.id = t.document_id AND d.collection = tasks_to_label.collection;
    known := known || ARRAY(
        SELECT DISTINCT g.task FROM glossator.gold_declared g WHERE g.collection = tasks_to_label.collection);
    IF task IS NOT NULL AND known <> '{}' AND task <> ALL (known) THEN
        RAISE EXCEPTION 'collection "%" has no task "%"', collection, task
            USING ERRCODE = 'no_data_found',
                HINT = format('Its tasks are %s. A new one begins with its first gold, or is declared in glossator.gold_declared.',
                    (SELECT string_agg(DISTINCT quote_ident(k), ', ') FROM unnest(known) AS k));
    END IF;
    RETURN ARRAY[task];
END
$$;

--
-- Name: FUNCTION tasks_to_label(collection text, task text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.tasks_to_label(collection text, task text) IS 'The task that is asked for, if there is such a one; of null, the tasks of the model in force, or null itself where it has none.';

--
-- Name: text_key(text, bytea); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.text_key(collection text, body_sha256 bytea) RETURNS bigint
    LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN hashtextextended((collection || encode(body_sha256, 'hex'::text)), (0)::bigint);

--
-- Name: FUNCTION text_key(collection text, body_sha256 bytea); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.text_key(collection text, body_sha256 bytea) IS 'Eight bytes that are the same for the same text in the same collection: a small index finds texts that were seen before.';

--
-- Name: trained_tasks(bigint, text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.trained_tasks(model_id bigint, kind text) RETURNS text[]
    LANGUAGE sql STABLE PARALLEL SAFE
    AS $_$
    SELECT coalesce(array_agg(t ->> 'name' ORDER BY t ->> 'name'), '{}')
    FROM glossator.models m CROSS JOIN LATERAL jsonb_array_elements(m.tasks) AS t
    WHERE m.id = $1 AND t ->> 'kind' = $2 AND (t -> 'trained')::boolean
$_$;

--
-- Name: FUNCTION trained_tasks(model_id bigint, kind text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.trained_tasks(model_id bigint, kind text) IS 'Names of a model''s tasks of one kind (classification, entities) that have learned something.';

--
-- Name: trainings_due(timestamp with time zone); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.trainings_due(now timestamp with time zone DEFAULT now(), OUT collection text, OUT scheduled_for timestamp with time zone, OUT attempt integer) RETURNS SETOF record
    LANGUAGE sql STABLE
    AS $$
    SELECT s.collection, i.last_at, r.attempts + 1
    FROM glossator.train_schedule s
    CROSS JOIN LATERAL glossator.schedule_instants(s.at, s.time_zone, trainings_due.now) i
    CROSS JOIN LATERAL (
        SELECT count(*)::integer AS attempts,
            count(*) FILTER (WHERE t.status IN ('promoted', 'kept') OR (t.status = 'failed' AND NOT t.may_pass)) AS settled
        FROM glossator.training_runs t
        WHERE t.collection = s.collection AND t.scheduled_for = i.last_at
    ) AS r
    WHERE s.enabled AND i.last_at >= s.since AND r.settled = 0 AND r.attempts < 3
        AND i.last_at > trainings_due.now - greatest(s.catch_up, interval '30 minutes')
        -- One run at a time, whoever started it. One that is silent has died; starting another closes it.
        AND NOT EXISTS (
            SELECT FROM glossator.training_runs t
            WHERE t.collection = s.collection AND t.status = 'running' AND t.beat_at >= trainings_due.now - interval '2 minutes')
    ORDER BY i.last_at, s.collection
$$;

--
-- Name: FUNCTION trainings_due(now timestamp with time zone, OUT collection text, OUT scheduled_for timestamp with time zone, OUT attempt integer); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.trainings_due(now timestamp with time zone, OUT collection text, OUT scheduled_for timestamp with time zone, OUT attempt integer) IS 'Collections whose latest scheduled run is still to be made at a moment, and which attempt it will be: not yet made, not too late, not failed for good or three times, and nothing else is training there.';

--
-- Name: uncertain_documents(text, text, integer, double precision); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.uncertain_documents(collection text, task text, k integer, holdout double precision) RETURNS TABLE(rank bigint, document_id bigint, signature bigint, uncertainty real, novelty real)
    LANGUAGE plpgsql STABLE
    SET work_mem TO '64MB'
    SET jit TO 'off'
    AS $$
#variable_conflict use_column
DECLARE
    -- Held-out texts leave a fifth out; cells need something to choose from.
    pool CONSTANT integer := 1000 + 20 * k;
    cells CONSTANT integer := 8;  -- bits
BEGIN
    RETURN QUERY
    WITH labelled AS MATERIALIZED (
        SELECT u.signature
        FROM (
            SELECT g.document_id FROM glossator.gold_labels g WHERE g.task = uncertain_documents.task
            UNION
            SELECT g.document_id FROM glossator.gold_entities g
            WHERE g.task = uncertain_documents.task AND g.retracted_at IS NULL
            UNION
            SELECT g.document_id FROM glossator.gold_complete g WHERE g.task = uncertain_documents.task
            ORDER BY 1
        ) AS known
        -- A look-up each, in the order of the index: the time grows with what is labelled, not with what there is.
        CROSS JOIN LATERAL (
            SELECT u.signature FROM glossator.uncertainties u
            WHERE u.document_id = known.document_id AND u.task = uncertain_documents.task
                AND u.collection = uncertain_documents.collection
            OFFSET 0
        ) AS u
    ), candidates AS MATERIALIZED (
        -- Read along the index until there are enough: a join in place of NOT IN would read and sort them all.
        SELECT c.document_id, c.signature, c.uncertainty
        FROM (
            SELECT DISTINCT ON (u.uncertainty, u.signature) u.document_id, u.signature, u.uncertainty
            FROM glossator.uncertainties u
            WHERE u.collection = uncertain_documents.collection AND u.task = uncertain_documents.task
            ORDER BY u.uncertainty DESC, u.signature DESC
        ) AS c
        WHERE c.signature NOT IN (SELECT l.signature FROM labelled l)
        LIMIT pool
    ), dividing AS MATERIALIZED (
        SELECT coalesce(bit_or(1::bigint << b.bit), 0) AS mask
        FROM (
            SELECT bit FROM generate_series(0, 63) AS bit
            CROSS JOIN (SELECT signature FROM candidates LIMIT 400) AS c
            GROUP BY bit ORDER BY abs(avg((c.signature >> bit) & 1) - 0.5), bit LIMIT cells
        ) AS b
    ), known AS (
        SELECT l.signature & d.mask AS cell, count(*) AS documents
        FROM labelled l CROSS JOIN dividing d GROUP BY 1
    ), distinct_candidates AS (
        SELECT DISTINCT ON (c.signature) c.*, c.signature & d.mask AS cell
        FROM candidates c CROSS JOIN dividing d
        ORDER BY c.signature, c.uncertainty DESC, c.document_id
    ), judged AS (
        SELECT c.*, (1 / sqrt(coalesce(n.documents, 0) + row_number() OVER (
            PARTITION BY c.cell ORDER BY c.uncertainty DESC, c.document_id)))::real AS novelty
        FROM distinct_candidates c LEFT JOIN known n USING (cell)
    )
    SELECT row_number() OVER (), f.document_id, f.signature, f.uncertainty, f.novelty
    FROM (
        SELECT j.*
        FROM (SELECT * FROM judged ORDER BY uncertainty * novelty DESC, document_id OFFSET 0) AS j
        JOIN LATERAL (SELECT d.body_sha256 FROM glossator.documents d WHERE d.id = j.document_id OFFSET 0) AS d ON true
        WHERE glossator.split_fraction(d.body_sha256) >= uncertain_documents.holdout
        LIMIT k
    ) AS f;
END
$$;

--
-- Name: FUNCTION uncertain_documents(collection text, task text, k integer, holdout double precision); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.uncertain_documents(collection text, task text, k integer, holdout double precision) IS 'The documents of a collection that a task would learn most from, first the most: uncertainty times novelty, no two alike, none like one that is labelled, none that training holds out.';

--
-- Name: unwatch(text, boolean); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.unwatch(watched text, delete_documents boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql
    SET lock_timeout TO '5s'
    SET client_min_messages TO 'warning'
    AS $$
DECLARE
    watch glossator.watches;
    deleted bigint := 0;
    more bigint;
BEGIN
    SELECT w.* INTO watch FROM glossator.watches w WHERE w.id = glossator.watch_id(watched) FOR UPDATE;
    IF delete_documents THEN
        -- Most of them before the table is locked.
        DELETE FROM glossator.documents d WHERE d.collection = watch.collection;
        GET DIAGNOSTICS deleted = ROW_COUNT;
    END IF;
    -- Dropping a function takes its triggers along, also for somebody who does not own the table.
    EXECUTE format('DROP FUNCTION IF EXISTS glossator.watch_%s_keep() CASCADE', watch.id);
    IF delete_documents THEN
        DELETE FROM glossator.documents d WHERE d.collection = watch.collection;
        GET DIAGNOSTICS more = ROW_COUNT;
    END IF;
    EXECUTE format('DROP FUNCTION IF EXISTS glossator.watch_%s_backfill(integer)', watch.id);
    EXECUTE coalesce((
        SELECT format('DROP FUNCTION %s', p.oid::regprocedure) FROM pg_catalog.pg_proc p
        WHERE p.pronamespace = 'glossator'::regnamespace AND p.proname = format('watch_%s_sync', watch.id)), 'SELECT');
    EXECUTE format('DROP VIEW IF EXISTS glossator.watch_%s_rows, glossator.%I', watch.id, watch.view_name);
    DELETE FROM glossator.watches w WHERE w.id = watch.id;
    RETURN deleted + coalesce(more, 0);
EXCEPTION WHEN lock_not_available THEN
    RAISE EXCEPTION '% is in use: five seconds were not enough to get its lock', watch.relation
        USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_locked',
            HINT = 'Some transaction is using it, or a step of the backfill is under way. Try again; pg_stat_activity shows it.';
END
$$;

--
-- Name: FUNCTION unwatch(watched text, delete_documents boolean); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.unwatch(watched text, delete_documents boolean) IS 'Stops keeping a table in step and removes its triggers, functions and view. Takes the table or its collection; works when the table is gone. Documents, results and gold stay unless delete_documents is true. Returns how many were deleted.';

--
-- Name: wake_daemons(); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.wake_daemons() RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    -- Commits that notify wait for each other: who inserts single rows at a high rate switches it off for a role, a
    -- database or a session, and daemons find the rows by polling.
    IF coalesce(current_setting('glossator.notify', true), '') <> 'off' THEN
        PERFORM pg_notify('glossator_spool', '');
    END IF;
END
$$;

--
-- Name: FUNCTION wake_daemons(); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.wake_daemons() IS 'Tells idle daemons that there is work; nothing after SET glossator.notify = off.';

--
-- Name: watch(regclass, text[], text, text, text, text[], boolean); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.watch(relation regclass, key text[], body text, collection text DEFAULT NULL::text, filter text DEFAULT NULL::text, metadata text[] DEFAULT '{}'::text[], adopt boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog', 'pg_temp'
    SET lock_timeout TO '5s'
    AS $$
DECLARE
    made glossator.watches;
BEGIN
    PERFORM glossator.check_watched_table(relation);
    PERFORM glossator.check_watch_rights(relation);
    BEGIN
        -- What CREATE TRIGGER takes, before anything is looked at that could change. Reading goes on.
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE', relation);
    EXCEPTION WHEN lock_not_available THEN
        RAISE EXCEPTION '% is in use: five seconds were not enough to get its lock', relation
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_locked',
                HINT = 'Some transaction is writing to it. Try again when it has ended; pg_stat_activity shows it.';
    END;
    PERFORM glossator.check_watched_columns(relation, key, body, coalesce(metadata, '{}'));
    IF filter IS NOT NULL THEN
        PERFORM glossator.check_watched_filter(relation, filter);
    END IF;
    SELECT n.nspname, c.relname INTO made.schema_name, made.table_name
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation;
    made.collection := coalesce(collection,
        CASE made.schema_name WHEN 'public' THEN '' ELSE made.schema_name || '.' END || made.table_name);
    PERFORM glossator.check_watched_collection(made.collection, adopt);
    INSERT INTO glossator.collections (name) VALUES (made.collection) ON CONFLICT (name) DO NOTHING;
    INSERT INTO glossator.watches AS w (relation, schema_name, table_name, key, body, collection, filter, metadata, is_adopted)
    VALUES (watch.relation, made.schema_name, made.table_name, watch.key, watch.body, made.collection, watch.filter,
        coalesce(watch.metadata, '{}'), adopt)
    RETURNING w.* INTO made;
    made.view_name := glossator.annotated_view_name(made);
    UPDATE glossator.watches w SET view_name = made.view_name WHERE w.id = made.id;
    PERFORM glossator.create_watch_rows_view(made);
    PERFORM glossator.create_watch_functions(made);
    PERFORM glossator.create_watch_triggers(made);
    PERFORM glossator.create_annotated_view(made);
    RETURN made.id;
END
$$;

--
-- Name: FUNCTION watch(relation regclass, key text[], body text, collection text, filter text, metadata text[], adopt boolean); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.watch(relation regclass, key text[], body text, collection text, filter text, metadata text[], adopt boolean) IS 'watch() with a key of several columns: SELECT glossator.watch(''reviews'', key => ARRAY[''tenant'', ''id''], body => ''text'').';

--
-- Name: watch(regclass, text, text, text, text, text[], boolean); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.watch(relation regclass, key text, body text, collection text DEFAULT NULL::text, filter text DEFAULT NULL::text, metadata text[] DEFAULT '{}'::text[], adopt boolean DEFAULT false) RETURNS bigint
    LANGUAGE sql
    AS $$ SELECT glossator.watch(relation, ARRAY[key], body, collection, filter, metadata, adopt) $$;

--
-- Name: FUNCTION watch(relation regclass, key text, body text, collection text, filter text, metadata text[], adopt boolean); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.watch(relation regclass, key text, body text, collection text, filter text, metadata text[], adopt boolean) IS 'Annotates a table where it is, and keeps it annotated: SELECT glossator.watch(''public.reviews'', key => ''id'', body => ''text''). Returns the watch''s id. Rows that are there already follow in the background; the view annotated_… shows them. Writing to the table waits until the transaction ends.';

--
-- Name: watch_id(text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.watch_id(watched text) RETURNS bigint
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    named oid;
    ids bigint[];
BEGIN
    BEGIN
        named := to_regclass(watched);
    EXCEPTION WHEN syntax_error OR invalid_name THEN
        named := NULL;      -- the name of a collection need not be one of a table
    END;
    SELECT array_agg(w.id) INTO ids FROM glossator.watches w
    WHERE w.relation = named OR w.collection = watched
        OR w.schema_name || '.' || w.table_name = watched AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c WHERE c.oid = w.relation);
    IF cardinality(ids) = 1 THEN
        RETURN ids[1];
    ELSIF ids IS NULL THEN
        RAISE EXCEPTION '"%" is neither a watched table nor the collection of one', watched
            USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_unknown',
                HINT = 'SELECT relation, collection FROM glossator.watches lists them.';
    END IF;
    RAISE EXCEPTION '"%" is a watched table, and the collection of another', watched
        USING ERRCODE = 'check_violation', CONSTRAINT = 'watch_ambiguous',
            HINT = 'Write the table with its schema, or name its collection.';
END
$$;

--
-- Name: FUNCTION watch_id(watched text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.watch_id(watched text) IS 'The id of a watch by its table, as SQL would find it, or by its collection; a table that is gone is found as schema.table.';

--
-- Name: watch_key_expression(regclass, text[], text[]); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.watch_key_expression(relation regclass, key text[], names text[]) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    base oid;
    part text;
    parts text[] := '{}';
BEGIN
    FOR i IN 1 .. cardinality(key) LOOP
        SELECT glossator.base_type(a.atttypid) INTO base
        FROM pg_catalog.pg_attribute a WHERE a.attrelid = relation AND a.attname = key[i] AND NOT a.attisdropped;
        part := CASE base::regtype
            WHEN 'bytea'::regtype THEN format('(''\x'' || encode(%s, ''hex''))', names[i])
            -- to_jsonb() writes dates as ISO 8601 whatever DateStyle is.
            WHEN 'timestamptz'::regtype THEN format('((to_jsonb(%s AT TIME ZONE ''UTC'') #>> ''{}'') || ''Z'')', names[i])
            WHEN 'timestamp'::regtype THEN format('(to_jsonb(%s) #>> ''{}'')', names[i])
            WHEN 'date'::regtype THEN format('(to_jsonb(%s) #>> ''{}'')', names[i])
            ELSE names[i] END;
        parts := parts || part;
    END LOOP;
    part := CASE WHEN cardinality(key) = 1 THEN parts[1] || '::text'
        ELSE format('jsonb_build_array(%s)::text', array_to_string(parts, ', ')) END;
    -- The collation is the one that documents.external_id has, so that its index can be used.
    part := format('((%s) COLLATE "default")', part);
    -- These always fit into an external_id.
    IF cardinality(key) = 1 AND base::regtype = ANY ('{smallint,integer,bigint,oid,uuid,date,timestamp,timestamptz,boolean}'::regtype[]) THEN
        RETURN part;
    END IF;
    RETURN format('glossator.document_key(%s)', part);
END
$$;

--
-- Name: FUNCTION watch_key_expression(relation regclass, key text[], names text[]); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.watch_key_expression(relation regclass, key text[], names text[]) IS 'SQL for a row''s external_id: the text of its key, for several columns that of a JSON array. names[i] is how key[i] is spelt there.';

--
-- Name: watch_source(glossator.watches, text); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.watch_source(watch glossator.watches, source text) RETURNS text
    LANGUAGE plpgsql STABLE
    AS $$
DECLARE
    -- The table's own name as the alias, so that a filter may say reviews.rating as well as rating.
    alias CONSTANT text := (SELECT quote_ident(c.relname) FROM pg_catalog.pg_class c WHERE c.oid = watch.relation);
    ordered CONSTANT text[] := glossator.watched_key_order(watch.relation, watch.key);
    names text[];
    keys text;
    metadata text;
BEGIN
    SELECT string_agg(format('%s.%I AS k%s', alias, o.name, o.i), ', ' ORDER BY o.i) INTO keys
    FROM unnest(ordered) WITH ORDINALITY AS o (name, i);
    SELECT array_agg(format('%s.%I', alias, k.name) ORDER BY k.i) INTO names
    FROM unnest(watch.key) WITH ORDINALITY AS k (name, i);
    -- A function takes a hundred arguments at most.
    SELECT string_agg(format('jsonb_build_object(%s)', g.pairs), ' || ' ORDER BY g.part) INTO metadata
    FROM (
        SELECT (m.i - 1) / 50 AS part, string_agg(format('%L, %s.%I', m.name, alias, m.name), ', ' ORDER BY m.i) AS pairs
        FROM unnest(watch.metadata) WITH ORDINALITY AS m (name, i) GROUP BY 1
    ) AS g;
    -- The filter ends with a line break, in case it ends with a comment.
    RETURN format(E'SELECT %s, %s AS external_id, %s.%I::text COLLATE "C" AS body, %s AS metadata,\n'
        || E'    (%s.%I IS NOT NULL AND (%s\n) IS TRUE) AS is_document\nFROM %s AS %s',
        keys, glossator.watch_key_expression(watch.relation, watch.key, names), alias, watch.body,
        coalesce(metadata, '''{}''::jsonb'), alias, watch.body, coalesce(watch.filter, 'true'), source, alias);
END
$$;

--
-- Name: FUNCTION watch_source(watch glossator.watches, source text); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.watch_source(watch glossator.watches, source text) IS 'SQL that shows rows of a watched table, or of a transition table of it, as documents: k1, k2, … (the key in the order of its index), external_id, body, metadata, is_document.';

--
-- Name: watched_key_order(regclass, text[]); Type: FUNCTION; Schema: glossator; Owner: -
--

CREATE FUNCTION glossator.watched_key_order(relation regclass, key text[]) RETURNS text[]
    LANGUAGE sql STABLE
    RETURN (SELECT (SELECT array_agg((a.attname)::text ORDER BY k.ordinality) AS array_agg FROM (unnest(i.indkey[0:(i.indnkeyatts - 1)]) WITH ORDINALITY k(attnum, ordinality) JOIN pg_attribute a ON (((a.attrelid = i.indrelid) AND (a.attnum = k.attnum))))) AS array_agg FROM pg_index i WHERE ((i.indrelid = (watched_key_order.relation)::oid) AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indisready AND (i.indpred IS NULL) AND (i.indexprs IS NULL) AND (i.indnkeyatts = cardinality(watched_key_order.key)) AND (NOT (EXISTS (SELECT FROM (unnest(i.indkey[0:(i.indnkeyatts - 1)]) k(attnum) LEFT JOIN pg_attribute a ON (((a.attrelid = i.indrelid) AND (a.attnum = k.attnum)))) WHERE ((a.attnotnull IS NOT TRUE) OR (a.attname <> ALL (watched_key_order.key))))))) ORDER BY i.indisprimary DESC, i.indexrelid LIMIT 1);

--
-- Name: FUNCTION watched_key_order(relation regclass, key text[]); Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON FUNCTION glossator.watched_key_order(relation regclass, key text[]) IS 'The key''s columns in the order of the unique index that covers exactly them; null when there is none.';

--
-- Name: annotations; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.annotations (
    document_id bigint NOT NULL,
    model_id bigint NOT NULL,
    daemon_id bigint,
    copied_from bigint,
    completed_at timestamp with time zone DEFAULT now() NOT NULL,
    computed_at timestamp with time zone DEFAULT now() NOT NULL,
    token_count integer NOT NULL,
    window_count integer NOT NULL,
    segment_count integer NOT NULL,
    segmentation text NOT NULL,
    "precision" text,
    CONSTRAINT annotations_segment_count_check CHECK ((segment_count > 0)),
    CONSTRAINT annotations_segmentation_check CHECK ((segmentation = ANY (ARRAY['document'::text, 'sentence'::text]))),
    CONSTRAINT annotations_token_count_check CHECK ((token_count >= 0)),
    CONSTRAINT annotations_window_count_check CHECK ((window_count > 0))
);

--
-- Name: TABLE annotations; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.annotations IS 'One row a document that was annotated: by what, when, and how much there was to read.';

--
-- Name: COLUMN annotations.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.annotations.document_id IS 'The document.';

--
-- Name: COLUMN annotations.model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.annotations.model_id IS 'The model that made all of its current results.';

--
-- Name: COLUMN annotations.daemon_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.annotations.daemon_id IS 'The daemon that wrote them (its row may be gone).';

--
-- Name: COLUMN annotations.copied_from; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.annotations.copied_from IS 'The document with the same text whose results were used instead of computing them again; null when these were computed.';

--
-- Name: COLUMN annotations.completed_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.annotations.completed_at IS 'When they were written.';

--
-- Name: COLUMN annotations.computed_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.annotations.computed_at IS 'When they were written for the document that they were computed for: before completed_at for a copy.';

--
-- Name: COLUMN annotations.token_count; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.annotations.token_count IS 'Word pieces encoded, special tokens and overlaps included.';

--
-- Name: COLUMN annotations.window_count; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.annotations.window_count IS 'Encoder windows read; 1 for a text that fits.';

--
-- Name: COLUMN annotations.segment_count; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.annotations.segment_count IS 'Segments labelled and embedded.';

--
-- Name: COLUMN annotations.segmentation; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.annotations.segmentation IS 'What was labelled and embedded: the whole document or each of its sentences.';

--
-- Name: COLUMN annotations."precision"; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.annotations."precision" IS 'In which the encoder computed them; null: before there was another than fp32. A copy has that of what it was copied from.';

--
-- Name: backbone_layers; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.backbone_layers (
    backbone_sha256 text NOT NULL,
    layer integer NOT NULL,
    layer_sha256 text NOT NULL,
    CONSTRAINT backbone_layers_layer_check CHECK ((layer >= '-1'::integer))
);

--
-- Name: TABLE backbone_layers; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.backbone_layers IS 'Which layers of a fine-tuned backbone were replaced. All others are those of the imported one.';

--
-- Name: COLUMN backbone_layers.backbone_sha256; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.backbone_layers.backbone_sha256 IS 'The fine-tuned backbone.';

--
-- Name: COLUMN backbone_layers.layer; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.backbone_layers.layer IS 'Encoder layer, counted from 0; -1: the embeddings.';

--
-- Name: COLUMN backbone_layers.layer_sha256; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.backbone_layers.layer_sha256 IS 'Its weights.';

--
-- Name: backbones; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.backbones (
    sha256 text NOT NULL,
    name text NOT NULL,
    hidden_size integer NOT NULL,
    layers integer NOT NULL,
    maximum_tokens integer NOT NULL,
    vocabulary_size integer NOT NULL,
    files jsonb DEFAULT '[]'::jsonb NOT NULL,
    imported_at timestamp with time zone DEFAULT now() NOT NULL,
    imported_sha256 text,
    CONSTRAINT backbones_files_check CHECK ((jsonb_typeof(files) = 'array'::text)),
    CONSTRAINT backbones_hidden_size_check CHECK ((hidden_size > 0)),
    CONSTRAINT backbones_layers_check CHECK ((layers > 0)),
    CONSTRAINT backbones_maximum_tokens_check CHECK ((maximum_tokens > 2)),
    CONSTRAINT backbones_name_check CHECK ((name <> ''::text)),
    CONSTRAINT backbones_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT backbones_vocabulary_size_check CHECK ((vocabulary_size > 0))
);

--
-- Name: TABLE backbones; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.backbones IS 'Pretrained encoders, known by their content. The files lie on the daemons'' machines; no row names a path that a daemon opens.';

--
-- Name: COLUMN backbones.sha256; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.backbones.sha256 IS 'Content hash over the files that decide results, lower-case hex.';

--
-- Name: COLUMN backbones.name; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.backbones.name IS 'What people call it.';

--
-- Name: COLUMN backbones.hidden_size; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.backbones.hidden_size IS 'Width of a token''s vector.';

--
-- Name: COLUMN backbones.layers; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.backbones.layers IS 'Encoder layers.';

--
-- Name: COLUMN backbones.maximum_tokens; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.backbones.maximum_tokens IS 'Window: word pieces read at once, [CLS] and [SEP] included.';

--
-- Name: COLUMN backbones.vocabulary_size; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.backbones.vocabulary_size IS 'Word pieces in the vocabulary.';

--
-- Name: COLUMN backbones.files; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.backbones.files IS 'Relative names of the files that belong to it, for people; never opened from here.';

--
-- Name: COLUMN backbones.imported_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.backbones.imported_at IS 'When it was registered.';

--
-- Name: COLUMN backbones.imported_sha256; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.backbones.imported_sha256 IS 'The imported backbone whose files this one is made of, with some layers learned since; null: it was imported itself.';

--
-- Name: batches; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.batches (
    id integer NOT NULL,
    name text NOT NULL,
    priority smallint,
    opened_at timestamp with time zone DEFAULT now() NOT NULL,
    closed_at timestamp with time zone,
    finished_at timestamp with time zone,
    CONSTRAINT batches_name_check CHECK (((name <> ''::text) AND (octet_length(name) <= 200))),
    CONSTRAINT batches_priority_check CHECK (((priority >= '-1000'::integer) AND (priority <= 1000))),
    CONSTRAINT only_closed_batches_finish CHECK (((finished_at IS NULL) OR (closed_at IS NOT NULL)))
);

--
-- Name: TABLE batches; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.batches IS 'What one import, or one INSERT that names it in documents.batch, brings. When none of its documents waits any more, its name is notified on the channel glossator_batches, once.';

--
-- Name: COLUMN batches.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batches.id IS 'Short for the name, in spool, failures and tallies.';

--
-- Name: COLUMN batches.name; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batches.name IS 'What documents name.';

--
-- Name: COLUMN batches.priority; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batches.priority IS 'Of its documents; null means the collection''s.';

--
-- Name: COLUMN batches.opened_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batches.opened_at IS 'When it was first named.';

--
-- Name: COLUMN batches.closed_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batches.closed_at IS 'Since when no more documents are expected: null between open_batch() and close_batch(). A batch that an INSERT names without opening it is complete at the commit.';

--
-- Name: COLUMN batches.finished_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batches.finished_at IS 'When the last of its documents was annotated or given up; null before. More documents reopen it.';

--
-- Name: spool; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.spool (
    document_id bigint NOT NULL,
    due timestamp with time zone DEFAULT now() NOT NULL,
    lease bigint,
    daemon_id bigint,
    deadline timestamp with time zone,
    run_after timestamp with time zone,
    fresh_since timestamp with time zone,
    estimated_tokens integer NOT NULL,
    batch_id integer,
    priority smallint DEFAULT 0 NOT NULL,
    attempts smallint DEFAULT 0 NOT NULL,
    collection text NOT NULL,
    CONSTRAINT ready_or_leased CHECK ((((lease IS NULL) AND (daemon_id IS NULL) AND (deadline IS NULL)) OR ((lease IS NOT NULL) AND (daemon_id IS NOT NULL) AND (deadline IS NOT NULL) AND (run_after IS NULL) AND (attempts > 0)))),
    CONSTRAINT spool_attempts_check CHECK ((attempts >= 0)),
    CONSTRAINT spool_estimated_tokens_check CHECK ((estimated_tokens > 0)),
    CONSTRAINT spool_priority_check CHECK (((priority >= '-1000'::integer) AND (priority <= 1000)))
)
WITH (fillfactor='70', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='1000', autovacuum_vacuum_insert_scale_factor='0', autovacuum_vacuum_insert_threshold='10000', autovacuum_analyze_scale_factor='0', autovacuum_analyze_threshold='5000', autovacuum_vacuum_cost_delay='0');

--
-- Name: TABLE spool; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.spool IS 'The queue: one narrow row a document that waits (lease null) or is being annotated (leased). Deleted in the transaction that writes the results.';

--
-- Name: COLUMN spool.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.spool.document_id IS 'The document that waits.';

--
-- Name: COLUMN spool.due; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.spool.due IS 'Its place in the queue: when it came, ten minutes earlier for each step of priority. All rows age alike, so the order never has to be computed again, and whatever waits is overtaken for a bounded time only.';

--
-- Name: COLUMN spool.lease; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.spool.lease IS 'Fencing token of the claim that holds it; null is ready.';

--
-- Name: COLUMN spool.daemon_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.spool.daemon_id IS 'Who holds it; null is ready. No foreign key: its check would lock the daemon''s row at every claim, and a lease of an unknown daemon is taken back anyhow.';

--
-- Name: COLUMN spool.deadline; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.spool.deadline IS 'When it is taken back even from a daemon that still beats; null is ready.';

--
-- Name: COLUMN spool.run_after; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.spool.run_after IS 'Not claimed before, after a failed attempt; null is at once.';

--
-- Name: COLUMN spool.fresh_since; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.spool.fresh_since IS 'Results of the same text are reused only when they were made after this, because somebody asked for new ones; null: any.';

--
-- Name: COLUMN spool.estimated_tokens; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.spool.estimated_tokens IS 'Word pieces, guessed from the body''s length: claims are cut by a token budget.';

--
-- Name: COLUMN spool.batch_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.spool.batch_id IS 'The batch it came with; null when it named none.';

--
-- Name: COLUMN spool.priority; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.spool.priority IS 'Higher goes first, by ten minutes a step; already counted in due.';

--
-- Name: COLUMN spool.attempts; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.spool.attempts IS 'Claims that were not handed back. More than none: claimed alone, so that a text that kills a daemon takes no other with it.';

--
-- Name: COLUMN spool.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.spool.collection IS 'The document''s, repeated here so that a claim reads one index.';

--
-- Name: tallies; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.tallies (
    at timestamp with time zone DEFAULT now() NOT NULL,
    documents bigint DEFAULT 0 NOT NULL,
    spooled bigint DEFAULT 0 NOT NULL,
    failed bigint DEFAULT 0 NOT NULL,
    completed bigint DEFAULT 0 NOT NULL,
    reused bigint DEFAULT 0 NOT NULL,
    tokens bigint DEFAULT 0 NOT NULL,
    batch_id integer,
    collection text NOT NULL
)
WITH (autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='2000', autovacuum_vacuum_insert_scale_factor='0', autovacuum_vacuum_insert_threshold='20000', autovacuum_vacuum_cost_delay='0');

--
-- Name: TABLE tallies; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.tallies IS 'What changed, one row a statement and group; only sums mean anything. glossator.progress reads it.';

--
-- Name: COLUMN tallies.at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.tallies.at IS 'When the change was made; for rolled-up rows the latest of them.';

--
-- Name: COLUMN tallies.documents; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.tallies.documents IS 'Documents inserted, less those deleted.';

--
-- Name: COLUMN tallies.spooled; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.tallies.spooled IS 'Rows that came into the spool, less those that left it.';

--
-- Name: COLUMN tallies.failed; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.tallies.failed IS 'Rows that came into failures, less those that left it.';

--
-- Name: COLUMN tallies.completed; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.tallies.completed IS 'Documents whose results were written; one that is annotated twice counts twice.';

--
-- Name: COLUMN tallies.reused; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.tallies.reused IS 'Those of them whose results were taken from the same text.';

--
-- Name: COLUMN tallies.tokens; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.tallies.tokens IS 'Word pieces that were encoded for them.';

--
-- Name: COLUMN tallies.batch_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.tallies.batch_id IS 'The batch; null for documents without one, and for batches that were forgotten.';

--
-- Name: COLUMN tallies.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.tallies.collection IS 'The collection.';

--
-- Name: batch_progress; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.batch_progress AS
 SELECT b.name AS batch,
    COALESCE(t.documents, (0)::bigint) AS total,
    (COALESCE(t.spooled, (0)::bigint) - COALESCE(r.running, (0)::bigint)) AS queued,
    COALESCE(r.running, (0)::bigint) AS running,
    COALESCE(((t.documents - t.spooled) - t.failed), (0)::bigint) AS done,
    COALESCE(t.failed, (0)::bigint) AS failed,
    COALESCE(t.reused, (0)::bigint) AS reused,
    COALESCE(t.rate, (0)::double precision) AS documents_per_second,
        CASE
            WHEN (COALESCE(t.spooled, (0)::bigint) = 0) THEN '00:00:00'::interval
            WHEN (t.rate > (0)::double precision) THEN make_interval(secs => ceil(((t.spooled)::double precision / t.rate)))
            ELSE NULL::interval
        END AS eta,
    b.opened_at,
    b.closed_at,
    b.finished_at
   FROM ((glossator.batches b
     LEFT JOIN ( SELECT s.batch_id,
            (sum(s.documents))::bigint AS documents,
            (sum(s.spooled))::bigint AS spooled,
            (sum(s.failed))::bigint AS failed,
            (sum(s.reused))::bigint AS reused,
            ((sum(s.completed) FILTER (WHERE (s.at > (now() - '00:01:00'::interval))) / GREATEST((1)::numeric, LEAST((60)::numeric, EXTRACT(epoch FROM (now() - min(s.at) FILTER (WHERE ((s.completed > 0) AND (s.at > (now() - '00:01:00'::interval))))))))))::double precision AS rate
           FROM glossator.tallies s
          WHERE (s.batch_id IS NOT NULL)
          GROUP BY s.batch_id) t ON ((t.batch_id = b.id)))
     LEFT JOIN ( SELECT s.batch_id,
            count(*) AS running
           FROM glossator.spool s
          WHERE ((s.lease IS NOT NULL) AND (s.batch_id IS NOT NULL))
          GROUP BY s.batch_id) r ON ((r.batch_id = b.id)));

--
-- Name: VIEW batch_progress; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.batch_progress IS 'How far each batch is; columns as in glossator.progress.';

--
-- Name: COLUMN batch_progress.batch; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batch_progress.batch IS 'The batch''s name.';

--
-- Name: COLUMN batch_progress.total; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batch_progress.total IS 'Its documents.';

--
-- Name: COLUMN batch_progress.queued; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batch_progress.queued IS 'Waiting in the spool.';

--
-- Name: COLUMN batch_progress.running; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batch_progress.running IS 'Held by a daemon now.';

--
-- Name: COLUMN batch_progress.done; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batch_progress.done IS 'Annotated, with nothing left to do.';

--
-- Name: COLUMN batch_progress.failed; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batch_progress.failed IS 'Given up.';

--
-- Name: COLUMN batch_progress.reused; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batch_progress.reused IS 'How often the results of the same text were used instead of computing them again.';

--
-- Name: COLUMN batch_progress.documents_per_second; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batch_progress.documents_per_second IS 'Within the last minute, all daemons together.';

--
-- Name: COLUMN batch_progress.eta; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batch_progress.eta IS 'When the last document is done at this rate; null while nothing is being done.';

--
-- Name: COLUMN batch_progress.opened_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batch_progress.opened_at IS 'When it was first named.';

--
-- Name: COLUMN batch_progress.closed_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batch_progress.closed_at IS 'Since when no more documents are expected.';

--
-- Name: COLUMN batch_progress.finished_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.batch_progress.finished_at IS 'When its last document was annotated or given up.';

--
-- Name: batches_id_seq; Type: SEQUENCE; Schema: glossator; Owner: -
--

ALTER TABLE glossator.batches ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glossator.batches_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: certificates; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.certificates (
    id bigint NOT NULL,
    model_id bigint NOT NULL,
    collection text,
    segmentation text NOT NULL,
    "precision" text NOT NULL,
    kernels text NOT NULL,
    plan text NOT NULL,
    texts integer NOT NULL,
    segments integer NOT NULL,
    cosine_mean double precision NOT NULL,
    cosine_p1 double precision NOT NULL,
    label_agreement double precision,
    entity_agreement double precision,
    minimum_cosine_p1 double precision NOT NULL,
    minimum_label_agreement double precision NOT NULL,
    minimum_entity_agreement double precision NOT NULL,
    certified boolean NOT NULL,
    reason text,
    seconds double precision NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT certificates_kernels_check CHECK ((kernels <> ''::text)),
    CONSTRAINT certificates_plan_check CHECK ((plan <> ''::text)),
    CONSTRAINT certificates_precision_check CHECK (("precision" = ANY (ARRAY['bf16'::text, 'int8'::text]))),
    CONSTRAINT certificates_seconds_check CHECK ((seconds >= (0)::double precision)),
    CONSTRAINT certificates_segmentation_check CHECK ((segmentation = ANY (ARRAY['document'::text, 'sentence'::text]))),
    CONSTRAINT certificates_segments_check CHECK ((segments > 0)),
    CONSTRAINT certificates_texts_check CHECK ((texts > 0)),
    CONSTRAINT refused_for_a_reason CHECK ((certified = (reason IS NULL)))
);

--
-- Name: TABLE certificates; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.certificates IS 'How far a model in a reduced precision agrees with itself in fp32 on a sample of a collection''s texts, and whether daemons may use that precision for them.';

--
-- Name: COLUMN certificates.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.id IS 'Order of making.';

--
-- Name: COLUMN certificates.model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.model_id IS 'The model.';

--
-- Name: COLUMN certificates.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.collection IS 'Whose texts were read; null: those of a file, by hand. Daemons use a certificate for its collection only.';

--
-- Name: COLUMN certificates.segmentation; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.segmentation IS 'What was compared: whole documents, or their sentences.';

--
-- Name: COLUMN certificates."precision"; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates."precision" IS 'What was compared with fp32: bf16 or int8.';

--
-- Name: COLUMN certificates.kernels; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.kernels IS 'Family of kernels that computed it: another processor may round in another way, and needs a certificate of its own.';

--
-- Name: COLUMN certificates.plan; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.plan IS 'The precision of every product: int8, or int8 3.down=bf16 where one product of layer 3 stays in bf16 because int8 would spoil the answers.';

--
-- Name: COLUMN certificates.texts; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.texts IS 'Texts in the sample.';

--
-- Name: COLUMN certificates.segments; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.segments IS 'Segments in these texts: what was compared.';

--
-- Name: COLUMN certificates.cosine_mean; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.cosine_mean IS 'Cosine of a segment''s embedding to the one in fp32, mean over the segments.';

--
-- Name: COLUMN certificates.cosine_p1; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.cosine_p1 IS 'The cosine that 99 % of the segments reach.';

--
-- Name: COLUMN certificates.label_agreement; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.label_agreement IS 'Share of equal labels over all segments and classification tasks; null for a model without such a task.';

--
-- Name: COLUMN certificates.entity_agreement; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.entity_agreement IS 'F1 of the entities, equal when task, type, start and end are; null for a model without such a task.';

--
-- Name: COLUMN certificates.minimum_cosine_p1; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.minimum_cosine_p1 IS 'What cosine_p1 had to reach: the setting precision.cosine.';

--
-- Name: COLUMN certificates.minimum_label_agreement; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.minimum_label_agreement IS 'What label_agreement had to reach: precision.label-agreement.';

--
-- Name: COLUMN certificates.minimum_entity_agreement; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.minimum_entity_agreement IS 'What entity_agreement had to reach: precision.entity-agreement.';

--
-- Name: COLUMN certificates.certified; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.certified IS 'Whether all figures reach what they had to.';

--
-- Name: COLUMN certificates.reason; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.reason IS 'Which do not; null when certified.';

--
-- Name: COLUMN certificates.seconds; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.seconds IS 'What the comparison took, the search for a plan included.';

--
-- Name: COLUMN certificates.made_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.certificates.made_at IS 'When it was stored.';

--
-- Name: certificates_id_seq; Type: SEQUENCE; Schema: glossator; Owner: -
--

ALTER TABLE glossator.certificates ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glossator.certificates_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: collections; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.collections (
    name text NOT NULL,
    model_id bigint,
    segmentation text DEFAULT 'document'::text NOT NULL,
    paused boolean DEFAULT false NOT NULL,
    priority smallint DEFAULT 0 NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT collections_name_check CHECK (((name <> ''::text) AND (octet_length(name) <= 200))),
    CONSTRAINT collections_priority_check CHECK (((priority >= '-1000'::integer) AND (priority <= 1000))),
    CONSTRAINT collections_segmentation_check CHECK ((segmentation = ANY (ARRAY['document'::text, 'sentence'::text])))
);

--
-- Name: TABLE collections; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.collections IS 'Documents that share a pipeline. Created by itself when a document names a new one.';

--
-- Name: COLUMN collections.name; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.collections.name IS 'What documents name.';

--
-- Name: COLUMN collections.model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.collections.model_id IS 'The promoted model; null means the default model (glossator.models.is_default).';

--
-- Name: COLUMN collections.segmentation; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.collections.segmentation IS 'What is classified and embedded: the whole document or each of its sentences.';

--
-- Name: COLUMN collections.paused; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.collections.paused IS 'No daemon claims from a paused collection.';

--
-- Name: COLUMN collections.priority; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.collections.priority IS 'Of documents that arrive from now on; set_priority() moves those that wait as well. One step is ten minutes'' lead.';

--
-- Name: COLUMN collections.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.collections.created_at IS 'When it was first named.';

--
-- Name: daemons; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.daemons (
    id bigint NOT NULL,
    host text NOT NULL,
    pid integer NOT NULL,
    version text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    beat_at timestamp with time zone DEFAULT now() NOT NULL,
    stopped_at timestamp with time zone,
    state text DEFAULT 'starting'::text NOT NULL,
    models bigint[] DEFAULT '{}'::bigint[] NOT NULL,
    stages jsonb DEFAULT '{}'::jsonb NOT NULL
)
WITH (fillfactor='50', autovacuum_vacuum_scale_factor='0', autovacuum_vacuum_threshold='200');

--
-- Name: TABLE daemons; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.daemons IS 'One row a daemon that ever started. Documents held by a daemon that has not beaten for 45 s are given to others.';

--
-- Name: COLUMN daemons.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.daemons.id IS 'Given at the start.';

--
-- Name: COLUMN daemons.host; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.daemons.host IS 'Machine it runs on.';

--
-- Name: COLUMN daemons.pid; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.daemons.pid IS 'Its process there.';

--
-- Name: COLUMN daemons.version; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.daemons.version IS 'Glossator''s version.';

--
-- Name: COLUMN daemons.started_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.daemons.started_at IS 'By the database''s clock, like every time here.';

--
-- Name: COLUMN daemons.beat_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.daemons.beat_at IS 'Last sign of life. Not indexed, so that a beat is a heap-only update.';

--
-- Name: COLUMN daemons.stopped_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.daemons.stopped_at IS 'When it said goodbye; null while it runs or when it died.';

--
-- Name: COLUMN daemons.state; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.daemons.state IS 'What it said of itself with its last beat: working, idle, or why it pauses.';

--
-- Name: COLUMN daemons.models; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.daemons.models IS 'Models that it has in memory.';

--
-- Name: COLUMN daemons.stages; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.daemons.stages IS 'How busy it was in the minute before its last beat: tokenize, plan, encode, decode and idle are shares of its compute threads'' time, claim and write of one connection''s. Empty before the first beat.';

--
-- Name: daemons_id_seq; Type: SEQUENCE; Schema: glossator; Owner: -
--

ALTER TABLE glossator.daemons ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glossator.daemons_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: documents; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.documents (
    id bigint NOT NULL,
    collection text DEFAULT 'default'::text NOT NULL,
    external_id text DEFAULT (gen_random_uuid())::text NOT NULL,
    body text NOT NULL,
    body_sha256 bytea GENERATED ALWAYS AS (glossator.body_sha256(body)) STORED NOT NULL,
    metadata jsonb DEFAULT '{}'::jsonb NOT NULL,
    batch_id integer,
    batch text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT documents_batch_check CHECK (((batch <> ''::text) AND (octet_length(batch) <= 200))),
    CONSTRAINT documents_external_id_check CHECK (((external_id <> ''::text) AND (octet_length(external_id) <= 1024))),
    CONSTRAINT documents_metadata_check CHECK ((jsonb_typeof(metadata) = 'object'::text))
);

--
-- Name: TABLE documents; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.documents IS 'Texts to annotate. INSERT or COPY (collection, external_id, body) is all it takes; results appear in labels, entities and embeddings.';

--
-- Name: COLUMN documents.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.documents.id IS 'What results, gold and the spool refer to.';

--
-- Name: COLUMN documents.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.documents.collection IS 'Decides the model and the segmentation.';

--
-- Name: COLUMN documents.external_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.documents.external_id IS 'Your own key; unique in its collection. A random uuid when none is given.';

--
-- Name: COLUMN documents.body; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.documents.body IS 'The text. Immutable: gold and results point into it.';

--
-- Name: COLUMN documents.body_sha256; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.documents.body_sha256 IS 'sha256 of the body''s UTF-8; guards results and decides the held-out split.';

--
-- Name: COLUMN documents.metadata; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.documents.metadata IS 'Anything of yours, a JSON object. May change.';

--
-- Name: COLUMN documents.batch_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.documents.batch_id IS 'Row of glossator.batches that the name meant at the time; set by itself. No foreign key: forgetting a batch must not rewrite its documents.';

--
-- Name: COLUMN documents.batch; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.documents.batch IS 'What it came with: a name of your choice for one load, followed in glossator.batch_progress.';

--
-- Name: COLUMN documents.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.documents.created_at IS 'When it was inserted.';

--
-- Name: documents_id_seq; Type: SEQUENCE; Schema: glossator; Owner: -
--

ALTER TABLE glossator.documents ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glossator.documents_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: embedding_spaces; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.embedding_spaces (
    id integer NOT NULL,
    backbone_sha256 text NOT NULL,
    pooling text NOT NULL,
    normalization text NOT NULL,
    dimensions integer NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT embedding_spaces_dimensions_check CHECK ((dimensions > 0)),
    CONSTRAINT embedding_spaces_normalization_check CHECK ((normalization = ANY (ARRAY['none'::text, 'l2'::text, 'layernorm'::text]))),
    CONSTRAINT embedding_spaces_pooling_check CHECK ((pooling = ANY (ARRAY['mean'::text, 'cls'::text])))
);

--
-- Name: TABLE embedding_spaces; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.embedding_spaces IS 'What makes two embeddings comparable. A fine-tune of the heads alone keeps the space, and with it every stored embedding.';

--
-- Name: COLUMN embedding_spaces.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.embedding_spaces.id IS 'Short name for the four columns below.';

--
-- Name: COLUMN embedding_spaces.backbone_sha256; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.embedding_spaces.backbone_sha256 IS 'The encoder.';

--
-- Name: COLUMN embedding_spaces.pooling; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.embedding_spaces.pooling IS 'How token vectors become one vector: mean or cls.';

--
-- Name: COLUMN embedding_spaces.normalization; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.embedding_spaces.normalization IS 'What happens to the pooled vector: none, l2 or layernorm.';

--
-- Name: COLUMN embedding_spaces.dimensions; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.embedding_spaces.dimensions IS 'Numbers in a vector.';

--
-- Name: COLUMN embedding_spaces.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.embedding_spaces.created_at IS 'When it was first used.';

--
-- Name: embedding_spaces_id_seq; Type: SEQUENCE; Schema: glossator; Owner: -
--

ALTER TABLE glossator.embedding_spaces ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glossator.embedding_spaces_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: embeddings; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.embeddings (
    document_id bigint NOT NULL,
    segment integer NOT NULL,
    space_id integer NOT NULL,
    start_char integer NOT NULL,
    end_char integer NOT NULL,
    data bytea NOT NULL,
    CONSTRAINT embeddings_check CHECK ((start_char <= end_char)),
    CONSTRAINT embeddings_segment_check CHECK ((segment >= 0)),
    CONSTRAINT embeddings_start_char_check CHECK ((start_char >= 0))
);
ALTER TABLE ONLY glossator.embeddings ALTER COLUMN data SET STORAGE EXTERNAL;

--
-- Name: TABLE embeddings; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.embeddings IS 'One row a segment and embedding space.';

--
-- Name: COLUMN embeddings.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.embeddings.document_id IS 'The document.';

--
-- Name: COLUMN embeddings.segment; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.embeddings.segment IS 'Number of the segment, from 0.';

--
-- Name: COLUMN embeddings.space_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.embeddings.space_id IS 'Only embeddings of one space can be compared.';

--
-- Name: COLUMN embeddings.start_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.embeddings.start_char IS 'Where the segment begins, in code points from 0.';

--
-- Name: COLUMN embeddings.end_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.embeddings.end_char IS 'Where it ends, exclusive.';

--
-- Name: COLUMN embeddings.data; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.embeddings.data IS 'The vector, encoded as docs/decisions/0001-embedding-codec.md says: 16 bytes of header, then the payload.';

--
-- Name: entities; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.entities (
    document_id bigint NOT NULL,
    model_id bigint NOT NULL,
    ordinal integer NOT NULL,
    start_char integer NOT NULL,
    end_char integer NOT NULL,
    score real NOT NULL,
    task text NOT NULL,
    type text NOT NULL,
    surface text NOT NULL,
    CONSTRAINT entities_check CHECK ((start_char < end_char)),
    CONSTRAINT entities_ordinal_check CHECK ((ordinal >= 0)),
    CONSTRAINT entities_score_check CHECK (((score >= (0)::double precision) AND (score <= (1)::double precision))),
    CONSTRAINT entities_start_char_check CHECK ((start_char >= 0)),
    CONSTRAINT entities_task_check CHECK ((task <> ''::text)),
    CONSTRAINT entities_type_check CHECK ((type <> ''::text))
);

--
-- Name: TABLE entities; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.entities IS 'One row a named entity that a model found.';

--
-- Name: COLUMN entities.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entities.document_id IS 'The document.';

--
-- Name: COLUMN entities.model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entities.model_id IS 'The model that found it.';

--
-- Name: COLUMN entities.ordinal; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entities.ordinal IS 'Its number among the task''s entities of the document, from 0, in the order of the text.';

--
-- Name: COLUMN entities.start_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entities.start_char IS 'Where it begins, in code points from 0.';

--
-- Name: COLUMN entities.end_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entities.end_char IS 'Where it ends, exclusive.';

--
-- Name: COLUMN entities.score; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entities.score IS 'Probability of exactly this span and type, 0 to 1.';

--
-- Name: COLUMN entities.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entities.task IS 'The entity task.';

--
-- Name: COLUMN entities.type; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entities.type IS 'What it is: person, product, …';

--
-- Name: COLUMN entities.surface; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entities.surface IS 'substr(body, start_char + 1, end_char - start_char); the database checks it.';

--
-- Name: gold_complete; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.gold_complete (
    document_id bigint NOT NULL,
    task text NOT NULL,
    annotator text DEFAULT CURRENT_USER NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT gold_complete_annotator_check CHECK ((annotator <> ''::text)),
    CONSTRAINT gold_complete_task_check CHECK ((btrim(task) <> ''::text))
);

--
-- Name: TABLE gold_complete; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.gold_complete IS 'All entities of this task are marked in this document. Needed only for a document that has none: it says "no entity here", which is knowledge too.';

--
-- Name: COLUMN gold_complete.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_complete.document_id IS 'The document.';

--
-- Name: COLUMN gold_complete.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_complete.task IS 'The entity task that is completely marked.';

--
-- Name: COLUMN gold_complete.annotator; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_complete.annotator IS 'Who says so; the role by default.';

--
-- Name: COLUMN gold_complete.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_complete.created_at IS 'When.';

--
-- Name: gold_entities; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.gold_entities (
    id bigint NOT NULL,
    document_id bigint NOT NULL,
    task text NOT NULL,
    type text NOT NULL,
    start_char integer NOT NULL,
    end_char integer NOT NULL,
    surface text NOT NULL,
    annotator text DEFAULT CURRENT_USER NOT NULL,
    source text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    retracted_at timestamp with time zone,
    CONSTRAINT gold_entities_annotator_check CHECK ((annotator <> ''::text)),
    CONSTRAINT gold_entity_empty CHECK (((btrim(task) <> ''::text) AND (btrim(type) <> ''::text))),
    CONSTRAINT gold_entity_span CHECK (((start_char >= 0) AND (start_char < end_char)))
);

--
-- Name: TABLE gold_entities; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.gold_entities IS 'Entities marked by people. Give start_char and end_char, or only the surface when it occurs once in the body. Mark all of a document''s entities of a task: training takes every other word for "no entity".';

--
-- Name: COLUMN gold_entities.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_entities.id IS 'Order of saying.';

--
-- Name: COLUMN gold_entities.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_entities.document_id IS 'The document; glossator.document_id(collection, external_id) finds it.';

--
-- Name: COLUMN gold_entities.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_entities.task IS 'The entity task.';

--
-- Name: COLUMN gold_entities.type; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_entities.type IS 'What it is: person, product, … A new one is learned by being used.';

--
-- Name: COLUMN gold_entities.start_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_entities.start_char IS 'Where it begins, in code points from 0.';

--
-- Name: COLUMN gold_entities.end_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_entities.end_char IS 'Where it ends, exclusive.';

--
-- Name: COLUMN gold_entities.surface; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_entities.surface IS 'The text there: filled in when not given, checked when given.';

--
-- Name: COLUMN gold_entities.annotator; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_entities.annotator IS 'Who says so; the role by default.';

--
-- Name: COLUMN gold_entities.source; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_entities.source IS 'Where it comes from.';

--
-- Name: COLUMN gold_entities.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_entities.created_at IS 'When.';

--
-- Name: COLUMN gold_entities.retracted_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_entities.retracted_at IS 'When it was taken back: the only column that may change, once.';

--
-- Name: gold_policies; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.gold_policies (
    collection text NOT NULL,
    resolution text DEFAULT 'newest'::text NOT NULL,
    minimum_annotators integer DEFAULT 1 NOT NULL,
    accepts_new boolean DEFAULT true NOT NULL,
    CONSTRAINT gold_policies_minimum_annotators_check CHECK ((minimum_annotators >= 1)),
    CONSTRAINT gold_policies_resolution_check CHECK ((resolution = ANY (ARRAY['newest'::text, 'majority'::text])))
);

--
-- Name: TABLE gold_policies; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.gold_policies IS 'How a collection''s gold is read when several people speak. A collection without a row has the defaults: the newest word counts, one person is enough, new labels are learned by being used.';

--
-- Name: COLUMN gold_policies.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_policies.collection IS 'Whose gold.';

--
-- Name: COLUMN gold_policies.resolution; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_policies.resolution IS 'newest: who spoke last is right. majority: what most annotators say; where no answer has most, the document is left out of the task and stands in glossator.label_conflicts or entity_conflicts.';

--
-- Name: COLUMN gold_policies.minimum_annotators; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_policies.minimum_annotators IS 'A document that fewer people have spoken about is left out of the task.';

--
-- Name: COLUMN gold_policies.accepts_new; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_policies.accepts_new IS 'false: only tasks, labels and types in glossator.gold_declared are taken; others are refused when they are inserted. Gold that is there stays.';

--
-- Name: gold_task_opinions; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.gold_task_opinions AS
 SELECT said.document_id,
    said.task,
    said.annotator,
    max(said.created_at) AS created_at
   FROM ( SELECT gold_entities.document_id,
            gold_entities.task,
            gold_entities.annotator,
            gold_entities.created_at
           FROM glossator.gold_entities
          WHERE (gold_entities.retracted_at IS NULL)
        UNION ALL
         SELECT gold_complete.document_id,
            gold_complete.task,
            gold_complete.annotator,
            gold_complete.created_at
           FROM glossator.gold_complete) said
  GROUP BY said.document_id, said.task, said.annotator;

--
-- Name: VIEW gold_task_opinions; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.gold_task_opinions IS 'Who has marked a document''s entities of a task, those included who say that there are none. Their spans are the rows of glossator.gold_entities that are not retracted.';

--
-- Name: COLUMN gold_task_opinions.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_task_opinions.document_id IS 'The document.';

--
-- Name: COLUMN gold_task_opinions.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_task_opinions.task IS 'The entity task.';

--
-- Name: COLUMN gold_task_opinions.annotator; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_task_opinions.annotator IS 'Who has marked it.';

--
-- Name: COLUMN gold_task_opinions.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_task_opinions.created_at IS 'When the annotator spoke last.';

--
-- Name: gold_span_votes; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.gold_span_votes AS
 SELECT s.document_id,
    s.task,
    s.type,
    s.start_char,
    s.end_char,
    s.surface,
    s.votes,
    n.annotators,
    s.marked_by,
    ((2 * s.votes) > n.annotators) AS wins,
        CASE
            WHEN ((2 * s.votes) > n.annotators) THEN false
            ELSE ( SELECT (((2 * count(DISTINCT near.annotator)) >= n.annotators) AND (NOT bool_or(((2 * near.votes) > n.annotators))))
               FROM ( SELECT e.annotator,
                        count(*) OVER (PARTITION BY e.type, e.start_char, e.end_char) AS votes
                       FROM glossator.gold_entities e
                      WHERE ((e.document_id = s.document_id) AND (e.task = s.task) AND (e.retracted_at IS NULL) AND (e.start_char < s.end_char) AND (s.start_char < e.end_char))) near)
        END AS is_open
   FROM (( SELECT gold_entities.document_id,
            gold_entities.task,
            gold_entities.type,
            gold_entities.start_char,
            gold_entities.end_char,
            min(gold_entities.surface) AS surface,
            count(*) AS votes,
            array_agg(gold_entities.annotator ORDER BY gold_entities.annotator) AS marked_by
           FROM glossator.gold_entities
          WHERE (gold_entities.retracted_at IS NULL)
          GROUP BY gold_entities.document_id, gold_entities.task, gold_entities.type, gold_entities.start_char, gold_entities.end_char) s
     JOIN ( SELECT gold_task_opinions.document_id,
            gold_task_opinions.task,
            count(*) AS annotators
           FROM glossator.gold_task_opinions
          GROUP BY gold_task_opinions.document_id, gold_task_opinions.task) n ON (((n.document_id = s.document_id) AND (n.task = s.task))));

--
-- Name: VIEW gold_span_votes; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.gold_span_votes IS 'Every marked entity with the annotators who see it.';

--
-- Name: COLUMN gold_span_votes.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_span_votes.document_id IS 'The document.';

--
-- Name: COLUMN gold_span_votes.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_span_votes.task IS 'The entity task.';

--
-- Name: COLUMN gold_span_votes.type; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_span_votes.type IS 'What it is.';

--
-- Name: COLUMN gold_span_votes.start_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_span_votes.start_char IS 'Where it begins, in code points from 0.';

--
-- Name: COLUMN gold_span_votes.end_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_span_votes.end_char IS 'Where it ends, exclusive.';

--
-- Name: COLUMN gold_span_votes.surface; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_span_votes.surface IS 'The text there.';

--
-- Name: COLUMN gold_span_votes.votes; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_span_votes.votes IS 'Annotators who mark exactly this.';

--
-- Name: COLUMN gold_span_votes.annotators; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_span_votes.annotators IS 'Annotators who have marked the document and task.';

--
-- Name: COLUMN gold_span_votes.marked_by; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_span_votes.marked_by IS 'Who marks it.';

--
-- Name: COLUMN gold_span_votes.wins; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_span_votes.wins IS 'More than half mark it. Two such spans never overlap.';

--
-- Name: COLUMN gold_span_votes.is_open; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_span_votes.is_open IS 'Half or more see an entity here, and no span with its type has more than half.';

--
-- Name: gold_current_tasks; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.gold_current_tasks AS
 SELECT DISTINCT ON (o.document_id, o.task) o.document_id,
    o.task,
    o.annotator,
    o.created_at,
    o.annotators,
    COALESCE(p.resolution, 'newest'::text) AS resolution
   FROM ((( SELECT t.document_id,
            t.task,
            t.annotator,
            t.created_at,
            count(*) OVER (PARTITION BY t.document_id, t.task) AS annotators
           FROM glossator.gold_task_opinions t) o
     JOIN glossator.documents d ON ((d.id = o.document_id)))
     LEFT JOIN glossator.gold_policies p ON ((p.collection = d.collection)))
  WHERE ((o.annotators >= COALESCE(p.minimum_annotators, 1)) AND ((COALESCE(p.resolution, 'newest'::text) = 'newest'::text) OR (NOT (EXISTS ( SELECT
           FROM glossator.gold_span_votes s
          WHERE ((s.document_id = o.document_id) AND (s.task = o.task) AND s.is_open))))))
  ORDER BY o.document_id, o.task, o.created_at DESC, o.annotator;

--
-- Name: VIEW gold_current_tasks; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.gold_current_tasks IS 'Documents whose entities of a task are known, as glossator.gold_policies has it: by the annotator who spoke last (the default), or by most.';

--
-- Name: COLUMN gold_current_tasks.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_tasks.document_id IS 'The document.';

--
-- Name: COLUMN gold_current_tasks.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_tasks.task IS 'The entity task.';

--
-- Name: COLUMN gold_current_tasks.annotator; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_tasks.annotator IS 'Who spoke last.';

--
-- Name: COLUMN gold_current_tasks.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_tasks.created_at IS 'When.';

--
-- Name: COLUMN gold_current_tasks.annotators; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_tasks.annotators IS 'Annotators who have marked the document and task.';

--
-- Name: COLUMN gold_current_tasks.resolution; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_tasks.resolution IS 'newest or majority.';

--
-- Name: gold_current_entities; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.gold_current_entities AS
 SELECT e.document_id,
    e.task,
    e.type,
    e.start_char,
    e.end_char,
    e.surface,
    e.annotator,
    e.source,
    e.created_at,
    e.id
   FROM (glossator.gold_entities e
     JOIN glossator.gold_current_tasks t ON (((t.document_id = e.document_id) AND (t.task = e.task))))
  WHERE ((e.retracted_at IS NULL) AND
        CASE t.resolution
            WHEN 'newest'::text THEN (e.annotator = t.annotator)
            ELSE ( SELECT (((2 * count(*)) > t.annotators) AND (max(x.id) = e.id))
               FROM glossator.gold_entities x
              WHERE ((x.document_id = e.document_id) AND (x.task = e.task) AND (x.type = e.type) AND (x.start_char = e.start_char) AND (x.end_char = e.end_char) AND (x.retracted_at IS NULL)))
        END);

--
-- Name: VIEW gold_current_entities; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.gold_current_entities IS 'Marked entities that count: not retracted; by the annotator who spoke last, or by more than half, as glossator.gold_policies has it.';

--
-- Name: COLUMN gold_current_entities.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_entities.document_id IS 'The document.';

--
-- Name: COLUMN gold_current_entities.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_entities.task IS 'The entity task.';

--
-- Name: COLUMN gold_current_entities.type; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_entities.type IS 'What it is.';

--
-- Name: COLUMN gold_current_entities.start_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_entities.start_char IS 'Where it begins, in code points from 0.';

--
-- Name: COLUMN gold_current_entities.end_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_entities.end_char IS 'Where it ends, exclusive.';

--
-- Name: COLUMN gold_current_entities.surface; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_entities.surface IS 'The text there.';

--
-- Name: COLUMN gold_current_entities.annotator; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_entities.annotator IS 'Who said so last.';

--
-- Name: COLUMN gold_current_entities.source; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_entities.source IS 'Where it comes from.';

--
-- Name: COLUMN gold_current_entities.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_entities.created_at IS 'When.';

--
-- Name: COLUMN gold_current_entities.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_entities.id IS 'Row of glossator.gold_entities.';

--
-- Name: entity_conflicts; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.entity_conflicts AS
 SELECT d.collection,
    d.external_id,
    s.document_id,
    s.task,
    s.type,
    s.start_char,
    s.end_char,
    s.surface,
    s.marked_by,
    ARRAY( SELECT o.annotator
           FROM glossator.gold_task_opinions o
          WHERE ((o.document_id = s.document_id) AND (o.task = s.task) AND (o.annotator <> ALL (s.marked_by)))
          ORDER BY o.annotator) AS not_marked_by,
    (EXISTS ( SELECT
           FROM glossator.gold_current_entities c
          WHERE ((c.document_id = s.document_id) AND (c.task = s.task) AND (c.type = s.type) AND (c.start_char = s.start_char) AND (c.end_char = s.end_char)))) AS counts,
    (EXISTS ( SELECT
           FROM glossator.gold_current_tasks t
          WHERE ((t.document_id = s.document_id) AND (t.task = s.task)))) AS is_resolved
   FROM (glossator.gold_span_votes s
     JOIN glossator.documents d ON ((d.id = s.document_id)))
  WHERE (s.votes < s.annotators);

--
-- Name: VIEW entity_conflicts; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.entity_conflicts IS 'Entities that some annotators of a document and task mark and others do not.';

--
-- Name: COLUMN entity_conflicts.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entity_conflicts.collection IS 'Where the document is.';

--
-- Name: COLUMN entity_conflicts.external_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entity_conflicts.external_id IS 'What its owner calls it.';

--
-- Name: COLUMN entity_conflicts.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entity_conflicts.document_id IS 'The document.';

--
-- Name: COLUMN entity_conflicts.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entity_conflicts.task IS 'The entity task.';

--
-- Name: COLUMN entity_conflicts.type; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entity_conflicts.type IS 'What it is.';

--
-- Name: COLUMN entity_conflicts.start_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entity_conflicts.start_char IS 'Where it begins, in code points from 0.';

--
-- Name: COLUMN entity_conflicts.end_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entity_conflicts.end_char IS 'Where it ends, exclusive.';

--
-- Name: COLUMN entity_conflicts.surface; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entity_conflicts.surface IS 'The text there.';

--
-- Name: COLUMN entity_conflicts.marked_by; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entity_conflicts.marked_by IS 'Who marks it.';

--
-- Name: COLUMN entity_conflicts.not_marked_by; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entity_conflicts.not_marked_by IS 'Who has marked the document and not this.';

--
-- Name: COLUMN entity_conflicts.counts; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entity_conflicts.counts IS 'Whether it counts all the same.';

--
-- Name: COLUMN entity_conflicts.is_resolved; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.entity_conflicts.is_resolved IS 'false: training leaves the document out of the task.';

--
-- Name: failures; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.failures (
    document_id bigint NOT NULL,
    batch_id integer,
    attempts smallint NOT NULL,
    collection text NOT NULL,
    class text NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    hint text,
    sqlstate text,
    failed_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT failures_attempts_check CHECK ((attempts > 0))
);

--
-- Name: TABLE failures; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.failures IS 'Documents that were given up, with the reason. SELECT glossator.retry_failed(collection => …) puts them back in the spool.';

--
-- Name: COLUMN failures.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.failures.document_id IS 'The document.';

--
-- Name: COLUMN failures.batch_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.failures.batch_id IS 'The batch it came with.';

--
-- Name: COLUMN failures.attempts; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.failures.attempts IS 'How often it was tried.';

--
-- Name: COLUMN failures.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.failures.collection IS 'The document''s, repeated here because a deleted document''s failure is still to be counted.';

--
-- Name: COLUMN failures.class; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.failures.class IS 'Whose fault: document, or defect (ours).';

--
-- Name: COLUMN failures.code; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.failures.code IS 'Stable, machine-readable reason.';

--
-- Name: COLUMN failures.message; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.failures.message IS 'What happened, for people. Never quotes the body.';

--
-- Name: COLUMN failures.hint; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.failures.hint IS 'What to do about it.';

--
-- Name: COLUMN failures.sqlstate; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.failures.sqlstate IS 'The server''s code, when the server refused.';

--
-- Name: COLUMN failures.failed_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.failures.failed_at IS 'When it was given up.';

--
-- Name: gold_labels; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.gold_labels (
    id bigint NOT NULL,
    document_id bigint NOT NULL,
    task text NOT NULL,
    label text NOT NULL,
    annotator text DEFAULT CURRENT_USER NOT NULL,
    source text,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT gold_label_empty CHECK (((btrim(task) <> ''::text) AND (btrim(label) <> ''::text))),
    CONSTRAINT gold_labels_annotator_check CHECK ((annotator <> ''::text))
);

--
-- Name: TABLE gold_labels; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.gold_labels IS 'Labels given by people, one row each time someone says so. The newest of a document and task counts (gold_current_labels).';

--
-- Name: COLUMN gold_labels.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_labels.id IS 'Order of saying.';

--
-- Name: COLUMN gold_labels.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_labels.document_id IS 'The document; glossator.document_id(collection, external_id) finds it.';

--
-- Name: COLUMN gold_labels.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_labels.task IS 'The classification task, e.g. sentiment.';

--
-- Name: COLUMN gold_labels.label; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_labels.label IS 'The right label. A new one is learned by being used.';

--
-- Name: COLUMN gold_labels.annotator; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_labels.annotator IS 'Who says so; the role by default.';

--
-- Name: COLUMN gold_labels.source; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_labels.source IS 'Where it comes from: a file, a program, a campaign.';

--
-- Name: COLUMN gold_labels.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_labels.created_at IS 'When.';

--
-- Name: gold_label_opinions; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.gold_label_opinions AS
 SELECT DISTINCT ON (gold_labels.document_id, gold_labels.task, gold_labels.annotator) gold_labels.document_id,
    gold_labels.task,
    gold_labels.annotator,
    gold_labels.label,
    gold_labels.source,
    gold_labels.created_at,
    gold_labels.id
   FROM glossator.gold_labels
  ORDER BY gold_labels.document_id, gold_labels.task, gold_labels.annotator, gold_labels.id DESC;

--
-- Name: VIEW gold_label_opinions; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.gold_label_opinions IS 'What each annotator says about each document and task: the newest label.';

--
-- Name: COLUMN gold_label_opinions.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_label_opinions.document_id IS 'The document.';

--
-- Name: COLUMN gold_label_opinions.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_label_opinions.task IS 'The classification task.';

--
-- Name: COLUMN gold_label_opinions.annotator; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_label_opinions.annotator IS 'Who says so.';

--
-- Name: COLUMN gold_label_opinions.label; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_label_opinions.label IS 'The annotator''s newest label.';

--
-- Name: COLUMN gold_label_opinions.source; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_label_opinions.source IS 'Where it comes from.';

--
-- Name: COLUMN gold_label_opinions.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_label_opinions.created_at IS 'When.';

--
-- Name: COLUMN gold_label_opinions.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_label_opinions.id IS 'Row of glossator.gold_labels.';

--
-- Name: gold_current_labels; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.gold_current_labels AS
 SELECT DISTINCT ON (v.document_id, v.task) v.document_id,
    v.task,
    v.label,
    v.annotator,
    v.source,
    v.created_at,
    v.id,
    v.votes,
    v.annotators
   FROM ((( SELECT c.document_id,
            c.task,
            c.annotator,
            c.label,
            c.source,
            c.created_at,
            c.id,
            c.votes,
            c.annotators,
            c.most,
            count(*) FILTER (WHERE (c.votes = c.most)) OVER (PARTITION BY c.document_id, c.task) AS "leading"
           FROM ( SELECT n.document_id,
                    n.task,
                    n.annotator,
                    n.label,
                    n.source,
                    n.created_at,
                    n.id,
                    n.votes,
                    n.annotators,
                    max(n.votes) OVER (PARTITION BY n.document_id, n.task) AS most
                   FROM ( SELECT o.document_id,
                            o.task,
                            o.annotator,
                            o.label,
                            o.source,
                            o.created_at,
                            o.id,
                            count(*) OVER (PARTITION BY o.document_id, o.task, o.label) AS votes,
                            count(*) OVER (PARTITION BY o.document_id, o.task) AS annotators
                           FROM glossator.gold_label_opinions o) n) c) v
     JOIN glossator.documents d ON ((d.id = v.document_id)))
     LEFT JOIN glossator.gold_policies p ON ((p.collection = d.collection)))
  WHERE ((v.annotators >= COALESCE(p.minimum_annotators, 1)) AND ((COALESCE(p.resolution, 'newest'::text) = 'newest'::text) OR ((v.votes = v.most) AND (v."leading" = v.most))))
  ORDER BY v.document_id, v.task, v.id DESC;

--
-- Name: VIEW gold_current_labels; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.gold_current_labels IS 'The label that counts, of every document and task: what training reads. As glossator.gold_policies says the newest (the default), or what most annotators say.';

--
-- Name: COLUMN gold_current_labels.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_labels.document_id IS 'The document.';

--
-- Name: COLUMN gold_current_labels.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_labels.task IS 'The classification task.';

--
-- Name: COLUMN gold_current_labels.label; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_labels.label IS 'The label that counts.';

--
-- Name: COLUMN gold_current_labels.annotator; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_labels.annotator IS 'Who said so last.';

--
-- Name: COLUMN gold_current_labels.source; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_labels.source IS 'Where it comes from.';

--
-- Name: COLUMN gold_current_labels.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_labels.created_at IS 'When.';

--
-- Name: COLUMN gold_current_labels.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_labels.id IS 'Row of glossator.gold_labels.';

--
-- Name: COLUMN gold_current_labels.votes; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_labels.votes IS 'Annotators who say this label.';

--
-- Name: COLUMN gold_current_labels.annotators; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current_labels.annotators IS 'Annotators who say anything about the document and task.';

--
-- Name: gold_current; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.gold_current AS
 SELECT d.collection,
    d.external_id,
    c.document_id,
    c.task,
    c.label,
    NULL::integer AS start_char,
    NULL::integer AS end_char,
    NULL::text AS surface,
    c.annotator,
    c.created_at
   FROM (glossator.gold_current_labels c
     JOIN glossator.documents d ON ((d.id = c.document_id)))
UNION ALL
 SELECT d.collection,
    d.external_id,
    c.document_id,
    c.task,
    c.type AS label,
    c.start_char,
    c.end_char,
    c.surface,
    c.annotator,
    c.created_at
   FROM (glossator.gold_current_entities c
     JOIN glossator.documents d ON ((d.id = c.document_id)));

--
-- Name: VIEW gold_current; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.gold_current IS 'All gold that counts, labels and entities, as training reads it.';

--
-- Name: COLUMN gold_current.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current.collection IS 'Where the document is.';

--
-- Name: COLUMN gold_current.external_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current.external_id IS 'What its owner calls it.';

--
-- Name: COLUMN gold_current.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current.document_id IS 'The document.';

--
-- Name: COLUMN gold_current.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current.task IS 'The task.';

--
-- Name: COLUMN gold_current.label; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current.label IS 'The label, or the entity''s type.';

--
-- Name: COLUMN gold_current.start_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current.start_char IS 'Where the entity begins, in code points from 0; null for a label.';

--
-- Name: COLUMN gold_current.end_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current.end_char IS 'Where it ends, exclusive; null for a label.';

--
-- Name: COLUMN gold_current.surface; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current.surface IS 'The text there; null for a label.';

--
-- Name: COLUMN gold_current.annotator; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current.annotator IS 'Who said so last.';

--
-- Name: COLUMN gold_current.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_current.created_at IS 'When.';

--
-- Name: gold_declared; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.gold_declared (
    collection text NOT NULL,
    task text NOT NULL,
    label text NOT NULL,
    CONSTRAINT gold_declared_label_check CHECK ((btrim(label) <> ''::text)),
    CONSTRAINT gold_declared_task_check CHECK ((btrim(task) <> ''::text))
);

--
-- Name: TABLE gold_declared; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.gold_declared IS 'The labels and entity types that a collection takes while its policy says accepts_new = false.';

--
-- Name: COLUMN gold_declared.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_declared.collection IS 'Whose gold.';

--
-- Name: COLUMN gold_declared.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_declared.task IS 'The task.';

--
-- Name: COLUMN gold_declared.label; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.gold_declared.label IS 'A label of a classification, or a type of an entity task.';

--
-- Name: gold_entities_id_seq; Type: SEQUENCE; Schema: glossator; Owner: -
--

ALTER TABLE glossator.gold_entities ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glossator.gold_entities_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: gold_labels_id_seq; Type: SEQUENCE; Schema: glossator; Owner: -
--

ALTER TABLE glossator.gold_labels ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glossator.gold_labels_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: label_changes; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.label_changes (
    relabel_id bigint NOT NULL,
    document_id bigint NOT NULL,
    segment integer NOT NULL,
    task text NOT NULL,
    old_model_id bigint NOT NULL,
    old_label text NOT NULL,
    old_score real NOT NULL,
    new_label text NOT NULL,
    new_score real NOT NULL
);

--
-- Name: TABLE label_changes; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.label_changes IS 'Labels that became others when a collection was relabelled: what glossator.model_diff() shows.';

--
-- Name: COLUMN label_changes.relabel_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_changes.relabel_id IS 'When.';

--
-- Name: COLUMN label_changes.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_changes.document_id IS 'The document; it may have been deleted since.';

--
-- Name: COLUMN label_changes.segment; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_changes.segment IS 'Number of the segment, from 0.';

--
-- Name: COLUMN label_changes.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_changes.task IS 'The classification task.';

--
-- Name: COLUMN label_changes.old_model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_changes.old_model_id IS 'The model that gave the old label.';

--
-- Name: COLUMN label_changes.old_label; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_changes.old_label IS 'The label before.';

--
-- Name: COLUMN label_changes.old_score; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_changes.old_score IS 'Its probability.';

--
-- Name: COLUMN label_changes.new_label; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_changes.new_label IS 'The label since.';

--
-- Name: COLUMN label_changes.new_score; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_changes.new_score IS 'Its probability.';

--
-- Name: label_conflicts; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.label_conflicts AS
 SELECT d.collection,
    d.external_id,
    v.document_id,
    v.task,
    (sum(v.votes))::bigint AS annotators,
    jsonb_object_agg(v.label, v.said_by) AS opinions,
    ( SELECT c.label
           FROM glossator.gold_current_labels c
          WHERE ((c.document_id = v.document_id) AND (c.task = v.task))) AS counts
   FROM (( SELECT gold_label_opinions.document_id,
            gold_label_opinions.task,
            gold_label_opinions.label,
            count(*) AS votes,
            jsonb_agg(gold_label_opinions.annotator ORDER BY gold_label_opinions.annotator) AS said_by
           FROM glossator.gold_label_opinions
          GROUP BY gold_label_opinions.document_id, gold_label_opinions.task, gold_label_opinions.label) v
     JOIN glossator.documents d ON ((d.id = v.document_id)))
  GROUP BY d.collection, d.external_id, v.document_id, v.task
 HAVING (count(*) > 1);

--
-- Name: VIEW label_conflicts; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.label_conflicts IS 'Documents whose annotators give different labels. Somebody who looks again inserts a label; it replaces the annotator''s own.';

--
-- Name: COLUMN label_conflicts.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_conflicts.collection IS 'Where the document is.';

--
-- Name: COLUMN label_conflicts.external_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_conflicts.external_id IS 'What its owner calls it.';

--
-- Name: COLUMN label_conflicts.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_conflicts.document_id IS 'The document.';

--
-- Name: COLUMN label_conflicts.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_conflicts.task IS 'The classification task.';

--
-- Name: COLUMN label_conflicts.annotators; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_conflicts.annotators IS 'How many people say something.';

--
-- Name: COLUMN label_conflicts.opinions; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_conflicts.opinions IS 'By label, the annotators whose newest label it is.';

--
-- Name: COLUMN label_conflicts.counts; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.label_conflicts.counts IS 'The label that counts all the same; null: none, and training leaves the document out of the task.';

--
-- Name: labels; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.labels (
    document_id bigint NOT NULL,
    model_id bigint NOT NULL,
    segment integer NOT NULL,
    start_char integer NOT NULL,
    end_char integer NOT NULL,
    score real NOT NULL,
    task text NOT NULL,
    label text NOT NULL,
    CONSTRAINT labels_check CHECK ((start_char <= end_char)),
    CONSTRAINT labels_label_check CHECK ((label <> ''::text)),
    CONSTRAINT labels_score_check CHECK (((score >= (0)::double precision) AND (score <= (1)::double precision))),
    CONSTRAINT labels_segment_check CHECK ((segment >= 0)),
    CONSTRAINT labels_start_char_check CHECK ((start_char >= 0)),
    CONSTRAINT labels_task_check CHECK ((task <> ''::text))
);

--
-- Name: TABLE labels; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.labels IS 'One row a segment and classification task: the model''s answer.';

--
-- Name: COLUMN labels.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.labels.document_id IS 'The document.';

--
-- Name: COLUMN labels.model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.labels.model_id IS 'The model that said so.';

--
-- Name: COLUMN labels.segment; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.labels.segment IS 'Number of the segment, from 0; always 0 when whole documents are annotated.';

--
-- Name: COLUMN labels.start_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.labels.start_char IS 'Where the segment begins, in code points from 0.';

--
-- Name: COLUMN labels.end_char; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.labels.end_char IS 'Where it ends, exclusive.';

--
-- Name: COLUMN labels.score; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.labels.score IS 'Probability of the label among the task''s labels, 0 to 1.';

--
-- Name: COLUMN labels.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.labels.task IS 'The classification task.';

--
-- Name: COLUMN labels.label; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.labels.label IS 'The most probable label.';

--
-- Name: learned_layers; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.learned_layers (
    sha256 text NOT NULL,
    weights bytea NOT NULL,
    learned_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT learned_layers_sha256_check CHECK ((sha256 ~ '^[0-9a-f]{64}$'::text))
);
ALTER TABLE ONLY glossator.learned_layers ALTER COLUMN weights SET STORAGE EXTERNAL;

--
-- Name: TABLE learned_layers; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.learned_layers IS 'Weights of encoder layers that fine-tuning has changed, known by their content: runs that leave a layer as it was share it.';

--
-- Name: COLUMN learned_layers.sha256; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.learned_layers.sha256 IS 'sha256 of the safetensors file before compression, lower-case hex.';

--
-- Name: COLUMN learned_layers.weights; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.learned_layers.weights IS 'A safetensors file of one layer''s tensors under Hugging Face''s names, zstd-compressed.';

--
-- Name: COLUMN learned_layers.learned_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.learned_layers.learned_at IS 'When a run stored it first.';

--
-- Name: lease_numbers; Type: SEQUENCE; Schema: glossator; Owner: -
--

CREATE SEQUENCE glossator.lease_numbers
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: SEQUENCE lease_numbers; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON SEQUENCE glossator.lease_numbers IS 'Fencing tokens, one a claim, only ever growing: a daemon that comes back from the dead holds an old one and can write nothing.';

--
-- Name: model_history; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.model_history (
    id bigint NOT NULL,
    collection text,
    model_id bigint NOT NULL,
    previous_model_id bigint,
    promoted_by text DEFAULT CURRENT_USER NOT NULL,
    promoted_at timestamp with time zone DEFAULT now() NOT NULL,
    rolled_back_at timestamp with time zone
);

--
-- Name: TABLE model_history; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.model_history IS 'Every promotion; what rollback() goes back along.';

--
-- Name: COLUMN model_history.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_history.id IS 'Order of promotions.';

--
-- Name: COLUMN model_history.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_history.collection IS 'Where it was promoted; null is the default model.';

--
-- Name: COLUMN model_history.model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_history.model_id IS 'The model that came into force.';

--
-- Name: COLUMN model_history.previous_model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_history.previous_model_id IS 'What was set before; null when nothing was (a collection then used the default).';

--
-- Name: COLUMN model_history.promoted_by; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_history.promoted_by IS 'Role that promoted it.';

--
-- Name: COLUMN model_history.promoted_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_history.promoted_at IS 'When.';

--
-- Name: COLUMN model_history.rolled_back_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_history.rolled_back_at IS 'When this promotion was undone; null while it stands.';

--
-- Name: model_history_id_seq; Type: SEQUENCE; Schema: glossator; Owner: -
--

ALTER TABLE glossator.model_history ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glossator.model_history_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: models; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.models (
    id bigint NOT NULL,
    name text NOT NULL,
    space_id integer NOT NULL,
    heads bytea,
    heads_sha256 text NOT NULL,
    tasks jsonb DEFAULT '[]'::jsonb NOT NULL,
    parent_id bigint,
    training_run_id bigint,
    metrics jsonb DEFAULT '{}'::jsonb NOT NULL,
    is_default boolean DEFAULT false NOT NULL,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    removed_at timestamp with time zone,
    CONSTRAINT models_heads_sha256_check CHECK ((heads_sha256 ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT models_metrics_check CHECK ((jsonb_typeof(metrics) = 'object'::text)),
    CONSTRAINT models_name_check CHECK ((name <> ''::text)),
    CONSTRAINT models_tasks_check CHECK ((jsonb_typeof(tasks) = 'array'::text)),
    CONSTRAINT removed_models_are_no_default CHECK (((removed_at IS NULL) OR (NOT is_default))),
    CONSTRAINT removed_models_have_no_heads CHECK (((heads IS NULL) = (removed_at IS NOT NULL)))
);
ALTER TABLE ONLY glossator.models ALTER COLUMN heads SET STORAGE EXTERNAL;

--
-- Name: TABLE models; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.models IS 'A backbone''s embedding space with trained heads. Rows never change (is_default apart): promoting another model is how a model changes.';

--
-- Name: COLUMN models.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.models.id IS 'Every result names the model that made it.';

--
-- Name: COLUMN models.name; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.models.name IS 'What people call it.';

--
-- Name: COLUMN models.space_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.models.space_id IS 'The embeddings that it makes, and through it the backbone that it needs.';

--
-- Name: COLUMN models.heads; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.models.heads IS 'The heads'' weights: a safetensors file, zstd-compressed. Null when the model was removed.';

--
-- Name: COLUMN models.heads_sha256; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.models.heads_sha256 IS 'sha256 of the safetensors file before compression, lower-case hex.';

--
-- Name: COLUMN models.tasks; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.models.tasks IS 'Array of {name, kind: classification|entities, labels, trained}.';

--
-- Name: COLUMN models.parent_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.models.parent_id IS 'The model whose heads its training began with.';

--
-- Name: COLUMN models.training_run_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.models.training_run_id IS 'The run that made it, when one did.';

--
-- Name: COLUMN models.metrics; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.models.metrics IS 'What was measured on the held-out documents.';

--
-- Name: COLUMN models.is_default; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.models.is_default IS 'The model of every collection that names none. At most one.';

--
-- Name: COLUMN models.created_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.models.created_at IS 'When it was stored.';

--
-- Name: COLUMN models.removed_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.models.removed_at IS 'When its weights were removed; null while it can be used.';

--
-- Name: model_in_force; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.model_in_force AS
 SELECT c.name AS collection,
    m.id AS model_id,
    m.name AS model_name,
    (c.model_id IS NULL) AS is_default,
    m.space_id,
    s.backbone_sha256,
    c.segmentation,
    c.paused
   FROM ((glossator.collections c
     LEFT JOIN glossator.models m ON ((m.id = COALESCE(c.model_id, ( SELECT models.id
           FROM glossator.models
          WHERE models.is_default)))))
     LEFT JOIN glossator.embedding_spaces s ON ((s.id = m.space_id)));

--
-- Name: VIEW model_in_force; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.model_in_force IS 'What annotates each collection now.';

--
-- Name: COLUMN model_in_force.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_in_force.collection IS 'The collection.';

--
-- Name: COLUMN model_in_force.model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_in_force.model_id IS 'Its model; null when neither it nor a default is set, and then its documents wait.';

--
-- Name: COLUMN model_in_force.model_name; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_in_force.model_name IS 'The model''s name.';

--
-- Name: COLUMN model_in_force.is_default; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_in_force.is_default IS 'Whether it uses the default model.';

--
-- Name: COLUMN model_in_force.space_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_in_force.space_id IS 'The embeddings that the model makes.';

--
-- Name: COLUMN model_in_force.backbone_sha256; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_in_force.backbone_sha256 IS 'The backbone that a daemon needs for it.';

--
-- Name: COLUMN model_in_force.segmentation; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_in_force.segmentation IS 'document or sentence.';

--
-- Name: COLUMN model_in_force.paused; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_in_force.paused IS 'Whether daemons leave it alone.';

--
-- Name: training_runs; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.training_runs (
    id bigint NOT NULL,
    collection text NOT NULL,
    parent_model_id bigint,
    model_id bigint,
    status text DEFAULT 'running'::text NOT NULL,
    options jsonb DEFAULT '{}'::jsonb NOT NULL,
    counts jsonb DEFAULT '{}'::jsonb NOT NULL,
    metrics_before jsonb,
    metrics_after jsonb,
    code_version text NOT NULL,
    started_at timestamp with time zone DEFAULT now() NOT NULL,
    beat_at timestamp with time zone DEFAULT now() NOT NULL,
    finished_at timestamp with time zone,
    message text,
    record jsonb,
    scheduled_for timestamp with time zone,
    may_pass boolean DEFAULT false NOT NULL,
    manifest_removed_at timestamp with time zone,
    CONSTRAINT finished_or_running CHECK (((status = 'running'::text) = (finished_at IS NULL))),
    CONSTRAINT promoted_names_its_model CHECK (((status <> 'promoted'::text) OR (model_id IS NOT NULL))),
    CONSTRAINT training_runs_status_check CHECK ((status = ANY (ARRAY['running'::text, 'promoted'::text, 'kept'::text, 'failed'::text])))
);

--
-- Name: TABLE training_runs; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.training_runs IS 'Every fine-tune: what it had, what it reached, what came of it. One at a time a collection.';

--
-- Name: COLUMN training_runs.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.id IS 'Order of starting.';

--
-- Name: COLUMN training_runs.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.collection IS 'Whose gold it learned from.';

--
-- Name: COLUMN training_runs.parent_model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.parent_model_id IS 'The model it began with, and was compared to.';

--
-- Name: COLUMN training_runs.model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.model_id IS 'The model it made, promoted or not.';

--
-- Name: COLUMN training_runs.status; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.status IS 'running, promoted (its model came into force), kept (the old one stays), failed.';

--
-- Name: COLUMN training_runs.options; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.options IS 'Every setting it ran with, the seed included.';

--
-- Name: COLUMN training_runs.counts; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.counts IS 'How many documents, labels and entities it had, by split.';

--
-- Name: COLUMN training_runs.metrics_before; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.metrics_before IS 'The parent on the held-out documents.';

--
-- Name: COLUMN training_runs.metrics_after; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.metrics_after IS 'The new model on the same documents.';

--
-- Name: COLUMN training_runs.code_version; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.code_version IS 'Glossator''s version, with the first digits of the program file''s sha256: other builds may compute other bits.';

--
-- Name: COLUMN training_runs.started_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.started_at IS 'When it began.';

--
-- Name: COLUMN training_runs.beat_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.beat_at IS 'Last sign of life; a run that is silent for two minutes has died.';

--
-- Name: COLUMN training_runs.finished_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.finished_at IS 'When it ended; null while it runs.';

--
-- Name: COLUMN training_runs.message; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.message IS 'Why it ended as it did.';

--
-- Name: COLUMN training_runs.record; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.record IS 'Plan, learning curves, worst errors, times and machine of a run that ended well, and under gate why its model came into force or did not, with every figure and threshold.';

--
-- Name: COLUMN training_runs.scheduled_for; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.scheduled_for IS 'The instant of glossator.train_schedule that it was for; null for a run that somebody started.';

--
-- Name: COLUMN training_runs.may_pass; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.may_pass IS 'Of a failed run: what it failed for may be over, or not so on another machine. The schedule then tries again, three times in all.';

--
-- Name: COLUMN training_runs.manifest_removed_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_runs.manifest_removed_at IS 'When its rows of glossator.training_rows were removed, long after its model; null: they are there.';

--
-- Name: model_uses; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.model_uses AS
 SELECT c.model_id,
    format('in force in collection "%s"'::text, c.name) AS use
   FROM glossator.collections c
  WHERE (c.model_id IS NOT NULL)
UNION ALL
 SELECT m.id AS model_id,
    'the default model'::text AS use
   FROM glossator.models m
  WHERE m.is_default
UNION ALL
 SELECT h.previous_model_id AS model_id,
    format('what rollback of %s goes back to'::text, COALESCE((('collection "'::text || h.collection) || '"'::text), 'the default model'::text)) AS use
   FROM ( SELECT DISTINCT ON (model_history.collection) model_history.collection,
            model_history.previous_model_id
           FROM glossator.model_history
          WHERE (model_history.rolled_back_at IS NULL)
          ORDER BY model_history.collection, model_history.id DESC) h
  WHERE (h.previous_model_id IS NOT NULL)
UNION ALL
 SELECT u.model_id,
    format('used by training run %s, which is running'::text, r.id) AS use
   FROM (glossator.training_runs r
     CROSS JOIN LATERAL unnest(ARRAY[r.parent_model_id, r.model_id]) u(model_id))
  WHERE ((r.status = 'running'::text) AND (u.model_id IS NOT NULL))
UNION ALL
 SELECT m.id AS model_id,
    format('made by training run %s, which is running'::text, r.id) AS use
   FROM (glossator.models m
     JOIN glossator.training_runs r ON ((r.id = m.training_run_id)))
  WHERE (r.status = 'running'::text);

--
-- Name: VIEW model_uses; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.model_uses IS 'Why a model cannot be removed: a row a reason. Models that are not here are used by nobody.';

--
-- Name: COLUMN model_uses.model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_uses.model_id IS 'The model.';

--
-- Name: COLUMN model_uses.use; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.model_uses.use IS 'What it is used for.';

--
-- Name: models_id_seq; Type: SEQUENCE; Schema: glossator; Owner: -
--

ALTER TABLE glossator.models ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glossator.models_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: progress; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.progress AS
 SELECT c.name AS collection,
    COALESCE(t.documents, (0)::bigint) AS total,
    (COALESCE(t.spooled, (0)::bigint) - COALESCE(r.running, (0)::bigint)) AS queued,
    COALESCE(r.running, (0)::bigint) AS running,
    COALESCE(((t.documents - t.spooled) - t.failed), (0)::bigint) AS done,
    COALESCE(t.failed, (0)::bigint) AS failed,
    COALESCE(t.reused, (0)::bigint) AS reused,
    COALESCE(t.rate, (0)::double precision) AS documents_per_second,
        CASE
            WHEN (COALESCE(t.spooled, (0)::bigint) = 0) THEN '00:00:00'::interval
            WHEN (t.rate > (0)::double precision) THEN make_interval(secs => ceil(((t.spooled)::double precision / t.rate)))
            ELSE NULL::interval
        END AS eta,
    (now() - next.enqueued) AS oldest
   FROM (((glossator.collections c
     LEFT JOIN ( SELECT s.collection,
            (sum(s.documents))::bigint AS documents,
            (sum(s.spooled))::bigint AS spooled,
            (sum(s.failed))::bigint AS failed,
            (sum(s.reused))::bigint AS reused,
            ((sum(s.completed) FILTER (WHERE (s.at > (now() - '00:01:00'::interval))) / GREATEST((1)::numeric, LEAST((60)::numeric, EXTRACT(epoch FROM (now() - min(s.at) FILTER (WHERE ((s.completed > 0) AND (s.at > (now() - '00:01:00'::interval))))))))))::double precision AS rate
           FROM glossator.tallies s
          GROUP BY s.collection) t ON ((t.collection = c.name)))
     LEFT JOIN ( SELECT s.collection,
            count(*) AS running
           FROM glossator.spool s
          WHERE (s.lease IS NOT NULL)
          GROUP BY s.collection) r ON ((r.collection = c.name)))
     LEFT JOIN LATERAL ( SELECT (s.due + ((s.priority)::double precision * '00:10:00'::interval)) AS enqueued
           FROM glossator.spool s
          WHERE ((s.collection = c.name) AND (s.lease IS NULL))
          ORDER BY s.due, s.document_id
         LIMIT 1) next ON (true));

--
-- Name: VIEW progress; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.progress IS 'How far each collection is. Every document is in exactly one of queued, running, done and failed. Cheap: nothing is counted.';

--
-- Name: COLUMN progress.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.progress.collection IS 'The collection.';

--
-- Name: COLUMN progress.total; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.progress.total IS 'Its documents.';

--
-- Name: COLUMN progress.queued; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.progress.queued IS 'Waiting in the spool.';

--
-- Name: COLUMN progress.running; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.progress.running IS 'Held by a daemon now.';

--
-- Name: COLUMN progress.done; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.progress.done IS 'Annotated, with nothing left to do.';

--
-- Name: COLUMN progress.failed; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.progress.failed IS 'Given up; glossator.failures says why.';

--
-- Name: COLUMN progress.reused; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.progress.reused IS 'How often the results of the same text were used instead of computing them again.';

--
-- Name: COLUMN progress.documents_per_second; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.progress.documents_per_second IS 'Within the last minute, all daemons together.';

--
-- Name: COLUMN progress.eta; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.progress.eta IS 'When the last document is done at this rate; null while nothing is being done.';

--
-- Name: COLUMN progress.oldest; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.progress.oldest IS 'For how long the document that is next has been waiting; null when none waits.';

--
-- Name: queue_health; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.queue_health AS
 SELECT work.queued,
    work.running,
    work.oldest_ready,
    work.failed,
    ( SELECT count(*) AS count
           FROM glossator.daemons d
          WHERE ((d.stopped_at IS NULL) AND (d.beat_at > (now() - '00:00:45'::interval)))) AS daemons,
    ( SELECT count(*) AS count
           FROM glossator.daemons d
          WHERE ((d.stopped_at IS NULL) AND (d.beat_at <= (now() - '00:00:45'::interval)) AND (d.beat_at > (now() - '1 day'::interval)))) AS silent_daemons,
    ( SELECT COALESCE(array_agg(DISTINCT m.name ORDER BY m.name), '{}'::text[]) AS "coalesce"
           FROM (glossator.daemons d
             JOIN glossator.models m ON ((m.id = ANY (d.models))))
          WHERE ((d.stopped_at IS NULL) AND (d.beat_at > (now() - '00:00:45'::interval)))) AS models,
    ( SELECT COALESCE(array_agg(DISTINCT d.state ORDER BY d.state), '{}'::text[]) AS "coalesce"
           FROM glossator.daemons d
          WHERE ((d.stopped_at IS NULL) AND (d.beat_at > (now() - '00:00:45'::interval)))) AS states,
    spool.n_live_tup AS live_tuples,
    spool.n_dead_tup AS dead_tuples,
    GREATEST(spool.last_vacuum, spool.last_autovacuum) AS last_vacuum,
    pg_total_relation_size('glossator.spool'::regclass) AS spool_bytes,
    ( SELECT count(*) AS count
           FROM glossator.tallies) AS tallies,
    oldest.transaction AS oldest_transaction,
    oldest.pid AS oldest_transaction_pid,
    ( SELECT max(age(h.xmin)) AS max
           FROM ( SELECT a.backend_xmin AS xmin
                   FROM pg_stat_activity a
                  WHERE (a.backend_xmin IS NOT NULL)
                UNION ALL
                 SELECT r.xmin
                   FROM pg_replication_slots r
                  WHERE (r.xmin IS NOT NULL)
                UNION ALL
                 SELECT r.catalog_xmin
                   FROM pg_replication_slots r
                  WHERE (r.catalog_xmin IS NOT NULL)
                UNION ALL
                 SELECT p.transaction
                   FROM pg_prepared_xacts p) h) AS held_transactions
   FROM ((pg_stat_all_tables spool
     CROSS JOIN LATERAL ( SELECT (COALESCE(sum(p.queued), (0)::numeric))::bigint AS queued,
            (COALESCE(sum(p.running), (0)::numeric))::bigint AS running,
            (COALESCE(sum(p.failed), (0)::numeric))::bigint AS failed,
            max(p.oldest) FILTER (WHERE ((NOT f.paused) AND (f.model_id IS NOT NULL))) AS oldest_ready
           FROM (glossator.progress p
             JOIN glossator.model_in_force f USING (collection))) work)
     LEFT JOIN LATERAL ( SELECT (now() - a.xact_start) AS transaction,
            a.pid
           FROM pg_stat_activity a
          WHERE ((a.xact_start IS NOT NULL) AND (a.pid <> pg_backend_pid()) AND (a.backend_type = 'client backend'::text) AND (a.datname = current_database()))
          ORDER BY a.xact_start
         LIMIT 1) oldest ON (true))
  WHERE (spool.relid = ('glossator.spool'::regclass)::oid);

--
-- Name: VIEW queue_health; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.queue_health IS 'One row: what waits, who works, and what keeps the database from cleaning up behind them.';

--
-- Name: COLUMN queue_health.queued; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.queued IS 'Documents that wait.';

--
-- Name: COLUMN queue_health.running; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.running IS 'Documents that daemons hold.';

--
-- Name: COLUMN queue_health.oldest_ready; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.oldest_ready IS 'For how long the next document of a collection that may run has been waiting; null when none does.';

--
-- Name: COLUMN queue_health.failed; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.failed IS 'Documents that were given up.';

--
-- Name: COLUMN queue_health.daemons; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.daemons IS 'Daemons that beat.';

--
-- Name: COLUMN queue_health.silent_daemons; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.silent_daemons IS 'Daemons that ended within a day without saying goodbye.';

--
-- Name: COLUMN queue_health.models; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.models IS 'Models that daemons have in memory.';

--
-- Name: COLUMN queue_health.states; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.states IS 'What daemons say of themselves: working, idle, paused and why.';

--
-- Name: COLUMN queue_health.live_tuples; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.live_tuples IS 'Rows of the spool, by the server''s statistics.';

--
-- Name: COLUMN queue_health.dead_tuples; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.dead_tuples IS 'Rows of the spool that died and were not vacuumed yet. Tens of thousands: something holds them.';

--
-- Name: COLUMN queue_health.last_vacuum; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.last_vacuum IS 'When the spool was vacuumed last.';

--
-- Name: COLUMN queue_health.spool_bytes; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.spool_bytes IS 'Bytes of the spool with its indexes.';

--
-- Name: COLUMN queue_health.tallies; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.tallies IS 'Rows that glossator.progress has to add up.';

--
-- Name: COLUMN queue_health.oldest_transaction; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.oldest_transaction IS 'Age of the oldest transaction of this database; long ones keep dead rows. Needs pg_monitor to see those of other roles.';

--
-- Name: COLUMN queue_health.oldest_transaction_pid; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.oldest_transaction_pid IS 'Its server process: SELECT pg_terminate_backend(pid) ends it.';

--
-- Name: COLUMN queue_health.held_transactions; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.queue_health.held_transactions IS 'How many transactions began since the oldest snapshot that anybody holds, replication slots and prepared transactions included.';

--
-- Name: relabel_pages; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.relabel_pages (
    relabel_id bigint NOT NULL,
    page integer NOT NULL,
    task text NOT NULL,
    labels text[] NOT NULL,
    document_ids bigint[] NOT NULL,
    segments integer[] NOT NULL,
    choices integer[] NOT NULL,
    scores real[] NOT NULL,
    margins real[] NOT NULL,
    signatures bigint[] NOT NULL
);

--
-- Name: TABLE relabel_pages; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.relabel_pages IS 'New labels that wait for the last of them, so that all are shown at once. A row a task and some thousand segments: a million documents are a few hundred rows.';

--
-- Name: COLUMN relabel_pages.relabel_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabel_pages.relabel_id IS 'What they are for.';

--
-- Name: COLUMN relabel_pages.page; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabel_pages.page IS 'Number of the page, from 0. A document''s segments are in one page.';

--
-- Name: COLUMN relabel_pages.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabel_pages.task IS 'The classification task.';

--
-- Name: COLUMN relabel_pages.labels; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabel_pages.labels IS 'Its labels.';

--
-- Name: COLUMN relabel_pages.document_ids; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabel_pages.document_ids IS 'Of each segment, its document.';

--
-- Name: COLUMN relabel_pages.segments; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabel_pages.segments IS 'Of each segment, its number in the document.';

--
-- Name: COLUMN relabel_pages.choices; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabel_pages.choices IS 'Of each segment, which of the labels, from 1.';

--
-- Name: COLUMN relabel_pages.scores; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabel_pages.scores IS 'Of each segment, the probability of its label.';

--
-- Name: COLUMN relabel_pages.margins; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabel_pages.margins IS 'Of each segment, by how much that is more than the next label''s.';

--
-- Name: COLUMN relabel_pages.signatures; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabel_pages.signatures IS 'Of each segment, where its document lies among the others: glossator.uncertainties has the same.';

--
-- Name: relabels; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.relabels (
    id bigint NOT NULL,
    collection text NOT NULL,
    model_id bigint NOT NULL,
    requested_at timestamp with time zone DEFAULT now() NOT NULL,
    worker text,
    seen_at timestamp with time zone,
    lease_limit bigint,
    "position" text DEFAULT ''::text NOT NULL,
    pages integer DEFAULT 0 NOT NULL,
    documents bigint DEFAULT 0 NOT NULL,
    of_documents bigint,
    relabelled bigint DEFAULT 0 NOT NULL,
    changed bigint DEFAULT 0 NOT NULL,
    finished_at timestamp with time zone,
    outcome text,
    message text,
    CONSTRAINT finished_relabels_have_an_outcome CHECK (((finished_at IS NULL) = (outcome IS NULL))),
    CONSTRAINT relabels_changed_check CHECK ((changed >= 0)),
    CONSTRAINT relabels_documents_check CHECK ((documents >= 0)),
    CONSTRAINT relabels_of_documents_check CHECK ((of_documents >= 0)),
    CONSTRAINT relabels_outcome_check CHECK ((outcome = ANY (ARRAY['done'::text, 'superseded'::text, 'failed'::text]))),
    CONSTRAINT relabels_pages_check CHECK ((pages >= 0)),
    CONSTRAINT relabels_relabelled_check CHECK ((relabelled >= 0)),
    CONSTRAINT worked_on_by_somebody CHECK (((worker IS NULL) = (seen_at IS NULL)))
);

--
-- Name: TABLE relabels; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.relabels IS 'One row a time that a collection''s labels are computed again from stored embeddings, because another model with the same embeddings came into force. A daemon does it, or glossator relabel. Until it is done all show the old labels.';

--
-- Name: COLUMN relabels.id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.id IS 'Order of requests.';

--
-- Name: COLUMN relabels.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.collection IS 'Whose labels.';

--
-- Name: COLUMN relabels.model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.model_id IS 'By which model: the one that came into force.';

--
-- Name: COLUMN relabels.requested_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.requested_at IS 'When it came into force, or relabel() was called.';

--
-- Name: COLUMN relabels.worker; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.worker IS 'Process that computes them; another takes over when it has been silent for 30 s.';

--
-- Name: COLUMN relabels.seen_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.seen_at IS 'Its last sign of life.';

--
-- Name: COLUMN relabels.lease_limit; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.lease_limit IS 'Claims up to this number may have been made for the model before: it is not done while one of them is out.';

--
-- Name: COLUMN relabels."position"; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels."position" IS 'external_id of the last document that was looked at; empty at the beginning of a pass.';

--
-- Name: COLUMN relabels.pages; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.pages IS 'Pages that wait in glossator.relabel_pages.';

--
-- Name: COLUMN relabels.documents; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.documents IS 'Documents that have been looked at in the first pass.';

--
-- Name: COLUMN relabels.of_documents; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.of_documents IS 'Of so many, counted at the beginning.';

--
-- Name: COLUMN relabels.relabelled; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.relabelled IS 'Labels that were written.';

--
-- Name: COLUMN relabels.changed; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.changed IS 'Of these, how many are another label than before; glossator.model_diff() shows them.';

--
-- Name: COLUMN relabels.finished_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.finished_at IS 'When it ended.';

--
-- Name: COLUMN relabels.outcome; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.outcome IS 'done; superseded: another model came into force before; failed: message says why, and relabel() tries again. Null while it goes on.';

--
-- Name: COLUMN relabels.message; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.relabels.message IS 'Why it failed.';

--
-- Name: relabels_id_seq; Type: SEQUENCE; Schema: glossator; Owner: -
--

ALTER TABLE glossator.relabels ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glossator.relabels_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: schema_migrations; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.schema_migrations (
    version integer NOT NULL,
    name text NOT NULL,
    checksum text NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT schema_migrations_checksum_check CHECK ((checksum ~ '^[0-9a-f]{64}$'::text)),
    CONSTRAINT schema_migrations_version_check CHECK ((version > 0))
);

--
-- Name: TABLE schema_migrations; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.schema_migrations IS 'One row a migration that was applied. Written by `glossator migrate` only.';

--
-- Name: COLUMN schema_migrations.version; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.schema_migrations.version IS 'Number of the file, 1 upwards without gaps.';

--
-- Name: COLUMN schema_migrations.name; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.schema_migrations.name IS 'Name of the file.';

--
-- Name: COLUMN schema_migrations.checksum; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.schema_migrations.checksum IS 'sha256 of the file as it was applied; a changed file is refused.';

--
-- Name: COLUMN schema_migrations.applied_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.schema_migrations.applied_at IS 'When its transaction began.';

--
-- Name: train_schedule; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.train_schedule (
    collection text NOT NULL,
    at time without time zone DEFAULT '03:30:00'::time without time zone NOT NULL,
    time_zone text DEFAULT current_setting('TimeZone'::text) NOT NULL,
    catch_up interval DEFAULT '12:00:00'::interval NOT NULL,
    enabled boolean DEFAULT true NOT NULL,
    since timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT train_schedule_at_check CHECK ((at < '24:00:00'::time without time zone)),
    CONSTRAINT train_schedule_catch_up_check CHECK ((catch_up >= '00:00:00'::interval))
);

--
-- Name: TABLE train_schedule; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.train_schedule IS 'Collections that are trained every day by themselves: `glossator train --due`, which a systemd timer runs. A collection without a row is trained when somebody says so.';

--
-- Name: COLUMN train_schedule.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule.collection IS 'Whose gold to learn from.';

--
-- Name: COLUMN train_schedule.at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule.at IS 'When, by the clocks of the time zone.';

--
-- Name: COLUMN train_schedule.time_zone; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule.time_zone IS 'A name of the IANA database, such as Europe/Berlin; by default that of the session that inserts the row.';

--
-- Name: COLUMN train_schedule.catch_up; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule.catch_up IS 'How late a run may still begin that was missed because no machine was on: once, however many days were missed. What is not half an hour late is on time, so 0 makes up nothing.';

--
-- Name: COLUMN train_schedule.enabled; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule.enabled IS 'false: not for now.';

--
-- Name: COLUMN train_schedule.since; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule.since IS 'Instants before this are not made up: when the row was inserted, or its time, time zone or enabled was changed last.';

--
-- Name: train_schedule_next; Type: VIEW; Schema: glossator; Owner: -
--

CREATE VIEW glossator.train_schedule_next AS
 SELECT s.collection,
    s.at,
    s.time_zone,
        CASE
            WHEN s.enabled THEN i.next_at
            ELSE NULL::timestamp with time zone
        END AS next_at,
        CASE
            WHEN (i.last_at >= s.since) THEN i.last_at
            ELSE NULL::timestamp with time zone
        END AS last_at,
        CASE
            WHEN ((i.problem IS NOT NULL) OR (i.last_at < s.since)) THEN NULL::text
            WHEN (d.collection IS NOT NULL) THEN 'due'::text
            WHEN (r.status IS NOT NULL) THEN r.status
            WHEN (NOT s.enabled) THEN NULL::text
            WHEN (i.last_at > (now() - GREATEST(s.catch_up, '00:30:00'::interval))) THEN 'waiting'::text
            ELSE 'missed'::text
        END AS last_outcome,
        CASE
            WHEN s.enabled THEN i.problem
            ELSE NULL::text
        END AS problem
   FROM (((glossator.train_schedule s
     CROSS JOIN LATERAL glossator.schedule_instants(s.at, s.time_zone, now()) i(last_at, next_at, problem))
     LEFT JOIN glossator.trainings_due() d(collection, scheduled_for, attempt) ON ((d.collection = s.collection)))
     LEFT JOIN LATERAL ( SELECT t.status
           FROM glossator.training_runs t
          WHERE ((t.collection = s.collection) AND (t.scheduled_for = i.last_at))
          ORDER BY t.id DESC
         LIMIT 1) r ON (true));

--
-- Name: VIEW train_schedule_next; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON VIEW glossator.train_schedule_next IS 'When each collection of glossator.train_schedule is trained next, and what came of the last time.';

--
-- Name: COLUMN train_schedule_next.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule_next.collection IS 'The collection.';

--
-- Name: COLUMN train_schedule_next.at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule_next.at IS 'The daily wall time.';

--
-- Name: COLUMN train_schedule_next.time_zone; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule_next.time_zone IS 'Whose wall time.';

--
-- Name: COLUMN train_schedule_next.next_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule_next.next_at IS 'The next run; null when the schedule is not enabled.';

--
-- Name: COLUMN train_schedule_next.last_at; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule_next.last_at IS 'The instant before; null when it was before the schedule.';

--
-- Name: COLUMN train_schedule_next.last_outcome; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule_next.last_outcome IS 'What came of it: promoted, kept, failed or running as in glossator.training_runs; due: the timer begins it, or tries again; waiting: another run of the collection has to end first; missed: too late to make up.';

--
-- Name: COLUMN train_schedule_next.problem; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.train_schedule_next.problem IS 'Why it cannot be run: the server does not know the time zone any more.';

--
-- Name: training_rows; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.training_rows (
    run_id bigint NOT NULL,
    document_id bigint NOT NULL,
    task text NOT NULL,
    part text NOT NULL,
    is_new boolean NOT NULL,
    gold_ids bigint[] NOT NULL,
    CONSTRAINT training_rows_part_check CHECK ((part = ANY (ARRAY['training'::text, 'validation'::text, 'held_out'::text])))
);

--
-- Name: TABLE training_rows; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.training_rows IS 'The manifest of a training run: one row a document and task. Gold is append-only, so what a run learned can be read again for as long as its documents are there.';

--
-- Name: COLUMN training_rows.run_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_rows.run_id IS 'The run.';

--
-- Name: COLUMN training_rows.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_rows.document_id IS 'The document; it may have been deleted since.';

--
-- Name: COLUMN training_rows.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_rows.task IS 'The task.';

--
-- Name: COLUMN training_rows.part; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_rows.part IS 'training: learned from. validation: chose epoch and temperature (a task with few of these learned from them too). held_out: judged, neither learned from nor chosen by.';

--
-- Name: COLUMN training_rows.is_new; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_rows.is_new IS 'Whether no run before had this gold and made a model of it.';

--
-- Name: COLUMN training_rows.gold_ids; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.training_rows.gold_ids IS 'The rows that counted: one of glossator.gold_labels, or those of glossator.gold_entities; none where a document is marked as having no entities.';

--
-- Name: training_runs_id_seq; Type: SEQUENCE; Schema: glossator; Owner: -
--

ALTER TABLE glossator.training_runs ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glossator.training_runs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: uncertainties; Type: TABLE; Schema: glossator; Owner: -
--

CREATE TABLE glossator.uncertainties (
    document_id bigint NOT NULL,
    model_id bigint NOT NULL,
    signature bigint NOT NULL,
    uncertainty real NOT NULL,
    collection text NOT NULL,
    task text NOT NULL,
    CONSTRAINT uncertainties_task_check CHECK ((task <> ''::text)),
    CONSTRAINT uncertainties_uncertainty_check CHECK (((uncertainty >= (0)::double precision) AND (uncertainty <= (1)::double precision)))
);

--
-- Name: TABLE uncertainties; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON TABLE glossator.uncertainties IS 'One row a document and task: how unsure the model is, and where the document lies among the others. What next_to_label() reads.';

--
-- Name: COLUMN uncertainties.document_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.uncertainties.document_id IS 'The document.';

--
-- Name: COLUMN uncertainties.model_id; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.uncertainties.model_id IS 'The model that is unsure.';

--
-- Name: COLUMN uncertainties.signature; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.uncertainties.signature IS 'SimHash of the embedding: documents at an angle of a differ in about 64 a / pi bits. The same in every task of a document.';

--
-- Name: COLUMN uncertainties.uncertainty; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.uncertainties.uncertainty IS 'Of its most uncertain segment, 0 to 1; comparable within a task. Classification: 1 less the margin between the two most probable labels. Entities: 1 less the geometric mean of what a word contributes to the probability of the best sequence of tags.';

--
-- Name: COLUMN uncertainties.collection; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.uncertainties.collection IS 'The document''s, repeated here so that one index finds the most uncertain of a collection.';

--
-- Name: COLUMN uncertainties.task; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON COLUMN glossator.uncertainties.task IS 'The task.';

--
-- Name: watches_id_seq; Type: SEQUENCE; Schema: glossator; Owner: -
--

ALTER TABLE glossator.watches ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME glossator.watches_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

--
-- Name: annotations annotations_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.annotations
    ADD CONSTRAINT annotations_pkey PRIMARY KEY (document_id);

--
-- Name: annotations annotations_precision_check; Type: CHECK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE glossator.annotations
    ADD CONSTRAINT annotations_precision_check CHECK (("precision" = ANY (ARRAY['fp32'::text, 'bf16'::text, 'int8'::text]))) NOT VALID;

--
-- Name: backbone_layers backbone_layers_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.backbone_layers
    ADD CONSTRAINT backbone_layers_pkey PRIMARY KEY (backbone_sha256, layer);

--
-- Name: backbones backbones_name_key; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.backbones
    ADD CONSTRAINT backbones_name_key UNIQUE (name);

--
-- Name: backbones backbones_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.backbones
    ADD CONSTRAINT backbones_pkey PRIMARY KEY (sha256);

--
-- Name: batches batches_name_key; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.batches
    ADD CONSTRAINT batches_name_key UNIQUE (name);

--
-- Name: batches batches_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.batches
    ADD CONSTRAINT batches_pkey PRIMARY KEY (id);

--
-- Name: certificates certificates_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.certificates
    ADD CONSTRAINT certificates_pkey PRIMARY KEY (id);

--
-- Name: collections collections_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.collections
    ADD CONSTRAINT collections_pkey PRIMARY KEY (name);

--
-- Name: daemons daemons_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.daemons
    ADD CONSTRAINT daemons_pkey PRIMARY KEY (id);

--
-- Name: documents documents_collection_external_id_key; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.documents
    ADD CONSTRAINT documents_collection_external_id_key UNIQUE (collection, external_id);

--
-- Name: documents documents_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.documents
    ADD CONSTRAINT documents_pkey PRIMARY KEY (id);

--
-- Name: embedding_spaces embedding_spaces_backbone_sha256_pooling_normalization_dime_key; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.embedding_spaces
    ADD CONSTRAINT embedding_spaces_backbone_sha256_pooling_normalization_dime_key UNIQUE (backbone_sha256, pooling, normalization, dimensions);

--
-- Name: embedding_spaces embedding_spaces_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.embedding_spaces
    ADD CONSTRAINT embedding_spaces_pkey PRIMARY KEY (id);

--
-- Name: embeddings embeddings_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.embeddings
    ADD CONSTRAINT embeddings_pkey PRIMARY KEY (document_id, segment, space_id);

--
-- Name: entities entities_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.entities
    ADD CONSTRAINT entities_pkey PRIMARY KEY (document_id, task, ordinal);

--
-- Name: failures failures_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.failures
    ADD CONSTRAINT failures_pkey PRIMARY KEY (document_id);

--
-- Name: gold_complete gold_complete_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.gold_complete
    ADD CONSTRAINT gold_complete_pkey PRIMARY KEY (document_id, task, annotator);

--
-- Name: gold_declared gold_declared_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.gold_declared
    ADD CONSTRAINT gold_declared_pkey PRIMARY KEY (collection, task, label);

--
-- Name: gold_entities gold_entities_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.gold_entities
    ADD CONSTRAINT gold_entities_pkey PRIMARY KEY (id);

--
-- Name: gold_labels gold_labels_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.gold_labels
    ADD CONSTRAINT gold_labels_pkey PRIMARY KEY (id);

--
-- Name: gold_policies gold_policies_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.gold_policies
    ADD CONSTRAINT gold_policies_pkey PRIMARY KEY (collection);

--
-- Name: label_changes label_changes_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.label_changes
    ADD CONSTRAINT label_changes_pkey PRIMARY KEY (relabel_id, document_id, segment, task);

--
-- Name: labels labels_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.labels
    ADD CONSTRAINT labels_pkey PRIMARY KEY (document_id, segment, task);

--
-- Name: learned_layers learned_layers_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.learned_layers
    ADD CONSTRAINT learned_layers_pkey PRIMARY KEY (sha256);

--
-- Name: model_history model_history_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.model_history
    ADD CONSTRAINT model_history_pkey PRIMARY KEY (id);

--
-- Name: models models_name_key; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.models
    ADD CONSTRAINT models_name_key UNIQUE (name);

--
-- Name: models models_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.models
    ADD CONSTRAINT models_pkey PRIMARY KEY (id);

--
-- Name: relabel_pages relabel_pages_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.relabel_pages
    ADD CONSTRAINT relabel_pages_pkey PRIMARY KEY (relabel_id, page, task);

--
-- Name: relabels relabels_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.relabels
    ADD CONSTRAINT relabels_pkey PRIMARY KEY (id);

--
-- Name: schema_migrations schema_migrations_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.schema_migrations
    ADD CONSTRAINT schema_migrations_pkey PRIMARY KEY (version);

--
-- Name: spool spool_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.spool
    ADD CONSTRAINT spool_pkey PRIMARY KEY (document_id);

--
-- Name: train_schedule train_schedule_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.train_schedule
    ADD CONSTRAINT train_schedule_pkey PRIMARY KEY (collection);

--
-- Name: training_rows training_rows_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.training_rows
    ADD CONSTRAINT training_rows_pkey PRIMARY KEY (run_id, document_id, task);

--
-- Name: training_runs training_runs_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.training_runs
    ADD CONSTRAINT training_runs_pkey PRIMARY KEY (id);

--
-- Name: uncertainties uncertainties_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.uncertainties
    ADD CONSTRAINT uncertainties_pkey PRIMARY KEY (document_id, task);

--
-- Name: watches watches_collection_key; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.watches
    ADD CONSTRAINT watches_collection_key UNIQUE (collection);

--
-- Name: watches watches_pkey; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.watches
    ADD CONSTRAINT watches_pkey PRIMARY KEY (id);

--
-- Name: watches watches_relation_key; Type: CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.watches
    ADD CONSTRAINT watches_relation_key UNIQUE (relation);

--
-- Name: backbone_layers_layer; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX backbone_layers_layer ON glossator.backbone_layers USING btree (layer_sha256);

--
-- Name: INDEX backbone_layers_layer; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON INDEX glossator.backbone_layers_layer IS 'Which backbones use a layer: those that none uses can be deleted.';

--
-- Name: batches_unfinished; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX batches_unfinished ON glossator.batches USING btree (id) WHERE (finished_at IS NULL);

--
-- Name: certificates_one; Type: INDEX; Schema: glossator; Owner: -
--

CREATE UNIQUE INDEX certificates_one ON glossator.certificates USING btree (model_id, COALESCE(collection, ''::text), segmentation, "precision", kernels, minimum_cosine_p1, minimum_label_agreement, minimum_entity_agreement);

--
-- Name: INDEX certificates_one; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON INDEX glossator.certificates_one IS 'Two daemons that compare at the same time use the certificate that came first.';

--
-- Name: documents_by_text; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX documents_by_text ON glossator.documents USING btree (glossator.text_key(collection, body_sha256));

--
-- Name: failures_by_code; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX failures_by_code ON glossator.failures USING btree (code);

--
-- Name: gold_entities_current; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX gold_entities_current ON glossator.gold_entities USING btree (document_id, task, annotator, start_char) WHERE (retracted_at IS NULL);

--
-- Name: gold_labels_newest; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX gold_labels_newest ON glossator.gold_labels USING btree (document_id, task, id DESC);

--
-- Name: model_history_in_force; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX model_history_in_force ON glossator.model_history USING btree (collection, id DESC) WHERE (rolled_back_at IS NULL);

--
-- Name: models_one_default; Type: INDEX; Schema: glossator; Owner: -
--

CREATE UNIQUE INDEX models_one_default ON glossator.models USING btree (is_default) WHERE is_default;

--
-- Name: relabels_model; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX relabels_model ON glossator.relabels USING btree (model_id);

--
-- Name: relabels_one_open; Type: INDEX; Schema: glossator; Owner: -
--

CREATE UNIQUE INDEX relabels_one_open ON glossator.relabels USING btree (collection) WHERE (finished_at IS NULL);

--
-- Name: spool_leased; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX spool_leased ON glossator.spool USING btree (daemon_id) WHERE (lease IS NOT NULL);

--
-- Name: spool_ready; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX spool_ready ON glossator.spool USING btree (collection, due, document_id) WHERE (lease IS NULL);

--
-- Name: tallies_by_batch; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX tallies_by_batch ON glossator.tallies USING btree (batch_id) WHERE (batch_id IS NOT NULL);

--
-- Name: training_rows_document; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX training_rows_document ON glossator.training_rows USING btree (document_id, task, run_id DESC);

--
-- Name: INDEX training_rows_document; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON INDEX glossator.training_rows_document IS 'Whether gold is new.';

--
-- Name: training_runs_of_schedule; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX training_runs_of_schedule ON glossator.training_runs USING btree (collection, scheduled_for) WHERE (scheduled_for IS NOT NULL);

--
-- Name: training_runs_one_at_a_time; Type: INDEX; Schema: glossator; Owner: -
--

CREATE UNIQUE INDEX training_runs_one_at_a_time ON glossator.training_runs USING btree (collection) WHERE (status = 'running'::text);

--
-- Name: uncertainties_most; Type: INDEX; Schema: glossator; Owner: -
--

CREATE INDEX uncertainties_most ON glossator.uncertainties USING btree (collection, task, uncertainty, signature);

--
-- Name: INDEX uncertainties_most; Type: COMMENT; Schema: glossator; Owner: -
--

COMMENT ON INDEX glossator.uncertainties_most IS 'The most uncertain documents of a collection and task.';

--
-- Name: collections collections_model_is_there; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER collections_model_is_there BEFORE INSERT OR UPDATE OF model_id ON glossator.collections FOR EACH ROW WHEN ((new.model_id IS NOT NULL)) EXECUTE FUNCTION glossator.refuse_removed_model();

--
-- Name: documents documents_immutable; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER documents_immutable BEFORE UPDATE ON glossator.documents FOR EACH ROW WHEN (((old.id IS DISTINCT FROM new.id) OR (old.collection IS DISTINCT FROM new.collection) OR (old.external_id IS DISTINCT FROM new.external_id) OR (old.batch IS DISTINCT FROM new.batch) OR (old.batch_id IS DISTINCT FROM new.batch_id) OR (old.body IS DISTINCT FROM new.body))) EXECUTE FUNCTION glossator.refuse_document_update();

--
-- Name: documents documents_prepare; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER documents_prepare BEFORE INSERT ON glossator.documents FOR EACH ROW EXECUTE FUNCTION glossator.prepare_document();

--
-- Name: documents documents_spool; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER documents_spool AFTER INSERT ON glossator.documents REFERENCING NEW TABLE AS new_documents FOR EACH STATEMENT EXECUTE FUNCTION glossator.spool_new_documents();

--
-- Name: documents documents_tally_deleted; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER documents_tally_deleted AFTER DELETE ON glossator.documents REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_documents();

--
-- Name: documents documents_tally_inserted; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER documents_tally_inserted AFTER INSERT ON glossator.documents REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_documents();

--
-- Name: documents documents_tally_truncated; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER documents_tally_truncated AFTER TRUNCATE ON glossator.documents FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_truncate();

--
-- Name: entities entities_check_inserted; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER entities_check_inserted AFTER INSERT ON glossator.entities REFERENCING NEW TABLE AS new_entities FOR EACH STATEMENT EXECUTE FUNCTION glossator.check_entity_surfaces();

--
-- Name: entities entities_check_updated; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER entities_check_updated AFTER UPDATE ON glossator.entities REFERENCING NEW TABLE AS new_entities FOR EACH STATEMENT EXECUTE FUNCTION glossator.check_entity_surfaces();

--
-- Name: failures failures_tally_deleted; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER failures_tally_deleted AFTER DELETE ON glossator.failures REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_failures();

--
-- Name: failures failures_tally_inserted; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER failures_tally_inserted AFTER INSERT ON glossator.failures REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_failures();

--
-- Name: failures failures_tally_truncated; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER failures_tally_truncated AFTER TRUNCATE ON glossator.failures FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_truncate();

--
-- Name: gold_complete gold_complete_declared; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER gold_complete_declared AFTER INSERT ON glossator.gold_complete REFERENCING NEW TABLE AS new_gold FOR EACH STATEMENT EXECUTE FUNCTION glossator.refuse_undeclared_gold('');

--
-- Name: gold_entities gold_entities_append_only; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER gold_entities_append_only BEFORE UPDATE ON glossator.gold_entities FOR EACH ROW WHEN (((((((((((old.id IS DISTINCT FROM new.id) OR (old.document_id IS DISTINCT FROM new.document_id)) OR (old.task IS DISTINCT FROM new.task)) OR (old.type IS DISTINCT FROM new.type)) OR (old.start_char IS DISTINCT FROM new.start_char)) OR (old.end_char IS DISTINCT FROM new.end_char)) OR (old.surface IS DISTINCT FROM new.surface)) OR (old.annotator IS DISTINCT FROM new.annotator)) OR (old.created_at IS DISTINCT FROM new.created_at)) OR (old.source IS DISTINCT FROM new.source) OR (old.retracted_at IS NOT NULL) OR (new.retracted_at IS NULL))) EXECUTE FUNCTION glossator.refuse_gold_update();

--
-- Name: gold_entities gold_entities_check; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER gold_entities_check AFTER INSERT ON glossator.gold_entities REFERENCING NEW TABLE AS new_gold FOR EACH STATEMENT EXECUTE FUNCTION glossator.check_gold_entities();

--
-- Name: gold_entities gold_entities_declared; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER gold_entities_declared AFTER INSERT ON glossator.gold_entities REFERENCING NEW TABLE AS new_gold FOR EACH STATEMENT EXECUTE FUNCTION glossator.refuse_undeclared_gold('type');

--
-- Name: gold_entities gold_entities_locate; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER gold_entities_locate BEFORE INSERT ON glossator.gold_entities FOR EACH ROW EXECUTE FUNCTION glossator.locate_gold_entity();

--
-- Name: gold_labels gold_labels_append_only; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER gold_labels_append_only BEFORE UPDATE ON glossator.gold_labels FOR EACH ROW EXECUTE FUNCTION glossator.refuse_gold_update();

--
-- Name: gold_labels gold_labels_declared; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER gold_labels_declared AFTER INSERT ON glossator.gold_labels REFERENCING NEW TABLE AS new_gold FOR EACH STATEMENT EXECUTE FUNCTION glossator.refuse_undeclared_gold('label');

--
-- Name: gold_labels gold_labels_not_empty; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER gold_labels_not_empty BEFORE INSERT ON glossator.gold_labels FOR EACH ROW WHEN (((btrim(COALESCE(new.task, ''::text)) = ''::text) OR (btrim(COALESCE(new.label, ''::text)) = ''::text))) EXECUTE FUNCTION glossator.refuse_empty_gold_label();

--
-- Name: models models_immutable; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER models_immutable BEFORE UPDATE ON glossator.models FOR EACH ROW WHEN (((((((((old.id IS DISTINCT FROM new.id) OR (old.name IS DISTINCT FROM new.name)) OR (old.space_id IS DISTINCT FROM new.space_id)) OR (old.heads_sha256 IS DISTINCT FROM new.heads_sha256)) OR (old.tasks IS DISTINCT FROM new.tasks)) OR (old.metrics IS DISTINCT FROM new.metrics)) OR (old.created_at IS DISTINCT FROM new.created_at)) OR ((old.heads IS DISTINCT FROM new.heads) AND (new.heads IS NOT NULL)) OR ((old.removed_at IS NOT NULL) AND (old.removed_at IS DISTINCT FROM new.removed_at)) OR (old.parent_id IS DISTINCT FROM new.parent_id) OR ((old.training_run_id IS NOT NULL) AND (old.training_run_id IS DISTINCT FROM new.training_run_id)))) EXECUTE FUNCTION glossator.refuse_model_update();

--
-- Name: spool spool_tally_deleted; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER spool_tally_deleted AFTER DELETE ON glossator.spool REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_spool();

--
-- Name: spool spool_tally_inserted; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER spool_tally_inserted AFTER INSERT ON glossator.spool REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_spool();

--
-- Name: spool spool_tally_truncated; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER spool_tally_truncated AFTER TRUNCATE ON glossator.spool FOR EACH STATEMENT EXECUTE FUNCTION glossator.tally_truncate();

--
-- Name: train_schedule train_schedule_checked; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER train_schedule_checked BEFORE INSERT OR UPDATE ON glossator.train_schedule FOR EACH ROW EXECUTE FUNCTION glossator.check_train_schedule();

--
-- Name: training_rows training_rows_immutable; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER training_rows_immutable BEFORE UPDATE ON glossator.training_rows FOR EACH ROW EXECUTE FUNCTION glossator.refuse_manifest_change();

--
-- Name: training_rows training_rows_stay; Type: TRIGGER; Schema: glossator; Owner: -
--

CREATE TRIGGER training_rows_stay BEFORE DELETE ON glossator.training_rows FOR EACH ROW WHEN ((pg_trigger_depth() = 0)) EXECUTE FUNCTION glossator.refuse_manifest_change();

--
-- Name: annotations annotations_document_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.annotations
    ADD CONSTRAINT annotations_document_id_fkey FOREIGN KEY (document_id) REFERENCES glossator.documents(id) ON DELETE CASCADE;

--
-- Name: annotations annotations_model_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.annotations
    ADD CONSTRAINT annotations_model_id_fkey FOREIGN KEY (model_id) REFERENCES glossator.models(id);

--
-- Name: backbone_layers backbone_layers_backbone_sha256_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.backbone_layers
    ADD CONSTRAINT backbone_layers_backbone_sha256_fkey FOREIGN KEY (backbone_sha256) REFERENCES glossator.backbones(sha256) ON DELETE CASCADE;

--
-- Name: backbone_layers backbone_layers_layer_sha256_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.backbone_layers
    ADD CONSTRAINT backbone_layers_layer_sha256_fkey FOREIGN KEY (layer_sha256) REFERENCES glossator.learned_layers(sha256);

--
-- Name: backbones backbones_imported_sha256_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.backbones
    ADD CONSTRAINT backbones_imported_sha256_fkey FOREIGN KEY (imported_sha256) REFERENCES glossator.backbones(sha256);

--
-- Name: certificates certificates_collection_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.certificates
    ADD CONSTRAINT certificates_collection_fkey FOREIGN KEY (collection) REFERENCES glossator.collections(name) ON DELETE CASCADE;

--
-- Name: certificates certificates_model_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.certificates
    ADD CONSTRAINT certificates_model_id_fkey FOREIGN KEY (model_id) REFERENCES glossator.models(id) ON DELETE CASCADE;

--
-- Name: collections collections_model_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.collections
    ADD CONSTRAINT collections_model_id_fkey FOREIGN KEY (model_id) REFERENCES glossator.models(id);

--
-- Name: documents documents_collection_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.documents
    ADD CONSTRAINT documents_collection_fkey FOREIGN KEY (collection) REFERENCES glossator.collections(name);

--
-- Name: embedding_spaces embedding_spaces_backbone_sha256_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.embedding_spaces
    ADD CONSTRAINT embedding_spaces_backbone_sha256_fkey FOREIGN KEY (backbone_sha256) REFERENCES glossator.backbones(sha256);

--
-- Name: embeddings embeddings_document_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.embeddings
    ADD CONSTRAINT embeddings_document_id_fkey FOREIGN KEY (document_id) REFERENCES glossator.documents(id) ON DELETE CASCADE;

--
-- Name: entities entities_document_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.entities
    ADD CONSTRAINT entities_document_id_fkey FOREIGN KEY (document_id) REFERENCES glossator.documents(id) ON DELETE CASCADE;

--
-- Name: failures failures_document_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.failures
    ADD CONSTRAINT failures_document_id_fkey FOREIGN KEY (document_id) REFERENCES glossator.documents(id) ON DELETE CASCADE;

--
-- Name: gold_complete gold_complete_document_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.gold_complete
    ADD CONSTRAINT gold_complete_document_id_fkey FOREIGN KEY (document_id) REFERENCES glossator.documents(id) ON DELETE CASCADE;

--
-- Name: gold_declared gold_declared_collection_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.gold_declared
    ADD CONSTRAINT gold_declared_collection_fkey FOREIGN KEY (collection) REFERENCES glossator.collections(name);

--
-- Name: gold_entities gold_entities_document_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.gold_entities
    ADD CONSTRAINT gold_entities_document_id_fkey FOREIGN KEY (document_id) REFERENCES glossator.documents(id) ON DELETE CASCADE;

--
-- Name: gold_labels gold_labels_document_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.gold_labels
    ADD CONSTRAINT gold_labels_document_id_fkey FOREIGN KEY (document_id) REFERENCES glossator.documents(id) ON DELETE CASCADE;

--
-- Name: gold_policies gold_policies_collection_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.gold_policies
    ADD CONSTRAINT gold_policies_collection_fkey FOREIGN KEY (collection) REFERENCES glossator.collections(name);

--
-- Name: label_changes label_changes_relabel_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.label_changes
    ADD CONSTRAINT label_changes_relabel_id_fkey FOREIGN KEY (relabel_id) REFERENCES glossator.relabels(id) ON DELETE CASCADE;

--
-- Name: labels labels_document_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.labels
    ADD CONSTRAINT labels_document_id_fkey FOREIGN KEY (document_id) REFERENCES glossator.documents(id) ON DELETE CASCADE;

--
-- Name: model_history model_history_collection_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.model_history
    ADD CONSTRAINT model_history_collection_fkey FOREIGN KEY (collection) REFERENCES glossator.collections(name);

--
-- Name: model_history model_history_model_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.model_history
    ADD CONSTRAINT model_history_model_id_fkey FOREIGN KEY (model_id) REFERENCES glossator.models(id);

--
-- Name: model_history model_history_previous_model_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.model_history
    ADD CONSTRAINT model_history_previous_model_id_fkey FOREIGN KEY (previous_model_id) REFERENCES glossator.models(id);

--
-- Name: models models_parent_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.models
    ADD CONSTRAINT models_parent_id_fkey FOREIGN KEY (parent_id) REFERENCES glossator.models(id);

--
-- Name: models models_space_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.models
    ADD CONSTRAINT models_space_id_fkey FOREIGN KEY (space_id) REFERENCES glossator.embedding_spaces(id);

--
-- Name: models models_training_run_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.models
    ADD CONSTRAINT models_training_run_id_fkey FOREIGN KEY (training_run_id) REFERENCES glossator.training_runs(id);

--
-- Name: relabel_pages relabel_pages_relabel_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.relabel_pages
    ADD CONSTRAINT relabel_pages_relabel_id_fkey FOREIGN KEY (relabel_id) REFERENCES glossator.relabels(id) ON DELETE CASCADE;

--
-- Name: relabels relabels_collection_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.relabels
    ADD CONSTRAINT relabels_collection_fkey FOREIGN KEY (collection) REFERENCES glossator.collections(name);

--
-- Name: relabels relabels_model_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.relabels
    ADD CONSTRAINT relabels_model_id_fkey FOREIGN KEY (model_id) REFERENCES glossator.models(id);

--
-- Name: spool spool_document_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.spool
    ADD CONSTRAINT spool_document_id_fkey FOREIGN KEY (document_id) REFERENCES glossator.documents(id) ON DELETE CASCADE;

--
-- Name: train_schedule train_schedule_collection_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.train_schedule
    ADD CONSTRAINT train_schedule_collection_fkey FOREIGN KEY (collection) REFERENCES glossator.collections(name);

--
-- Name: training_rows training_rows_run_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.training_rows
    ADD CONSTRAINT training_rows_run_id_fkey FOREIGN KEY (run_id) REFERENCES glossator.training_runs(id) ON DELETE CASCADE;

--
-- Name: training_runs training_runs_collection_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.training_runs
    ADD CONSTRAINT training_runs_collection_fkey FOREIGN KEY (collection) REFERENCES glossator.collections(name);

--
-- Name: training_runs training_runs_model_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.training_runs
    ADD CONSTRAINT training_runs_model_id_fkey FOREIGN KEY (model_id) REFERENCES glossator.models(id);

--
-- Name: training_runs training_runs_parent_model_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.training_runs
    ADD CONSTRAINT training_runs_parent_model_id_fkey FOREIGN KEY (parent_model_id) REFERENCES glossator.models(id);

--
-- Name: uncertainties uncertainties_document_id_fkey; Type: FK CONSTRAINT; Schema: glossator; Owner: -
--

ALTER TABLE ONLY glossator.uncertainties
    ADD CONSTRAINT uncertainties_document_id_fkey FOREIGN KEY (document_id) REFERENCES glossator.documents(id) ON DELETE CASCADE;

--
-- PostgreSQL database dump complete
--

