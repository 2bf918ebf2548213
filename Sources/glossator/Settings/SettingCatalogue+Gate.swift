extension SettingCatalogue {
    /// What a new model has to show before it comes into force; `PromotionRule` says why.
    static let gate: [SettingDefinition] = [
        .init(
            key: "train.gate-margin", kind: .number(0...1), defaultValue: "0.01",
            summary:
                "Loss in a task's score that has to be ruled out where 4,000 documents are held out; wider with fewer, "
                + "0.02 with 1,000."),
        .init(
            key: "train.gate-confidence", kind: .number(0.5...0.999), defaultValue: "0.95",
            summary: "How surely a new model must not be worse, one-sided."),
        .init(
            key: "train.gate-gain-confidence", kind: .number(0.5...0.999), defaultValue: "0.9",
            summary: "How surely a new model must be better on a task, one-sided."),
        .init(
            key: "train.gate-class-fall", kind: .number(0...1), defaultValue: "0.05",
            summary: "Recall that a class may lose; more stops a new model unless chance explains it."),
        .init(
            key: "train.gate-calibration-rise", kind: .number(0...1), defaultValue: "0.05",
            summary: "How much the calibration error may rise; more stops a new model unless chance explains it."),
        .init(
            key: "train.gate-flip-rate", kind: .number(0...1), defaultValue: "0.2",
            summary:
                "Share of documents without gold whose answer may change; more stops a new model unless held-out "
                + "documents change as much."),
    ]
}
