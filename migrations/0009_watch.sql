-- Tables of the user's whose rows are annotated where they are. Locks nothing that existed before.
--
-- watch() makes, for every watched table: a view of its rows as documents (watch_N_rows), three functions (watch_N_sync,
-- watch_N_keep, watch_N_backfill), four triggers on the table, and a view for people (annotated_…). They are ordinary
-- objects of the caller's: pg_dump dumps them with everything else, triggers last, so that a restored database goes on
-- as it was and restoring makes no document twice. A dump of one schema without the other cannot make the triggers.
--
-- The rule that keeps documents in step: whatever a statement did to a row, its key is looked up again in the table, and
-- its document is made to be what the table says now. Reading the table instead of believing the transition tables is
-- what makes nested triggers, key swaps, MERGE and statements with several parts come out right.

CREATE TABLE glossator.watches (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relation regclass NOT NULL UNIQUE,
    schema_name text NOT NULL,
    table_name text NOT NULL,
    key text[] NOT NULL CHECK (cardinality(key) > 0),
    body text NOT NULL,
    collection text NOT NULL UNIQUE,
    filter text,
    metadata text[] NOT NULL DEFAULT '{}',
    is_adopted boolean NOT NULL DEFAULT false,
    owner text NOT NULL DEFAULT current_user,
    view_name text,
    backfilled_to jsonb,
    backfilled_at timestamptz,
    problem text,
    created_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE glossator.watches IS
    'Watched tables. Rows come from glossator.watch() and go with glossator.unwatch(); nothing else should write here.';
COMMENT ON COLUMN glossator.watches.id IS 'What watch() returned; the generated functions are named after it.';
COMMENT ON COLUMN glossator.watches.relation IS 'The table. A bare number here: it was dropped while it was watched.';
COMMENT ON COLUMN glossator.watches.schema_name IS 'Its schema when it was watched: what unwatch() can find it by when it is gone.';
COMMENT ON COLUMN glossator.watches.table_name IS 'Its name when it was watched.';
COMMENT ON COLUMN glossator.watches.key IS 'The columns whose values name a document, in the order of its external_id.';
COMMENT ON COLUMN glossator.watches.body IS 'The column with the text.';
COMMENT ON COLUMN glossator.watches.collection IS 'Where its documents are. Nothing else should insert there.';
COMMENT ON COLUMN glossator.watches.filter IS 'Condition on a row; only rows for which it is true are documents. Null: all rows.';
COMMENT ON COLUMN glossator.watches.metadata IS 'Columns that are kept in documents.metadata.';
COMMENT ON COLUMN glossator.watches.is_adopted IS 'Whether documents that were there before were taken over; those without a row go at the end of the backfill.';
COMMENT ON COLUMN glossator.watches.owner IS 'Who called watch(): the filter runs with this role''s rights.';
COMMENT ON COLUMN glossator.watches.view_name IS 'The view in the schema glossator that shows the table with its annotations.';
COMMENT ON COLUMN glossator.watches.backfilled_to IS 'Key of the last row that the backfill has looked at, in the order of the key''s index.';
COMMENT ON COLUMN glossator.watches.backfilled_at IS 'When every row that was there before had its document; null while that goes on.';
COMMENT ON COLUMN glossator.watches.problem IS
    'SQLSTATE that the last step of the backfill ended with; SELECT glossator.backfill_step(id) shows the whole error. Null when it went well.';
COMMENT ON COLUMN glossator.watches.created_at IS 'When watch() was called.';

-- Keys and rows -----------------------------------------------------------------------------------------------------

CREATE FUNCTION glossator.document_key(key text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(key) BETWEEN 1 AND 1024 THEN key
        ELSE 'sha256:' || encode(glossator.body_sha256(key), 'hex') END;
COMMENT ON FUNCTION glossator.document_key(text) IS
    'The external_id of a watched row: its key, or the key''s hash when external_id cannot hold it (empty, or longer than 1,024 bytes).';

CREATE FUNCTION glossator.base_type(type oid) RETURNS oid
    LANGUAGE sql STABLE STRICT AS $$
    WITH RECURSIVE bases (oid, typtype, typbasetype) AS (
        SELECT t.oid, t.typtype, t.typbasetype FROM pg_catalog.pg_type t WHERE t.oid = base_type.type
        UNION ALL
        SELECT t.oid, t.typtype, t.typbasetype
        FROM bases b JOIN pg_catalog.pg_type t ON t.oid = b.typbasetype
        WHERE b.typtype = 'd'
    )
    SELECT b.oid FROM bases b WHERE b.typtype <> 'd'
$$;
COMMENT ON FUNCTION glossator.base_type(oid) IS 'What a domain, or a domain over domains, is made of; any other type itself.';

CREATE FUNCTION glossator.is_key_type(type oid) RETURNS boolean
    LANGUAGE sql STABLE STRICT
    -- Their text depends on no setting of a session, different values have different texts, and pg_catalog orders them.
    RETURN glossator.base_type(type) = ANY (ARRAY['smallint', 'integer', 'bigint', 'numeric', 'oid', 'text', 'varchar',
            'bpchar', 'uuid', 'date', 'timestamp', 'timestamptz', 'bytea', 'boolean']::regtype[]::oid[])
        OR EXISTS (SELECT FROM pg_type t WHERE t.oid = glossator.base_type(type) AND t.typtype = 'e');
COMMENT ON FUNCTION glossator.is_key_type(oid) IS 'Whether a column of this type can name a document.';

CREATE FUNCTION glossator.watch_key_expression(relation regclass, key text[], names text[]) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
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
COMMENT ON FUNCTION glossator.watch_key_expression(regclass, text[], text[]) IS
    'SQL for a row''s external_id: the text of its key, for several columns that of a JSON array. names[i] is how key[i] is spelt there.';

CREATE FUNCTION glossator.watched_key_order(relation regclass, key text[]) RETURNS text[]
    LANGUAGE sql STABLE
    RETURN (
        SELECT (SELECT array_agg(a.attname::text ORDER BY k.ordinality)
            FROM unnest(i.indkey[0:i.indnkeyatts - 1]) WITH ORDINALITY AS k (attnum, ordinality)
            JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum)
        FROM pg_index i
        WHERE i.indrelid = relation AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indisready
            AND i.indpred IS NULL AND i.indexprs IS NULL AND i.indnkeyatts = cardinality(key)
            AND NOT EXISTS (
                SELECT FROM unnest(i.indkey[0:i.indnkeyatts - 1]) AS k (attnum)
                LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.attnum
                WHERE a.attnotnull IS NOT TRUE OR a.attname <> ALL (key))
        ORDER BY i.indisprimary DESC, i.indexrelid
        LIMIT 1);
COMMENT ON FUNCTION glossator.watched_key_order(regclass, text[]) IS
    'The key''s columns in the order of the unique index that covers exactly them; null when there is none.';

CREATE FUNCTION glossator.watch_source(watch glossator.watches, source text) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
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
COMMENT ON FUNCTION glossator.watch_source(glossator.watches, text) IS
    'SQL that shows rows of a watched table, or of a transition table of it, as documents: k1, k2, … (the key in the order of its index), external_id, body, metadata, is_document.';

-- Refusals ----------------------------------------------------------------------------------------------------------

CREATE FUNCTION glossator.check_watched_table(relation regclass) RETURNS void
    LANGUAGE plpgsql STABLE AS $$
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
COMMENT ON FUNCTION glossator.check_watched_table(regclass) IS 'Refuses what is not a lasting table of its own with rows of its own.';

CREATE FUNCTION glossator.check_watch_rights(relation regclass) RETURNS void
    LANGUAGE plpgsql STABLE AS $$
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
COMMENT ON FUNCTION glossator.check_watch_rights(regclass) IS 'Refuses a caller whose triggers would fail later, in the middle of somebody''s INSERT.';

CREATE FUNCTION glossator.check_watched_columns(relation regclass, key text[], body text, metadata text[]) RETURNS void
    LANGUAGE plpgsql STABLE AS $$
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
COMMENT ON FUNCTION glossator.check_watched_columns(regclass, text[], text, text[]) IS
    'Refuses columns that do not exist, a key that does not name one row, and a body that is no text.';

CREATE FUNCTION glossator.check_watched_filter(relation regclass, filter text) RETURNS void
    LANGUAGE plpgsql AS $$
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
COMMENT ON FUNCTION glossator.check_watched_filter(regclass, text) IS 'Refuses a filter that is not one boolean expression over the table''s columns.';

CREATE FUNCTION glossator.check_watched_collection(collection text, adopt boolean) RETURNS void
    LANGUAGE plpgsql STABLE AS $$
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
COMMENT ON FUNCTION glossator.check_watched_collection(text, boolean) IS 'Refuses a collection whose documents would be mixed with those of the table.';

-- What is generated -------------------------------------------------------------------------------------------------

CREATE FUNCTION glossator.create_watch_functions(watch glossator.watches) RETURNS void
    LANGUAGE plpgsql AS $$
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
$$;
COMMENT ON FUNCTION glossator.create_watch_functions(glossator.watches) IS
    'Makes the functions of one watch. SECURITY DEFINER: they run as whoever called watch(), and nobody else''s rights are used for the filter.';

CREATE FUNCTION glossator.create_watch_triggers(watch glossator.watches) RETURNS void
    LANGUAGE plpgsql AS $$
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
$$;
COMMENT ON FUNCTION glossator.create_watch_triggers(glossator.watches) IS 'Makes the four triggers of one watch.';

CREATE FUNCTION glossator.annotated_view_name(watch glossator.watches) RETURNS text
    LANGUAGE plpgsql STABLE AS $$
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
COMMENT ON FUNCTION glossator.annotated_view_name(glossator.watches) IS
    'annotated_table in the schema public, annotated_schema_table elsewhere, and the watch''s id behind it where that is taken.';

CREATE FUNCTION glossator.create_annotated_view(watch glossator.watches) RETURNS void
    LANGUAGE plpgsql AS $$
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
$$;
COMMENT ON FUNCTION glossator.create_annotated_view(glossator.watches) IS
    'Makes the view of one watch. A name of ours that is also one of the table''s gets glossator_ in front.';

CREATE FUNCTION glossator.create_watch_rows_view(watch glossator.watches) RETURNS void
    LANGUAGE plpgsql AS $$
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
COMMENT ON FUNCTION glossator.create_watch_rows_view(glossator.watches) IS 'Makes the view that the functions of one watch read the table through.';

-- What people call -----------------------------------------------------------------------------------------------------

CREATE FUNCTION glossator.watch(
    relation regclass, key text[], body text, collection text DEFAULT NULL, filter text DEFAULT NULL,
    metadata text[] DEFAULT '{}', adopt boolean DEFAULT false
) RETURNS bigint
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '5s' AS $$
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
COMMENT ON FUNCTION glossator.watch(regclass, text[], text, text, text, text[], boolean) IS
    'watch() with a key of several columns: SELECT glossator.watch(''reviews'', key => ARRAY[''tenant'', ''id''], body => ''text'').';

CREATE FUNCTION glossator.watch(
    relation regclass, key text, body text, collection text DEFAULT NULL, filter text DEFAULT NULL,
    metadata text[] DEFAULT '{}', adopt boolean DEFAULT false
) RETURNS bigint
    LANGUAGE sql AS $$ SELECT glossator.watch(relation, ARRAY[key], body, collection, filter, metadata, adopt) $$;
COMMENT ON FUNCTION glossator.watch(regclass, text, text, text, text, text[], boolean) IS
    'Annotates a table where it is, and keeps it annotated: SELECT glossator.watch(''public.reviews'', key => ''id'', body => ''text''). Returns the watch''s id. Rows that are there already follow in the background; the view annotated_… shows them. Writing to the table waits until the transaction ends.';

CREATE FUNCTION glossator.watch_id(watched text) RETURNS bigint
    LANGUAGE plpgsql STABLE AS $$
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
COMMENT ON FUNCTION glossator.watch_id(text) IS
    'The id of a watch by its table, as SQL would find it, or by its collection; a table that is gone is found as schema.table.';

CREATE FUNCTION glossator.unwatch(watched text, delete_documents boolean DEFAULT false) RETURNS bigint
    LANGUAGE plpgsql SET lock_timeout = '5s' SET client_min_messages = warning AS $$
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
COMMENT ON FUNCTION glossator.unwatch(text, boolean) IS
    'Stops keeping a table in step and removes its triggers, functions and view. Takes the table or its collection; works when the table is gone. Documents, results and gold stay unless delete_documents is true. Returns how many were deleted.';

-- The backfill ------------------------------------------------------------------------------------------------------

CREATE FUNCTION glossator.backfill_step(watch_id bigint, maximum_rows integer DEFAULT 1000) RETURNS integer
    LANGUAGE plpgsql AS $$
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
$$;
COMMENT ON FUNCTION glossator.backfill_step(bigint, integer) IS
    'Makes documents of the next rows of a watched table and returns how many rows it looked at: 0 when all are done, null when somebody holds one of them and the step gave way (call it again).';

CREATE FUNCTION glossator.backfill_pending(maximum_rows integer DEFAULT 1000) RETURNS integer
    LANGUAGE plpgsql AS $$
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
COMMENT ON FUNCTION glossator.backfill_pending(integer) IS
    'One step of one backfill that is not finished and that nobody else is at; what daemons call. Returns the rows looked at, 0 when there is nothing to do now. A step that fails leaves its SQLSTATE in watches.problem.';

CREATE PROCEDURE glossator.backfill(watched text, maximum_rows integer DEFAULT 1000)
    LANGUAGE plpgsql AS $$
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
COMMENT ON PROCEDURE glossator.backfill(text, integer) IS
    'CALL glossator.backfill(''public.reviews'') makes documents of all rows that were there before, and commits after every step. Running daemons do it by themselves.';
