extension SettingCatalogue {
    /// Which gold a run reads, and where from.
    static let gold: [SettingDefinition] = [
        .init(
            key: "train.min-new", kind: .integer(0...1_000_000_000), defaultValue: "50",
            summary: "Documents with new gold below which a collection that has been trained before is left alone."),
        .init(
            key: "train.replay", kind: .integer(0...1_000_000_000), defaultValue: "20000",
            summary:
                "Documents that earlier runs have learned from and that are learned from again, at the most; rare labels "
                + "first, as many of each."),
        .init(
            key: "train.stored-embeddings", kind: .flag, defaultValue: "true",
            summary:
                "Learn labels from the embeddings that daemons have stored, where there are any and the encoder stays as "
                + "it is; false: read every text again."),
    ]
}
