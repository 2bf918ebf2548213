-- Models that nobody will go back to are removed: their weights go, their names stay, since results and history name them. Locks
-- glossator.models and glossator.training_runs for the moment of adding a column that is null in every row.

ALTER TABLE glossator.models ADD COLUMN removed_at timestamptz;
ALTER TABLE glossator.models ALTER COLUMN heads DROP NOT NULL;
ALTER TABLE glossator.models ADD CONSTRAINT removed_models_have_no_heads CHECK ((heads IS NULL) = (removed_at IS NOT NULL));
ALTER TABLE glossator.models ADD CONSTRAINT removed_models_are_no_default CHECK (removed_at IS NULL OR NOT is_default);
COMMENT ON COLUMN glossator.models.removed_at IS 'When its weights were removed; null while it can be used.';
COMMENT ON COLUMN glossator.models.heads IS 'The heads'' weights: a safetensors file, zstd-compressed. Null when the model was removed.';

DROP TRIGGER models_immutable ON glossator.models;
CREATE TRIGGER models_immutable BEFORE UPDATE ON glossator.models FOR EACH ROW
    WHEN ((OLD.id, OLD.name, OLD.space_id, OLD.heads_sha256, OLD.tasks, OLD.metrics, OLD.created_at)
            IS DISTINCT FROM (NEW.id, NEW.name, NEW.space_id, NEW.heads_sha256, NEW.tasks, NEW.metrics, NEW.created_at)
        OR (OLD.heads IS DISTINCT FROM NEW.heads AND NEW.heads IS NOT NULL)
        OR (OLD.removed_at IS NOT NULL AND OLD.removed_at IS DISTINCT FROM NEW.removed_at)
        OR OLD.parent_id IS DISTINCT FROM NEW.parent_id
        OR (OLD.training_run_id IS NOT NULL AND OLD.training_run_id IS DISTINCT FROM NEW.training_run_id))
    EXECUTE FUNCTION glossator.refuse_model_update();

CREATE FUNCTION glossator.refuse_removed_model() RETURNS trigger LANGUAGE plpgsql AS $$
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
COMMENT ON FUNCTION glossator.refuse_removed_model() IS 'Trigger: a model without weights comes into force nowhere.';
CREATE TRIGGER collections_model_is_there BEFORE INSERT OR UPDATE OF model_id ON glossator.collections
    FOR EACH ROW WHEN (NEW.model_id IS NOT NULL) EXECUTE FUNCTION glossator.refuse_removed_model();

CREATE VIEW glossator.model_uses AS
SELECT c.model_id, format('in force in collection "%s"', c.name) AS use FROM glossator.collections c WHERE c.model_id IS NOT NULL
UNION ALL
SELECT m.id, 'the default model' FROM glossator.models m WHERE m.is_default
UNION ALL
SELECT h.previous_model_id, format('what rollback of %s goes back to', coalesce('collection "' || h.collection || '"', 'the default model'))
FROM (
    SELECT DISTINCT ON (collection) collection, previous_model_id FROM glossator.model_history
    WHERE rolled_back_at IS NULL ORDER BY collection, id DESC
) AS h
WHERE h.previous_model_id IS NOT NULL
UNION ALL
SELECT u.model_id, format('used by training run %s, which is running', r.id)
FROM glossator.training_runs r CROSS JOIN LATERAL unnest(ARRAY[r.parent_model_id, r.model_id]) AS u (model_id)
WHERE r.status = 'running' AND u.model_id IS NOT NULL
UNION ALL
-- A run stores its model a moment before it ends.
SELECT m.id, format('made by training run %s, which is running', r.id)
FROM glossator.models m JOIN glossator.training_runs r ON r.id = m.training_run_id WHERE r.status = 'running';

COMMENT ON VIEW glossator.model_uses IS 'Why a model cannot be removed: a row a reason. Models that are not here are used by nobody.';
COMMENT ON COLUMN glossator.model_uses.model_id IS 'The model.';
COMMENT ON COLUMN glossator.model_uses.use IS 'What it is used for.';

CREATE FUNCTION glossator.remove_model(model text) RETURNS bigint LANGUAGE plpgsql AS $$
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
COMMENT ON FUNCTION glossator.remove_model(text) IS
    'Removes a model''s weights, and the learned layers that no other model uses. Its row stays, because results name it. One that is in use is refused, and the use is said.';

-- Manifests are large; the runs themselves are kept.
ALTER TABLE glossator.training_runs ADD COLUMN manifest_removed_at timestamptz;
COMMENT ON COLUMN glossator.training_runs.manifest_removed_at IS 'When its rows of glossator.training_rows were removed, long after its model; null: they are there.';

CREATE OR REPLACE FUNCTION glossator.refuse_manifest_change() RETURNS trigger LANGUAGE plpgsql AS $$
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
COMMENT ON FUNCTION glossator.refuse_manifest_change() IS 'Trigger: a manifest says what was, not what should have been.';

CREATE FUNCTION glossator.prunable_models(keep integer DEFAULT 10, days integer DEFAULT 30)
RETURNS TABLE (model_id bigint, model text, collection text, made_at timestamptz, bytes bigint) LANGUAGE sql STABLE AS $$
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
COMMENT ON FUNCTION glossator.prunable_models(integer, integer) IS
    'Models that prune_models() would remove: made by training, not in use, older than so many days, and not among the newest of their collection.';

CREATE FUNCTION glossator.prune_models(keep integer DEFAULT 10, days integer DEFAULT 30) RETURNS bigint LANGUAGE plpgsql AS $$
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
COMMENT ON FUNCTION glossator.prune_models(integer, integer) IS
    'Removes models of old training runs (prunable_models() shows which), then the manifests of runs without a model and the label changes of removed ones; returns how many models. Daemons call it every hour: housekeeping.keep-models and housekeeping.model-days.';
