-- What a training run did, for people who look at it later. Locks glossator.training_runs for the moment of adding a column
-- that is null in every row.

ALTER TABLE glossator.training_runs ADD COLUMN record jsonb;
COMMENT ON COLUMN glossator.training_runs.record IS
    'Plan, learning curves, worst errors, times and machine of a run that ended well: what `glossator report` shows.';
