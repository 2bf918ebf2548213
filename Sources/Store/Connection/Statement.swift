/// A statement that is prepared once a connection and then run by its name, with binary parameters and results.
struct Statement: Sendable {
    /// Unique in the room; appears in `pg_prepared_statements` and in faults.
    let name: String
    /// Every parameter is cast (`$1::bigint`), so that the server's idea of its type is ours.
    let text: String

    init(_ name: String, _ text: String) {
        self.name = name
        self.text = text
    }
}

/// Every statement of the room, for the test that prepares each of them.
package enum Statements {
    package static var all: [(name: String, text: String)] {
        (Migrator.statements + Queue.statements + Completion.statements + ModelRegistry.statements
            + DocumentStore.statements + GoldStore.statements + EmbeddingReader.statements + StatusReader.statements
            + TrainingRunStore.statements + ResultReader.statements + Reuse.statements + Housekeeping.statements
            + QueueMeter.statements)
            .map { ($0.name, $0.text) }
    }
}
