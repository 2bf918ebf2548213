import Annotations
import Foundation
import Store
import TestSupport
import Testing

@Suite struct CompletionTests {
    private func claimed(
        _ bodies: String...
    ) async throws -> (database: TestDatabase, daemon: Int64, documents: [ClaimedDocument]) {
        let database = try await TestDatabase.create()
        try await database.addModel()
        _ = try await database.documents.insert(bodies.map { DocumentStore.NewDocument(body: $0) }, into: "mail")
        let daemon = try await database.newDaemon()
        return (
            database, daemon,
            try await database.queue.claim(daemon: daemon, maximumDocuments: 1000, maximumTokens: .max)
        )
    }

    @Test func everythingIsWrittenAtOnce() async throws {
        let (database, daemon, documents) = try await claimed("Ada 😀 wrote", "😀Grace too", "")
        let summary = try await database.queue.complete(documents.map { database.result(of: $0) })
        #expect(summary.written == documents.map(\.documentID))
        #expect(summary.discarded.isEmpty && summary.refused.isEmpty)
        #expect(try database.count("spool") == 0)
        #expect(
            try database.psql(
                "SELECT segment, start_char, end_char, task, label, score, model_id FROM glossator.labels ORDER BY document_id"
            )
                == "0|0|11|topic|a|0.875|1\n0|0|10|topic|a|0.875|1\n0|0|0|topic|a|0.875|1")
        #expect(
            try database.psql(
                "SELECT ordinal, start_char, end_char, task, type, surface FROM glossator.entities ORDER BY document_id"
            )
                == "0|0|3|names|word|Ada\n0|0|6|names|word|😀Grace")
        #expect(
            try database.psql(
                "SELECT DISTINCT model_id, daemon_id, token_count, window_count, segment_count FROM glossator.annotations"
            )
                == "1|\(daemon)|7|1|1")
        #expect(
            try database.psql(
                """
                SELECT document_id, task, uncertainty, collection, model_id, signature = (document_id << 60 | 3)
                FROM glossator.uncertainties WHERE document_id < 3 ORDER BY 1, 2
                """)
                == "1|names|0.125|mail|1|t\n1|topic|0.25|mail|1|t\n2|names|0.125|mail|1|t\n2|topic|0.25|mail|1|t")
        let reader = EmbeddingReader(connection: database.connection)
        let page = try await reader.page(spaceID: 1, limit: 2)
        #expect(page.embeddings.map(\.documentID) == Array(summary.written.prefix(2)))
        #expect(try EmbeddingCodec.decode(page.embeddings[0].data) == [0.5, -0.5, 0.25, 1])
        let rest = try await reader.page(spaceID: 1, after: try #require(page.next), limit: 2)
        #expect(rest.embeddings.map(\.documentID) == [summary.written[2]])
        #expect(rest.next == nil)
        #expect(try await reader.page(spaceID: 1, collection: "another", limit: 2).embeddings.isEmpty)
        let progress = try #require(try await database.status.progress().first)
        #expect(progress.done == 3 && progress.total == 3)
        let throughput = try await database.status.throughput()
        #expect(throughput.documents == 3 && throughput.tokens == 21)
        // Whole documents at once, none that was read by sentences, none that is not there.
        let first = page.embeddings[0]
        let ids = [first.documentID, 1_000_000]
        let whole = try await reader.wholeDocuments(ids, spaceID: 1)
        #expect(whole == [first.documentID: try EmbeddingCodec.decode(first.data)])
        try database.psql("UPDATE glossator.annotations SET segmentation = 'sentence'")
        #expect(try await reader.wholeDocuments(ids, spaceID: 1).isEmpty)
    }

    @Test func completingTwiceWritesOnce() async throws {
        let (database, _, documents) = try await claimed("one", "two")
        let results = documents.map { database.result(of: $0) }
        #expect(try await database.queue.complete(results).written.count == 2)
        #expect(try await database.queue.complete(results).discarded.count == 2)
        #expect(try database.count("labels") == 2)
        #expect(try database.count("uncertainties") == 4)
    }

    @Test func resultsOfAnotherTextAreNotWritten() async throws {
        let (database, _, documents) = try await claimed("one")
        let claimed = documents[0]
        let other = database.result(
            of: ClaimedDocument(
                lease: claimed.lease, attempt: 1, collection: "mail", modelID: 1, segmentation: .document,
                body: claimed.body, bodyHash: [UInt8](repeating: 7, count: 32)))
        #expect(try await database.queue.complete([other]).discarded == [documents[0].documentID])
        #expect(try database.count("labels") == 0 && database.count("uncertainties") == 0)
        #expect(try database.count("spool", "lease IS NOT NULL") == 1)
    }

    @Test func reannotatingReplacesResults() async throws {
        let (database, daemon, documents) = try await claimed("one two")
        _ = try await database.queue.complete(documents.map { database.result(of: $0) })
        let second = try await database.addModel("second", makeDefault: false)
        try await database.models.promote(modelID: second, collection: "mail")
        #expect(try await database.documents.reannotate(collection: "mail") == 1)
        let again = try await database.queue.claim(daemon: daemon, maximumDocuments: 9, maximumTokens: 999)
        #expect(again.map(\.modelID) == [second])
        let results = again.map { database.result(of: $0, uncertainty: 0.5) }
        #expect(try await database.queue.complete(results).written.count == 1)
        #expect(
            try database.psql("SELECT task, uncertainty, model_id FROM glossator.uncertainties ORDER BY 1")
                == "names|0.25|\(second)\ntopic|0.5|\(second)")
        for table in ["labels", "entities", "annotations"] {
            #expect(try database.psql("SELECT count(*), min(model_id) FROM glossator.\(table)") == "1|\(second)")
        }
        #expect(try database.count("embeddings") == 1)
        try database.psql("DELETE FROM glossator.documents")
        #expect(try database.count("uncertainties") == 0)
    }

    @Test func reannotatingTakesTheLeaseOfARunningDocument() async throws {
        let (database, _, documents) = try await claimed("one")
        #expect(try await database.documents.reannotate(collection: "mail") == 1)
        #expect(try await database.queue.complete([database.result(of: documents[0])]).discarded.count == 1)
        #expect(try await database.queue.depth().ready == 1)
    }

    @Test func aNumberThatIsNoneIsRefusedAndTheOthersAreWritten() async throws {
        let (database, _, documents) = try await claimed("one", "two", "three")
        var results = documents.map { database.result(of: $0) }
        results[1] = database.result(of: documents[1], embedding: [0, .nan, 0, 0])
        let summary = try await database.queue.complete(results)
        #expect(summary.written == [documents[0].documentID, documents[2].documentID])
        #expect(summary.refused.map(\.lease) == [documents[1].lease])
        #expect(summary.refused.first?.fault.code == "embedding-not-finite")
        #expect(try database.count("spool", "lease IS NOT NULL") == 1)
    }

    @Test func whenAllNumbersAreNoneTheModelIsToBlame() async throws {
        let (database, _, documents) = try await claimed("one", "two")
        let results = documents.map { database.result(of: $0, embedding: [.infinity, 0, 0, 0]) }
        let blame = await fault { _ = try await database.queue.complete(results) }
        #expect(blame?.blame == .model && blame?.code == "embedding-not-finite")
    }

    @Test func anEntityThatDoesNotSayWhatTheBodySaysIsFoundAmongMany() async throws {
        let (database, _, documents) = try await claimed("one", "two", "three", "four", "five")
        var results = documents.map { database.result(of: $0) }
        let wrong = Entity(task: "names", type: "word", start: 1, end: 3, surface: "xx", score: 0.5)
        let good = results[3]
        results[3] = CompletedDocument(
            documents[3], spaceID: 1,
            annotation: DocumentAnnotation(
                segments: good.annotation.segments, entities: [wrong], tokenCount: 1, windowCount: 1))
        let summary = try await database.queue.complete(results)
        #expect(summary.written.count == 4)
        #expect(summary.refused.map(\.lease) == [documents[3].lease])
        #expect(summary.refused.first?.fault.code == "entity-surface")
        #expect(summary.refused.first?.fault.message.contains("xx") == false)
    }

    @Test func segmentsOfALongDocumentAreWrittenInSeveralStatements() async throws {
        let (database, _, documents) = try await claimed("long")
        let segments = (0..<20_000).map { number in
            SegmentAnnotation(
                start: 0, end: 4, labels: [ScoredLabel(task: "topic", label: "b", score: 1)],
                embedding: [Float(number), 0, 0, 0])
        }
        let result = CompletedDocument(
            documents[0], spaceID: 1,
            annotation: DocumentAnnotation(segments: segments, entities: [], tokenCount: 1, windowCount: 1))
        #expect(try await database.queue.complete([result]).written.count == 1)
        #expect(try database.count("labels") == 20_000)
        #expect(try database.count("embeddings") == 20_000)
    }

    @Test func tenMegabytesWithTenThousandEntitiesTakeSeconds() async throws {
        let unit = "Ωμέγα 😀 naïve 東京 word "
        let body = String(repeating: unit, count: 10_000_000 / unit.utf8.count)
        let (database, _, documents) = try await claimed(body)
        #expect(documents[0].body == body)
        let length = unit.unicodeScalars.count
        let entities = (0..<10_000).map { number in
            Entity(
                task: "names", type: "city", start: number * 20 * length + 14, end: number * 20 * length + 16,
                surface: "東京", score: 1)
        }
        let result = CompletedDocument(
            documents[0], spaceID: 1,
            annotation: DocumentAnnotation(
                segments: database.result(of: documents[0]).annotation.segments, entities: entities,
                tokenCount: 1, windowCount: 1))
        let began = ContinuousClock.now
        #expect(try await database.queue.complete([result]).written.count == 1)
        #expect(ContinuousClock.now - began < .seconds(10))
        #expect(try database.count("entities") == 10_000)
    }

    @Test func surfacesAreWhatSubstrSays() async throws {
        let database = try await TestDatabase.create()
        // Bodies around the size of a piece, spans in any order, over pieces' borders, overlapping and outside.
        let mismatches = try database.psql(
            """
            SELECT count(*) FROM (
                SELECT string_agg((ARRAY['a', 'é', '東', '😀'])[1 + (i * 7 + n) % 4], '') AS body, n
                FROM generate_series(0, 5) n, generate_series(1, n * 4099) i GROUP BY n
            ) bodies,
            LATERAL (
                SELECT array_agg((i * 379) % (n * 4099) ORDER BY i) AS s,
                    array_agg((i * 379) % (n * 4099) + (i % 5) * 900 ORDER BY i) AS e
                FROM generate_series(0, 60) i
            ) spans,
            LATERAL glossator.surfaces(body, s, e) AS got,
            generate_subscripts(s, 1) AS i
            WHERE got[i] IS DISTINCT FROM
                CASE WHEN e[i] <= char_length(body) THEN substr(body, s[i] + 1, e[i] - s[i]) END
                AND n > 0
            """)
        #expect(mismatches == "0")
        #expect(
            try database.psql(
                "SELECT glossator.surfaces('héllo', ARRAY[-1, 4, 2, 0, 5, 3], ARRAY[1, 6, 1, 5, 5, 5])::text")
                == #"{NULL,NULL,NULL,héllo,"",lo}"#)
    }
}
