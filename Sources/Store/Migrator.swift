package import Annotations
internal import CResources
package import Foundation

/// Creates and upgrades the schema `glossator`. The migrations are inside the binary.
package struct Migrator: Sendable {
    private let connection: Connection
    private let migrations: [Migration]

    package init(connection: Connection) { self.init(connection: connection, migrations: Migration.carried) }

    /// With other migrations than the binary's own: what a newer or older program would bring.
    package init(connection: Connection, migrations: [Migration]) {
        self.connection = connection
        self.migrations = migrations
    }

    /// One migration and whether the database has it.
    package struct Status: Sendable, Equatable {
        package let version: Int
        package let name: String
        /// Nil while it is pending.
        package let appliedAt: Date?
    }

    /// Every migration that the binary carries or the database has, in order.
    package func status() async throws(Fault) -> [Status] {
        let applied = try await applied()
        var rows = migrations.map { migration in
            Status(
                version: migration.version, name: migration.name,
                appliedAt: applied.first { $0.version == migration.version }?.appliedAt)
        }
        for row in applied where row.version > migrations.count {
            rows.append(Status(version: row.version, name: row.name, appliedAt: row.appliedAt))
        }
        return rows
    }

    /// Applies what is pending, one transaction each, and returns the names. Several programs may call it at once.
    ///
    /// - Parameter progress: called with each name before it is applied.
    /// - Throws: `schema-too-new`, `schema-changed` (an applied file is not the binary's), `database-too-old`,
    ///   `database-encoding`, and the server's refusals.
    package func migrate(progress: @Sendable (String) -> Void = { _ in }) async throws(Fault) -> [String] {
        try await requireUsableServer()
        var names: [String] = []
        for migration in migrations {
            let isNew = try await connection.transaction { (session) throws(Fault) in
                try apply(migration, on: session, progress: progress)
            }
            if isNew { names.append(migration.name) }
        }
        // Also after nothing was pending: a newer or changed schema must not pass in silence.
        try await requireCurrent()
        return names
    }

    /// Throws unless the schema is exactly this binary's: `schema-missing`, `schema-too-old`, `schema-too-new`,
    /// `schema-changed`.
    package func requireCurrent() async throws(Fault) {
        try await requireUsableServer()
        let applied = try await applied()
        guard !applied.isEmpty else {
            throw Fault(
                .database, "schema-missing", "the database has no schema glossator yet",
                hint: "run `glossator migrate` first")
        }
        try check(applied)
        if applied.count < migrations.count {
            throw Fault(
                .database, "schema-too-old",
                "the database has \(applied.count) of \(migrations.count) migrations", hint: "run `glossator migrate`")
        }
    }

    // MARK: Steps

    private struct Applied: Sendable {
        let version: Int
        let name: String
        let checksum: String
        let appliedAt: Date
    }

    private func apply(
        _ migration: Migration, on session: Session, progress: @Sendable (String) -> Void
    ) throws(Fault) -> Bool {
        // Whoever comes second waits here, and then finds the work done. Until the end of the transaction only, so
        // that it works through a PgBouncer and cannot be forgotten.
        try session.execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0", named: "migration-timeouts")
        _ = try session.execute(Self.lockSchema, named: "migration-lock", isPatient: true)
        let applied = try Self.applied(session)
        try check(applied)
        if applied.contains(where: { $0.version == migration.version }) { return false }
        progress(migration.name)
        try session.execute("SET LOCAL lock_timeout = '30s'", named: "migration-timeouts")
        try session.execute(migration.text, named: migration.name, isPatient: true)
        _ = try session.query(
            Self.record, [.int4(Int32(migration.version)), .text(migration.name), .text(migration.checksum)])
        return true
    }

    private func applied() async throws(Fault) -> [Applied] {
        try await connection.run { (session) throws(Fault) in try Self.applied(session) }
    }

    private static func applied(_ session: Session) throws(Fault) -> [Applied] {
        guard let row = try session.query(exists).first, try row.bool(0) else { return [] }
        return try session.query(list).map { (row) throws(Fault) in
            Applied(
                version: try row.int(0), name: try row.text(1), checksum: try row.text(2), appliedAt: try row.date(3))
        }
    }

    private func check(_ applied: [Applied]) throws(Fault) {
        for row in applied {
            guard row.version <= migrations.count else {
                throw Fault(
                    .database, "schema-too-new",
                    "the database's schema has migration \(row.version) (\(row.name)), this program knows \(migrations.count)",
                    hint: "upgrade this program; the schema only goes forward")
            }
            let own = migrations[row.version - 1]
            guard row.checksum == own.checksum else {
                throw Fault(
                    .database, "schema-changed",
                    "migration \(row.name) was applied with another content than \(own.name) has",
                    hint: "this database was migrated by another build; migrations never change once they are released")
            }
        }
    }

    private func requireUsableServer() async throws(Fault) {
        try await connection.run { (session) throws(Fault) in
            guard session.serverVersion >= 140_000 else {
                throw Fault(
                    .database, "database-too-old",
                    "the server is PostgreSQL \(session.serverVersion / 10000), Glossator needs 14 or newer",
                    hint: "upgrade the server")
            }
            let encoding = session.parameter("server_encoding") ?? "unknown"
            guard encoding == "UTF8" else {
                throw Fault(
                    .database, "database-encoding", "the database's encoding is \(encoding), Glossator needs UTF8",
                    hint: "create one with: createdb --template=template0 --encoding=UTF8 NAME")
            }
        }
    }

    // MARK: Statements

    /// 0x676c6f73 is "glos".
    private static let lockSchema = "SELECT pg_advisory_xact_lock(1735159667)"

    private static let exists = Statement(
        "migrations_exist", "SELECT to_regclass('glossator.schema_migrations') IS NOT NULL")

    private static let list = Statement(
        "migrations_list",
        "SELECT version, name, checksum, applied_at FROM glossator.schema_migrations ORDER BY version")

    private static let record = Statement(
        "migrations_record",
        "INSERT INTO glossator.schema_migrations (version, name, checksum) VALUES ($1::integer, $2::text, $3::text)")

    static let statements = [exists, list, record]
}

/// One file of `migrations/`.
package struct Migration: Sendable, Equatable {
    /// From 1, without gaps.
    package let version: Int
    package let name: String
    package let text: String
    /// sha256 of the file, lower-case hex.
    package var checksum: String { SHA256.hex(of: Array(text.utf8)) }

    package init(version: Int, name: String, text: String) {
        self.version = version
        self.name = name
        self.text = text
    }

    /// The migrations inside the binary, in order.
    package static let carried: [Migration] = {
        var count = 0
        guard let resources = glossator_migrations(&count) else { return [] }
        return (0..<count).map { index in
            let resource = resources[index]
            return Migration(
                version: index + 1, name: String(cString: resource.name),
                text: String(decoding: UnsafeBufferPointer(start: resource.bytes, count: resource.count), as: UTF8.self)
            )
        }
    }()
}
