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
CREATE INDEX training_rows_document ON glossator.training_rows (document_id, task);

COMMENT ON TABLE glossator.training_rows IS
    'The manifest of a training run: one row a document and task. Gold is append-only, so what a run learned can be read again for as long as its documents are there.';
COMMENT ON COLUMN glossator.training_rows.run_id IS 'The run.';
COMMENT ON COLUMN glossator.training_rows.document_id IS 'The document; it may have been deleted since.';
COMMENT ON COLUMN glossator.training_rows.task IS 'The task.';
COMMENT ON COLUMN glossator.training_rows.part IS
    'training: learned from. validation: chose epoch and temperature (a task with few of these learned from them too). held_out: judged, neither learned from nor chosen by.';
COMMENT ON COLUMN glossator.training_rows.is_new IS 'Whether no run that made a model had this gold before; the others are replayed.';
COMMENT ON COLUMN glossator.training_rows.gold_ids IS
    'The rows that counted: one of glossator.gold_labels, or those of glossator.gold_entities; none where a document is marked as having no entities.';
COMMENT ON INDEX glossator.training_rows_document IS 'Whether gold is new.';

CREATE FUNCTION glossator.refuse_manifest_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what training run % learned from does not change', OLD.run_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'manifest_immutable',
            HINT = 'A manifest goes with its run: DELETE FROM glossator.training_runs.';
END
$$;
COMMENT ON FUNCTION glossator.refuse_manifest_update() IS 'Trigger: a manifest says what was, not what should have been.';
CREATE TRIGGER training_rows_immutable BEFORE UPDATE ON glossator.training_rows
    FOR EACH ROW EXECUTE FUNCTION glossator.refuse_manifest_update();

CREATE FUNCTION glossator.is_learned(document_id bigint, task text, gold_ids bigint[]) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT EXISTS (
        SELECT FROM glossator.training_rows r JOIN glossator.training_runs t ON t.id = r.run_id
        WHERE r.document_id = is_learned.document_id AND r.task = is_learned.task AND r.gold_ids = is_learned.gold_ids
            AND t.status IN ('promoted', 'kept') AND t.model_id IS NOT NULL)
$$;
COMMENT ON FUNCTION glossator.is_learned(bigint, text, bigint[]) IS
    'Whether a run that made a model has had exactly this gold of a document and task.';
