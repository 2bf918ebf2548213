-- Encoders that have learned: which layers of an imported backbone were replaced, and by what. Locks glossator.backbones for
-- the moment of adding a column that is null in every row.

CREATE TABLE glossator.learned_layers (
    sha256 text PRIMARY KEY CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    weights bytea NOT NULL,
    learned_at timestamptz NOT NULL DEFAULT now()
);
-- Compressed already.
ALTER TABLE glossator.learned_layers ALTER COLUMN weights SET STORAGE EXTERNAL;

COMMENT ON TABLE glossator.learned_layers IS
    'Weights of encoder layers that fine-tuning has changed, known by their content: runs that leave a layer as it was share it.';
COMMENT ON COLUMN glossator.learned_layers.sha256 IS 'sha256 of the safetensors file before compression, lower-case hex.';
COMMENT ON COLUMN glossator.learned_layers.weights IS 'A safetensors file of one layer''s tensors under Hugging Face''s names, zstd-compressed.';
COMMENT ON COLUMN glossator.learned_layers.learned_at IS 'When a run stored it first.';

ALTER TABLE glossator.backbones ADD COLUMN imported_sha256 text REFERENCES glossator.backbones;
COMMENT ON COLUMN glossator.backbones.imported_sha256 IS
    'The imported backbone whose files this one is made of, with some layers learned since; null: it was imported itself.';

CREATE TABLE glossator.backbone_layers (
    backbone_sha256 text NOT NULL REFERENCES glossator.backbones ON DELETE CASCADE,
    layer integer NOT NULL CHECK (layer >= -1),
    layer_sha256 text NOT NULL REFERENCES glossator.learned_layers,
    PRIMARY KEY (backbone_sha256, layer)
);
CREATE INDEX backbone_layers_layer ON glossator.backbone_layers (layer_sha256);

COMMENT ON TABLE glossator.backbone_layers IS 'Which layers of a fine-tuned backbone were replaced. All others are those of the imported one.';
COMMENT ON COLUMN glossator.backbone_layers.backbone_sha256 IS 'The fine-tuned backbone.';
COMMENT ON COLUMN glossator.backbone_layers.layer IS 'Encoder layer, counted from 0; -1: the embeddings.';
COMMENT ON COLUMN glossator.backbone_layers.layer_sha256 IS 'Its weights.';
COMMENT ON INDEX glossator.backbone_layers_layer IS 'Which backbones use a layer: those that none uses can be deleted.';
