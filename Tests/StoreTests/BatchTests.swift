import Annotations
import Foundation
import Store
import TestSupport
import Testing

@Suite struct BatchTests {
    private func ready() async throws -> (database: TestDatabase, daemon: Int64, keeping: Housekeeping) {
        let database = try await TestDatabase.create()
        try await database.addModel()
        return (database, try await database.newDaemon(), Housekeeping(connection: database.connection))
    }

    /// Inserts as a user does: the batch is named, nothing else is said of it.
    private func insert(_ database: TestDatabase, _ batch: String, _ count: Int, from first: Int = 1) throws {
        try database.psql(
            """
            INSERT INTO glossator.documents (collection, external_id, body, batch)
            SELECT 'mail', '\(batch)-' || n, '\(batch) text ' || n, '\(batch)'
            FROM generate_series(\(first), \(first + count - 1)) n
            """)
    }

    private func complete(_ database: TestDatabase, _ daemon: Int64, _ count: Int = 1000) async throws {
        let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: count, maximumTokens: .max)
        _ = try await database.queue.complete(claimed.map { database.result(of: $0) })
    }

    private func progress(_ database: TestDatabase, _ batch: String) throws -> String {
        try database.psql(
            """
            SELECT total, queued, running, done, failed, finished_at IS NOT NULL
            FROM glossator.batch_progress WHERE batch = '\(batch)'
            """)
    }

    @Test func aBatchIsFollowedFromItsInsertToItsEnd() async throws {
        let (database, daemon, keeping) = try await ready()
        try insert(database, "load", 5)
        #expect(try progress(database, "load") == "5|5|0|0|0|f")
        #expect(try await keeping.finishBatches() == 0)
        let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 3, maximumTokens: .max)
        #expect(try progress(database, "load") == "5|2|3|0|0|f")
        _ = try await database.queue.complete(claimed[..<2].map { database.result(of: $0) })
        let fault = Fault(.document, "x", "x")
        try await database.queue.fail(claimed[2].lease, fault: fault, decision: .giveUp)
        #expect(try progress(database, "load") == "5|2|0|2|1|f")
        try await complete(database, daemon)
        #expect(try progress(database, "load") == "5|0|0|4|1|f")
        #expect(try await keeping.finishBatches() == 1)
        #expect(try progress(database, "load") == "5|0|0|4|1|t")
        #expect(try await keeping.finishBatches() == 0)
    }

    @Test func theEndIsAnnouncedExactlyOnceWhoeverLooks() async throws {
        let (database, daemon, _) = try await ready()
        try insert(database, "load", 3)
        let listener = try await database.another()
        try await listener.listen(to: "glossator_batches")
        try await complete(database, daemon)
        let finished = try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<8 {
                group.addTask { try await Housekeeping(connection: database.another()).finishBatches() }
            }
            return try await group.reduce(0, +)
        }
        #expect(finished == 1)
        #expect(try await listener.waitForNotification(timeout: .seconds(5)))
        #expect(try await !listener.waitForNotification(timeout: .milliseconds(300)))
    }

    @Test func anOpenBatchIsNotFinishedBeforeItIsClosed() async throws {
        let (database, daemon, keeping) = try await ready()
        try await keeping.openBatch("load")
        try insert(database, "load", 2)
        try await complete(database, daemon)
        #expect(try await keeping.finishBatches() == 0)
        try insert(database, "load", 2, from: 3)
        try await keeping.closeBatch("load")
        #expect(try progress(database, "load") == "4|2|0|2|0|f")
        try await complete(database, daemon)
        #expect(try await keeping.finishBatches() == 1)
        #expect(await fault { try await keeping.closeBatch("another") }?.code == "not-found")
    }

    @Test func moreDocumentsReopenABatchAndAreNotOverlooked() async throws {
        let (database, daemon, keeping) = try await ready()
        try insert(database, "load", 1)
        try await complete(database, daemon)
        #expect(try await keeping.finishBatches() == 1)
        // Not committed yet: nobody may take the batch for finished meanwhile.
        let loader = try await database.another()
        try await loader.execute(
            "BEGIN; INSERT INTO glossator.documents (collection, body, batch) VALUES ('mail', 'late', 'load')")
        #expect(try await keeping.finishBatches() == 0)
        try await loader.execute("COMMIT")
        #expect(try progress(database, "load") == "2|1|0|1|0|f")
        try await complete(database, daemon)
        #expect(try await keeping.finishBatches() == 1)
    }

    @Test func sumsStayRightWhateverIsDoneToTheRows() async throws {
        let (database, daemon, keeping) = try await ready()
        func check(_ what: Comment) throws {
            let seen = try database.psql(
                "SELECT collection, total, queued + running, failed, done FROM glossator.progress ORDER BY 1")
            let counted = try database.psql(
                """
                SELECT c.name, d.n, s.n, f.n, d.n - s.n - f.n FROM glossator.collections c,
                    LATERAL (SELECT count(*) AS n FROM glossator.documents WHERE collection = c.name) d,
                    LATERAL (SELECT count(*) AS n FROM glossator.spool WHERE collection = c.name) s,
                    LATERAL (SELECT count(*) AS n FROM glossator.failures WHERE collection = c.name) f ORDER BY 1
                """)
            #expect(seen == counted, what)
        }
        try insert(database, "a", 20)
        try insert(database, "b", 10)
        try database.psql("INSERT INTO glossator.documents (collection, body) VALUES ('other', 'x'), ('other', 'y')")
        try check("inserted")
        try await complete(database, daemon, 7)
        try check("completed")
        let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 4, maximumTokens: .max)
        for document in claimed {
            try await database.queue.fail(document.lease, fault: Fault(.document, "x", "x"), decision: .giveUp)
        }
        try check("given up")
        try database.psql("DELETE FROM glossator.documents WHERE id % 3 = 0")
        try check("deleted")
        try database.psql("SELECT glossator.retry_failed(collection => 'mail')")
        try database.psql("SELECT glossator.reannotate(batch => 'a')")
        try check("queued again")
        #expect(try database.count("tallies") > 10)
        let before = try progress(database, "a") + progress(database, "b")
        try database.psql("SELECT glossator.roll_up_tallies(1)")
        #expect(try database.count("tallies", "completed = 0") <= 3)
        try check("rolled up")
        try database.psql("SELECT glossator.recount()")
        try check("recounted")
        #expect(try progress(database, "a") + progress(database, "b") == before)
        try database.psql("UPDATE glossator.batches SET finished_at = now() - interval '40 days', closed_at = now()")
        #expect(try await keeping.forgetBatches(afterDays: 30) == 0, "documents of both still wait")
        try await complete(database, daemon)
        #expect(try await keeping.forgetBatches(afterDays: 30) == 2)
        try check("batches forgotten")
        try database.psql("TRUNCATE glossator.documents CASCADE")
        try check("truncated")
        #expect(try database.psql("SELECT sum(total), sum(queued), sum(done) FROM glossator.progress") == "0|0|0")
    }

    @Test func countersDoNotMakeWorkersWaitForEachOther() async throws {
        let (database, daemon, _) = try await ready()
        try insert(database, "load", 4)
        let first = try await database.queue.claim(daemon: daemon, maximumDocuments: 2, maximumTokens: .max)
        // Somebody has counted documents of the same batch and has not committed.
        let other = try await database.another()
        try await other.execute("BEGIN; DELETE FROM glossator.spool WHERE lease IS NULL")
        let began = ContinuousClock.now
        #expect(try await database.queue.complete(first.map { database.result(of: $0) }).written.count == 2)
        #expect(ContinuousClock.now - began < .seconds(14), "a lock would have been waited for 15 s")
        try await other.execute("ROLLBACK")
    }

    @Test func whatIsSummedUpAlreadyIsLeftAlone() async throws {
        let (database, _, keeping) = try await ready()
        for number in 0..<60 { try insert(database, "load \(number)", 1) }
        #expect(try await keeping.rollUpTallies() == 120)
        for _ in 0..<3 { #expect(try await keeping.rollUpTallies() == 0) }
        #expect(try database.count("tallies") == 60)
    }

    @Test func aNameThatIsUsedAgainIsAnotherBatch() async throws {
        let (database, daemon, keeping) = try await ready()
        try insert(database, "nightly", 3)
        try await complete(database, daemon)
        #expect(try await keeping.finishBatches() == 1)
        #expect(try await keeping.forgetBatches(afterDays: 0) == 1)
        try insert(database, "nightly", 2, from: 11)
        try database.psql("DELETE FROM glossator.documents WHERE external_id IN ('nightly-1', 'nightly-2')")
        #expect(try progress(database, "nightly") == "2|2|0|0|0|f")
        try database.psql("SELECT glossator.recount()")
        #expect(try progress(database, "nightly") == "2|2|0|0|0|f")
        #expect(try database.psql("SELECT total, queued, done FROM glossator.progress") == "3|2|1")
    }

    @Test func twoLoadersOfOneBatchDoNotStandInEachOthersWay() async throws {
        let (database, daemon, keeping) = try await ready()
        // The collection is there: who names a new one waits for whoever does at the same time.
        try await database.documents.setCollection("mail")
        try await keeping.openBatch("two")
        let (first, second) = (try await database.another(), try await database.another())
        for loader in [first, second] {
            try await loader.execute(
                "BEGIN; INSERT INTO glossator.documents (collection, body, batch) VALUES ('mail', 'x', 'two')")
        }
        try await first.execute("SELECT glossator.close_batch('two')")
        async let closing: Void = second.execute("SELECT glossator.close_batch('two'); COMMIT")
        try await first.execute("COMMIT")
        try await closing
        #expect(try progress(database, "two") == "2|2|0|0|0|f")
        try await complete(database, daemon)
        #expect(try await keeping.finishBatches() == 1)
    }

    @Test func anOlderSnapshotNeitherFinishesNorForgets() async throws {
        let (database, daemon, keeping) = try await ready()
        try await keeping.openBatch("load")
        let closer = try await database.another()
        try await closer.execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM glossator.batches")
        try insert(database, "load", 5)
        try await closer.execute("SELECT glossator.close_batch('load'); COMMIT")
        #expect(try progress(database, "load") == "5|5|0|0|0|f")
        try await complete(database, daemon)
        #expect(try await keeping.finishBatches() == 1)
        #expect(throws: (any Error).self) {
            try database.psql("BEGIN ISOLATION LEVEL REPEATABLE READ; TRUNCATE glossator.documents CASCADE; COMMIT;")
        }
    }
}
