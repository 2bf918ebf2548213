-- What people know to be true about documents. Locks nothing that existed before.

CREATE TABLE glossator.gold_labels (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id bigint NOT NULL REFERENCES glossator.documents ON DELETE CASCADE,
    task text NOT NULL,
    label text NOT NULL,
    annotator text NOT NULL DEFAULT current_user CHECK (annotator <> ''),
    source text,
    created_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT gold_label_empty CHECK (btrim(task) <> '' AND btrim(label) <> '')
);
CREATE INDEX gold_labels_newest ON glossator.gold_labels (document_id, task, id DESC);

COMMENT ON TABLE glossator.gold_labels IS
    'Labels given by people, one row each time someone says so. The newest of a document and task counts (gold_current_labels).';
COMMENT ON COLUMN glossator.gold_labels.id IS 'Order of saying.';
COMMENT ON COLUMN glossator.gold_labels.document_id IS 'The document; glossator.document_id(collection, external_id) finds it.';
COMMENT ON COLUMN glossator.gold_labels.task IS 'The classification task, e.g. sentiment.';
COMMENT ON COLUMN glossator.gold_labels.label IS 'The right label. A new one is learned by being used.';
COMMENT ON COLUMN glossator.gold_labels.annotator IS 'Who says so; the role by default.';
COMMENT ON COLUMN glossator.gold_labels.source IS 'Where it comes from: a file, a program, a campaign.';
COMMENT ON COLUMN glossator.gold_labels.created_at IS 'When.';

CREATE TABLE glossator.gold_entities (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    document_id bigint NOT NULL REFERENCES glossator.documents ON DELETE CASCADE,
    task text NOT NULL,
    type text NOT NULL,
    start_char integer NOT NULL,
    end_char integer NOT NULL,
    surface text NOT NULL,
    annotator text NOT NULL DEFAULT current_user CHECK (annotator <> ''),
    source text,
    created_at timestamptz NOT NULL DEFAULT now(),
    retracted_at timestamptz,
    CONSTRAINT gold_entity_empty CHECK (btrim(task) <> '' AND btrim(type) <> ''),
    CONSTRAINT gold_entity_span CHECK (start_char >= 0 AND start_char < end_char)
);
CREATE INDEX gold_entities_current ON glossator.gold_entities (document_id, task, annotator, start_char) WHERE retracted_at IS NULL;

COMMENT ON TABLE glossator.gold_entities IS
    'Entities marked by people. Give start_char and end_char, or only the surface when it occurs once in the body. Mark all of a document''s entities of a task: training takes every other word for "no entity".';
COMMENT ON COLUMN glossator.gold_entities.id IS 'Order of saying.';
COMMENT ON COLUMN glossator.gold_entities.document_id IS 'The document; glossator.document_id(collection, external_id) finds it.';
COMMENT ON COLUMN glossator.gold_entities.task IS 'The entity task.';
COMMENT ON COLUMN glossator.gold_entities.type IS 'What it is: person, product, … A new one is learned by being used.';
COMMENT ON COLUMN glossator.gold_entities.start_char IS 'Where it begins, in code points from 0.';
COMMENT ON COLUMN glossator.gold_entities.end_char IS 'Where it ends, exclusive.';
COMMENT ON COLUMN glossator.gold_entities.surface IS 'The text there: filled in when not given, checked when given.';
COMMENT ON COLUMN glossator.gold_entities.annotator IS 'Who says so; the role by default.';
COMMENT ON COLUMN glossator.gold_entities.source IS 'Where it comes from.';
COMMENT ON COLUMN glossator.gold_entities.created_at IS 'When.';
COMMENT ON COLUMN glossator.gold_entities.retracted_at IS 'When it was taken back: the only column that may change, once.';

CREATE TABLE glossator.gold_complete (
    document_id bigint NOT NULL REFERENCES glossator.documents ON DELETE CASCADE,
    task text NOT NULL CHECK (btrim(task) <> ''),
    annotator text NOT NULL DEFAULT current_user CHECK (annotator <> ''),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (document_id, task, annotator)
);

COMMENT ON TABLE glossator.gold_complete IS
    'All entities of this task are marked in this document. Needed only for a document that has none: it says "no entity here", which is knowledge too.';
COMMENT ON COLUMN glossator.gold_complete.document_id IS 'The document.';
COMMENT ON COLUMN glossator.gold_complete.task IS 'The entity task that is completely marked.';
COMMENT ON COLUMN glossator.gold_complete.annotator IS 'Who says so; the role by default.';
COMMENT ON COLUMN glossator.gold_complete.created_at IS 'When.';

CREATE FUNCTION glossator.refuse_empty_gold_label() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a gold label of document % has no task or no label', NEW.document_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_label_empty',
            HINT = 'Leave the row out when the label is unknown: a task without a row is unknown, not negative.';
END
$$;
COMMENT ON FUNCTION glossator.refuse_empty_gold_label() IS 'Trigger: says what a CHECK could only name.';

CREATE TRIGGER gold_labels_not_empty BEFORE INSERT ON glossator.gold_labels FOR EACH ROW
    WHEN (btrim(coalesce(NEW.task, '')) = '' OR btrim(coalesce(NEW.label, '')) = '')
    EXECUTE FUNCTION glossator.refuse_empty_gold_label();

CREATE FUNCTION glossator.refuse_gold_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'gold rows are append-only'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'gold_append_only',
            HINT = CASE TG_TABLE_NAME
                WHEN 'gold_labels' THEN 'Insert the right label: the newest row of a document and task counts.'
                ELSE 'Set retracted_at = now() on the wrong row, then insert the right one.' END;
END
$$;
COMMENT ON FUNCTION glossator.refuse_gold_update() IS 'Trigger: what people said stays said; corrections are new rows.';

CREATE TRIGGER gold_labels_append_only BEFORE UPDATE ON glossator.gold_labels
    FOR EACH ROW EXECUTE FUNCTION glossator.refuse_gold_update();
CREATE TRIGGER gold_entities_append_only BEFORE UPDATE ON glossator.gold_entities FOR EACH ROW
    WHEN ((OLD.id, OLD.document_id, OLD.task, OLD.type, OLD.start_char, OLD.end_char, OLD.surface, OLD.annotator, OLD.created_at)
            IS DISTINCT FROM
            (NEW.id, NEW.document_id, NEW.task, NEW.type, NEW.start_char, NEW.end_char, NEW.surface, NEW.annotator, NEW.created_at)
        OR OLD.source IS DISTINCT FROM NEW.source OR OLD.retracted_at IS NOT NULL OR NEW.retracted_at IS NULL)
    EXECUTE FUNCTION glossator.refuse_gold_update();

-- Fills in what was not given, before the NOT NULLs are looked at; what was given is checked once a statement, below.
-- Marking needs no right to change documents: the check locks them as the schema's owner.
CREATE FUNCTION glossator.locate_gold_entity() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
COMMENT ON FUNCTION glossator.locate_gold_entity() IS 'Trigger: finds the offsets of a surface, or the surface at offsets.';
REVOKE EXECUTE ON FUNCTION glossator.locate_gold_entity() FROM PUBLIC;

CREATE TRIGGER gold_entities_locate BEFORE INSERT ON glossator.gold_entities
    FOR EACH ROW EXECUTE FUNCTION glossator.locate_gold_entity();

CREATE FUNCTION glossator.check_gold_entities() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
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
COMMENT ON FUNCTION glossator.check_gold_entities() IS 'Trigger: marked spans lie in the body, say what it says, and do not overlap.';
REVOKE EXECUTE ON FUNCTION glossator.check_gold_entities() FROM PUBLIC;

CREATE TRIGGER gold_entities_check AFTER INSERT ON glossator.gold_entities
    REFERENCING NEW TABLE AS new_gold
    FOR EACH STATEMENT EXECUTE FUNCTION glossator.check_gold_entities();

CREATE VIEW glossator.gold_current_labels AS
SELECT DISTINCT ON (document_id, task) document_id, task, label, annotator, source, created_at, id
FROM glossator.gold_labels
ORDER BY document_id, task, id DESC;

COMMENT ON VIEW glossator.gold_current_labels IS 'The newest label of every document and task: what training reads.';
COMMENT ON COLUMN glossator.gold_current_labels.document_id IS 'The document.';
COMMENT ON COLUMN glossator.gold_current_labels.task IS 'The classification task.';
COMMENT ON COLUMN glossator.gold_current_labels.label IS 'Its newest label.';
COMMENT ON COLUMN glossator.gold_current_labels.annotator IS 'Who said so last.';
COMMENT ON COLUMN glossator.gold_current_labels.source IS 'Where it comes from.';
COMMENT ON COLUMN glossator.gold_current_labels.created_at IS 'When.';
COMMENT ON COLUMN glossator.gold_current_labels.id IS 'Row of glossator.gold_labels.';

-- Two people's spans of one document are two opinions, never one mixture: whoever spoke last about the task is heard.
CREATE VIEW glossator.gold_current_tasks AS
SELECT DISTINCT ON (document_id, task) document_id, task, annotator, created_at
FROM (
    SELECT document_id, task, annotator, max(created_at) AS created_at
    FROM (
        SELECT document_id, task, annotator, created_at
        FROM glossator.gold_entities WHERE retracted_at IS NULL
        UNION ALL
        SELECT document_id, task, annotator, created_at FROM glossator.gold_complete
    ) AS said
    GROUP BY document_id, task, annotator
) AS opinions
ORDER BY document_id, task, created_at DESC, annotator;

COMMENT ON VIEW glossator.gold_current_tasks IS 'Whose marking of a document and entity task counts: the annotator who spoke last.';
COMMENT ON COLUMN glossator.gold_current_tasks.document_id IS 'The document.';
COMMENT ON COLUMN glossator.gold_current_tasks.task IS 'The entity task.';
COMMENT ON COLUMN glossator.gold_current_tasks.annotator IS 'Who spoke last.';
COMMENT ON COLUMN glossator.gold_current_tasks.created_at IS 'When.';

CREATE VIEW glossator.gold_current_entities AS
SELECT e.document_id, e.task, e.type, e.start_char, e.end_char, e.surface, e.annotator, e.source, e.created_at, e.id
FROM glossator.gold_entities e
JOIN glossator.gold_current_tasks t
    ON t.document_id = e.document_id AND t.task = e.task AND t.annotator = e.annotator
WHERE e.retracted_at IS NULL;

COMMENT ON VIEW glossator.gold_current_entities IS 'Marked entities that count: not retracted, by the annotator who spoke last.';
COMMENT ON COLUMN glossator.gold_current_entities.document_id IS 'The document.';
COMMENT ON COLUMN glossator.gold_current_entities.task IS 'The entity task.';
COMMENT ON COLUMN glossator.gold_current_entities.type IS 'What it is.';
COMMENT ON COLUMN glossator.gold_current_entities.start_char IS 'Where it begins, in code points from 0.';
COMMENT ON COLUMN glossator.gold_current_entities.end_char IS 'Where it ends, exclusive.';
COMMENT ON COLUMN glossator.gold_current_entities.surface IS 'The text there.';
COMMENT ON COLUMN glossator.gold_current_entities.annotator IS 'Who said so.';
COMMENT ON COLUMN glossator.gold_current_entities.source IS 'Where it comes from.';
COMMENT ON COLUMN glossator.gold_current_entities.created_at IS 'When.';
COMMENT ON COLUMN glossator.gold_current_entities.id IS 'Row of glossator.gold_entities.';
