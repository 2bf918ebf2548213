/// A span that a person marked. Offsets as in `Entity`.
package struct GoldEntity: Sendable, Hashable {
    package let task: String
    package let type: String
    package let start: Int
    package let end: Int

    package init(task: String, type: String, start: Int, end: Int) {
        self.task = task
        self.type = type
        self.start = start
        self.end = end
    }
}

/// A document with what people know to be true about it: what training and evaluation read.
package struct LabelledDocument: Sendable, Equatable {
    package let id: Int64
    package let body: String
    /// sha256 of the body's UTF-8; decides the split, so a text is always on the same side of it.
    package let bodyHash: [UInt8]
    /// Label by classification task; a task that is absent is unknown, not negative.
    package let labels: [String: String]
    /// Entity tasks whose entities are marked in this document, or of which it is known to have none. Only these are
    /// learned from and scored.
    package let completeTasks: Set<String>
    package let entities: [GoldEntity]
    /// By task, what names its gold: rows of `gold_labels` or `gold_entities`, none for a document without entities.
    package let goldIDs: [String: [Int64]]
    /// Tasks whose gold has changed since a run last made a model of it, whatever became of the model.
    package let newTasks: Set<String>
    /// Tasks whose gold, as it is, neither the model in force nor one that it descends from has learned.
    package let unlearnedTasks: Set<String>

    package init(
        id: Int64, body: String, bodyHash: [UInt8], labels: [String: String], completeTasks: Set<String>,
        entities: [GoldEntity], goldIDs: [String: [Int64]] = [:], newTasks: Set<String> = [],
        unlearnedTasks: Set<String> = []
    ) {
        (self.goldIDs, self.newTasks, self.unlearnedTasks) = (goldIDs, newTasks, unlearnedTasks)
        self.id = id
        self.body = body
        self.bodyHash = bodyHash
        self.labels = labels
        self.completeTasks = completeTasks
        self.entities = entities
    }
}
