-- The schema and the record of what was applied to it. Locks nothing that existed before.
CREATE SCHEMA glossator;

COMMENT ON SCHEMA glossator IS
    'Glossator: documents that come back with labels, named entities and embeddings. Everything the daemon keeps lives here.';

CREATE TABLE glossator.schema_migrations (
    version integer PRIMARY KEY CHECK (version > 0),
    name text NOT NULL,
    checksum text NOT NULL CHECK (checksum ~ '^[0-9a-f]{64}$'),
    applied_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE glossator.schema_migrations IS 'One row a migration that was applied. Written by `glossator migrate` only.';
COMMENT ON COLUMN glossator.schema_migrations.version IS 'Number of the file, 1 upwards without gaps.';
COMMENT ON COLUMN glossator.schema_migrations.name IS 'Name of the file.';
COMMENT ON COLUMN glossator.schema_migrations.checksum IS 'sha256 of the file as it was applied; a changed file is refused.';
COMMENT ON COLUMN glossator.schema_migrations.applied_at IS 'When its transaction began.';
