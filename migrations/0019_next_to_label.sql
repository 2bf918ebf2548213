-- What a person should label next. Locks nothing that existed before.

CREATE TABLE glossator.uncertainties (
    document_id bigint NOT NULL REFERENCES glossator.documents ON DELETE CASCADE,
    model_id bigint NOT NULL,
    signature bigint NOT NULL,
    uncertainty real NOT NULL CHECK (uncertainty >= 0 AND uncertainty <= 1),
    collection text NOT NULL,
    task text NOT NULL CHECK (task <> ''),
    PRIMARY KEY (document_id, task)
);
-- The most uncertain texts first, copies of a text side by side.
CREATE INDEX uncertainties_most ON glossator.uncertainties (collection, task, uncertainty, signature);

COMMENT ON TABLE glossator.uncertainties IS
    'One row a document and task: how unsure the model is, and where the document lies among the others. What next_to_label() reads.';
COMMENT ON COLUMN glossator.uncertainties.document_id IS 'The document.';
COMMENT ON COLUMN glossator.uncertainties.model_id IS 'The model that is unsure.';
COMMENT ON COLUMN glossator.uncertainties.signature IS
    'SimHash of the embedding: documents at an angle of a differ in about 64 a / pi bits. The same in every task of a document.';
COMMENT ON COLUMN glossator.uncertainties.uncertainty IS
    'Of its most uncertain segment, 0 to 1; comparable within a task. Classification: 1 less the margin between the two most probable labels. Entities: 1 less the geometric mean of what a word contributes to the probability of the best sequence of tags.';
COMMENT ON COLUMN glossator.uncertainties.collection IS 'The document''s, repeated here so that one index finds the most uncertain of a collection.';
COMMENT ON COLUMN glossator.uncertainties.task IS 'The task.';
COMMENT ON INDEX glossator.uncertainties_most IS 'The most uncertain documents of a collection and task.';

CREATE FUNCTION glossator.has_gold(document_id bigint, task text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
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
COMMENT ON FUNCTION glossator.has_gold(bigint, text) IS
    'Whether anybody has said anything about a document in a task (null: in any).';

-- `Split.fraction` of the program, stream 0 and salt 0, on signed numbers; a test compares the two.
CREATE FUNCTION glossator.split_fraction(body_sha256 bytea) RETURNS double precision
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
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
COMMENT ON FUNCTION glossator.split_fraction(bytea) IS
    'Where the hash of a text puts it between 0 and 1, evenly spread. Training holds out the texts below train.holdout: they judge, and nothing is learned from them.';

CREATE FUNCTION glossator.uncertain_documents(collection text, task text, k integer, holdout double precision)
    RETURNS TABLE (rank bigint, document_id bigint, signature bigint, uncertainty real, novelty real)
    LANGUAGE plpgsql STABLE SET work_mem = '64MB' SET jit = off AS $$
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
COMMENT ON FUNCTION glossator.uncertain_documents(text, text, integer, double precision) IS
    'The documents of a collection that a task would learn most from, first the most: uncertainty times novelty, no two alike, none like one that is labelled, none that training holds out.';

CREATE FUNCTION glossator.random_documents(
    collection text, task text, k integer, held_out boolean, holdout double precision, besides bigint[] DEFAULT '{}'
) RETURNS bigint[] LANGUAGE plpgsql SET jit = off AS $$
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
COMMENT ON FUNCTION glossator.random_documents(text, text, integer, boolean, double precision, bigint[]) IS
    'Documents of a collection without gold of a task (null: without any), each as likely as every other: of those that training holds out (held_out), of the others (not held_out) or of all (null).';

CREATE FUNCTION glossator.tasks_to_label(collection text, task text) RETURNS text[] LANGUAGE plpgsql STABLE AS $$
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
COMMENT ON FUNCTION glossator.tasks_to_label(text, text) IS
    'The task that is asked for, if there is such a one; of null, the tasks of the model in force, or null itself where it has none.';

CREATE TYPE glossator.document_to_label AS (
    place integer, document_id bigint, external_id text, task text, answer text, uncertainty real, novelty real, score real,
    reason text, body text
);
COMMENT ON TYPE glossator.document_to_label IS 'A row of next_to_label().';
COMMENT ON COLUMN glossator.document_to_label.place IS 'From 1, in the order in which to label.';
COMMENT ON COLUMN glossator.document_to_label.document_id IS 'The document.';
COMMENT ON COLUMN glossator.document_to_label.external_id IS 'What its owner calls it.';
COMMENT ON COLUMN glossator.document_to_label.task IS 'The task that it is to be labelled for; null when there is none yet.';
COMMENT ON COLUMN glossator.document_to_label.answer IS
    'What the model says: its label (of several sentences, the one it is least sure of), or its entities; null when it says nothing.';
COMMENT ON COLUMN glossator.document_to_label.uncertainty IS 'That of glossator.uncertainties; null before the document was annotated.';
COMMENT ON COLUMN glossator.document_to_label.novelty IS
    '1 when no document of its neighbourhood is labelled or named before it, 1/sqrt(n) when it is the n-th there; null for a random one.';
COMMENT ON COLUMN glossator.document_to_label.score IS 'uncertainty times novelty.';
COMMENT ON COLUMN glossator.document_to_label.reason IS 'uncertain, or random: part of the share that makes held-out documents like the collection.';
COMMENT ON COLUMN glossator.document_to_label.body IS 'The text.';

CREATE FUNCTION glossator.next_to_label(
    collection text, k integer DEFAULT 20, task text DEFAULT NULL, random_share real DEFAULT 0.2
) RETURNS SETOF glossator.document_to_label LANGUAGE plpgsql AS $$
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
COMMENT ON FUNCTION glossator.next_to_label(text, integer, text, real) IS
    'What a person should label next in a collection: documents that the model in force is unsure of and that are unlike what is labelled, and among them a share of random ones, so that held-out documents stay like the collection. SELECT * FROM glossator.next_to_label(''mail'', 20).';
