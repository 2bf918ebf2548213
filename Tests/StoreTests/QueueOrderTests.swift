import Annotations
import Foundation
import Store
import TestSupport
import Testing

/// In which order documents go, and that nobody waits for ever: for his turn, or for a lock.
@Suite struct QueueOrderTests {
    private func ready() async throws -> (database: TestDatabase, daemon: Int64) {
        let database = try await TestDatabase.create()
        try await database.addModel()
        return (database, try await database.newDaemon())
    }

    private func claim(_ database: TestDatabase, _ daemon: Int64) async throws -> [Int64] {
        try await database.queue.claim(daemon: daemon, maximumDocuments: 100, maximumTokens: .max).map(\.documentID)
    }

    /// Lets all that waits have come so much earlier.
    private func age(_ database: TestDatabase, minutes: Int) throws {
        try database.psql("UPDATE glossator.spool SET due = due - interval '\(minutes) minutes'")
    }

    @Test func aStepOfPriorityIsTenMinutesAndNotMore() async throws {
        let (database, daemon) = try await ready()
        let old = try await database.add("old")[0]
        try age(database, minutes: 55)
        try database.psql("SELECT glossator.set_priority('mail', 5)")
        // What waited before the change is moved with the others.
        #expect(try database.psql("SELECT priority FROM glossator.spool") == "5")
        try database.psql("UPDATE glossator.spool SET priority = 0, due = due + interval '50 minutes'")
        let urgent = try await database.add("urgent")[0]
        #expect(try await claim(database, daemon) == [old, urgent], "55 minutes of waiting are more than five steps")
        let waiting = try await database.add("waiting")[0]
        try database.psql(
            "UPDATE glossator.spool SET priority = 0, due = due + interval '50 minutes' WHERE lease IS NULL")
        try age(database, minutes: 45)
        let urgent2 = try await database.add("urgent 2")[0]
        #expect(try await claim(database, daemon) == [urgent2, waiting])
    }

    @Test func theCollectionWhoseTurnItIsGoesFirst() async throws {
        let (database, daemon) = try await ready()
        let first = try await database.add("a", to: "one")
        try age(database, minutes: 1)
        let second = try await database.add("b", to: "two")
        try database.psql("SELECT glossator.set_priority('three', 0) FROM glossator.collections WHERE name = 'three'")
        #expect(try await claim(database, daemon) == first)
        #expect(try await claim(database, daemon) == second)
        #expect(try database.psql("SELECT oldest IS NULL FROM glossator.progress WHERE collection = 'one'") == "t")
    }

    @Test func aBatchHasAPriorityOfItsOwn() async throws {
        let (database, daemon) = try await ready()
        let usual = try await database.add("usual")
        try await Housekeeping(connection: database.connection).openBatch("rush", priority: 3)
        let rush = try await database.documents.insert([.init(body: "rush")], into: "mail", batch: "rush").map(\.id)
        try await Housekeeping(connection: database.connection).openBatch("whenever", priority: -3)
        let late = try await database.documents.insert([.init(body: "late")], into: "mail", batch: "whenever").map(\.id)
        #expect(try await claim(database, daemon) == rush + usual + late)
    }

    @Test(arguments: [
        "SELECT glossator.set_priority('mail', 1001)", "SELECT glossator.reannotate('mail', priority => -1001)",
        "SELECT glossator.open_batch('x', 2000)", "SELECT glossator.retry_failed()", "SELECT glossator.reannotate()",
        "SELECT glossator.set_priority('nowhere', 1)",
    ])
    func whatMakesNoSenseIsRefused(call: String) async throws {
        let (database, _) = try await ready()
        try await database.add("a")
        #expect(throws: (any Error).self) { try database.psql(call) }
    }

    @Test func onlyOutdatedDocumentsWhenAskedFor() async throws {
        let (database, daemon) = try await ready()
        let ids = try await database.add("a", "b")
        let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 9, maximumTokens: .max)
        _ = try await database.queue.complete(claimed.map { database.result(of: $0) })
        #expect(try database.psql("SELECT glossator.reannotate('mail', outdated => true)") == "0")
        let second = try await database.addModel("second", makeDefault: false)
        try await database.models.promote(modelID: second, collection: "mail")
        #expect(try database.psql("SELECT glossator.reannotate('mail', outdated => true, priority => -6)") == "2")
        #expect(try await claim(database, daemon) == ids)
    }

    @Test func aClaimLocksNoMoreRowsThanItTakes() async throws {
        let (database, daemon) = try await ready()
        for number in 0..<20 { try await database.add(String(repeating: "x", count: 300) + "\(number)") }
        let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 100, maximumTokens: 310)
        #expect(claimed.count == 3)
        // A row that was locked and left again has a mark of the transaction that did it.
        #expect(try database.psql("SELECT count(*) FROM glossator.spool WHERE lease IS NULL AND xmax <> 0") == "0")
    }

    @Test func nobodyIsWokenAfterNotifyIsSwitchedOff() async throws {
        let (database, _) = try await ready()
        let listener = try await database.another()
        try await listener.listen(to: "glossator_spool")
        try database.psql(
            """
            SET glossator.notify = off;
            INSERT INTO glossator.documents (collection, body) VALUES ('mail', 'quiet');
            """)
        #expect(try await !listener.waitForNotification(timeout: .milliseconds(300)))
        try database.psql(
            "INSERT INTO glossator.documents (collection, body) SELECT 'mail', 'loud' FROM generate_series(1, 100)")
        #expect(try await listener.waitForNotification(timeout: .seconds(5)))
        #expect(try await !listener.waitForNotification(timeout: .milliseconds(300)), "one for each statement")
    }

    /// A user's transaction deletes documents one after the other while their results are being written: each holds what
    /// the other wants, unless both take documents before spool rows.
    @Test func writingResultsAndDeletingDocumentsDoNotDeadlock() async throws {
        let (database, daemon) = try await ready()
        try database.psql(
            """
            INSERT INTO glossator.documents (collection, body)
            SELECT 'mail', 'text ' || n FROM generate_series(1, 200) n
            """)
        let other = Queue(connection: try await database.another())
        for round in 0..<10 {
            let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 20, maximumTokens: .max)
            let doomed = claimed.map(\.documentID).enumerated().filter { $0.offset % 2 == round % 2 }.map(\.element)
            let deletions = doomed.reversed().map { "DELETE FROM glossator.documents WHERE id = \($0);" }
            async let deleted: String = database.psql("BEGIN;" + deletions.joined() + "COMMIT;")
            let summary = try await other.complete(claimed.map { database.result(of: $0) })
            _ = try await deleted
            #expect(summary.refused.isEmpty)
            #expect(summary.written.count + summary.discarded.count + summary.busy.count == claimed.count)
            #expect(
                try database.count("documents", "id = ANY (ARRAY[\(doomed.map(String.init).joined(separator: ","))])")
                    == 0)
        }
        #expect(try database.count("annotations") == 100)
        #expect(try database.count("spool") == 0)
    }

    @Test func nobodyWaitsForADocumentThatSomebodyLocks() async throws {
        let (database, daemon) = try await ready()
        let ids = try await database.add("a", "b", "c", "d")
        let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 9, maximumTokens: .max)
        let locked = "id = ANY (ARRAY[\(ids[1]), \(ids[2])])"
        let other = try await database.another()
        try await other.execute("BEGIN; DELETE FROM glossator.documents WHERE \(locked)")
        let began = ContinuousClock.now
        let summary = try await database.queue.complete(claimed.map { database.result(of: $0) })
        #expect(summary.written == [ids[0], ids[3]] && summary.discarded.isEmpty)
        #expect(summary.busy.map(\.documentID) == [ids[1], ids[2]])
        let fault = Fault(.document, "x", "x")
        for decision in [RetryPolicy.Decision.giveUp, .retry(after: .zero), .handBack] {
            #expect(try await database.queue.fail(claimed[1].lease, fault: fault, decision: decision) == .stale)
        }
        #expect(try await database.queue.handBackOthers(daemon: daemon, than: []) == 0)
        #expect(ContinuousClock.now - began < .seconds(10), "nobody waited for the lock's time-out")
        try await other.execute("ROLLBACK")
        // The deletion was taken back: one is written after all, the other comes back uncharged.
        #expect(try await database.queue.complete([database.result(of: claimed[1])]).written == [ids[1]])
        #expect(try await database.queue.handBackOthers(daemon: daemon, than: []) == 1)
        #expect(try database.psql("SELECT document_id, attempts FROM glossator.spool") == "\(ids[2])|0")
    }

    @Test func aCollectionThatSomebodyLocksDoesNotHoldUpTheOthers() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a", "b", to: "first")
        try age(database, minutes: 10)
        let others = try await database.add("c", "d", to: "second")
        let other = try await database.another()
        try await other.execute("BEGIN; DELETE FROM glossator.documents WHERE collection = 'first'")
        #expect(try await claim(database, daemon) == others)
        #expect(try await claim(database, daemon).isEmpty)
        try await other.execute("ROLLBACK")
        #expect(try await claim(database, daemon).count == 2)
    }

    @Test func whatRunsWithTheOwnersRightsIsNotForEverybodyToAttach() async throws {
        let (database, _) = try await ready()
        try database.psql(
            "CREATE TABLE public.t (id integer PRIMARY KEY, body text)",
            "SELECT glossator.watch('public.t', key => 'id', body => 'body')")
        #expect(
            try database.psql(
                """
                SELECT p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
                WHERE n.nspname = 'glossator' AND p.prosecdef AND p.prorettype = 'trigger'::regtype
                    AND has_function_privilege('public', p.oid, 'EXECUTE')
                """) == "")
    }

    @Test func healthSaysWhatWaitsAndWhoWorks() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a", "b")
        _ = try await database.queue.claim(daemon: daemon, maximumDocuments: 1, maximumTokens: .max)
        try await database.queue.beat(daemon: daemon, Queue.Condition(state: "working", models: [1]))
        #expect(
            try database.psql(
                """
                SELECT queued, running, failed, daemons, silent_daemons, models, states, oldest_ready < interval '1 minute',
                    spool_bytes > 0, held_transactions >= 0
                FROM glossator.queue_health
                """) == "1|1|0|1|0|{first}|{working}|t|t|t")
    }

    @Test func daemonsSayHowBusyTheirStagesAre() async throws {
        let (database, daemon) = try await ready()
        let status = StatusReader(connection: database.connection)
        #expect(try await status.daemons().map(\.stages) == [nil])
        var stages = StageShares()
        (stages.encode, stages.idle, stages.claim) = (0.875, 0.125, 0.5)
        try await database.queue.beat(daemon: daemon, Queue.Condition(state: "working", stages: stages))
        #expect(try await status.daemons().map(\.stages) == [stages])
        #expect(try database.psql("SELECT stages ->> 'encode' FROM glossator.daemons") == "0.875")
        // What another version says is not understood, and is no reason to show nothing.
        try database.psql("UPDATE glossator.daemons SET stages = '{\"cook\": 1}'")
        #expect(try await status.daemons().map(\.stages) == [nil])
    }
}
