import Annotations
import Foundation
import Store
import TestSupport
import Testing

/// Labels that are computed again from stored embeddings when a model with the same embeddings comes into force.
@Suite struct RelabelTests {
    private struct Place {
        let database: TestDatabase
        let daemon: Int64
        let first: Int64
        let second: Int64

        /// Two models in one space; the first is the default and has annotated `bodies` in collection mail.
        init(_ bodies: String...) async throws {
            database = try await TestDatabase.create()
            first = try await database.addModel("first")
            second = try await database.models.insertModel(
                name: "second", space: TestDatabase.space, heads: Array("others".utf8), tasks: [TestDatabase.topics])
            daemon = try await database.newDaemon()
            for body in bodies { try await database.add(body) }
            try await annotate()
        }

        func claim() async throws -> [ClaimedDocument] {
            try await database.queue.claim(daemon: daemon, maximumDocuments: 99, maximumTokens: .max)
        }

        func annotate() async throws {
            while case let claimed = try await claim(), !claimed.isEmpty {
                _ = try await database.queue.reuse(claimed.filter { $0.twinID != nil })
                _ = try await database.queue.complete(
                    claimed.filter { $0.twinID == nil }.map { database.result(of: $0) })
            }
        }

        func store(_ worker: String = "me") -> RelabelStore {
            RelabelStore(connection: database.connection, worker: worker)
        }

        func promote(_ model: Int64, _ collection: String? = "mail") async throws {
            try await database.models.promote(modelID: model, collection: collection)
        }

        /// What `second` is to say of a batch: label b for everything.
        static func pages(_ batch: RelabelStore.Batch, task: String = "topic") -> [RelabelStore.Page] {
            guard !batch.segments.isEmpty else { return [] }
            return [
                RelabelStore.Page(
                    task: task, labels: ["a", "b"], documentIDs: batch.segments.map(\.documentID),
                    segments: batch.segments.map(\.segment), choices: batch.segments.map { _ in 1 },
                    scores: batch.segments.map { _ in 0.75 }, margins: batch.segments.map { _ in 0.5 },
                    signatures: batch.segments.map { _ in .max })
            ]
        }

        /// One pass; what came of it.
        func pass(
            _ relabel: RelabelStore.Relabel, by store: RelabelStore, documents: Int = 2
        ) async throws -> RelabelStore.Pass? {
            var relabel = relabel
            while case let batch = try await store.batch(of: relabel, documents: documents), batch.end != nil {
                guard let kept = try await store.keep(Self.pages(batch), upTo: batch, of: relabel) else { return nil }
                relabel = kept
            }
            return try await store.finishPass(relabel)
        }

        func labels() throws -> String {
            try database.psql(
                "SELECT string_agg(concat_ws(' ', model_id, task, label, score), ', ' ORDER BY document_id, task) "
                    + "FROM glossator.labels")
        }

        func outcomes() throws -> String {
            try database.psql(
                "SELECT string_agg(concat_ws(' ', collection, model_id, outcome), ', ' ORDER BY id) "
                    + "FROM glossator.relabels"
            )
        }
    }

    @Test func allLabelsChangeAtOnceAndTheChangesAreKnown() async throws {
        let place = try await Place("one", "two", "three")
        let old = try place.labels()
        #expect(old == "1 topic a 0.875, 1 topic a 0.875, 1 topic a 0.875")
        try await place.promote(place.second)
        let store = place.store()
        var relabel = try #require(try await store.claim())
        #expect(relabel.modelID == place.second && relabel.ofDocuments == 3 && relabel.collection == "mail")
        var batches = 0
        while case let batch = try await store.batch(of: relabel, documents: 2), batch.end != nil {
            relabel = try #require(try await store.keep(Place.pages(batch), upTo: batch, of: relabel))
            batches += 1
            #expect(try place.labels() == old, "not before the last is there")
        }
        #expect(batches == 2 && relabel.pages == 2 && relabel.documents == 3)
        let diff = "SELECT count(*), bool_or(is_shown) FROM glossator.model_diff('first', 'second', 'mail')"
        #expect(try place.database.psql(diff) == "3|f", "what will change can be seen before")
        #expect(try await store.finishPass(relabel) == .another)
        #expect(try place.labels() == "2 topic b 0.75, 2 topic b 0.75, 2 topic b 0.75")
        #expect(try place.database.count("relabel_pages") == 0)
        #expect(
            try place.database.psql(
                "SELECT DISTINCT model_id, signature, uncertainty, collection, task FROM glossator.uncertainties "
                    + "WHERE task = 'topic'") == "2|-1|0.5|mail|topic", "what to label next follows")
        (relabel.position, relabel.pages) = ("", 0)
        #expect(try await place.pass(relabel, by: store) == .done(relabelled: 3, changed: 3))
        #expect(try place.outcomes() == "mail 2 done")
        #expect(
            try place.database.psql(
                """
                SELECT external_id IS NOT NULL, segment, task, old_label, old_score, new_label, new_score, is_shown
                FROM glossator.model_diff(1, 2) LIMIT 1
                """) == "t|0|topic|a|0.875|b|0.75|t")
        #expect(try await store.claim() == nil)
    }

    @Test func aTaskThatIsNewAppearsAndOneThatIsGoneGoes() async throws {
        let place = try await Place("one")
        try await place.promote(place.second)
        let store = place.store()
        var relabel = try #require(try await store.claim())
        let batch = try await store.batch(of: relabel)
        relabel = try #require(try await store.keep(Place.pages(batch, task: "tone"), upTo: batch, of: relabel))
        #expect(try await store.finishPass(relabel) == .another)
        #expect(try place.labels() == "2 tone b 0.75")
        #expect(
            try place.database.psql("SELECT start_char, end_char FROM glossator.labels") == "0|3",
            "where the segment is")
        #expect(try place.database.count("label_changes") == 0, "no label became another")
    }

    @Test func whoeverIsPromotedLaterTakesThePlace() async throws {
        let place = try await Place("one")
        try await place.promote(place.second)
        let store = place.store()
        let relabel = try #require(try await store.claim())
        let batch = try await store.batch(of: relabel)
        _ = try await place.database.models.rollback(collection: "mail")
        #expect(try await store.keep(Place.pages(batch), upTo: batch, of: relabel) == nil)
        #expect(try await store.finishPass(relabel) == nil)
        #expect(try place.outcomes() == "mail 2 superseded, mail 1")
        // All labels are the first model's already.
        let back = try #require(try await store.claim())
        #expect(try await place.pass(back, by: store) == .done(relabelled: 0, changed: 0))
        #expect(try place.labels() == "1 topic a 0.875")
    }

    @Test func onlyAModelWithTheSameEmbeddingsAndWithLabelsAsksForThem() async throws {
        let place = try await Place("one")
        let space = EmbeddingSpace(
            backboneHash: TestDatabase.space.backboneHash, pooling: .cls, normalization: .none, dimensions: 4)
        let foreign = try await place.database.models.insertModel(
            name: "foreign", space: space, heads: [1], tasks: [TestDatabase.topics])
        let silent = try await place.database.models.insertModel(
            name: "silent", space: TestDatabase.space, heads: [2],
            tasks: [.init(AnnotationTask(name: "topic", kind: .classification, labels: ["a", "b"]), trained: false)])
        try await place.promote(foreign)
        try await place.promote(silent)
        #expect(try place.database.count("relabels") == 0)
        try await place.promote(place.second)
        #expect(try place.outcomes() == "mail 2")
        // What is under way belongs to an encoder that is no longer in force.
        try await place.promote(foreign)
        #expect(try place.outcomes() == "mail 2 superseded")
        try await place.promote(foreign)
        #expect(try place.database.count("relabels") == 1, "nothing changed")
    }

    @Test func aNewDefaultConcernsTheCollectionsThatUseIt() async throws {
        let place = try await Place("one")
        try await place.database.add("two", to: "other")
        try await place.database.documents.setCollection("empty")
        try await place.promote(place.first, "other")
        try await place.promote(place.second, nil)
        #expect(try place.outcomes() == "mail 2")
    }

    @Test func oneWorkerAtATimeAndAnotherWhenItDies() async throws {
        let place = try await Place("one", "two")
        try await place.promote(place.second)
        let (mine, theirs) = (place.store(), place.store("them"))
        let relabel = try #require(try await mine.claim())
        #expect(try await theirs.claim() == nil)
        #expect(try await !theirs.isWaiting(), "nobody connects to look again and again")
        #expect(try await theirs.open().map(\.id) == [relabel.id])
        let batch = try await mine.batch(of: relabel, documents: 1)
        _ = try await mine.keep(Place.pages(batch), upTo: batch, of: relabel)
        try place.database.psql("UPDATE glossator.relabels SET seen_at = now() - interval '31 seconds'")
        #expect(try await theirs.isWaiting())
        let taken = try #require(try await theirs.claim())
        #expect(taken.position == batch.end && taken.pages == 1, "what was done is not done again")
        #expect(try await mine.keep([], upTo: batch, of: relabel) == nil, "the first one has lost it")
        #expect(try await mine.finishPass(relabel) == nil)
        #expect(try await place.pass(taken, by: theirs) == .another)
        #expect(try place.labels() == "2 topic b 0.75, 2 topic b 0.75")
    }

    @Test func documentsInTheQueueAreTheDaemons() async throws {
        let place = try await Place("one", "two")
        try await place.promote(place.second)
        let store = place.store()
        let relabel = try #require(try await store.claim())
        let id = try place.database.psql("SELECT min(id) FROM glossator.documents")
        try place.database.psql("SELECT glossator.reannotate(document_ids => ARRAY[\(id)]::bigint[])")
        #expect(try await place.pass(relabel, by: store) == .another)
        #expect(try place.labels() == "1 topic a 0.875, 2 topic b 0.75")
        var rest = relabel
        (rest.position, rest.pages) = ("", 0)
        #expect(try await place.pass(rest, by: store) == .done(relabelled: 1, changed: 1))
        // The daemon says a; what waits to be shown does not take its place.
        try await place.annotate()
        #expect(try place.labels() == "2 topic a 0.875, 2 topic b 0.75")
    }

    @Test func whatWasClaimedForTheModelBeforeIsWaitedFor() async throws {
        let place = try await Place("one")
        try await place.database.add("late")
        let held = try await place.claim()
        try await place.promote(place.second)
        let store = place.store()
        var relabel = try #require(try await store.claim())
        #expect(try await place.pass(relabel, by: store) == .another)
        (relabel.position, relabel.pages) = ("", 0)
        #expect(try await place.pass(relabel, by: store) == .waiting)
        _ = try await place.database.queue.complete(held.map { place.database.result(of: $0) })
        #expect(try place.labels() == "2 topic b 0.75, 1 topic a 0.875")
        #expect(try await place.pass(relabel, by: store) == .another)
        #expect(try place.labels() == "2 topic b 0.75, 2 topic b 0.75")
        #expect(try await place.pass(relabel, by: store) == .done(relabelled: 2, changed: 2))
    }

    @Test func documentsThatAreDeletedMeanwhileAreNoTrouble() async throws {
        let place = try await Place("one", "two")
        try await place.promote(place.second)
        let store = place.store()
        var relabel = try #require(try await store.claim())
        let batch = try await store.batch(of: relabel)
        relabel = try #require(try await store.keep(Place.pages(batch), upTo: batch, of: relabel))
        try place.database.psql("DELETE FROM glossator.documents WHERE id = (SELECT min(id) FROM glossator.documents)")
        #expect(try await store.finishPass(relabel) == .another)
        #expect(try place.labels() == "2 topic b 0.75")
    }

    @Test func aDocumentOfManySegmentsComesWhole() async throws {
        let place = try await Place("one", "two")
        try place.database.psql(
            """
            INSERT INTO glossator.embeddings (document_id, segment, space_id, start_char, end_char, data)
            SELECT document_id, n, space_id, 0, 1, data FROM glossator.embeddings, generate_series(1, 4) AS n;
            UPDATE glossator.annotations SET segment_count = 5
            """)
        try await place.promote(place.second)
        let store = place.store()
        let relabel = try #require(try await store.claim())
        let batch = try await store.batch(of: relabel, segments: 7)
        #expect(batch.documents == 1 && batch.segments.count == 5)
        let small = try await store.batch(of: relabel, segments: 3)
        #expect(small.documents == 1 && small.segments.count == 5, "one is always taken")
    }

    @Test func aCopyIsNotMadeOfResultsOfTwoModels() async throws {
        let place = try await Place("same")
        try await place.promote(place.second)
        let store = place.store()
        let relabel = try #require(try await store.claim())
        #expect(try await place.pass(relabel, by: store) == .another)
        // Labels are the second model's, all else the first's: a twin for neither.
        for model in [place.second, place.first] {
            try await place.promote(model)
            try await place.database.add("same")
            let claimed = try await place.claim()
            #expect(claimed.count == 1 && claimed[0].modelID == model && claimed[0].twinID == nil)
            _ = try await place.database.queue.handBack(claimed.map(\.lease))
            try place.database.psql("DELETE FROM glossator.spool")
        }
    }

    @Test func whatIsOutdatedIsWhatAnotherModelSaid() async throws {
        let place = try await Place("one")
        func count() throws -> String {
            let found = try place.database.psql("SELECT glossator.reannotate('mail', outdated => true)")
            try place.database.psql("DELETE FROM glossator.spool")
            return found
        }
        #expect(try count() == "0")
        try await place.promote(place.second)
        #expect(try count() == "1")
        let store = place.store()
        let relabel = try #require(try await store.claim())
        #expect(try await place.pass(relabel, by: store) == .another)
        #expect(try count() == "0", "labels are all that the model has to say")
        let tasks: [ModelRegistry.TaskRow] = [
            TestDatabase.topics, .init(AnnotationTask(name: "names", kind: .entities, labels: ["x"]), trained: true),
        ]
        let third = try await place.database.models.insertModel(
            name: "third", space: TestDatabase.space, heads: [3], tasks: tasks)
        try await place.promote(third)
        let next = try #require(try await store.claim())
        #expect(try await place.pass(next, by: store) == .another)
        #expect(try count() == "1", "its entities are not there")
    }

    @Test func refusalsSayWhatToDo() async throws {
        let place = try await Place("one")
        let store = place.store()
        #expect(await fault { _ = try await store.request(collection: "none") }?.code == "not-found")
        let silent = try await place.database.models.insertModel(
            name: "silent", space: TestDatabase.space, heads: [2], tasks: [])
        try await place.promote(silent)
        #expect(await fault { _ = try await store.request(collection: "mail") }?.code == "not-possible-now")
        try await place.promote(place.first)
        let open = try await store.request(collection: "mail")
        #expect(try await store.request(collection: "mail") == open, "asking twice asks once")
        let relabel = try #require(try await store.claim())
        try await store.fail(relabel, message: "the heads are damaged")
        #expect(try place.outcomes().hasSuffix("failed"))
        #expect(try await store.request(collection: "mail") != open, "asking again tries again")
        let diff = await fault {
            try await place.database.connection.execute("SELECT * FROM glossator.model_diff('first', 'second')")
        }
        #expect(diff?.message.contains("nothing has been relabelled") == true && diff?.hint != nil)
        #expect(
            await fault {
                try await place.database.connection.execute("SELECT * FROM glossator.model_diff('first', 'nobody')")
            }?.message.contains("nobody") == true)
    }
}
