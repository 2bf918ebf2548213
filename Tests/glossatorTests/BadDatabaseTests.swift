import Foundation
import TestSupport
import Testing

@Suite("Databases that cannot be used, with the built program")
struct BadDatabaseTests {
    private static let commands: [[String]] = [
        ["run", "--drain"], ["status"], ["train"], ["model", "list"], ["search", "late"], ["migrate"],
    ]

    @Test("a database that is away: refused port, missing socket, unknown host", arguments: commands)
    func away(_ command: [String]) async throws {
        let folder = try Workplace.newFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        var program = Program(folder: folder)
        // Nothing listens on port 1.
        for url in ["host=127.0.0.1 port=1 dbname=x", "host=\(folder.path) dbname=x"] {
            program.environment["DATABASE_URL"] = url
            let outcome = try await program.start(command).wait()
            expectRefusal(outcome, 69, "database-away", naming: "hint:")
        }
    }

    @Test("an address that is not understood is a matter of configuration, and its password is not repeated")
    func address() async throws {
        let folder = try Workplace.newFolder()
        defer { try? FileManager.default.removeItem(at: folder) }
        let program = Program(folder: folder)
        let outcome = try await program.run("status", "--database", "hots=nowhere password=hunter2")
        expectRefusal(outcome, 78, "database-conninfo", naming: "hots", notQuoting: "hunter2")
        for address in [
            "postgresql://u:hunter2@[::1/x", "postgresql://u:hunter2@h/x?password=hunter2=x",
            "host=h password=a hunter2", "host=h password='hunter2", "postgresql://u:hunter2%zz@h/x",
            "postgresql://u:p@h/x?hunter2",
        ] {
            let refused = try await program.run("status", "--database", address)
            expectRefusal(refused, 78, "database-conninfo", notQuoting: "hunter2")
        }
    }

    @Test("a database that does not exist, and one without the schema", arguments: commands)
    func missing(_ command: [String]) async throws {
        let place = try await Workplace(.empty)
        var wrong = place.program
        wrong.environment["DATABASE_URL"] = try TemporaryCluster.shared().conninfo("no_such_database")
        let unknown = try await wrong.start(command).wait()
        expectRefusal(unknown, 69, "database-missing", naming: "no_such_database")
        guard command != ["migrate"] else { return }
        let outcome = try await place.program.start(command).wait()
        expectRefusal(outcome, 69, "schema-missing", naming: "glossator migrate")
        #expect(try place.psql("SELECT count(*) FROM pg_namespace WHERE nspname = 'glossator'") == "0")
    }

    @Test("a database in another encoding is refused before anything is made in it")
    func encoding() async throws {
        let place = try await Workplace(.empty)
        let name = "ascii_" + UUID().uuidString.lowercased().replacing("-", with: "")
        try TemporaryCluster.shared().psql("CREATE DATABASE \(name) ENCODING 'SQL_ASCII' TEMPLATE template0")
        var program = place.program
        program.environment["DATABASE_URL"] = try TemporaryCluster.shared().conninfo(name)
        let outcome = try await program.run("migrate")
        expectRefusal(outcome, 69, "database-encoding", naming: "SQL_ASCII", "UTF8")
        let schemas = try TemporaryCluster.shared().psql(
            "SELECT count(*) FROM pg_namespace WHERE nspname = 'glossator'", database: name)
        #expect(schemas == "0")
    }

    @Test("a schema newer than the program, and one whose migrations were changed, are left alone", arguments: commands)
    func tooNew(_ command: [String]) async throws {
        let place = try await Workplace()
        try place.addDocuments(2)
        try place.psql(
            """
            INSERT INTO glossator.schema_migrations (version, name, checksum)
            SELECT max(version) + 1, '9999_from_the_future.sql', repeat('0', 64) FROM glossator.schema_migrations
            """)
        let before = try place.contents()
        let newer = try await place.program.start(command).wait()
        expectRefusal(newer, 69, "schema-too-new", naming: "9999_from_the_future.sql")
        try place.psql(
            "DELETE FROM glossator.schema_migrations WHERE name LIKE '9999%'",
            "UPDATE glossator.schema_migrations SET checksum = repeat('0', 64) WHERE version = 2")
        let changed = try await place.program.start(command).wait()
        expectRefusal(changed, 69, "schema-changed")
        #expect(try place.contents() == before)
    }

    @Test("a schema older than the program says that migrate is missing")
    func tooOld() async throws {
        let place = try await Workplace()
        try place.psql("DELETE FROM glossator.schema_migrations WHERE version > 1")
        expectRefusal(try await place.glossator("status"), 69, "schema-too-old", naming: "glossator migrate")
    }

    @Test("migrate may be run again, and by several at once; --status lists the steps")
    func migrateAgain() async throws {
        let place = try await Workplace(.empty)
        let pending = try await place.succeed("migrate", "--status")
        #expect(pending.output.contains("0001_schema.sql"))
        let both = try [place.start("migrate"), place.start("migrate"), place.start("migrate")]
        for program in both { #expect(try await program.wait().code == 0) }
        let again = try await place.succeed("migrate")
        #expect(again.output.contains("the schema is current") && !again.output.contains("applied"))
    }

    @Test("a role without rights is told so")
    func permission() async throws {
        let place = try await Workplace()
        let role = "poor_" + UUID().uuidString.lowercased().replacing("-", with: "")
        try place.psql("CREATE ROLE \(role) LOGIN")
        var program = place.program
        program.environment["DATABASE_URL"] = place.database.replacing("user=postgres", with: "user=\(role)")
        let outcome = try await program.run("status")
        expectRefusal(outcome, 69, "database-permission")
    }

    @Test("usage: an unknown command, option or setting, and a --set that is none")
    func usage() async throws {
        let place = try await Workplace(.empty)
        #expect(try await place.glossator("rnu").code == 64)
        #expect(try await place.glossator("run", "--darin").code == 64)
        #expect(try await place.glossator("import").code == 64)
        #expect(try await place.glossator("search", "x", "-k", "many").code == 64)
        expectRefusal(
            try await place.glossator("run", "--set", "worker.thread=2"), 78, "setting-unknown",
            naming: "worker.threads")
        expectRefusal(try await place.glossator("run", "--set", "worker.threads"), 78, "setting-malformed")
        expectRefusal(try await place.glossator("run", "--threads=-3"), 78, "setting-invalid")
        var program = place.program
        program.environment["GLOSSATOR_WORKER_TREADS"] = "2"
        expectRefusal(
            try await program.run("config"), 78, "setting-unknown", naming: "GLOSSATOR_WORKER_THREADS")
        let help = try await place.succeed("--help")
        #expect(help.output.contains("Exit codes"))
        for command in [
            "migrate", "import", "run", "train", "status", "search", "annotate", "embed", "tokenize", "model",
        ] {
            #expect(help.output.contains(command))
            let own = try await place.succeed(command, "--help")
            #expect(own.output.contains("OVERVIEW"))
        }
    }
}
