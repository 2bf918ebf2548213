import Annotations
import Store
import TestSupport
import Testing

@Suite struct GoldTests {
    private let body = "Ada 😀 Lovelace met Ada"

    private func database() async throws -> (TestDatabase, id: Int64) {
        let database = try await TestDatabase.create()
        return (database, try await database.add(body)[0])
    }

    private func mark(_ id: Int64, _ start: Int, _ end: Int, type: String = "person") -> GoldStore.Marking {
        .init(documentID: id, entity: GoldEntity(task: "names", type: type, start: start, end: end))
    }

    @Test func theNewestLabelAndTheLastAnnotatorCount() async throws {
        let (database, id) = try await database()
        let gold = database.gold
        try await gold.insert(
            labels: [
                .init(documentID: id, task: "tone", label: "cold"),
                .init(documentID: id, task: "topic", label: "maths"),
            ],
            entities: [mark(id, 0, 3)], complete: [.init(documentID: id, task: "names")], annotator: "kim")
        try await gold.insert(labels: [.init(documentID: id, task: "tone", label: "warm")], annotator: "lee")
        var page = try await gold.allLabelledDocuments(in: "mail")
        #expect(page.count == 1)
        #expect(page[0].labels == ["tone": "warm", "topic": "maths"])
        #expect(page[0].entities == [GoldEntity(task: "names", type: "person", start: 0, end: 3)])
        #expect(page[0].completeTasks == ["names"])
        #expect(page[0].body == body && page[0].bodyHash.count == 32)
        // Another annotator's marking replaces the first one's as a whole; who marks entities marks them all.
        try await gold.insert(entities: [mark(id, 6, 14), mark(id, 19, 22)], annotator: "lee")
        page = try await gold.allLabelledDocuments(in: "mail")
        #expect(page[0].entities.map(\.start) == [6, 19])
        #expect(page[0].completeTasks == ["names"])
        try database.psql("UPDATE glossator.gold_entities SET retracted_at = now() WHERE annotator = 'lee'")
        #expect(try await gold.allLabelledDocuments(in: "mail")[0].completeTasks == ["names"])
        let counts = try await gold.counts(in: "mail")
        #expect(counts.documents == 1 && counts.labels == ["tone": ["warm": 1], "topic": ["maths": 1]])
        #expect(counts.entities == ["names": ["person": 1]] && counts.complete == ["names": 1])
    }

    @Test func aDocumentWithoutEntitiesCanBeComplete() async throws {
        let (database, id) = try await database()
        try await database.gold.insert(complete: [.init(documentID: id, task: "names")])
        let document = try #require(try await database.gold.allLabelledDocuments(in: "mail").first)
        #expect(document.completeTasks == ["names"] && document.entities.isEmpty && document.labels.isEmpty)
    }

    @Test func theSameImportAgainSaysNothingTwice() async throws {
        let (database, id) = try await database()
        func say() async throws -> GoldStore.Inserted {
            try await database.gold.insert(
                labels: [.init(documentID: id, task: "tone", label: "cold")],
                entities: [mark(id, 0, 3), mark(id, 6, 14)],
                complete: [.init(documentID: id, task: "names")], annotator: "kim", source: "file.csv")
        }
        let first = try await say()
        let second = try await say()
        #expect([first.labels, first.entities, first.complete] == [1, 2, 1])
        #expect([second.labels, second.entities, second.complete] == [0, 0, 0])
    }

    @Test func pagesFollowOneAnother() async throws {
        let database = try await TestDatabase.create()
        let ids = try await database.add("a", "b", "c", "d")
        try await database.gold.insert(
            labels: [ids[0], ids[2], ids[3]].map { .init(documentID: $0, task: "t", label: "l") })
        let first = try await database.gold.markedDocuments(after: 0, limit: 2)
        #expect(first == [ids[0], ids[2]])
        let second = try await database.gold.markedDocuments(after: ids[2], limit: 2)
        #expect(second == [ids[3]])
        #expect(try await database.gold.labelledDocuments(in: "mail", ids: first + second).map(\.id) == first + second)
        #expect(try await database.gold.labelledDocuments(in: "other", ids: ids).isEmpty)
        #expect(try await database.gold.allLabelledDocuments(in: "mail").map(\.id) == [ids[0], ids[2], ids[3]])
    }

    @Test(arguments: [
        (20, 23, "gold-entity-outside"), (500, 501, "gold-entity-outside"), (-1, 2, "gold-entity-span"),
        (3, 3, "gold-entity-span"), (5, 2, "gold-entity-span"),
    ])
    func aSpanThatIsNotInTheBodyIsRefused(start: Int, end: Int, code: String) async throws {
        let (database, id) = try await database()
        let refusal = await fault { try await database.gold.insert(entities: [mark(id, 0, 3), mark(id, start, end)]) }
        #expect(refusal?.code == code)
        #expect(refusal?.blame == .input)
        #expect(refusal?.hint != nil)
        #expect(refusal?.message.contains("document \(id)") == true)
        #expect(try database.count("gold_entities") == 0)
    }

    @Test func overlapsAreRefusedWithinAStatementAndAcross() async throws {
        let (database, id) = try await database()
        let gold = database.gold
        #expect(
            await fault { try await gold.insert(entities: [mark(id, 0, 5), mark(id, 4, 6)]) }?.code
                == "gold-entity-overlap")
        try await gold.insert(entities: [mark(id, 0, 5)])
        #expect(await fault { try await gold.insert(entities: [mark(id, 4, 6)]) }?.code == "gold-entity-overlap")
        #expect(
            await fault { try await gold.insert(entities: [mark(id, 0, 5, type: "place")]) }?.code
                == "gold-entity-overlap")
        // Another person, or another task, has an opinion of its own; a neighbour is no overlap.
        try await gold.insert(entities: [mark(id, 4, 6)], annotator: "another")
        try await gold.insert(entities: [mark(id, 5, 6)])
        try database.psql("UPDATE glossator.gold_entities SET retracted_at = now() WHERE start_char = 0")
        try await gold.insert(entities: [mark(id, 0, 3)])
    }

    @Test func overlapsAreSeenBetweenTwoWritersAtOnce() async throws {
        let (database, id) = try await database()
        let other = GoldStore(connection: try await database.another())
        for round in 0..<5 {
            async let one = fault { try await database.gold.insert(entities: [mark(id, 0, 3)], annotator: "r\(round)") }
            async let two = fault { try await other.insert(entities: [mark(id, 2, 5)], annotator: "r\(round)") }
            let faults = await [one, two]
            #expect(faults.compactMap { $0?.code } == ["gold-entity-overlap"])
        }
    }

    @Test func emptyNamesAreRefused() async throws {
        let (database, id) = try await database()
        let gold = database.gold
        for (task, label) in [("", "x"), ("x", ""), ("x", "  ")] {
            let refusal = await fault {
                try await gold.insert(labels: [.init(documentID: id, task: task, label: label)])
            }
            #expect(refusal?.code == "gold-label-empty")
            #expect(refusal?.hint != nil)
        }
        #expect(
            await fault { try await gold.insert(entities: [mark(id, 0, 3, type: " ")]) }?.code == "gold-entity-empty")
        #expect(
            await fault { try await gold.insert(labels: [.init(documentID: 4711, task: "t", label: "l")]) }?.code
                == "row-missing")
    }

    @Test func goldIsAppendOnly() async throws {
        let (database, id) = try await database()
        try await database.gold.insert(
            labels: [.init(documentID: id, task: "t", label: "l")], entities: [mark(id, 0, 3)])
        for change in [
            "gold_labels SET label = 'x'", "gold_entities SET type = 'x'",
            "gold_entities SET retracted_at = now(), type = 'x'",
        ] {
            #expect(throws: TemporaryCluster.Failure.self) { try database.psql("UPDATE glossator.\(change)") }
        }
        try database.psql("UPDATE glossator.gold_entities SET retracted_at = now()")
        #expect(throws: TemporaryCluster.Failure.self) {
            try database.psql("UPDATE glossator.gold_entities SET retracted_at = NULL")
        }
    }

    @Test func inSQLASurfaceIsEnoughWhenItIsTheOnlyOne() async throws {
        let (database, id) = try await database()
        let insert =
            "INSERT INTO glossator.gold_entities (document_id, task, type, surface) VALUES (\(id), 'names', 'person', "
        #expect(try database.psql(insert + "'Lovelace') RETURNING start_char, end_char") == "6|14")
        #expect(throws: TemporaryCluster.Failure.self) { try database.psql(insert + "'Ada')") }
        #expect(throws: TemporaryCluster.Failure.self) { try database.psql(insert + "'Grace')") }
        #expect(throws: TemporaryCluster.Failure.self) { try database.psql(insert + "NULL)") }
        #expect(throws: TemporaryCluster.Failure.self) {
            try database.psql(
                "INSERT INTO glossator.gold_entities (document_id, task, type, start_char, end_char, surface) VALUES (\(id), 'names', 'x', 0, 3, 'Bob')"
            )
        }
        #expect(
            try database.psql(
                "INSERT INTO glossator.gold_entities (document_id, task, type, start_char, end_char) VALUES (\(id), 'names', 'x', 4, 5) RETURNING surface"
            )
                == "😀")
    }

    @Test func whoMayOnlyInsertCanInsertDocumentsAndGold() async throws {
        let (database, id) = try await database()
        let role = "clerk_\(database.name)"
        try database.psql("CREATE ROLE \(role)")
        try database.psql("GRANT USAGE ON SCHEMA glossator TO \(role)")
        try database.psql(
            """
            GRANT SELECT, INSERT ON glossator.documents, glossator.gold_labels, glossator.gold_entities,
                glossator.gold_complete TO \(role)
            """)
        try database.psql(
            """
            SET ROLE \(role);
            INSERT INTO glossator.documents (collection, body) VALUES ('new', 'Ada');
            INSERT INTO glossator.gold_labels (document_id, task, label) VALUES (\(id), 'tone', 'cold');
            INSERT INTO glossator.gold_entities (document_id, task, type, start_char, end_char)
            VALUES (\(id), 'names', 'person', 0, 3);
            """)
        #expect(try database.psql("SELECT annotator FROM glossator.gold_entities") == role)
        #expect(try database.psql("SELECT count(*) FROM glossator.spool WHERE collection = 'new'") == "1")
        #expect(throws: (any Error).self) {
            try database.psql("SET ROLE \(role); UPDATE glossator.documents SET metadata = '{}'")
        }
        try database.psql("DROP OWNED BY \(role)")
        try database.psql("DROP ROLE \(role)")
    }

    @Test func overlapsWithWhatWasMarkedAreFoundBeforehand() async throws {
        let (database, id) = try await database()
        try await database.gold.insert(entities: [mark(id, 0, 3), mark(id, 6, 14)], annotator: "kim")
        let asked = [mark(id, 0, 3), mark(id, 2, 4), mark(id, 3, 6), mark(id, 10, 20), mark(id, 0, 3, type: "place")]
        #expect(try await database.gold.conflicts(asked, annotator: "kim") == [1, 3, 4])
        #expect(try await database.gold.conflicts(asked, annotator: "lee").isEmpty)
    }

    @Test func whoeverSaidAnythingAboutADocumentHasLookedAtIt() async throws {
        let database = try await TestDatabase.create()
        try await database.addModel()
        let ids = try await database.add("no word yet", "a label", "an entity", "no entity", "no word either")
        let daemon = try await database.newDaemon()
        let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 9, maximumTokens: .max)
        _ = try await database.queue.complete(
            claimed.map { database.result(of: $0, embedding: [Float($0.documentID), 0, 0, 0]) })
        try database.psql(
            """
            INSERT INTO glossator.gold_labels (document_id, task, label) VALUES (\(ids[1]), 'topic', 'a');
            INSERT INTO glossator.gold_entities (document_id, task, type, surface) VALUES (\(ids[2]), 'names', 'word', 'an');
            INSERT INTO glossator.gold_complete (document_id, task) VALUES (\(ids[3]), 'names')
            """)
        let reader = EmbeddingReader(connection: database.connection)
        let found = try await reader.newestUnlabelled(in: "mail", spaceID: 1, limit: 9)
        #expect(found.map(\.first) == [Float(ids[4]), Float(ids[0])], "newest first")
        #expect(try await reader.newestUnlabelled(in: "mail", spaceID: 1, limit: 1).count == 1)
    }
}
