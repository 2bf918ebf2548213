-- Gold from several people: how their opinions become one, where they differ, how well they agree. Replaces views; locks
-- glossator.gold_labels, gold_entities and gold_complete for the moment of adding a trigger each.

CREATE TABLE glossator.gold_policies (
    collection text PRIMARY KEY REFERENCES glossator.collections,
    resolution text NOT NULL DEFAULT 'newest' CHECK (resolution IN ('newest', 'majority')),
    minimum_annotators integer NOT NULL DEFAULT 1 CHECK (minimum_annotators >= 1),
    accepts_new boolean NOT NULL DEFAULT true
);

COMMENT ON TABLE glossator.gold_policies IS
    'How a collection''s gold is read when several people speak. A collection without a row has the defaults: the newest word counts, one person is enough, new labels are learned by being used.';
COMMENT ON COLUMN glossator.gold_policies.collection IS 'Whose gold.';
COMMENT ON COLUMN glossator.gold_policies.resolution IS
    'newest: who spoke last is right. majority: what most annotators say; where no answer has most, the document is left out of the task and stands in glossator.label_conflicts or entity_conflicts.';
COMMENT ON COLUMN glossator.gold_policies.minimum_annotators IS 'A document that fewer people have spoken about is left out of the task.';
COMMENT ON COLUMN glossator.gold_policies.accepts_new IS
    'false: only tasks, labels and types in glossator.gold_declared are taken; others are refused when they are inserted. Gold that is there stays.';

CREATE TABLE glossator.gold_declared (
    collection text NOT NULL REFERENCES glossator.collections,
    task text NOT NULL CHECK (btrim(task) <> ''),
    label text NOT NULL CHECK (btrim(label) <> ''),
    PRIMARY KEY (collection, task, label)
);

COMMENT ON TABLE glossator.gold_declared IS 'The labels and entity types that a collection takes while its policy says accepts_new = false.';
COMMENT ON COLUMN glossator.gold_declared.collection IS 'Whose gold.';
COMMENT ON COLUMN glossator.gold_declared.task IS 'The task.';
COMMENT ON COLUMN glossator.gold_declared.label IS 'A label of a classification, or a type of an entity task.';

-- Who inserts gold needs no right to read policies.
CREATE FUNCTION glossator.refuse_undeclared_gold() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
COMMENT ON FUNCTION glossator.refuse_undeclared_gold() IS 'Trigger: where a collection takes declared labels and types only, others are refused, and the declared ones named.';
REVOKE EXECUTE ON FUNCTION glossator.refuse_undeclared_gold() FROM PUBLIC;

CREATE TRIGGER gold_labels_declared AFTER INSERT ON glossator.gold_labels
    REFERENCING NEW TABLE AS new_gold FOR EACH STATEMENT EXECUTE FUNCTION glossator.refuse_undeclared_gold('label');
CREATE TRIGGER gold_entities_declared AFTER INSERT ON glossator.gold_entities
    REFERENCING NEW TABLE AS new_gold FOR EACH STATEMENT EXECUTE FUNCTION glossator.refuse_undeclared_gold('type');
CREATE TRIGGER gold_complete_declared AFTER INSERT ON glossator.gold_complete
    REFERENCING NEW TABLE AS new_gold FOR EACH STATEMENT EXECUTE FUNCTION glossator.refuse_undeclared_gold('');

-- Opinions: a person has one about a document and task, the last.

CREATE VIEW glossator.gold_label_opinions AS
SELECT DISTINCT ON (document_id, task, annotator) document_id, task, annotator, label, source, created_at, id
FROM glossator.gold_labels
ORDER BY document_id, task, annotator, id DESC;

COMMENT ON VIEW glossator.gold_label_opinions IS 'What each annotator says about each document and task: the newest label.';
COMMENT ON COLUMN glossator.gold_label_opinions.document_id IS 'The document.';
COMMENT ON COLUMN glossator.gold_label_opinions.task IS 'The classification task.';
COMMENT ON COLUMN glossator.gold_label_opinions.annotator IS 'Who says so.';
COMMENT ON COLUMN glossator.gold_label_opinions.label IS 'The annotator''s newest label.';
COMMENT ON COLUMN glossator.gold_label_opinions.source IS 'Where it comes from.';
COMMENT ON COLUMN glossator.gold_label_opinions.created_at IS 'When.';
COMMENT ON COLUMN glossator.gold_label_opinions.id IS 'Row of glossator.gold_labels.';

CREATE VIEW glossator.gold_task_opinions AS
SELECT document_id, task, annotator, max(created_at) AS created_at
FROM (
    SELECT document_id, task, annotator, created_at FROM glossator.gold_entities WHERE retracted_at IS NULL
    UNION ALL
    SELECT document_id, task, annotator, created_at FROM glossator.gold_complete
) AS said
GROUP BY document_id, task, annotator;

COMMENT ON VIEW glossator.gold_task_opinions IS
    'Who has marked a document''s entities of a task, those included who say that there are none. Their spans are the rows of glossator.gold_entities that are not retracted.';
COMMENT ON COLUMN glossator.gold_task_opinions.document_id IS 'The document.';
COMMENT ON COLUMN glossator.gold_task_opinions.task IS 'The entity task.';
COMMENT ON COLUMN glossator.gold_task_opinions.annotator IS 'Who has marked it.';
COMMENT ON COLUMN glossator.gold_task_opinions.created_at IS 'When the annotator spoke last.';

-- What counts. Conditions on document_id reach the tables through every window: all are partitioned by it.

CREATE OR REPLACE VIEW glossator.gold_current_labels AS
SELECT DISTINCT ON (v.document_id, v.task)
    v.document_id, v.task, v.label, v.annotator, v.source, v.created_at, v.id, v.votes, v.annotators
FROM (
    SELECT c.*, count(*) FILTER (WHERE c.votes = c.most) OVER (PARTITION BY c.document_id, c.task) AS leading
    FROM (
        SELECT n.*, max(n.votes) OVER (PARTITION BY n.document_id, n.task) AS most
        FROM (
            SELECT o.*, count(*) OVER (PARTITION BY o.document_id, o.task, o.label) AS votes,
                count(*) OVER (PARTITION BY o.document_id, o.task) AS annotators
            FROM glossator.gold_label_opinions o
        ) AS n
    ) AS c
) AS v
JOIN glossator.documents d ON d.id = v.document_id
LEFT JOIN glossator.gold_policies p ON p.collection = d.collection
WHERE v.annotators >= coalesce(p.minimum_annotators, 1)
    AND (coalesce(p.resolution, 'newest') = 'newest' OR (v.votes = v.most AND v.leading = v.most))
ORDER BY v.document_id, v.task, v.id DESC;

COMMENT ON VIEW glossator.gold_current_labels IS
    'The label that counts, of every document and task: what training reads. As glossator.gold_policies says the newest (the default), or what most annotators say.';
COMMENT ON COLUMN glossator.gold_current_labels.label IS 'The label that counts.';
COMMENT ON COLUMN glossator.gold_current_labels.annotator IS 'Who said so last.';
COMMENT ON COLUMN glossator.gold_current_labels.votes IS 'Annotators who say this label.';
COMMENT ON COLUMN glossator.gold_current_labels.annotators IS 'Annotators who say anything about the document and task.';

CREATE VIEW glossator.gold_span_votes AS
SELECT s.document_id, s.task, s.type, s.start_char, s.end_char, s.surface, s.votes, n.annotators, s.marked_by,
    2 * s.votes > n.annotators AS wins,
    CASE WHEN 2 * s.votes > n.annotators THEN false ELSE (
        SELECT 2 * count(DISTINCT near.annotator) >= n.annotators AND NOT bool_or(2 * near.votes > n.annotators)
        FROM (
            SELECT e.annotator, count(*) OVER (PARTITION BY e.type, e.start_char, e.end_char) AS votes
            FROM glossator.gold_entities e
            WHERE e.document_id = s.document_id AND e.task = s.task AND e.retracted_at IS NULL
                AND e.start_char < s.end_char AND s.start_char < e.end_char
        ) AS near
    ) END AS is_open
FROM (
    SELECT document_id, task, type, start_char, end_char, min(surface) AS surface, count(*) AS votes,
        array_agg(annotator ORDER BY annotator) AS marked_by
    FROM glossator.gold_entities
    WHERE retracted_at IS NULL
    GROUP BY document_id, task, type, start_char, end_char
) AS s
JOIN (
    SELECT document_id, task, count(*) AS annotators FROM glossator.gold_task_opinions GROUP BY document_id, task
) AS n ON n.document_id = s.document_id AND n.task = s.task;

COMMENT ON VIEW glossator.gold_span_votes IS 'Every marked entity with the annotators who see it.';
COMMENT ON COLUMN glossator.gold_span_votes.document_id IS 'The document.';
COMMENT ON COLUMN glossator.gold_span_votes.task IS 'The entity task.';
COMMENT ON COLUMN glossator.gold_span_votes.type IS 'What it is.';
COMMENT ON COLUMN glossator.gold_span_votes.start_char IS 'Where it begins, in code points from 0.';
COMMENT ON COLUMN glossator.gold_span_votes.end_char IS 'Where it ends, exclusive.';
COMMENT ON COLUMN glossator.gold_span_votes.surface IS 'The text there.';
COMMENT ON COLUMN glossator.gold_span_votes.votes IS 'Annotators who mark exactly this.';
COMMENT ON COLUMN glossator.gold_span_votes.annotators IS 'Annotators who have marked the document and task.';
COMMENT ON COLUMN glossator.gold_span_votes.marked_by IS 'Who marks it.';
COMMENT ON COLUMN glossator.gold_span_votes.wins IS 'More than half mark it. Two such spans never overlap.';
COMMENT ON COLUMN glossator.gold_span_votes.is_open IS
    'Half or more see an entity here, and no span with its type has more than half.';

CREATE OR REPLACE VIEW glossator.gold_current_tasks AS
SELECT DISTINCT ON (o.document_id, o.task)
    o.document_id, o.task, o.annotator, o.created_at, o.annotators, coalesce(p.resolution, 'newest') AS resolution
FROM (
    SELECT t.*, count(*) OVER (PARTITION BY t.document_id, t.task) AS annotators FROM glossator.gold_task_opinions t
) AS o
JOIN glossator.documents d ON d.id = o.document_id
LEFT JOIN glossator.gold_policies p ON p.collection = d.collection
WHERE o.annotators >= coalesce(p.minimum_annotators, 1)
    AND (coalesce(p.resolution, 'newest') = 'newest' OR NOT EXISTS (
        SELECT FROM glossator.gold_span_votes s WHERE s.document_id = o.document_id AND s.task = o.task AND s.is_open))
ORDER BY o.document_id, o.task, o.created_at DESC, o.annotator;

COMMENT ON VIEW glossator.gold_current_tasks IS
    'Documents whose entities of a task are known, as glossator.gold_policies has it: by the annotator who spoke last (the default), or by most.';
COMMENT ON COLUMN glossator.gold_current_tasks.annotators IS 'Annotators who have marked the document and task.';
COMMENT ON COLUMN glossator.gold_current_tasks.resolution IS 'newest or majority.';

CREATE OR REPLACE VIEW glossator.gold_current_entities AS
SELECT e.document_id, e.task, e.type, e.start_char, e.end_char, e.surface, e.annotator, e.source, e.created_at, e.id
FROM glossator.gold_entities e
JOIN glossator.gold_current_tasks t ON t.document_id = e.document_id AND t.task = e.task
WHERE e.retracted_at IS NULL AND CASE t.resolution
    WHEN 'newest' THEN e.annotator = t.annotator
    ELSE (
        SELECT 2 * count(*) > t.annotators AND max(x.id) = e.id FROM glossator.gold_entities x
        WHERE x.document_id = e.document_id AND x.task = e.task AND x.type = e.type AND x.start_char = e.start_char
            AND x.end_char = e.end_char AND x.retracted_at IS NULL
    ) END;

COMMENT ON VIEW glossator.gold_current_entities IS
    'Marked entities that count: not retracted; by the annotator who spoke last, or by more than half, as glossator.gold_policies has it.';
COMMENT ON COLUMN glossator.gold_current_entities.annotator IS 'Who said so last.';

CREATE VIEW glossator.gold_current AS
SELECT d.collection, d.external_id, c.document_id, c.task, c.label, NULL::integer AS start_char, NULL::integer AS end_char,
    NULL::text AS surface, c.annotator, c.created_at
FROM glossator.gold_current_labels c
JOIN glossator.documents d ON d.id = c.document_id
UNION ALL
SELECT d.collection, d.external_id, c.document_id, c.task, c.type, c.start_char, c.end_char, c.surface, c.annotator, c.created_at
FROM glossator.gold_current_entities c
JOIN glossator.documents d ON d.id = c.document_id;

COMMENT ON VIEW glossator.gold_current IS 'All gold that counts, labels and entities, as training reads it.';
COMMENT ON COLUMN glossator.gold_current.collection IS 'Where the document is.';
COMMENT ON COLUMN glossator.gold_current.external_id IS 'What its owner calls it.';
COMMENT ON COLUMN glossator.gold_current.document_id IS 'The document.';
COMMENT ON COLUMN glossator.gold_current.task IS 'The task.';
COMMENT ON COLUMN glossator.gold_current.label IS 'The label, or the entity''s type.';
COMMENT ON COLUMN glossator.gold_current.start_char IS 'Where the entity begins, in code points from 0; null for a label.';
COMMENT ON COLUMN glossator.gold_current.end_char IS 'Where it ends, exclusive; null for a label.';
COMMENT ON COLUMN glossator.gold_current.surface IS 'The text there; null for a label.';
COMMENT ON COLUMN glossator.gold_current.annotator IS 'Who said so last.';
COMMENT ON COLUMN glossator.gold_current.created_at IS 'When.';

-- Where people differ.

CREATE VIEW glossator.label_conflicts AS
SELECT d.collection, d.external_id, v.document_id, v.task, sum(v.votes)::bigint AS annotators,
    jsonb_object_agg(v.label, v.said_by) AS opinions,
    (SELECT c.label FROM glossator.gold_current_labels c WHERE c.document_id = v.document_id AND c.task = v.task) AS counts
FROM (
    SELECT document_id, task, label, count(*) AS votes, jsonb_agg(annotator ORDER BY annotator) AS said_by
    FROM glossator.gold_label_opinions
    GROUP BY document_id, task, label
) AS v
JOIN glossator.documents d ON d.id = v.document_id
GROUP BY d.collection, d.external_id, v.document_id, v.task
HAVING count(*) > 1;

COMMENT ON VIEW glossator.label_conflicts IS 'Documents whose annotators give different labels. Somebody who looks again inserts a label; it replaces the annotator''s own.';
COMMENT ON COLUMN glossator.label_conflicts.collection IS 'Where the document is.';
COMMENT ON COLUMN glossator.label_conflicts.external_id IS 'What its owner calls it.';
COMMENT ON COLUMN glossator.label_conflicts.document_id IS 'The document.';
COMMENT ON COLUMN glossator.label_conflicts.task IS 'The classification task.';
COMMENT ON COLUMN glossator.label_conflicts.annotators IS 'How many people say something.';
COMMENT ON COLUMN glossator.label_conflicts.opinions IS 'By label, the annotators whose newest label it is.';
COMMENT ON COLUMN glossator.label_conflicts.counts IS 'The label that counts all the same; null: none, and training leaves the document out of the task.';

CREATE VIEW glossator.entity_conflicts AS
SELECT d.collection, d.external_id, s.document_id, s.task, s.type, s.start_char, s.end_char, s.surface, s.marked_by,
    ARRAY(
        SELECT o.annotator FROM glossator.gold_task_opinions o
        WHERE o.document_id = s.document_id AND o.task = s.task AND o.annotator <> ALL (s.marked_by) ORDER BY o.annotator
    ) AS not_marked_by,
    EXISTS (
        SELECT FROM glossator.gold_current_entities c
        WHERE c.document_id = s.document_id AND c.task = s.task AND c.type = s.type AND c.start_char = s.start_char
            AND c.end_char = s.end_char
    ) AS counts,
    EXISTS (
        SELECT FROM glossator.gold_current_tasks t WHERE t.document_id = s.document_id AND t.task = s.task
    ) AS is_resolved
FROM glossator.gold_span_votes s
JOIN glossator.documents d ON d.id = s.document_id
WHERE s.votes < s.annotators;

COMMENT ON VIEW glossator.entity_conflicts IS 'Entities that some annotators of a document and task mark and others do not.';
COMMENT ON COLUMN glossator.entity_conflicts.collection IS 'Where the document is.';
COMMENT ON COLUMN glossator.entity_conflicts.external_id IS 'What its owner calls it.';
COMMENT ON COLUMN glossator.entity_conflicts.document_id IS 'The document.';
COMMENT ON COLUMN glossator.entity_conflicts.task IS 'The entity task.';
COMMENT ON COLUMN glossator.entity_conflicts.type IS 'What it is.';
COMMENT ON COLUMN glossator.entity_conflicts.start_char IS 'Where it begins, in code points from 0.';
COMMENT ON COLUMN glossator.entity_conflicts.end_char IS 'Where it ends, exclusive.';
COMMENT ON COLUMN glossator.entity_conflicts.surface IS 'The text there.';
COMMENT ON COLUMN glossator.entity_conflicts.marked_by IS 'Who marks it.';
COMMENT ON COLUMN glossator.entity_conflicts.not_marked_by IS 'Who has marked the document and not this.';
COMMENT ON COLUMN glossator.entity_conflicts.counts IS 'Whether it counts all the same.';
COMMENT ON COLUMN glossator.entity_conflicts.is_resolved IS 'false: training leaves the document out of the task.';

-- How well people agree.

CREATE FUNCTION glossator.agreement(
    collection text,
    OUT task text, OUT annotator_a text, OUT annotator_b text, OUT documents bigint, OUT observed double precision,
    OUT kappa double precision, OUT alpha double precision, OUT span_f1 double precision
) RETURNS SETOF record LANGUAGE sql STABLE AS $$
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

COMMENT ON FUNCTION glossator.agreement(text) IS
    'How well a collection''s annotators agree, by their newest opinions on documents that two or more have spoken about. One row a task over all (annotators null) and one a pair of annotators. observed: share of agreeing pairs of labels. kappa (Cohen), alpha (Krippendorff, nominal): 1 is agreement, 0 what chance gives; null where only one label occurs. span_f1: of entities, type and both ends right.';

COMMENT ON COLUMN glossator.training_runs.record IS
    'Plan, learning curves, worst errors, times and machine of a run that ended well, and under gate why its model came into force or did not, with every figure and threshold.';
