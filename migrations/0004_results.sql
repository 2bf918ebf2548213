-- What models say about documents. Locks nothing that existed before.

CREATE TABLE glossator.annotations (
    document_id bigint PRIMARY KEY REFERENCES glossator.documents ON DELETE CASCADE,
    model_id bigint NOT NULL REFERENCES glossator.models,
    daemon_id bigint,
    copied_from bigint,
    completed_at timestamptz NOT NULL DEFAULT now(),
    computed_at timestamptz NOT NULL DEFAULT now(),
    token_count integer NOT NULL CHECK (token_count >= 0),
    window_count integer NOT NULL CHECK (window_count > 0),
    segment_count integer NOT NULL CHECK (segment_count > 0),
    segmentation text NOT NULL CHECK (segmentation IN ('document', 'sentence'))
);

COMMENT ON TABLE glossator.annotations IS 'One row a document that was annotated: by what, when, and how much there was to read.';
COMMENT ON COLUMN glossator.annotations.document_id IS 'The document.';
COMMENT ON COLUMN glossator.annotations.model_id IS 'The model that made all of its current results.';
COMMENT ON COLUMN glossator.annotations.daemon_id IS 'The daemon that wrote them (its row may be gone).';
COMMENT ON COLUMN glossator.annotations.copied_from IS 'The document with the same text whose results were used instead of computing them again; null when these were computed.';
COMMENT ON COLUMN glossator.annotations.token_count IS 'Word pieces encoded, special tokens and overlaps included.';
COMMENT ON COLUMN glossator.annotations.window_count IS 'Encoder windows read; 1 for a text that fits.';
COMMENT ON COLUMN glossator.annotations.segment_count IS 'Segments labelled and embedded.';
COMMENT ON COLUMN glossator.annotations.segmentation IS 'What was labelled and embedded: the whole document or each of its sentences.';
COMMENT ON COLUMN glossator.annotations.completed_at IS 'When they were written.';
COMMENT ON COLUMN glossator.annotations.computed_at IS 'When they were written for the document that they were computed for: before completed_at for a copy.';

CREATE TABLE glossator.labels (
    document_id bigint NOT NULL REFERENCES glossator.documents ON DELETE CASCADE,
    model_id bigint NOT NULL,
    segment integer NOT NULL CHECK (segment >= 0),
    start_char integer NOT NULL CHECK (start_char >= 0),
    end_char integer NOT NULL,
    score real NOT NULL CHECK (score >= 0 AND score <= 1),
    task text NOT NULL CHECK (task <> ''),
    label text NOT NULL CHECK (label <> ''),
    PRIMARY KEY (document_id, segment, task),
    CHECK (start_char <= end_char)
);

COMMENT ON TABLE glossator.labels IS 'One row a segment and classification task: the model''s answer.';
COMMENT ON COLUMN glossator.labels.document_id IS 'The document.';
COMMENT ON COLUMN glossator.labels.model_id IS 'The model that said so.';
COMMENT ON COLUMN glossator.labels.segment IS 'Number of the segment, from 0; always 0 when whole documents are annotated.';
COMMENT ON COLUMN glossator.labels.start_char IS 'Where the segment begins, in code points from 0.';
COMMENT ON COLUMN glossator.labels.end_char IS 'Where it ends, exclusive.';
COMMENT ON COLUMN glossator.labels.score IS 'Probability of the label among the task''s labels, 0 to 1.';
COMMENT ON COLUMN glossator.labels.task IS 'The classification task.';
COMMENT ON COLUMN glossator.labels.label IS 'The most probable label.';

CREATE TABLE glossator.entities (
    document_id bigint NOT NULL REFERENCES glossator.documents ON DELETE CASCADE,
    model_id bigint NOT NULL,
    ordinal integer NOT NULL CHECK (ordinal >= 0),
    start_char integer NOT NULL CHECK (start_char >= 0),
    end_char integer NOT NULL,
    score real NOT NULL CHECK (score >= 0 AND score <= 1),
    task text NOT NULL CHECK (task <> ''),
    type text NOT NULL CHECK (type <> ''),
    surface text NOT NULL,
    PRIMARY KEY (document_id, task, ordinal),
    CHECK (start_char < end_char)
);

COMMENT ON TABLE glossator.entities IS 'One row a named entity that a model found.';
COMMENT ON COLUMN glossator.entities.document_id IS 'The document.';
COMMENT ON COLUMN glossator.entities.model_id IS 'The model that found it.';
COMMENT ON COLUMN glossator.entities.ordinal IS 'Its number among the task''s entities of the document, from 0, in the order of the text.';
COMMENT ON COLUMN glossator.entities.start_char IS 'Where it begins, in code points from 0.';
COMMENT ON COLUMN glossator.entities.end_char IS 'Where it ends, exclusive.';
COMMENT ON COLUMN glossator.entities.score IS 'Probability of exactly this span and type, 0 to 1.';
COMMENT ON COLUMN glossator.entities.task IS 'The entity task.';
COMMENT ON COLUMN glossator.entities.type IS 'What it is: person, product, …';
COMMENT ON COLUMN glossator.entities.surface IS 'substr(body, start_char + 1, end_char - start_char); the database checks it.';

CREATE TABLE glossator.embeddings (
    document_id bigint NOT NULL REFERENCES glossator.documents ON DELETE CASCADE,
    segment integer NOT NULL CHECK (segment >= 0),
    space_id integer NOT NULL,
    start_char integer NOT NULL CHECK (start_char >= 0),
    end_char integer NOT NULL,
    data bytea NOT NULL,
    PRIMARY KEY (document_id, segment, space_id),
    CHECK (start_char <= end_char)
);
-- The codec compresses where it pays; the server would only try in vain.
ALTER TABLE glossator.embeddings ALTER COLUMN data SET STORAGE EXTERNAL;

COMMENT ON TABLE glossator.embeddings IS 'One row a segment and embedding space.';
COMMENT ON COLUMN glossator.embeddings.document_id IS 'The document.';
COMMENT ON COLUMN glossator.embeddings.segment IS 'Number of the segment, from 0.';
COMMENT ON COLUMN glossator.embeddings.space_id IS 'Only embeddings of one space can be compared.';
COMMENT ON COLUMN glossator.embeddings.start_char IS 'Where the segment begins, in code points from 0.';
COMMENT ON COLUMN glossator.embeddings.end_char IS 'Where it ends, exclusive.';
COMMENT ON COLUMN glossator.embeddings.data IS 'The vector, encoded as docs/decisions/0001-embedding-codec.md says: 16 bytes of header, then the payload.';

-- substr() counts a UTF-8 text's characters from its beginning every time: ten thousand entities of a ten-megabyte body
-- would take minutes. Here the body is walked once, as bytes, in pieces of a few kilobytes.
CREATE FUNCTION glossator.surfaces(body text, starts integer[], ends integer[]) RETURNS text[]
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
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
COMMENT ON FUNCTION glossator.surfaces(text, integer[], integer[]) IS
    'The pieces of a text between code points starts[i] and ends[i], in one walk; null for a span that does not lie inside the text.';

CREATE FUNCTION glossator.first_wrong_surface(
    document_ids bigint[], starts integer[], ends integer[], surfaces text[],
    OUT document_id bigint, OUT start_char integer, OUT end_char integer, OUT is_outside boolean
) LANGUAGE plpgsql STABLE AS $$
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
COMMENT ON FUNCTION glossator.first_wrong_surface(bigint[], integer[], integer[], text[]) IS
    'One of the given spans whose surface is not what its document says there, and whether it lies outside the body; nulls when all are right.';

CREATE FUNCTION glossator.check_entity_surfaces() RETURNS trigger LANGUAGE plpgsql AS $$
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
COMMENT ON FUNCTION glossator.check_entity_surfaces() IS 'Trigger: an entity''s surface is what its offsets say, in every document of the statement.';

CREATE TRIGGER entities_check_inserted AFTER INSERT ON glossator.entities
    REFERENCING NEW TABLE AS new_entities
    FOR EACH STATEMENT EXECUTE FUNCTION glossator.check_entity_surfaces();
CREATE TRIGGER entities_check_updated AFTER UPDATE ON glossator.entities
    REFERENCING NEW TABLE AS new_entities
    FOR EACH STATEMENT EXECUTE FUNCTION glossator.check_entity_surfaces();
