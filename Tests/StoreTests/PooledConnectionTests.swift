import Annotations
import Foundation
import Store
import TestSupport
import Testing

/// Through PgBouncer in transaction mode, with two server sessions for however many clients.
@Suite(.enabled(if: TemporaryPooler.isWanted, "pgbouncer is not installed: apt-get install pgbouncer"))
struct PooledConnectionTests {
    private let pooler: TemporaryPooler

    init() throws { pooler = try TemporaryPooler.shared() }

    private func settings(_ database: TestDatabase) -> ConnectionSettings {
        ConnectionSettings(conninfo: pooler.conninfo(database.name), poolMode: .transaction)
    }

    /// Runs SQL as another client of the pooler would.
    @discardableResult
    private func psql(_ database: TestDatabase, _ sql: String) throws -> String {
        try TemporaryCluster.shared().run("psql", ["-XqAt", "-d", pooler.conninfo(database.name), "-c", sql])
            .trimmingCharacters(in: .newlines)
    }

    @Test func migrateWorks() async throws {
        let direct = try await TemporaryDatabase.create()
        let name = String(direct.split(separator: "=").last ?? "")
        let names = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<4 {
                group.addTask { [pooler] in
                    let settings = ConnectionSettings(conninfo: pooler.conninfo(name), poolMode: .transaction)
                    return try await Migrator(connection: try await Connection.open(settings)).migrate()
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(names.sorted() == Migration.carried.map(\.name))
        let connection = try await Connection.open(ConnectionSettings(conninfo: direct))
        try await Migrator(connection: connection).requireCurrent()
    }

    @Test func twoDaemonsShareTheQueue() async throws {
        let database = try await TestDatabase.create()
        try await database.addModel()
        let settings = settings(database)
        let importer = DocumentStore(connection: try await Connection.open(settings))
        _ = try await importer.insert((0..<500).map { .init(body: "text \($0) 😀") }, into: "mail")
        let ids = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for _ in 0..<2 {
                let queue = Queue(connection: try await Connection.open(settings))
                let daemon = try await queue.registerDaemon(host: "h", pid: 1, version: "t")
                // Two sessions, nine clients.
                for _ in 0..<3 {
                    group.addTask {
                        let queue = Queue(connection: try await Connection.open(settings))
                        var mine: [Int64] = []
                        while true {
                            let claimed = try await queue.claim(
                                daemon: daemon, maximumDocuments: 7, maximumTokens: 10_000)
                            if claimed.isEmpty {
                                if try await queue.depth().ready == 0 { return mine }
                                continue
                            }
                            let results = claimed.map { database.result(of: $0) }
                            mine += try await queue.complete(results).written
                        }
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(ids.count == 500 && Set(ids).count == 500)
        #expect(try database.count("annotations") == 500 && database.count("labels") == 500)
        #expect(try database.count("spool") == 0)
        let sessions = try database.psql(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '\(database.name)' AND application_name = 'glossator'"
        )
        // The fixture's own is the third.
        #expect(Int(sessions) == TemporaryPooler.sessions + 1)
        #expect(try psql(database, "SELECT count(*) FROM pg_prepared_statements") == "0")
    }

    @Test func everyOtherStoreWorks() async throws {
        let database = try await TestDatabase.create()
        let connection = try await Connection.open(settings(database))
        let pooled = TestDatabase(conninfo: database.conninfo, connection: connection)
        let model = try await pooled.addModel()
        let id = try await pooled.add("Ada met Charles")[0]
        let inserted = try await pooled.gold.insert(
            labels: [.init(documentID: id, task: "tone", label: "cold")],
            entities: [.init(documentID: id, entity: GoldEntity(task: "names", type: "person", start: 0, end: 3))],
            complete: [.init(documentID: id, task: "names")], annotator: "kim")
        #expect(inserted.labels == 1 && inserted.entities == 1 && inserted.complete == 1)
        #expect(try await pooled.gold.allLabelledDocuments(in: "mail").map(\.labels) == [["tone": "cold"]])
        #expect(try await pooled.models.heads(of: model) == Array("heads of first".utf8))
        let run = try await pooled.runs.start(
            collection: "mail", parentModelID: model, options: "{}", counts: "{}", codeVersion: "test")
        try await pooled.runs.finish(run: run, end: .kept(modelID: nil), message: "no better")
        #expect(try await pooled.runs.runs().map(\.status) == ["kept"])
        #expect(try await pooled.status.progress().map(\.total) == [1])
        #expect(await fault { _ = try await pooled.models.model(named: "nope") }?.code == "not-found")
        #expect(await fault { _ = try await pooled.add("a\0b") }?.code == "text-nul")
        #expect(await fault { try await pooled.addModel() }?.code == "already-exists")
        #expect(await !connection.isBroken)
    }

    @Test func aLostServerSessionIsSurvived() async throws {
        let database = try await TestDatabase.create()
        let connection = try await Connection.open(settings(database))
        let documents = DocumentStore(connection: connection)
        _ = try await documents.insert([.init(body: "one")], into: "mail")
        async let loss = fault { try await connection.execute("SELECT pg_sleep(30)") }
        let asleep = "wait_event = 'PgSleep' AND datname = '\(database.name)'"
        while try database.psql("SELECT count(*) FROM pg_stat_activity WHERE \(asleep)") == "0" {
            try await Task.sleep(for: .milliseconds(10))
        }
        try database.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE \(asleep)")
        #expect(await loss?.isTransient == true)
        #expect(await loss?.blame == .database)
        _ = try await documents.insert([.init(body: "two")], into: "mail")
        #expect(try database.count("documents") == 2)
    }

    @Test func timeoutsEndAStatement() async throws {
        let database = try await TestDatabase.create()
        var settings = settings(database)
        settings.statementTimeout = .milliseconds(150)
        settings.lockTimeout = .milliseconds(5_000)
        let connection = try await Connection.open(settings)
        #expect(
            await fault { try await connection.execute("SELECT pg_sleep(20)") }?.code == "database-statement-timeout")
        // A single statement with its time-outs, and one of several in a transaction.
        let holder = try await database.another()
        try await holder.execute("BEGIN; LOCK TABLE glossator.failures, glossator.documents")
        let reading = await fault { _ = try await StatusReader(connection: connection).failures() }
        #expect(reading?.code == "database-statement-timeout" && reading?.isTransient == true)
        let writing = await fault {
            _ = try await DocumentStore(connection: connection).insert([.init(body: "one")], into: "mail")
        }
        #expect(writing?.code == "database-statement-timeout")
        settings.statementTimeout = .milliseconds(5_000)
        settings.lockTimeout = .milliseconds(150)
        let other = StatusReader(connection: try await Connection.open(settings))
        #expect(await fault { _ = try await other.failures() }?.code == "database-lock-timeout")
        try await holder.execute("ROLLBACK")
        #expect(try await other.failures().isEmpty)
        #expect(await !connection.isBroken)
    }

    @Test func noSettingLeaksToTheNextClient() async throws {
        let database = try await TestDatabase.create()
        // Each holds one of the two sessions while it is in a transaction.
        let first = try await Connection.open(settings(database))
        let second = try await Connection.open(settings(database))
        let shown =
            "SELECT current_setting('statement_timeout') || current_setting('lock_timeout') "
            + "|| current_setting('idle_in_transaction_session_timeout')"
        for (holder, user) in [(first, second), (second, first)] {
            try await holder.execute("BEGIN; SELECT 1")
            _ = try await StatusReader(connection: user).progress()
            _ = try await DocumentStore(connection: user).insert([.init(body: "one")], into: "mail")
            _ = await fault { try await user.execute("SELECT 1 / 0") }
            #expect(try psql(database, shown) == "000")
            try await holder.execute("COMMIT")
            #expect(try psql(database, shown) == "000")
        }
    }

    @Test func listeningIsLeftToPolling() async throws {
        let database = try await TestDatabase.create()
        let connection = try await Connection.open(settings(database))
        #expect(try await connection.listen(to: "glossator_spool") == false)
        #expect(try await connection.waitForNotification(timeout: .milliseconds(50)) == false)
        let task = Task { try await connection.waitForNotification(timeout: .seconds(30)) }
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        #expect(try await task.value == false)
        #expect(try await StatusReader(connection: connection).progress().isEmpty)
    }

    @Test func aClientThatKnowsOfNoPoolerIsToldTheSetting() async throws {
        let database = try await TestDatabase.create()
        var settings = settings(database)
        settings.poolMode = .session
        let refusal = await fault { _ = try await Connection.open(settings) }
        #expect(refusal?.code == "database-pooler" && refusal?.blame == .configuration && refusal?.isTransient == false)
        #expect(refusal?.hint?.contains("database.pool-mode") == true)
    }

    @Test func aMissingDatabaseIsNamed() async throws {
        let settings = ConnectionSettings(conninfo: pooler.conninfo("missing_behind_pooler"), poolMode: .transaction)
        #expect(await fault { _ = try await Connection.open(settings) }?.code == "database-missing")
    }
}
