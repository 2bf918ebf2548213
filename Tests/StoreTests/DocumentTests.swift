import Annotations
import Foundation
import Store
import TestSupport
import Testing

@Suite struct DocumentTests {
    @Test func insertingAgainIsHarmlessAndAnotherTextIsAConflict() async throws {
        let database = try await TestDatabase.create()
        let first = try await database.documents.insert(
            [.init(externalID: "a", body: "one", metadata: #"{"k": 1}"#), .init(externalID: "b", body: "two")],
            into: "mail")
        let ids = first.map(\.id)
        #expect(first == [.inserted(id: ids[0]), .inserted(id: ids[1])])
        let second = try await database.documents.insert(
            [
                .init(externalID: "b", body: "two"), .init(externalID: "a", body: "other"),
                .init(externalID: "c", body: "three"), .init(externalID: "c", body: "three"),
                .init(externalID: "c", body: "four"),
            ], into: "mail")
        let new = second[2].id
        #expect(
            second == [
                .identical(id: ids[1]), .conflict(id: ids[0]), .inserted(id: new), .identical(id: new),
                .conflict(id: new),
            ])
        #expect(try database.count("documents") == 3)
        #expect(try database.count("spool") == 3)
        #expect(try await database.documents.ids(of: ["a", "c", "zzz"], in: "mail") == ["a": ids[0], "c": new])
        let row = try #require(try await database.documents.documents(ids: [ids[0], 4711])[ids[0]])
        #expect(row.body == "one" && row.externalID == "a" && row.metadata == #"{"k": 1}"#)
        #expect(
            try await database.documents.documents(in: "mail", after: ids[0], limit: 9).map(\.externalID) == ["b", "c"])
    }

    @Test func documentsWithoutAnExternalIDGetOne() async throws {
        let database = try await TestDatabase.create()
        let outcomes = try await database.documents.insert([.init(body: "x"), .init(body: "x")], into: "mail")
        #expect(Set(outcomes.map(\.id)).count == 2)
    }

    @Test func copyIsAllItTakes() async throws {
        let database = try await TestDatabase.create()
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("copy-\(UUID().uuidString)")
        try "news\tn-1\tein Text\nnews\tn-2\tnoch einer 😀\n".write(to: file, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(at: file) }
        try database.psql("\\copy glossator.documents (collection, external_id, body) FROM '\(file.path)'")
        #expect(
            try database.psql(
                "SELECT d.external_id, s.estimated_tokens, s.collection FROM glossator.spool s JOIN glossator.documents d ON d.id = s.document_id ORDER BY 1"
            )
                == "n-1|4|news\nn-2|7|news")
        #expect(try database.psql("SELECT name, segmentation, paused FROM glossator.collections") == "news|document|f")
    }

    @Test func oneStatementIsOneNotification() async throws {
        let database = try await TestDatabase.create()
        let listener = try await database.another()
        try await listener.listen(to: "glossator_spool")
        try database.psql("INSERT INTO glossator.documents (body) SELECT 'text ' || i FROM generate_series(1, 500) i")
        #expect(try await listener.waitForNotification(timeout: .seconds(10)))
        #expect(try await !listener.waitForNotification(timeout: .milliseconds(100)))
        try database.psql("INSERT INTO glossator.documents (body) SELECT 'x' WHERE false")
        #expect(try await !listener.waitForNotification(timeout: .milliseconds(100)))
    }

    @Test(arguments: ["body = 'other'", "external_id = 'other'", "collection = 'other'"])
    func textAndNameOfADocumentDoNotChange(change: String) async throws {
        let database = try await TestDatabase.create()
        try await database.add("one", to: "mail")
        try database.psql("INSERT INTO glossator.collections (name) VALUES ('other')")
        #expect(throws: TemporaryCluster.Failure.self) {
            do { try database.psql("UPDATE glossator.documents SET \(change)") } catch let failure
                as TemporaryCluster.Failure
            {
                #expect(failure.description.contains("immutable") && failure.description.contains("HINT"))
                throw failure
            }
        }
        try database.psql(#"UPDATE glossator.documents SET metadata = '{"seen": true}'"#)
    }

    @Test func inserterNeedsNoOtherRight() async throws {
        let database = try await TestDatabase.create()
        let role = "inserter_" + UUID().uuidString.prefix(8).lowercased()
        try database.psql(
            "CREATE ROLE \(role); GRANT USAGE ON SCHEMA glossator TO \(role); GRANT INSERT ON glossator.documents TO \(role)"
        )
        try database.psql(
            "SET ROLE \(role); INSERT INTO glossator.documents (collection, body) VALUES ('fresh', 'text')")
        #expect(try database.count("spool") == 1)
    }

    @Test func aDocumentIsFoundByItsOwnKey() async throws {
        let database = try await TestDatabase.create()
        try database.psql(
            "INSERT INTO glossator.documents (collection, external_id, body) VALUES ('mail', 'k', 'text')")
        #expect(try database.psql("SELECT glossator.document_id('mail', 'k') = id FROM glossator.documents") == "t")
        #expect(throws: TemporaryCluster.Failure.self) {
            try database.psql("SELECT glossator.document_id('mail', 'nope')")
        }
    }

    @Test func collectionsKeepWhatIsNotGiven() async throws {
        let database = try await TestDatabase.create()
        try await database.documents.setCollection("mail", segmentation: .sentence)
        try await database.documents.setCollection("mail", isPaused: true)
        let row = try #require(try await database.models.modelsInForce().first)
        #expect(row.segmentation == .sentence && row.isPaused && row.modelID == nil)
        #expect(await fault { _ = try await database.documents.reannotate(collection: "nope") }?.code == "not-found")
    }
}
