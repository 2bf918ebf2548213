import Annotations
import Foundation
import Store
import TestSupport
import Testing

@Suite struct ConnectionTests {
    @Test func everyStatementPrepares() async throws {
        let database = try await TestDatabase.create()
        let names = try await database.connection.prepareAll()
        #expect(names.count > 60)
        #expect(Set(names).count == names.count)
    }

    @Test func everyStatementOfTheSourcesIsListed() throws {
        let sources = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent("Sources/Store")
        var made = 0
        for file in FileManager.default.enumerator(atPath: sources.path)?.allObjects as? [String] ?? []
        where file.hasSuffix(".swift") {
            let text = try String(contentsOf: sources.appendingPathComponent(file), encoding: .utf8)
            made += text.components(separatedBy: "= Statement(").count - 1
        }
        #expect(Statements.all.count == made)
    }

    @Test func aServerThatIsNotThereSaysWhereItWasLookedFor() async throws {
        let socket = await fault {
            _ = try await Connection.open(ConnectionSettings(conninfo: "host=/nowhere port=4711"))
        }
        #expect(socket?.code == "database-away")
        #expect(socket?.isTransient == true)
        #expect(socket?.message.contains("/nowhere/.s.PGSQL.4711") == true)
        let port = await fault {
            _ = try await Connection.open(ConnectionSettings(conninfo: "postgresql://someone@127.0.0.1:1/x"))
        }
        #expect(port?.code == "database-away")
        #expect(port?.message.contains("127.0.0.1") == true)
        #expect(port?.message.contains("port 1 ") == true)
    }

    @Test func aDatabaseThatDoesNotExistIsNamed() async throws {
        let conninfo = try TemporaryCluster.shared().conninfo("missing_one")
        let refusal = await fault { _ = try await Connection.open(ConnectionSettings(conninfo: conninfo)) }
        #expect(refusal?.code == "database-missing")
        #expect(refusal?.sqlState == "3D000")
        #expect(refusal?.isTransient == false)
        #expect(refusal?.message.contains("missing_one") == true)
    }

    @Test func aLoginThatIsRefusedSaysWhatToCorrect() async throws {
        let cluster = try TemporaryCluster.shared()
        try cluster.psql(
            "CREATE ROLE with_password LOGIN PASSWORD 'right'", "CREATE ROLE full_house LOGIN CONNECTION LIMIT 0")
        func open(_ role: String) async -> Fault? {
            let conninfo = cluster.conninfo("postgres") + " user=\(role)"
            return await fault { _ = try await Connection.open(ConnectionSettings(conninfo: conninfo)) }
        }
        #expect(await open("with_password password=right") == nil)
        let wrong = await open("with_password password=wrong")
        #expect(wrong?.code == "database-password" && wrong?.sqlState == "28P01" && wrong?.isTransient == false)
        #expect(wrong?.hint?.contains("pgpass") == true)
        let nobody = await open("nobody_at_all")
        #expect(nobody?.code == "database-login-refused" && nobody?.isTransient == false)
        let full = await open("full_house")
        #expect(full?.code == "database-connections" && full?.sqlState == "53300" && full?.isTransient == true)
    }

    @Test(arguments: [
        "postgresql://[", "host=localhost nonsense=1", "just words", "postgres://x:y:z", "host=localhost port=99999",
        "host=localhost sslmode=nonsense", "host=a,b,c port=1,2", "host=localhost keepalives=maybe", "service=nowhere",
    ])
    func anAddressThatIsNoneIsAConfigurationFault(conninfo: String) async {
        let refusal = await fault { _ = try await Connection.open(ConnectionSettings(conninfo: conninfo)) }
        #expect(refusal?.code == "database-conninfo")
        #expect(refusal?.blame == .configuration)
        #expect(refusal?.isTransient == false)
    }

    @Test func aPasswordThatIsTakenForAPortIsNotTold() async {
        let refusal = await fault {
            _ = try await Connection.open(ConnectionSettings(conninfo: "postgres://user:hush/word@host/name"))
        }
        #expect(refusal?.code == "database-conninfo")
        #expect(refusal?.description.contains("hush") == false)
    }

    @Test func aMissingSchemaSaysWhatToRun() async throws {
        let conninfo = try await TemporaryDatabase.create()
        let connection = try await Connection.open(ConnectionSettings(conninfo: conninfo))
        let refusal = await fault { _ = try await StatusReader(connection: connection).progress() }
        #expect(refusal?.code == "schema-missing")
        #expect(refusal?.hint?.contains("glossator migrate") == true)
    }

    @Test func aTerminatedSessionIsTransientAndTheNextCallConnectsAgain() async throws {
        let database = try await TestDatabase.create()
        try await database.add("one")
        try database.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '\(database.name)' AND pid <> pg_backend_pid()"
        )
        let loss = await fault { _ = try await database.status.progress() }
        #expect(loss?.isTransient == true)
        #expect(loss?.blame == .database)
        #expect(try await database.status.progress().first?.total == 1)
    }

    @Test func aSessionTerminatedInATransactionLeavesNothing() async throws {
        let database = try await TestDatabase.create()
        try await database.addModel()
        try await database.add("one", "two")
        let daemon = try await database.newDaemon()
        let claimed = try await database.queue.claim(daemon: daemon, maximumDocuments: 10, maximumTokens: 1000)
        // Completing stops in the middle of its transaction.
        try database.psql(
            """
            CREATE FUNCTION public.stall() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(30); RETURN NULL; END $$;
            CREATE TRIGGER stall AFTER INSERT ON glossator.embeddings FOR EACH STATEMENT EXECUTE FUNCTION public.stall()
            """)
        let results = claimed.map { database.result(of: $0) }
        let asleep = "wait_event = 'PgSleep' AND datname = '\(database.name)'"
        async let completion = fault { _ = try await database.queue.complete(results) }
        while try database.psql("SELECT count(*) FROM pg_stat_activity WHERE \(asleep)") == "0" {
            try await Task.sleep(for: .milliseconds(10))
        }
        try database.psql(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE \(asleep)"
        )
        #expect(await completion?.isTransient == true)
        for table in ["labels", "entities", "embeddings", "annotations"] { #expect(try database.count(table) == 0) }
        #expect(try database.count("spool", "lease IS NOT NULL") == 2)
        // The lease outlives the connection: the same results are written by a second call.
        try database.psql("DROP TRIGGER stall ON glossator.embeddings")
        #expect(try await database.queue.complete(results).written.count == 2)
    }

    @Test func aStatementThatTakesTooLongIsEndedByTheServer() async throws {
        let database = try await TestDatabase.create()
        var settings = database.settings
        settings.statementTimeout = .milliseconds(100)
        let connection = try await Connection.open(settings)
        let end = await fault { try await connection.execute("SELECT pg_sleep(5)") }
        #expect(end?.code == "database-statement-timeout")
        #expect(end?.isTransient == true)
        #expect(await !connection.isBroken)
    }

    @Test func aNotificationEndsTheWait() async throws {
        let database = try await TestDatabase.create()
        let listener = try await database.another()
        try await listener.listen(to: "glossator_spool")
        async let heard = listener.waitForNotification(timeout: .seconds(60))
        try await database.add("one")
        #expect(try await heard)
        #expect(try await !listener.waitForNotification(timeout: .milliseconds(20)))
    }

    @Test func aCancelledTaskStopsWaitingAndTheConnectionStaysUsable() async throws {
        let database = try await TestDatabase.create()
        let listener = try await database.another()
        try await listener.listen(to: "glossator_spool")
        let began = ContinuousClock.now
        let task = Task { try await listener.waitForNotification(timeout: .seconds(300)) }
        try await Task.sleep(for: .milliseconds(50))
        task.cancel()
        #expect(try await !task.value)
        // Long before its time, however busy the machine is.
        #expect(ContinuousClock.now - began < .seconds(60))
        try await database.add("one")
        #expect(try await listener.waitForNotification(timeout: .seconds(10)))
    }

    @Test func theUsersOwnOptionsWin() async throws {
        let database = try await TestDatabase.create()
        let settings = ConnectionSettings(
            conninfo: database.conninfo + " options='-c statement_timeout=50' application_name=mine")
        let connection = try await Connection.open(settings)
        #expect(
            await fault { try await connection.execute("SELECT pg_sleep(3)") }?.code == "database-statement-timeout")
        #expect(try database.psql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'mine'") == "1")
    }

    @Test func aTextWithNULIsRefusedBeforeItIsSent() async throws {
        let database = try await TestDatabase.create()
        let refusal = await fault { try await database.add("fine", "a\0b") }
        #expect(refusal?.code == "text-nul")
        #expect(refusal?.blame == .input)
        #expect(try database.count("documents") == 0)
    }
}
