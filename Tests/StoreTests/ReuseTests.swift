import Annotations
import Foundation
import Store
import TestSupport
import Testing

@Suite struct ReuseTests {
    private func annotated(_ body: String) async throws -> (database: TestDatabase, daemon: Int64, original: Int64) {
        let database = try await TestDatabase.create()
        try await database.addModel()
        let daemon = try await database.newDaemon()
        let original = try await database.add(body)[0]
        let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 9, maximumTokens: .max)
        #expect(claimed.map(\.twinID) == [nil])
        _ = try await database.queue.complete(claimed.map { database.result(of: $0) })
        return (database, daemon, original)
    }

    private func claim(_ database: TestDatabase, _ daemon: Int64) async throws -> [ClaimedDocument] {
        try await database.queue.claim(daemon: daemon, maximumDocuments: 99, maximumTokens: .max)
    }

    @Test func theSameTextIsNotReadAgain() async throws {
        let (database, daemon, original) = try await annotated("Ada 😀 wrote")
        let copy = try await database.add("Ada 😀 wrote")[0]
        let claimed = try await claim(database, daemon)
        #expect(claimed.map(\.twinID) == [original])
        #expect(claimed[0].body.isEmpty, "nothing is to be read")
        let summary = try await database.queue.reuse(claimed)
        #expect(summary.written == [copy] && summary.discarded.isEmpty && summary.handedBack == 0)
        for (table, columns) in [
            ("labels", "model_id, segment, start_char, end_char, score, task, label"),
            ("entities", "model_id, ordinal, start_char, end_char, score, task, type, surface"),
            ("embeddings", "segment, space_id, start_char, end_char, data"),
            ("uncertainties", "model_id, signature, uncertainty, collection, task"),
            ("annotations", "model_id, token_count, window_count, segment_count, segmentation"),
        ] {
            func rows(_ id: Int64) throws -> String {
                try database.psql("SELECT \(columns) FROM glossator.\(table) WHERE document_id = \(id)")
            }
            #expect(try rows(copy) == rows(original))
            #expect(try !rows(copy).isEmpty)
        }
        #expect(
            try database.psql("SELECT coalesce(copied_from, 0) FROM glossator.annotations ORDER BY document_id")
                == "0\n\(original)")
        #expect(try database.psql("SELECT done, reused, queued FROM glossator.progress") == "2|1|0")
        #expect(try database.psql("SELECT sum(tokens) FROM glossator.tallies") == "7", "those of the one that was read")
    }

    @Test func onlyWithinACollectionAModelAndASegmentation() async throws {
        let (database, daemon, _) = try await annotated("one text")
        try await database.add("one text", to: "other")
        #expect(try await claim(database, daemon).map(\.twinID) == [nil], "another collection")
        try await database.documents.setCollection("mail", segmentation: .sentence)
        try await database.add("one text")
        #expect(try await claim(database, daemon).map(\.twinID) == [nil], "another segmentation")
        try await database.documents.setCollection("mail", segmentation: .document)
        try await database.models.promote(modelID: database.addModel("second", makeDefault: false), collection: "mail")
        try await database.add("one text", "One text")
        #expect(try await claim(database, daemon).map(\.twinID) == [nil, nil], "another model")
    }

    @Test func whoAsksForNewResultsGetsNewOnes() async throws {
        let (database, daemon, original) = try await annotated("one text")
        let copy = try await database.add("one text")[0]
        _ = try await database.queue.reuse(try await claim(database, daemon))
        #expect(try await database.documents.reannotate(collection: "mail") == 2)
        let first = try await claim(database, daemon)
        #expect(first.map(\.twinID) == [nil, nil], "what is there is older than the wish")
        _ = try await database.queue.complete([database.result(of: first[0])])
        try await database.queue.handBack([first[1].lease])
        // One of them has new results: they are new enough for the other.
        let second = try await claim(database, daemon)
        #expect(second.map(\.documentID) == [copy] && second.map(\.twinID) == [original])
        #expect(try await database.queue.reuse(second).written == [copy])
        #expect(try database.count("labels") == 2 && database.count("embeddings") == 2)
    }

    @Test func aTwinThatVanishedIsNoUseAndNobodyIsCharged() async throws {
        let (database, daemon, original) = try await annotated("one text")
        try await database.add("one text")
        let claimed = try await claim(database, daemon)
        try database.psql("DELETE FROM glossator.documents WHERE id = \(original)")
        let summary = try await database.queue.reuse(claimed)
        #expect(summary.written.isEmpty && summary.handedBack == 1)
        let again = try await claim(database, daemon)
        #expect(again.map(\.twinID) == [nil] && again.map(\.attempt) == [1])
        #expect(again[0].body == "one text")
    }

    @Test func aStaleLeaseCopiesNothing() async throws {
        let (database, daemon, _) = try await annotated("one text")
        try await database.add("one text")
        let zombie = try await claim(database, daemon)
        try await database.queue.handBack(zombie.map(\.lease))
        let holder = try await claim(database, daemon)
        let summary = try await database.queue.reuse(zombie)
        #expect(summary.written.isEmpty && summary.handedBack == 0 && summary.discarded == [zombie[0].documentID])
        #expect(try database.count("annotations") == 1)
        #expect(try await database.queue.reuse(holder).written.count == 1)
    }

    @Test func aTextThatIsThereAThousandTimesIsFoundByOneLook() async throws {
        let (database, daemon, _) = try await annotated("one text")
        try database.psql(
            "INSERT INTO glossator.documents (collection, body) SELECT 'mail', 'one text' FROM generate_series(1, 1000)"
        )
        var rounds = 0
        while true {
            let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 250, maximumTokens: .max)
            if claimed.isEmpty { break }
            #expect(claimed.allSatisfy { $0.twinID != nil })
            _ = try await database.queue.reuse(claimed)
            rounds += 1
        }
        #expect(rounds == 4)
        #expect(try database.psql("SELECT done, reused FROM glossator.progress") == "1001|1000")
    }

    @Test func aCopyIsNoYoungerThanWhatItWasCopiedFrom() async throws {
        let (database, daemon, original) = try await annotated("one text")
        #expect(try await database.documents.reannotate(collection: "mail") == 1)
        // It comes after the wish and copies what is older than the wish.
        let late = try await database.add("one text")[0]
        try database.psql("UPDATE glossator.spool SET due = due - interval '1 hour' WHERE document_id = \(late)")
        let first = try await database.queue.claim(daemon: daemon, maximumDocuments: 1, maximumTokens: .max)
        #expect(first.map(\.twinID) == [original] && !first[0].wantsFresh)
        #expect(try await database.queue.reuse(first).written == [late])
        let second = try await claim(database, daemon)
        #expect(second.map(\.documentID) == [original] && second.map(\.twinID) == [nil] && second[0].wantsFresh)
    }

    @Test func ofManyCopiesTheOneThatTheDatabaseRefusesIsFound() async throws {
        let (database, daemon, _) = try await annotated("one text")
        let ids = try await database.add("one text", "one text", "one text", "one text", "one text")
        try database.psql(
            """
            CREATE FUNCTION public.picky() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.document_id = \(ids[3]) THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$
            """,
            "CREATE TRIGGER picky BEFORE INSERT ON glossator.embeddings FOR EACH ROW EXECUTE FUNCTION public.picky()")
        let summary = try await database.queue.reuse(try await claim(database, daemon))
        #expect(summary.written == [ids[0], ids[1], ids[2], ids[4]])
        #expect(summary.refused.map(\.lease.documentID) == [ids[3]])
        #expect(summary.refused.first?.fault.blame == .defect)
    }
}
