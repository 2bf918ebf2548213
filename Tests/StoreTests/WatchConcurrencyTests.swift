import Annotations
import Foundation
import Store
import TestSupport
import Testing

/// What two sessions do to each other, and what is left when tables and watches go.
@Suite struct WatchConcurrencyTests {
    private func table() async throws -> TestDatabase {
        let database = try await TestDatabase.create()
        try database.psql(
            """
            CREATE TABLE t (id integer PRIMARY KEY, body text, f boolean DEFAULT true, m integer DEFAULT 0);
            INSERT INTO t SELECT i, 'text ' || i FROM generate_series(1, 10) i;
            SELECT glossator.watch('t', 'id', 'body', filter => 'f', metadata => ARRAY['m'])
            """)
        return database
    }

    private static let changes = [
        "DELETE FROM t WHERE id = 3", "UPDATE t SET body = 'new' WHERE id = 3", "UPDATE t SET id = 33 WHERE id = 3",
        "UPDATE t SET f = false WHERE id = 3", "UPDATE t SET m = 1 WHERE id = 3",
        "UPDATE t SET body = NULL WHERE id = 10",
    ]
    private static let levels = ["READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE"]

    @Test(arguments: changes, levels)
    func aStepWaitsForAChangeThatIsUnderWay(change: String, level: String) async throws {
        let database = try await table()
        let writer = try await database.another()
        try await writer.execute("BEGIN ISOLATION LEVEL \(level); \(change)")
        // A step gives way after half a second, which is short on a busy machine: it is tried until it gets through.
        async let step: Void = database.connection.execute(
            "DO $$BEGIN WHILE glossator.backfill_step(1) IS NULL LOOP NULL; END LOOP; END$$")
        try await database.waitForABlockedSession()
        try await writer.execute("COMMIT")
        try await step
        #expect(try database.differences() == 0)
    }

    @Test(arguments: changes, levels)
    func aChangeWaitsForAStepThatIsUnderWay(change: String, level: String) async throws {
        let database = try await table()
        let writer = try await database.another()
        try await writer.execute("BEGIN ISOLATION LEVEL \(level); SELECT count(*) FROM t")
        try await database.connection.execute("BEGIN; SELECT glossator.backfill_step(1)")
        async let refusal = fault { try await writer.execute("\(change); COMMIT") }
        try await database.waitForABlockedSession()
        try await database.connection.execute("COMMIT")
        // An old snapshot cannot see what the step has made: such a transaction is told to begin again.
        if level == "READ COMMITTED" {
            #expect(await refusal == nil)
        } else {
            #expect(await refusal?.sqlState == "40001")
            try await writer.execute("ROLLBACK; BEGIN ISOLATION LEVEL \(level); \(change); COMMIT")
        }
        #expect(try database.differences() == 0)
        #expect(try database.count("documents", "body = ''") == 0)
    }

    @Test func aStepGivesWayToWhoeverHoldsARow() async throws {
        let database = try await table()
        let writer = try await database.another()
        try await writer.execute("BEGIN; UPDATE t SET m = 1 WHERE id = 5")
        #expect(try database.psql("SELECT glossator.backfill_step(1) IS NULL") == "t")
        #expect(try database.psql("SELECT glossator.backfill_pending(100)") == "0")
        #expect(try database.count("documents") == 0)
        try await writer.execute("COMMIT")
        #expect(try database.psql("SELECT glossator.backfill_pending(100)") == "10")
        #expect(try database.differences() == 0)
    }

    @Test func severalDaemonsShareTheTables() async throws {
        let database = try await table()
        try database.psql(
            """
            CREATE TABLE u (id integer PRIMARY KEY, body text);
            INSERT INTO u SELECT i, 'u' FROM generate_series(1, 50) i;
            SELECT glossator.watch('u', 'id', 'body')
            """)
        let other = try await database.another()
        try await other.execute("BEGIN; SELECT glossator.backfill_pending(3)")
        #expect(try database.psql("SELECT glossator.backfill_pending(100)") == "50", "the table that nobody is at")
        #expect(try database.psql("SELECT glossator.backfill_pending(100)") == "0")
        try await other.execute("COMMIT")
        let housekeeping = Housekeeping(connection: database.connection)
        #expect(try await housekeeping.backfill(maximumRows: 3) == 3)
        #expect(try await housekeeping.backfill(maximumRows: 100) == 4)
        #expect(try await housekeeping.backfill(maximumRows: 100) == 0)
        #expect(try database.differences() == 0 && database.count("documents") == 60)
    }

    @Test func aStepThatFailsHoldsUpNoOtherTable() async throws {
        let database = try await TestDatabase.create()
        try database.psql(
            """
            CREATE TABLE a (id integer PRIMARY KEY, body text); INSERT INTO a VALUES (1, 'secret');
            CREATE TABLE b (id integer PRIMARY KEY, body text); INSERT INTO b VALUES (1, 'text');
            SELECT glossator.watch('a', 'id', 'body', filter => 'body::integer > 0');
            SELECT glossator.watch('b', 'id', 'body')
            """)
        #expect(try database.psql("SELECT glossator.backfill_pending(100)") == "1")
        #expect(try database.documents(of: "b") == ["1|text|{}"])
        #expect(try database.psql("SELECT problem FROM glossator.watches WHERE id = 1") == "22P02")
        try database.psql("DELETE FROM a")
        try database.psql("SELECT glossator.backfill_pending(100)")
        #expect(try database.count("watches", "problem IS NULL AND backfilled_at IS NOT NULL") == 2)
    }

    @Test func watchingGivesUpOnATableThatIsBeingWritten() async throws {
        let database = try await TestDatabase.create()
        try database.psql("CREATE TABLE t (id integer PRIMARY KEY, body text)")
        let writer = try await database.another()
        try await writer.execute("BEGIN; INSERT INTO t VALUES (1, 'x')")
        #expect(try await database.refusal("SELECT glossator.watch('t', 'id', 'body')") == "watch-locked")
        try await writer.execute("ROLLBACK")
        #expect(try await database.refusal("SELECT glossator.watch('t', 'id', 'body')") == nil)
        try await writer.execute("BEGIN; INSERT INTO t VALUES (1, 'x')")
        #expect(try await database.refusal("SELECT glossator.unwatch('t')") == "watch-locked")
        try await writer.execute("COMMIT")
        #expect(try database.documents(of: "t") == ["1|x|{}"])
    }

    @Test func truncatingNeedsASnapshotOfItsOwn() async throws {
        let database = try await table()
        try database.psql("CALL glossator.backfill('t')")
        #expect(
            try await database.refusal("BEGIN ISOLATION LEVEL REPEATABLE READ; TRUNCATE t")
                == "watch-truncate-isolation")
        #expect(try await database.refusal("ROLLBACK; TRUNCATE t") == nil)
        #expect(try database.count("documents") == 0)
    }

    // MARK: Going

    @Test func unwatchingLeavesTheTableAsItWas() async throws {
        let database = try await table()
        try database.psql("CALL glossator.backfill('t')")
        #expect(try database.psql("SELECT glossator.unwatch('public.t')") == "0")
        #expect(try database.count("documents") == 10)
        let left = """
            SELECT (SELECT count(*) FROM pg_trigger WHERE tgrelid = 't'::regclass)
                + (SELECT count(*) FROM pg_proc WHERE proname ~ '^watch_[0-9]')
                + (SELECT count(*) FROM pg_class WHERE relname ~ '^(watch_[0-9]|annotated_)')
            """
        #expect(try database.psql(left) == "0")
        // Meanwhile rows change; documents that say the same as before are kept when the table is watched again.
        try database.psql(
            "UPDATE t SET body = 'new' WHERE id = 1; DELETE FROM t WHERE id = 2; INSERT INTO t VALUES (11, 'eleven')")
        #expect(try await database.refusal("SELECT glossator.watch('t', 'id', 'body')") == "watch-collection-taken")
        let kept =
            "SELECT array_agg(id) FROM glossator.documents WHERE body LIKE 'text%' AND external_id NOT IN ('1', '2')"
        let before = try database.psql(kept)
        try database.psql("SELECT glossator.watch('t', 'id', 'body', adopt => true)")
        try database.psql("CALL glossator.backfill('t', 4)")
        #expect(try database.psql(kept) == before)
        #expect(try database.documents(of: "t").first == "1|new|{}")
        #expect(try database.count("documents") == 10)
        #expect(try database.psql("SELECT glossator.unwatch('t', delete_documents => true)") == "10")
        #expect(try database.psql(left) == "0" && database.count("documents") == 0)
    }

    @Test(arguments: ["t", "public.t"])
    func aTableMayBeDroppedWhileItIsWatched(name: String) async throws {
        let database = try await table()
        try database.psql("SELECT glossator.backfill_step(1, 5)")
        try database.psql("SET client_min_messages = warning; DROP TABLE t CASCADE")
        #expect(try database.psql("SELECT glossator.backfill_pending(100)") == "0")
        #expect(try await database.refusal("SELECT glossator.backfill_step(1)") == "watch-broken")
        #expect(try database.psql("SELECT glossator.unwatch('\(name)', delete_documents => true)") == "5")
        #expect(try database.count("watches") == 0)
        #expect(try database.psql("SELECT count(*) FROM pg_proc WHERE proname ~ '^watch_[0-9]'") == "0")
    }

    @Test func aRestoredDatabaseGoesOn() async throws {
        let database = try await table()
        try database.psql("SELECT glossator.backfill_step(1, 5)")
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("dump-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let cluster = try TemporaryCluster.shared()
        _ = try cluster.run("pg_dump", ["-d", database.conninfo, "-f", file.path])
        let conninfo = try await TemporaryDatabase.create()
        _ = try cluster.run("psql", ["-X", "-q", "-v", "ON_ERROR_STOP=1", "-d", conninfo, "-f", file.path])
        let restored = TestDatabase(
            conninfo: conninfo, connection: try await Connection.open(ConnectionSettings(conninfo: conninfo)))
        #expect(try restored.count("documents") == 5)
        try restored.psql("UPDATE public.t SET body = 'new' WHERE id IN (1, 9)")
        try restored.psql("CALL glossator.backfill('public.t')")
        #expect(try restored.differences() == 0 && restored.count("documents") == 10)
    }
}

extension TestDatabase {
    /// Returns when a session of this database waits for a lock.
    fileprivate func waitForABlockedSession() async throws {
        for _ in 0..<500 {
            let waiting = try psql(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'")
            if waiting != "0" { return }
            try await Task.sleep(for: .milliseconds(5))
        }
        Issue.record("no session waits")
    }
}
