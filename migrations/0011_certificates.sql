-- Which reduced precisions agree with fp32, and where. Locks glossator.models and glossator.collections for the moment of
-- adding foreign keys, and glossator.annotations for the moment of adding a column that is null in every row.

CREATE TABLE glossator.certificates (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_id bigint NOT NULL REFERENCES glossator.models ON DELETE CASCADE,
    collection text REFERENCES glossator.collections ON DELETE CASCADE,
    segmentation text NOT NULL CHECK (segmentation IN ('document', 'sentence')),
    precision text NOT NULL CHECK (precision IN ('bf16', 'int8')),
    kernels text NOT NULL CHECK (kernels <> ''),
    plan text NOT NULL CHECK (plan <> ''),
    texts integer NOT NULL CHECK (texts > 0),
    segments integer NOT NULL CHECK (segments > 0),
    cosine_mean double precision NOT NULL,
    cosine_p1 double precision NOT NULL,
    label_agreement double precision,
    entity_agreement double precision,
    minimum_cosine_p1 double precision NOT NULL,
    minimum_label_agreement double precision NOT NULL,
    minimum_entity_agreement double precision NOT NULL,
    certified boolean NOT NULL,
    reason text,
    seconds double precision NOT NULL CHECK (seconds >= 0),
    made_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT refused_for_a_reason CHECK (certified = (reason IS NULL))
);
CREATE UNIQUE INDEX certificates_one ON glossator.certificates (
    model_id, coalesce(collection, ''), segmentation, precision, kernels, minimum_cosine_p1, minimum_label_agreement,
    minimum_entity_agreement);

COMMENT ON TABLE glossator.certificates IS
    'How far a model in a reduced precision agrees with itself in fp32 on a sample of a collection''s texts, and whether daemons may use that precision for them.';
COMMENT ON COLUMN glossator.certificates.id IS 'Order of making.';
COMMENT ON COLUMN glossator.certificates.model_id IS 'The model.';
COMMENT ON COLUMN glossator.certificates.collection IS 'Whose texts were read; null: those of a file, by hand. Daemons use a certificate for its collection only.';
COMMENT ON COLUMN glossator.certificates.segmentation IS 'What was compared: whole documents, or their sentences.';
COMMENT ON COLUMN glossator.certificates.precision IS 'What was compared with fp32: bf16 or int8.';
COMMENT ON COLUMN glossator.certificates.kernels IS 'Family of kernels that computed it: another processor may round in another way, and needs a certificate of its own.';
COMMENT ON COLUMN glossator.certificates.plan IS 'The precision of every product: int8, or int8 3.down=bf16 where one product of layer 3 stays in bf16 because int8 would spoil the answers.';
COMMENT ON COLUMN glossator.certificates.texts IS 'Texts in the sample.';
COMMENT ON COLUMN glossator.certificates.segments IS 'Segments in these texts: what was compared.';
COMMENT ON COLUMN glossator.certificates.cosine_mean IS 'Cosine of a segment''s embedding to the one in fp32, mean over the segments.';
COMMENT ON COLUMN glossator.certificates.cosine_p1 IS 'The cosine that 99 % of the segments reach.';
COMMENT ON COLUMN glossator.certificates.label_agreement IS 'Share of equal labels over all segments and classification tasks; null for a model without such a task.';
COMMENT ON COLUMN glossator.certificates.entity_agreement IS 'F1 of the entities, equal when task, type, start and end are; null for a model without such a task.';
COMMENT ON COLUMN glossator.certificates.minimum_cosine_p1 IS 'What cosine_p1 had to reach: the setting precision.cosine.';
COMMENT ON COLUMN glossator.certificates.minimum_label_agreement IS 'What label_agreement had to reach: precision.label-agreement.';
COMMENT ON COLUMN glossator.certificates.minimum_entity_agreement IS 'What entity_agreement had to reach: precision.entity-agreement.';
COMMENT ON COLUMN glossator.certificates.certified IS 'Whether all figures reach what they had to.';
COMMENT ON COLUMN glossator.certificates.reason IS 'Which do not; null when certified.';
COMMENT ON COLUMN glossator.certificates.seconds IS 'What the comparison took, the search for a plan included.';
COMMENT ON COLUMN glossator.certificates.made_at IS 'When it was stored.';
COMMENT ON INDEX glossator.certificates_one IS 'Two daemons that compare at the same time use the certificate that came first.';

ALTER TABLE glossator.annotations ADD COLUMN precision text;
-- Null in every row that is there: there is nothing to read through under the lock.
ALTER TABLE glossator.annotations ADD CONSTRAINT annotations_precision_check
    CHECK (precision IN ('fp32', 'bf16', 'int8')) NOT VALID;
COMMENT ON COLUMN glossator.annotations.precision IS
    'In which the encoder computed them; null: before there was another than fp32. A copy has that of what it was copied from.';
