extension SettingCatalogue {
    /// Which gold a run reads, and where from.
    static let gold: [SettingDefinition] = [
        .init(
            key: "train.min-new", kind: .integer(0...1_000_000_000), defaultValue: "50",
            summary:
                "Documents with new gold below which a collection is left alone that was trained before with the same options."
        ),
        .init(
            key: "train.replay", kind: .integer(0...1_000_000_000), defaultValue: "20000",
            summary:
                "With train.start=model-in-force: documents that the model has learned from before and that are learned "
                + "from again, at the most. A run that starts afresh learns from all."),
        .init(
            key: "train.stored-embeddings", kind: .flag, defaultValue: "true",
            summary:
                "Learn labels from the embeddings that daemons have stored, where there are any and the encoder stays as "
                + "it is; false: read every text again."),
    ]
}
