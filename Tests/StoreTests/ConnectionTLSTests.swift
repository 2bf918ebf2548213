import Annotations
import Foundation
import Store
import TestSupport
import Testing

/// TLS, passfiles and services work as libpq's documentation says.
@Suite struct ConnectionTLSTests {
    private let tls: TLSCluster
    private let certificates: Certificates

    init() throws {
        tls = try TLSCluster.shared()
        certificates = tls.certificates
    }

    private func refusal(_ conninfo: String) async -> Fault? {
        await fault {
            let connection = try await Connection.open(ConnectionSettings(conninfo: conninfo))
            try await connection.execute(
                "SELECT 1 / (SELECT count(*) FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl)")
        }
    }

    private func verified(_ authority: String, host: String = "localhost") -> String {
        tls.conninfo(host: host) + " sslmode=verify-full sslrootcert=\(certificates.certificate(authority))"
    }

    private func showing(_ certificate: String) -> String {
        " sslcert=\(certificates.certificate(certificate)) sslkey=\(certificates.key(certificate))"
    }

    @Test(arguments: ["localhost", "127.0.0.1"])
    func aServerOfTheRightAuthorityAndNameIsTrusted(host: String) async {
        #expect(await refusal(verified(Certificates.authority, host: host) + " user=postgres") == nil)
    }

    @Test func aServerOfAnotherAuthorityIsNot() async {
        let refusal = await refusal(verified(Certificates.otherAuthority) + " user=postgres")
        #expect(refusal?.code == "database-tls" && refusal?.blame == .configuration && refusal?.isTransient == false)
        #expect(refusal?.hint?.contains("sslrootcert") == true)
    }

    @Test func aServerOfAnotherNameIsNot() async {
        let refusal = await refusal(verified(Certificates.authority, host: "elsewhere.example") + " user=postgres")
        #expect(refusal?.code == "database-tls" && refusal?.isTransient == false)
        #expect(refusal?.message.contains("elsewhere.example") == true)
    }

    @Test func anAuthorityThatIsNotThereIsNamed() async {
        let refusal = await refusal(tls.conninfo() + " user=postgres sslmode=verify-full sslrootcert=/nowhere/ca.crt")
        #expect(refusal?.code == "database-tls")
        #expect(refusal?.message.contains("/nowhere/ca.crt") == true)
    }

    @Test func aLoginWithoutTLSIsRefusedWhereItIsWanted() async {
        let refusal = await refusal(tls.conninfo() + " user=postgres sslmode=disable")
        #expect(refusal?.code == "database-login-refused" && refusal?.isTransient == false)
    }

    @Test func theRightClientCertificateIsLetIn() async {
        let conninfo = verified(Certificates.authority) + " user=\(Certificates.client)"
        #expect(await refusal(conninfo + showing(Certificates.client)) == nil)
    }

    @Test func noClientCertificateIsNot() async {
        let conninfo = verified(Certificates.authority) + " user=\(Certificates.client) sslcert=/nowhere/client.crt"
        let refusal = await refusal(conninfo)
        #expect(refusal?.code == "database-tls" && refusal?.isTransient == false)
        #expect(refusal?.hint?.contains("sslcert") == true)
    }

    @Test func aClientCertificateOfAnotherNameIsNot() async {
        let conninfo = verified(Certificates.authority) + " user=\(Certificates.client)"
        let refusal = await refusal(conninfo + showing(Certificates.otherClient))
        #expect(refusal?.code == "database-login-refused" && refusal?.isTransient == false)
    }

    // MARK: Passfiles and services

    @Test func aPasswordMayStandInAFile() async throws {
        let cluster = try TemporaryCluster.shared()
        try cluster.psql("CREATE ROLE with_password_in_file LOGIN PASSWORD 'the one'")
        func open(_ password: String) async throws -> Fault? {
            let file = FileManager.default.temporaryDirectory.appendingPathComponent("pass-\(UUID().uuidString)")
            defer { try? FileManager.default.removeItem(at: file) }
            try Data("*:*:*:with_password_in_file:\(password)\n".utf8).write(to: file)
            chmod(file.path, 0o600)
            let conninfo = cluster.conninfo("postgres") + " user=with_password_in_file passfile=\(file.path)"
            return await fault { _ = try await Connection.open(ConnectionSettings(conninfo: conninfo)) }
        }
        #expect(try await open("the one") == nil)
        #expect(try await open("another")?.code == "database-password")
    }

    @Test func aServiceNamesTheDatabaseAndItsKeywordsWin() async throws {
        let database = try await TestDatabase.create()
        let directory = try TemporaryCluster.shared().directory.path
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("services-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: file) }
        let service = """
            [glosses]
            host=\(directory)
            user=postgres
            dbname=\(database.name)
            application_name=of-the-service
            options=-c lock_timeout=1234

            """
        try Data(service.utf8).write(to: file)
        // For the whole process, once; only this test names a service.
        setenv("PGSERVICEFILE", file.path, 1)
        let connection = try await Connection.open(ConnectionSettings(conninfo: "service=glosses"))
        try await connection.execute(
            """
            CREATE TABLE public.seen AS SELECT current_setting('application_name') || ' '
                || current_setting('lock_timeout') || ' ' || current_setting('statement_timeout') AS it
            """)
        #expect(try database.psql("SELECT it FROM public.seen") == "of-the-service 1234ms 1min")
        let other = ConnectionSettings(conninfo: "service=nowhere")
        #expect(await fault { _ = try await Connection.open(other) }?.code == "database-conninfo")
    }
}
