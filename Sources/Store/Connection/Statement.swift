/// A statement with binary parameters and results. Prepared once a session and then run by its name, unless a pooler
/// lends sessions by the transaction.
struct Statement: Sendable {
    /// Unique in the room; appears in `pg_prepared_statements` and in faults.
    let name: String
    /// Every parameter is cast (`$1::bigint`), so that the server's idea of its type is ours.
    let text: String
    /// The highest `$n` of the text. No literal of the room's contains a `$` before a digit.
    let parameterCount: Int

    init(_ name: String, _ text: String) {
        self.name = name
        self.text = text
        parameterCount =
            text.utf8.split(separator: UInt8(ascii: "$"), omittingEmptySubsequences: false).dropFirst()
            .map { $0.prefix { (48...57).contains($0) }.reduce(0) { $0 * 10 + Int($1) - 48 } }
            .max() ?? 0
    }
}

/// Every statement of the room, for the test that prepares each of them.
package enum Statements {
    package static var all: [(name: String, text: String)] {
        (Migrator.statements + Queue.statements + Completion.statements + ModelRegistry.statements
            + DocumentStore.statements + GoldStore.statements + EmbeddingReader.statements + StatusReader.statements
            + TrainingRunStore.statements + ResultReader.statements + Reuse.statements + Housekeeping.statements
            + QueueMeter.statements + CertificateStore.statements + LayerStore.statements
            + ScheduleStore.statements + RelabelStore.statements + ModelRegistry.retentionStatements)
            .map { ($0.name, $0.text) }
    }
}
