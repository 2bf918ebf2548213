import Annotations
import Foundation
import Store
import TestSupport
import Testing

@Suite struct MigratorTests {
    private func emptyDatabase() async throws -> (conninfo: String, connection: Connection) {
        let conninfo = try await TemporaryDatabase.create()
        return (conninfo, try await Connection.open(ConnectionSettings(conninfo: conninfo)))
    }

    @Test func theBinaryCarriesTheFilesOfTheFolder() throws {
        let folder = repository.appendingPathComponent("migrations")
        let names = try FileManager.default.contentsOfDirectory(atPath: folder.path)
            .filter { $0.hasSuffix(".sql") && $0 != "schema.sql" }.sorted()
        #expect(Migration.carried.map(\.name) == names)
        for (index, migration) in Migration.carried.enumerated() {
            #expect(migration.name.hasPrefix(String(format: "%04d_", index + 1)))
            #expect(
                migration.text
                    == (try String(contentsOf: folder.appendingPathComponent(migration.name), encoding: .utf8)))
        }
    }

    @Test func aSecondMigrationFindsNothingToDo() async throws {
        let (_, connection) = try await emptyDatabase()
        let migrator = Migrator(connection: connection)
        #expect(try await migrator.status().allSatisfy { $0.appliedAt == nil })
        #expect(await fault { try await migrator.requireCurrent() }?.code == "schema-missing")
        #expect(try await migrator.migrate() == Migration.carried.map(\.name))
        #expect(try await migrator.migrate() == [])
        #expect(try await migrator.status().allSatisfy { $0.appliedAt != nil })
        try await migrator.requireCurrent()
    }

    @Test func manyMayMigrateAtOnce() async throws {
        let (conninfo, _) = try await emptyDatabase()
        let names = try await withThrowingTaskGroup(of: [String].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let connection = try await Connection.open(ConnectionSettings(conninfo: conninfo))
                    return try await Migrator(connection: connection).migrate()
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(names.sorted() == Migration.carried.map(\.name))
    }

    @Test func aNewerSchemaIsRefused() async throws {
        let (_, connection) = try await emptyDatabase()
        let future = Migration(
            version: Migration.carried.count + 1, name: "9999_future.sql",
            text: "CREATE TABLE glossator.future (id int)")
        _ = try await Migrator(connection: connection, migrations: Migration.carried + [future]).migrate()
        let old = Migrator(connection: connection)
        #expect(await fault { try await old.requireCurrent() }?.code == "schema-too-new")
        #expect(await fault { _ = try await old.migrate() }?.code == "schema-too-new")
        #expect(try await old.status().last?.name == "9999_future.sql")
    }

    @Test func anOlderSchemaIsNotCurrent() async throws {
        let (_, connection) = try await emptyDatabase()
        _ = try await Migrator(connection: connection, migrations: Array(Migration.carried.dropLast())).migrate()
        #expect(await fault { try await Migrator(connection: connection).requireCurrent() }?.code == "schema-too-old")
        #expect(try await Migrator(connection: connection).migrate() == [Migration.carried.last?.name])
    }

    @Test func aChangedMigrationIsRefused() async throws {
        let (_, connection) = try await emptyDatabase()
        var other = Migration.carried
        other[2] = Migration(version: 3, name: other[2].name, text: other[2].text + "\n-- changed")
        _ = try await Migrator(connection: connection, migrations: other).migrate()
        #expect(await fault { _ = try await Migrator(connection: connection).migrate() }?.code == "schema-changed")
    }

    @Test func aFailingMigrationLeavesNothingOfItself() async throws {
        let (_, connection) = try await emptyDatabase()
        let broken = Migration(
            version: Migration.carried.count + 1, name: "9999_broken.sql",
            text: "CREATE TABLE glossator.half (id int); SELECT nonsense")
        let migrator = Migrator(connection: connection, migrations: Migration.carried + [broken])
        #expect(await fault { _ = try await migrator.migrate() }?.sqlState == "42703")
        try await Migrator(connection: connection).requireCurrent()
        #expect(await fault { _ = try await migrator.migrate() }?.sqlState == "42703")
    }

    @Test(arguments: ["LATIN1", "SQL_ASCII"])
    func aDatabaseOfAnotherEncodingIsRefused(encoding: String) async throws {
        let cluster = try TemporaryCluster.shared()
        let name = "enc_" + encoding.lowercased()
        try cluster.psql("CREATE DATABASE \(name) TEMPLATE template0 ENCODING '\(encoding)' LOCALE 'C'")
        let connection = try await Connection.open(ConnectionSettings(conninfo: cluster.conninfo(name)))
        let refusal = await fault { _ = try await Migrator(connection: connection).migrate() }
        #expect(refusal?.code == "database-encoding")
        #expect(refusal?.message.contains(encoding) == true)
    }

    @Test func everythingInTheSchemaSaysWhatItIs() async throws {
        let database = try await TestDatabase.create()
        let silent = try database.psql(
            """
            SELECT c.oid::regclass::text FROM pg_class c
            WHERE c.relnamespace = 'glossator'::regnamespace AND c.relkind IN ('r', 'v') AND obj_description(c.oid) IS NULL
            UNION ALL
            SELECT c.oid::regclass || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
            WHERE c.relnamespace = 'glossator'::regnamespace AND c.relkind IN ('r', 'v') AND a.attnum > 0
                AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
            UNION ALL
            SELECT p.oid::regprocedure::text FROM pg_proc p
            WHERE p.pronamespace = 'glossator'::regnamespace AND obj_description(p.oid) IS NULL
            """)
        #expect(silent == "")
    }

    @Test func schemaSQLIsTheDumpAfterAllMigrations() async throws {
        let database = try await TestDatabase.create()
        let dump = try TemporaryCluster.shared().run(
            "pg_dump",
            ["--schema-only", "--schema=glossator", "--no-owner", "--no-privileges", "-d", database.conninfo])
        let file = try String(contentsOf: repository.appendingPathComponent("migrations/schema.sql"), encoding: .utf8)
        #expect(normalized(dump) == normalized(file), "run deploy/schema-dump.sh")
    }

    private var repository: URL {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
    }

    /// Without what differs between versions of pg_dump: comments, settings, blank lines.
    private func normalized(_ dump: String) -> [Substring] {
        dump.split(whereSeparator: \.isNewline).filter {
            !$0.hasPrefix("--") && !$0.hasPrefix("SET ") && !$0.hasPrefix("SELECT pg_catalog.set_config")
                && !$0.hasPrefix("\\") && !$0.allSatisfy(\.isWhitespace)
        }
    }
}
