import Training

extension SettingCatalogue {
    /// Keys of runs in which encoder layers learn, and of what they have in common with runs of heads alone.
    static let encoderTraining: [SettingDefinition] = [
        .init(
            key: "train.freeze", kind: .text, defaultValue: "backbone-frozen",
            summary:
                "What stays as it is: all-frozen, backbone-frozen, head-frozen:TASK, layers:SPEC, gradual, none. "
                + "`glossator train --plan` shows what that means for the model in force."),
        .init(
            key: "train.layer-epochs", kind: .integer(1...10_000), defaultValue: "3",
            summary: "Passes over the training rows in which encoder layers learn."),
        .init(
            key: "train.layer-batch-size", kind: .integer(1...4096), defaultValue: "32",
            summary: "Documents (windows of long ones) a step of the encoder."),
        .init(
            key: "train.layer-learning-rate", kind: .number(0...1), defaultValue: "0.00005",
            summary: "Peak learning rate of the encoder's top layer."),
        .init(
            key: "train.layer-decay", kind: .number(0...1), defaultValue: "0.95",
            summary: "Each layer learns at this times the rate of the one above it."),
        .init(
            key: "train.layer-head-rate", kind: .number(0...10), defaultValue: "0",
            summary: "Peak learning rate of heads that learn together with layers; 0: that of the top layer."),
        .init(
            key: "train.layer-patience", kind: .integer(1...10_000), defaultValue: "2",
            summary: "Epochs no better than the best before after which the encoder stops."),
        .init(
            key: "train.probe-first", kind: .flag, defaultValue: "true",
            summary: "Train the heads on the frozen encoder before its layers learn (LP-FT)."),
        .init(
            key: "train.decay", kind: .choice(LearningRateSchedule.Decay.allCases.map(\.rawValue)),
            defaultValue: "linear", summary: "How rates fall to 0 after the warm-up."),
        .init(
            key: "train.sampling", kind: .choice(JointOptions.Sampling.allCases.map(\.rawValue)),
            defaultValue: "proportional",
            summary: "How often each task's documents come up while layers learn: as they are, by the square root of "
                + "their number, or all tasks alike."),
        .init(
            key: "train.loss-weights", kind: .text, defaultValue: "",
            summary: "How much each task counts while layers learn, as topic=2,names=0.5; 1 for tasks not named."),
        .init(
            key: "train.class-weights", kind: .choice(ClassWeights.allCases.map(\.rawValue)),
            defaultValue: "none",
            summary: "balanced: rare labels count more, in inverse proportion to their rows, ten times at the most."),
        .init(
            key: "train.label-smoothing", kind: .number(0...0.9), defaultValue: "0",
            summary: "Share of the target that is spread over all labels."),
        .init(
            key: "train.precision", kind: .choice(TrainingPrecision.allCases.map(\.rawValue)), defaultValue: "fp32",
            summary: "Numbers that learning layers multiply: bf16 takes a processor with AVX-512 BF16 and VNNI."),
        .init(
            key: "train.memory-mib", kind: .integer(16...16_777_216), defaultValue: "512",
            summary: "For what a step remembers of a batch; larger batches are learned from in parts."),
        .init(
            key: "train.directory", kind: .path, defaultValue: "",
            summary:
                "Where runs keep what they need to go on after a crash, and cached features; safe to delete. Empty: "
                + "/var/lib/glossator/training for root, else ~/.local/share/glossator/training."),
        .init(
            key: "train.cache-mib", kind: .integer(0...16_777_216), defaultValue: "4096",
            summary: "Most disk space for cached features of frozen layers; 0: none are kept."),
        .init(
            key: "train.cache-precision", kind: .choice(FeatureCache.Precision.allCases.map(\.rawValue)),
            defaultValue: "f32", summary: "How cached features are kept; f16 takes half the space."),
    ]
}
