package import Annotations

/// What people know to be true: written by imports, read by training.
package struct GoldStore: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    package struct Label: Sendable, Hashable {
        package let documentID: Int64
        package let task: String
        package let label: String

        package init(documentID: Int64, task: String, label: String) {
            self.documentID = documentID
            self.task = task
            self.label = label
        }
    }

    package struct Marking: Sendable, Hashable {
        package let documentID: Int64
        package let entity: GoldEntity

        package init(documentID: Int64, entity: GoldEntity) {
            self.documentID = documentID
            self.entity = entity
        }
    }

    /// All entities of the task are marked in the document.
    package struct Complete: Sendable, Hashable {
        package let documentID: Int64
        package let task: String

        package init(documentID: Int64, task: String) {
            self.documentID = documentID
            self.task = task
        }
    }

    package struct Inserted: Sendable, Hashable {
        package let labels: Int
        package let entities: Int
        package let complete: Int
    }

    /// Writes gold in one transaction, all or nothing. What this annotator has said already, and has not corrected
    /// since, is not said twice, so that an import may be repeated. Returns the rows that were new.
    ///
    /// - Throws: `gold-entity-outside`, `gold-entity-overlap`, `gold-entity-span`, `gold-entity-empty`,
    ///   `gold-label-empty`, `row-missing` (no such document); the message names the document and the span.
    ///   `gold-undeclared` where the collection takes declared tasks, labels and types only; the hint names them.
    @discardableResult
    package func insert(
        labels: [Label] = [], entities: [Marking] = [], complete: [Complete] = [], annotator: String? = nil,
        source: String? = nil
    ) async throws(Fault) -> Inserted {
        try await connection.transaction { (session) throws(Fault) in
            let who: [SQLValue] = [.optional(annotator), .optional(source)]
            let newLabels =
                labels.isEmpty
                ? 0
                : try session.query(
                    Self.insertLabels,
                    [.int8s(labels.map(\.documentID)), .texts(labels.map(\.task)), .texts(labels.map(\.label))] + who
                ).affected
            let newEntities =
                entities.isEmpty
                ? 0
                : try session.query(Self.insertEntities, entities.parameters + who).affected
            let newComplete =
                complete.isEmpty
                ? 0
                : try session.query(
                    Self.insertComplete,
                    [.int8s(complete.map(\.documentID)), .texts(complete.map(\.task)), .optional(annotator)]
                ).affected
            return Inserted(labels: newLabels, entities: newEntities, complete: newComplete)
        }
    }

    /// Which of the entities overlap another one that the same annotator has marked already (the same one again is no
    /// conflict): indices into `entities`. What `insert` would refuse, asked beforehand.
    package func conflicts(_ entities: [Marking], annotator: String? = nil) async throws(Fault) -> [Int] {
        guard !entities.isEmpty else { return [] }
        return try await connection.rows(of: Self.overlapping, entities.parameters + [.optional(annotator)]) {
            (row) throws(Fault) in try row.int(0) - 1
        }
    }

    /// The labels and types by task that are all that a collection takes; nil where it takes new ones.
    package func declared(in collection: String) async throws(Fault) -> [String: Set<String>]? {
        try await connection.rows(of: Self.declared, [.text(collection)]) { (row) throws(Fault) in
            let labels: [String: Set<String>] = try JSON.value(of: row.json(0))
            return labels
        }.first
    }

    /// The ids of the next documents with gold, of any collection, in their order; empty at the end.
    package func markedDocuments(after id: Int64, limit: Int = 500) async throws(Fault) -> [Int64] {
        try await connection.rows(of: Self.markedIDs, [.int8(id), .int4(Int32(clamping: limit))]) {
            (row) throws(Fault) in try row.int64(0)
        }
    }

    /// Those of the documents that are the collection's, in the order of their ids, with the gold that counts as
    /// `glossator.gold_policies` has it: by default the newest label of each task, the spans of the annotator who spoke
    /// last. A document about which nothing counts, because people differ or are too few, has no label and no complete
    /// task.
    package func labelledDocuments(
        in collection: String, ids: [Int64]
    ) async throws(Fault) -> [LabelledDocument] {
        try await connection.rows(of: Self.page, [.text(collection), .int8s(ids)]) { (row) throws(Fault) in
            let spans: [Span] = try JSON.value(of: row.json(3))
            let said: [Said] = try JSON.value(of: row.json(4))
            func byTask<Value>(_ value: (Said) -> Value?) -> [String: Value] {
                Dictionary(
                    said.compactMap { said in value(said).map { (said.task, $0) } },
                    uniquingKeysWith: { first, _ in first })
            }
            return LabelledDocument(
                id: try row.int64(0), body: try row.text(1), bodyHash: try row.bytes(2), labels: byTask(\.label),
                completeTasks: Set(said.filter { $0.label == nil }.map(\.task)),
                entities: spans.map { GoldEntity(task: $0.task, type: $0.type, start: $0.start, end: $0.end) },
                goldIDs: byTask(\.ids), newTasks: Set(said.filter(\.isNew).map(\.task)),
                unlearnedTasks: Set(said.filter(\.isUnlearned).map(\.task)))
        }
    }

    /// A collection's documents with gold that counts, in the order of their ids. Read in short steps, so that training
    /// holds no snapshot.
    package func allLabelledDocuments(in collection: String) async throws(Fault) -> [LabelledDocument] {
        var all: [LabelledDocument] = []
        var last: Int64 = 0
        while true {
            let ids = try await markedDocuments(after: last)
            guard let end = ids.last else { return all }
            last = end
            all += try await labelledDocuments(in: collection, ids: ids)
                .filter { !$0.labels.isEmpty || !$0.completeTasks.isEmpty }
        }
    }

    /// Encoded, it is what `training_runs.counts` keeps.
    package struct Counts: Sendable, Hashable, Encodable {
        /// Documents with any gold.
        package let documents: Int
        /// Labels that count, by task and label.
        package let labels: [String: [String: Int]]
        /// Entities that count, by task and type.
        package let entities: [String: [String: Int]]
        /// Documents whose entities are marked, those marked as having none included, by task.
        package let complete: [String: Int]

        package init(
            documents: Int, labels: [String: [String: Int]] = [:], entities: [String: [String: Int]] = [:],
            complete: [String: Int] = [:]
        ) {
            self.documents = documents
            self.labels = labels
            self.entities = entities
            self.complete = complete
        }
    }

    package func counts(in collection: String) async throws(Fault) -> Counts {
        try await connection.run { (session) throws(Fault) in
            var labels: [String: [String: Int]] = [:]
            for row in try session.query(Self.countLabels, [.text(collection)]) {
                labels[try row.text(0), default: [:]][try row.text(1)] = try row.int(2)
            }
            var entities: [String: [String: Int]] = [:]
            for row in try session.query(Self.countEntities, [.text(collection)]) {
                entities[try row.text(0), default: [:]][try row.text(1)] = try row.int(2)
            }
            var complete: [String: Int] = [:]
            for row in try session.query(Self.countComplete, [.text(collection)]) {
                complete[try row.text(0)] = try row.int(1)
            }
            let documents = try session.query(Self.countDocuments, [.text(collection)]).only().int(0)
            return Counts(documents: documents, labels: labels, entities: entities, complete: complete)
        }
    }

    private struct Span: Decodable {
        let task: String
        let type: String
        let start: Int
        let end: Int
    }

    /// What counts about one task.
    private struct Said: Decodable {
        let task: String
        /// Nil for an entity task.
        let label: String?
        let ids: [Int64]
        let isNew: Bool
        let isUnlearned: Bool
    }
}

extension [GoldStore.Marking] {
    /// Five parallel arrays: document ids, tasks, types, starts and ends.
    fileprivate var parameters: [SQLValue] {
        [
            .int8s(map(\.documentID)), .texts(map(\.entity.task)), .texts(map(\.entity.type)),
            .int4s(map { Int32(clamping: $0.entity.start) }), .int4s(map { Int32(clamping: $0.entity.end) }),
        ]
    }
}
