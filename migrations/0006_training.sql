-- Training runs. Locks glossator.models for the moment of adding a foreign key.

CREATE TABLE glossator.training_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    collection text NOT NULL REFERENCES glossator.collections,
    parent_model_id bigint REFERENCES glossator.models,
    model_id bigint REFERENCES glossator.models,
    status text NOT NULL DEFAULT 'running' CHECK (status IN ('running', 'promoted', 'kept', 'failed')),
    options jsonb NOT NULL DEFAULT '{}',
    counts jsonb NOT NULL DEFAULT '{}',
    metrics_before jsonb,
    metrics_after jsonb,
    code_version text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    beat_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    message text,
    CONSTRAINT finished_or_running CHECK ((status = 'running') = (finished_at IS NULL)),
    CONSTRAINT promoted_names_its_model CHECK (status <> 'promoted' OR model_id IS NOT NULL)
);
CREATE UNIQUE INDEX training_runs_one_at_a_time ON glossator.training_runs (collection) WHERE status = 'running';

COMMENT ON TABLE glossator.training_runs IS 'Every fine-tune: what it had, what it reached, what came of it. One at a time a collection.';
COMMENT ON COLUMN glossator.training_runs.id IS 'Order of starting.';
COMMENT ON COLUMN glossator.training_runs.collection IS 'Whose gold it learned from.';
COMMENT ON COLUMN glossator.training_runs.parent_model_id IS 'The model it began with, and was compared to.';
COMMENT ON COLUMN glossator.training_runs.model_id IS 'The model it made, promoted or not.';
COMMENT ON COLUMN glossator.training_runs.status IS 'running, promoted (its model came into force), kept (the old one stays), failed.';
COMMENT ON COLUMN glossator.training_runs.options IS 'Every setting it ran with, the seed included.';
COMMENT ON COLUMN glossator.training_runs.counts IS 'How many documents, labels and entities it had, by split.';
COMMENT ON COLUMN glossator.training_runs.metrics_before IS 'The parent on the held-out documents.';
COMMENT ON COLUMN glossator.training_runs.metrics_after IS 'The new model on the same documents.';
COMMENT ON COLUMN glossator.training_runs.code_version IS 'Glossator''s version.';
COMMENT ON COLUMN glossator.training_runs.started_at IS 'When it began.';
COMMENT ON COLUMN glossator.training_runs.beat_at IS 'Last sign of life; a run that is silent for two minutes has died.';
COMMENT ON COLUMN glossator.training_runs.finished_at IS 'When it ended; null while it runs.';
COMMENT ON COLUMN glossator.training_runs.message IS 'Why it ended as it did.';

ALTER TABLE glossator.models ADD FOREIGN KEY (training_run_id) REFERENCES glossator.training_runs;
