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

    /// A page of a collection's documents that have gold, in the order of their ids, with the gold that counts as
    /// `glossator.gold_policies` has it: by default the newest label of each task, the spans of the annotator who spoke
    /// last. A document about which nothing counts, because people differ or are too few, has no label and no complete
    /// task. Empty at the end; the next page begins after the last document's id. Short reads, so that training holds no
    /// snapshot.
    package func labelledDocuments(
        in collection: String, after id: Int64 = 0, limit: Int = 500
    ) async throws(Fault) -> [LabelledDocument] {
        try await connection.rows(of: Self.page, [.text(collection), .int8(id), .int4(Int32(clamping: limit))]) {
            (row) throws(Fault) in
            let labels: [String: String] = try JSON.value(of: row.json(3))
            let complete: [String] = try JSON.value(of: row.json(4))
            let spans: [Span] = try JSON.value(of: row.json(5))
            let said: [Said] = try JSON.value(of: row.json(6))
            return LabelledDocument(
                id: try row.int64(0), body: try row.text(1), bodyHash: try row.bytes(2), labels: labels,
                completeTasks: Set(complete),
                entities: spans.map { GoldEntity(task: $0.task, type: $0.type, start: $0.start, end: $0.end) },
                goldIDs: Dictionary(said.map { ($0.task, $0.ids) }, uniquingKeysWith: { first, _ in first }),
                newTasks: Set(said.filter(\.isNew).map(\.task)))
        }
    }

    /// Every page of `labelledDocuments`, one after the other, without the documents about which nothing counts.
    package func allLabelledDocuments(in collection: String) async throws(Fault) -> [LabelledDocument] {
        var all: [LabelledDocument] = []
        var last: Int64 = 0
        while true {
            let page = try await labelledDocuments(in: collection, after: last)
            guard let end = page.last else { return all }
            last = end.id
            all += page.filter { !$0.labels.isEmpty || !$0.completeTasks.isEmpty }
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

    private struct Said: Decodable {
        let task: String
        let ids: [Int64]
        let isNew: Bool
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

extension GoldStore {
    private static let insertLabels = Statement(
        "gold_labels_insert",
        """
        INSERT INTO glossator.gold_labels (document_id, task, label, annotator, source)
        SELECT n.document_id, n.task, n.label, coalesce($4::text, current_user), $5::text
        FROM unnest($1::bigint[], $2::text[], $3::text[]) WITH ORDINALITY AS n (document_id, task, label, place)
        LEFT JOIN glossator.gold_label_opinions o ON o.document_id = n.document_id AND o.task = n.task
            AND o.annotator = coalesce($4::text, current_user)
        WHERE o.label IS DISTINCT FROM n.label
        ORDER BY n.place
        """)

    private static let insertEntities = Statement(
        "gold_entities_insert",
        """
        INSERT INTO glossator.gold_entities (document_id, task, type, start_char, end_char, annotator, source)
        SELECT n.document_id, n.task, n.type, n.start_char, n.end_char, coalesce($6::text, current_user), $7::text
        FROM unnest($1::bigint[], $2::text[], $3::text[], $4::integer[], $5::integer[]) WITH ORDINALITY
            AS n (document_id, task, type, start_char, end_char, place)
        WHERE NOT EXISTS (
            SELECT FROM glossator.gold_entities e
            WHERE e.document_id = n.document_id AND e.task = n.task AND e.type = n.type
                AND e.start_char = n.start_char AND e.end_char = n.end_char
                AND e.annotator = coalesce($6::text, current_user) AND e.retracted_at IS NULL
        )
        ORDER BY n.place
        """)

    private static let insertComplete = Statement(
        "gold_complete_insert",
        """
        INSERT INTO glossator.gold_complete (document_id, task, annotator)
        SELECT DISTINCT document_id, task, coalesce($3::text, current_user)
        FROM unnest($1::bigint[], $2::text[]) AS n (document_id, task)
        ON CONFLICT (document_id, task, annotator) DO NOTHING
        """)

    private static let overlapping = Statement(
        "gold_overlapping",
        """
        SELECT n.place::integer
        FROM unnest($1::bigint[], $2::text[], $3::text[], $4::integer[], $5::integer[])
            WITH ORDINALITY AS n (document_id, task, type, start_char, end_char, place)
        WHERE EXISTS (
            SELECT FROM glossator.gold_entities e
            WHERE e.document_id = n.document_id AND e.task = n.task
                AND e.annotator = coalesce($6::text, current_user) AND e.retracted_at IS NULL
                AND e.start_char < n.end_char AND n.start_char < e.end_char
                AND (e.type, e.start_char, e.end_char) IS DISTINCT FROM (n.type, n.start_char, n.end_char))
        ORDER BY n.place
        """)

    private static let page = Statement(
        "gold_page",
        """
        WITH page AS MATERIALIZED (
            SELECT d.id, d.body, d.body_sha256 FROM glossator.documents d
            WHERE d.collection = $1::text AND d.id > $2::bigint
                AND (EXISTS (SELECT FROM glossator.gold_labels g WHERE g.document_id = d.id)
                    OR EXISTS (SELECT FROM glossator.gold_entities g
                        WHERE g.document_id = d.id AND g.retracted_at IS NULL)
                    OR EXISTS (SELECT FROM glossator.gold_complete g WHERE g.document_id = d.id))
            ORDER BY d.id LIMIT $3::integer
        )
        SELECT p.id, p.body, p.body_sha256, coalesce(l.labels, '{}'), coalesce(t.complete, '[]'), coalesce(e.spans, '[]'),
            coalesce(s.said, '[]')
        FROM page p
        LEFT JOIN LATERAL (
            SELECT jsonb_object_agg(g.task, g.label) AS labels
            FROM glossator.gold_current_labels g WHERE g.document_id = p.id
        ) l ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(g.task ORDER BY g.task) AS complete
            FROM glossator.gold_current_tasks g WHERE g.document_id = p.id
        ) t ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_object('task', g.task, 'type', g.type, 'start', g.start_char, 'end', g.end_char)
                ORDER BY g.task, g.start_char) AS spans
            FROM glossator.gold_current_entities g WHERE g.document_id = p.id
        ) e ON true
        LEFT JOIN LATERAL (
            SELECT jsonb_agg(jsonb_build_object(
                'task', g.task, 'ids', g.ids, 'isNew', NOT glossator.is_learned(p.id, g.task, g.ids))) AS said
            FROM (
                SELECT c.task, ARRAY[c.id] AS ids FROM glossator.gold_current_labels c WHERE c.document_id = p.id
                UNION ALL
                SELECT c.task, ARRAY(
                    SELECT n.id FROM glossator.gold_current_entities n
                    WHERE n.document_id = p.id AND n.task = c.task ORDER BY n.id)
                FROM glossator.gold_current_tasks c WHERE c.document_id = p.id
            ) g
        ) s ON true
        ORDER BY p.id
        """)

    private static let countLabels = Statement(
        "gold_count_labels",
        """
        SELECT g.task, g.label, count(*) FROM glossator.gold_current_labels g
        JOIN glossator.documents d ON d.id = g.document_id WHERE d.collection = $1::text GROUP BY g.task, g.label
        """)

    private static let countEntities = Statement(
        "gold_count_entities",
        """
        SELECT g.task, g.type, count(*) FROM glossator.gold_current_entities g
        JOIN glossator.documents d ON d.id = g.document_id WHERE d.collection = $1::text GROUP BY g.task, g.type
        """)

    private static let countComplete = Statement(
        "gold_count_complete",
        """
        SELECT g.task, count(*) FROM glossator.gold_current_tasks g
        JOIN glossator.documents d ON d.id = g.document_id WHERE d.collection = $1::text GROUP BY g.task
        """)

    private static let countDocuments = Statement(
        "gold_count_documents",
        """
        SELECT count(*) FROM (
            SELECT document_id FROM glossator.gold_labels
            UNION SELECT document_id FROM glossator.gold_entities WHERE retracted_at IS NULL
            UNION SELECT document_id FROM glossator.gold_complete
        ) g JOIN glossator.documents d ON d.id = g.document_id WHERE d.collection = $1::text
        """)

    static let statements = [
        insertLabels, insertEntities, insertComplete, overlapping, page, countLabels, countEntities, countComplete,
        countDocuments,
    ]
}
