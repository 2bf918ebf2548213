-- Backbones, embedding spaces and models: what annotates. Locks nothing that existed before.

CREATE TABLE glossator.backbones (
    sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    name text NOT NULL UNIQUE CHECK (name <> ''),
    hidden_size integer NOT NULL CHECK (hidden_size > 0),
    layers integer NOT NULL CHECK (layers > 0),
    maximum_tokens integer NOT NULL CHECK (maximum_tokens > 2),
    vocabulary_size integer NOT NULL CHECK (vocabulary_size > 0),
    files jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(files) = 'array'),
    imported_at timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE glossator.backbones IS
    'Pretrained encoders, known by their content. The files lie on the daemons'' machines; no row names a path that a daemon opens.';
COMMENT ON COLUMN glossator.backbones.sha256 IS 'Content hash over the files that decide results, lower-case hex.';
COMMENT ON COLUMN glossator.backbones.name IS 'What people call it.';
COMMENT ON COLUMN glossator.backbones.hidden_size IS 'Width of a token''s vector.';
COMMENT ON COLUMN glossator.backbones.layers IS 'Encoder layers.';
COMMENT ON COLUMN glossator.backbones.maximum_tokens IS 'Window: word pieces read at once, [CLS] and [SEP] included.';
COMMENT ON COLUMN glossator.backbones.vocabulary_size IS 'Word pieces in the vocabulary.';
COMMENT ON COLUMN glossator.backbones.files IS 'Relative names of the files that belong to it, for people; never opened from here.';
COMMENT ON COLUMN glossator.backbones.imported_at IS 'When it was registered.';

CREATE TABLE glossator.embedding_spaces (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    backbone_sha256 text NOT NULL REFERENCES glossator.backbones,
    pooling text NOT NULL CHECK (pooling IN ('mean', 'cls')),
    normalization text NOT NULL CHECK (normalization IN ('none', 'l2', 'layernorm')),
    dimensions integer NOT NULL CHECK (dimensions > 0),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (backbone_sha256, pooling, normalization, dimensions)
);

COMMENT ON TABLE glossator.embedding_spaces IS
    'What makes two embeddings comparable. A fine-tune of the heads alone keeps the space, and with it every stored embedding.';
COMMENT ON COLUMN glossator.embedding_spaces.id IS 'Short name for the four columns below.';
COMMENT ON COLUMN glossator.embedding_spaces.backbone_sha256 IS 'The encoder.';
COMMENT ON COLUMN glossator.embedding_spaces.pooling IS 'How token vectors become one vector: mean or cls.';
COMMENT ON COLUMN glossator.embedding_spaces.normalization IS 'What happens to the pooled vector: none, l2 or layernorm.';
COMMENT ON COLUMN glossator.embedding_spaces.dimensions IS 'Numbers in a vector.';
COMMENT ON COLUMN glossator.embedding_spaces.created_at IS 'When it was first used.';

CREATE TABLE glossator.models (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (name <> ''),
    space_id integer NOT NULL REFERENCES glossator.embedding_spaces,
    heads bytea NOT NULL,
    heads_sha256 text NOT NULL CHECK (heads_sha256 ~ '^[0-9a-f]{64}$'),
    tasks jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(tasks) = 'array'),
    parent_id bigint REFERENCES glossator.models,
    training_run_id bigint,
    metrics jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metrics) = 'object'),
    is_default boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Weights do not compress twice.
ALTER TABLE glossator.models ALTER COLUMN heads SET STORAGE EXTERNAL;
CREATE UNIQUE INDEX models_one_default ON glossator.models (is_default) WHERE is_default;

COMMENT ON TABLE glossator.models IS
    'A backbone''s embedding space with trained heads. Rows never change (is_default apart): promoting another model is how a model changes.';
COMMENT ON COLUMN glossator.models.id IS 'Every result names the model that made it.';
COMMENT ON COLUMN glossator.models.name IS 'What people call it.';
COMMENT ON COLUMN glossator.models.space_id IS 'The embeddings that it makes, and through it the backbone that it needs.';
COMMENT ON COLUMN glossator.models.heads IS 'The heads'' weights: a safetensors file, zstd-compressed.';
COMMENT ON COLUMN glossator.models.heads_sha256 IS 'sha256 of the safetensors file before compression, lower-case hex.';
COMMENT ON COLUMN glossator.models.tasks IS 'Array of {name, kind: classification|entities, labels, trained}.';
COMMENT ON COLUMN glossator.models.parent_id IS 'The model whose heads its training began with.';
COMMENT ON COLUMN glossator.models.training_run_id IS 'The run that made it, when one did.';
COMMENT ON COLUMN glossator.models.metrics IS 'What was measured on the held-out documents.';
COMMENT ON COLUMN glossator.models.is_default IS 'The model of every collection that names none. At most one.';
COMMENT ON COLUMN glossator.models.created_at IS 'When it was stored.';

CREATE FUNCTION glossator.refuse_model_update() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'model % is immutable', OLD.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'model_immutable',
            HINT = 'Store the changed model under a new name, then SELECT glossator.promote(collection, name).';
END
$$;
COMMENT ON FUNCTION glossator.refuse_model_update() IS 'Trigger: models do not change after they have annotated something.';

-- training_run_id may be filled in once: the run's row names the model, the model's row names the run.
CREATE TRIGGER models_immutable BEFORE UPDATE ON glossator.models FOR EACH ROW
    WHEN ((OLD.id, OLD.name, OLD.space_id, OLD.heads_sha256, OLD.tasks, OLD.metrics, OLD.created_at)
            IS DISTINCT FROM (NEW.id, NEW.name, NEW.space_id, NEW.heads_sha256, NEW.tasks, NEW.metrics, NEW.created_at)
        OR OLD.heads IS DISTINCT FROM NEW.heads
        OR OLD.parent_id IS DISTINCT FROM NEW.parent_id
        OR (OLD.training_run_id IS NOT NULL AND OLD.training_run_id IS DISTINCT FROM NEW.training_run_id))
    EXECUTE FUNCTION glossator.refuse_model_update();
