-- What each training run learned from and was judged by. Locks nothing that existed before.

CREATE TABLE glossator.training_rows (
    run_id bigint NOT NULL REFERENCES glossator.training_runs ON DELETE CASCADE,
    document_id bigint NOT NULL,
    task text NOT NULL,
    part text NOT NULL CHECK (part IN ('training', 'validation', 'held_out')),
    is_new boolean NOT NULL,
    gold_ids bigint[] NOT NULL,
    PRIMARY KEY (run_id, document_id, task)
);
CREATE INDEX training_rows_document ON glossator.training_rows (document_id, task, run_id DESC);

COMMENT ON TABLE glossator.training_rows IS
    'The manifest of a training run: one row a document and task. Gold is append-only, so what a run learned can be read again for as long as its documents are there.';
COMMENT ON COLUMN glossator.training_rows.run_id IS 'The run.';
COMMENT ON COLUMN glossator.training_rows.document_id IS 'The document; it may have been deleted since.';
COMMENT ON COLUMN glossator.training_rows.task IS 'The task.';
COMMENT ON COLUMN glossator.training_rows.part IS
    'training: learned from. validation: chose epoch and temperature (a task with few of these learned from them too). held_out: judged, neither learned from nor chosen by.';
COMMENT ON COLUMN glossator.training_rows.is_new IS 'Whether no run before had this gold and made a model of it.';
COMMENT ON COLUMN glossator.training_rows.gold_ids IS
    'The rows that counted: one of glossator.gold_labels, or those of glossator.gold_entities; none where a document is marked as having no entities.';
COMMENT ON INDEX glossator.training_rows_document IS 'Whether gold is new.';

CREATE FUNCTION glossator.refuse_manifest_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what training run % learned from does not change', OLD.run_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'manifest_immutable',
            HINT = 'A manifest goes with its run, and a run stays as long as the model that it made.';
END
$$;
COMMENT ON FUNCTION glossator.refuse_manifest_change() IS 'Trigger: a manifest says what was, not what should have been.';
CREATE TRIGGER training_rows_immutable BEFORE UPDATE ON glossator.training_rows
    FOR EACH ROW EXECUTE FUNCTION glossator.refuse_manifest_change();
-- Not when the rows go with their run: that is a trigger's doing.
CREATE TRIGGER training_rows_stay BEFORE DELETE ON glossator.training_rows
    FOR EACH ROW WHEN (pg_trigger_depth() = 0) EXECUTE FUNCTION glossator.refuse_manifest_change();

CREATE FUNCTION glossator.lineage(collection text) RETURNS TABLE (model_id bigint, training_run_id bigint)
    LANGUAGE sql STABLE AS $$
    WITH RECURSIVE lineage AS (
        SELECT m.id, m.parent_id, m.training_run_id
        FROM glossator.model_in_force f JOIN glossator.models m ON m.id = f.model_id
        WHERE f.collection = $1
        UNION
        SELECT m.id, m.parent_id, m.training_run_id FROM lineage l JOIN glossator.models m ON m.id = l.parent_id
    )
    SELECT l.id, l.training_run_id FROM lineage l
$$;
COMMENT ON FUNCTION glossator.lineage(text) IS
    'The model in force in a collection and all that it descends from, with the runs that made them. What these have learned is learned; gold of a model that was not promoted, or was rolled back, is not.';

COMMENT ON COLUMN glossator.training_runs.code_version IS
    'Glossator''s version, with the first digits of the program file''s sha256: other builds may compute other bits.';
