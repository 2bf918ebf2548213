import Annotations
import Foundation
import Store
import TestSupport
import Testing

/// Time-outs, and peers that fall silent or cannot be understood.
@Suite struct ConnectionPatienceTests {
    @Test(arguments: [PoolMode.session, .transaction])
    func theServersTimeoutsAreInForce(mode: PoolMode) async throws {
        let database = try await TestDatabase.create()
        let settings = ConnectionSettings(
            conninfo: database.conninfo, statementTimeout: .milliseconds(61_001), lockTimeout: .milliseconds(17_002),
            poolMode: mode)
        let connection = try await Connection.open(settings)
        try await connection.execute(
            """
            CREATE TABLE public.seen AS SELECT current_setting('statement_timeout') || ' '
                || current_setting('lock_timeout') || ' ' || current_setting('idle_in_transaction_session_timeout') AS it
            """)
        #expect(try database.psql("SELECT it FROM public.seen") == "61001ms 17002ms 1min")
    }

    @Test func aPeerThatIsGoneIsNoticedByTCP() async throws {
        let tls = try TLSCluster.shared()
        let settings = ConnectionSettings(conninfo: tls.conninfo() + " user=postgres", peerTimeoutSeconds: 21)
        let connection = try await Connection.open(settings)
        let options = try await connection.run { (session) throws(Fault) in
            [
                (Int32(SOL_SOCKET), SO_KEEPALIVE), (Int32(IPPROTO_TCP), TCP_KEEPIDLE),
                (Int32(IPPROTO_TCP), TCP_KEEPINTVL), (Int32(IPPROTO_TCP), TCP_KEEPCNT),
                (Int32(IPPROTO_TCP), TCP_USER_TIMEOUT),
            ].map { level, name in
                var value: Int32 = -1
                var length = socklen_t(MemoryLayout<Int32>.size)
                getsockopt(session.socket, level, name, &value, &length)
                return value
            }
        }
        #expect(options == [1, 21, 7, 3, 21_000])
    }

    @Test func aServerThatHangsIsGivenUpByTheClient() async throws {
        let database = try await TestDatabase.create()
        var settings = database.impatient
        settings.applicationName = "hangs-\(UUID().uuidString)"
        let connection = try await Connection.open(settings)
        let pid = try #require(
            pid_t(
                try database.psql(
                    "SELECT pid FROM pg_stat_activity WHERE application_name = '\(settings.applicationName)'")))
        kill(pid, SIGSTOP)
        defer {
            kill(pid, SIGCONT)
            kill(pid, SIGTERM)
        }
        let silence = await fault { _ = try await StatusReader(connection: connection).progress() }
        #expect(silence?.code == "database-silent" && silence?.isTransient == true)
        #expect(await connection.isBroken)
        #expect(try await StatusReader(connection: connection).progress().isEmpty)
    }

    @Test(arguments: [PoolMode.session, .transaction])
    func aPeerThatVanishesIsGivenUpByTheClient(mode: PoolMode) async throws {
        let database = try await TestDatabase.create()
        let hole = try BlackHole(before: TemporaryCluster.shared())
        defer { hole.stop() }
        var settings = database.impatient
        settings.conninfo = "host=127.0.0.1 port=\(hole.port) user=postgres dbname=\(database.name)"
        settings.poolMode = mode
        let status = StatusReader(connection: try await Connection.open(settings))
        #expect(try await status.progress().isEmpty)
        hole.swallow()
        let silence = await fault { _ = try await status.progress() }
        #expect(silence?.code == "database-silent" && silence?.isTransient == true)
        #expect(try await status.progress().isEmpty)
    }

    @Test func aThreadOfItsOwnConnectsAgainAsWell() async throws {
        let database = try await TestDatabase.create()
        let hole = try BlackHole(before: TemporaryCluster.shared())
        defer { hole.stop() }
        var settings = database.impatient
        settings.conninfo = "host=127.0.0.1 port=\(hole.port) user=postgres dbname=\(database.name)"
        let codes: [String?] = await withCheckedContinuation { [settings] continuation in
            let thread = Thread {
                let connection = BlockingConnection(settings)
                func code() -> String? {
                    do throws(Fault) {
                        try connection.run { (session) throws(Fault) in try session.execute("SELECT 1", named: "one") }
                        return nil
                    } catch {
                        return error.code
                    }
                }
                var codes = [connection.isBroken ? "not connected" : nil, code()]
                hole.swallow()
                codes += [code(), code()]
                connection.close()
                continuation.resume(returning: codes + [code()])
            }
            thread.start()
        }
        #expect(codes == ["not connected", nil, "database-silent", nil, "connection-closed"])
    }

    @Test(arguments: [
        ("28P01", "Passwort-Authentifizierung für Benutzer »kim« fehlgeschlagen", "database-password", false),
        ("3D000", "la base de données « gloses » n’existe pas", "database-missing", false),
        ("57P03", "データベースシステムは起動処理中です", "database-shutdown", true),
        ("53300", "no quedan conexiones", "database-connections", true),
        ("XX000", "etwas anderes", "database-away", true),
    ])
    func aServerOfAnotherLanguageIsUnderstoodByItsState(
        state: String, words: String, code: String, isTransient: Bool
    ) async throws {
        let server = try RefusingServer([("S", "FATAL"), ("C", state), ("M", words), ("F", "auth.c"), ("L", "1")])
        defer { server.stop() }
        let refusal = await server.refusal()
        #expect(refusal?.code == code && refusal?.sqlState == state && refusal?.isTransient == isTransient)
        #expect(refusal?.message.contains("FATAL:  \(words)") == true)
        #expect(refusal?.message.contains("auth.c") == false)
        #expect(server.refusals == 2)
    }

    @Test func aServerThatSpeaksEnglishIsAskedOnce() async throws {
        let server = try RefusingServer([
            ("S", "FATAL"), ("C", "28P01"), ("M", "password authentication failed for user \"kim\""),
        ])
        defer { server.stop() }
        #expect(await server.refusal()?.code == "database-password")
        #expect(server.refusals == 1)
    }
}

extension RefusingServer {
    /// What a client makes of it.
    fileprivate func refusal() async -> Fault? {
        let conninfo = "host=127.0.0.1 port=\(port) user=kim dbname=glosses sslmode=disable gssencmode=disable"
        return await fault { _ = try await Connection.open(ConnectionSettings(conninfo: conninfo)) }
    }
}
