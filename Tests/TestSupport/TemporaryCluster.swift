package import Foundation

/// A throw-away PostgreSQL for tests: one a test process, and one with TLS, started by the first test that asks, gone at
/// the end.
///
/// Binaries are taken from `PG_BIN`, the PATH, `pg_config --bindir`, or the newest `/usr/lib/postgresql/*/bin`. A root
/// user runs them as `postgres`. The cluster listens on a socket in its own folder, and does not fsync.
package final class TemporaryCluster: Sendable {
    /// Holds the data, the log and the socket.
    package let directory: URL
    /// Names the socket; of a cluster with TLS, where it listens on 127.0.0.1 as well.
    package let port: UInt16
    private let binaries: URL

    /// The process's cluster.
    package static func shared() throws -> TemporaryCluster { try started.get() }

    // Two roles need a password, so that a wrong one can be tried.
    private static let started = Result {
        try TemporaryCluster(rules: [
            "local all with_password,with_password_in_file scram-sha-256", "local all all trust",
        ])
    }

    /// What connects to a database of the cluster as its superuser.
    package func conninfo(_ database: String) -> String {
        "host=\(directory.path) port=\(port) user=postgres dbname=\(database)"
    }

    package struct Failure: Error, CustomStringConvertible {
        package let description: String

        package init(description: String) { self.description = description }
    }

    /// Runs SQL, one statement a string, each in its own transaction; returns what psql prints, unaligned.
    @discardableResult
    package func psql(_ statements: String..., database: String = "postgres") throws -> String {
        var arguments = ["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", conninfo(database)]
        for statement in statements { arguments += ["-c", statement] }
        return try run("psql", arguments, asServer: false).trimmingCharacters(in: .newlines)
    }

    /// Runs a program of the server's, such as `pg_dump`; returns what it prints.
    package func run(_ program: String, _ arguments: [String]) throws -> String {
        try run(program, arguments, asServer: false)
    }

    // MARK: Starting and stopping

    /// - Parameters:
    ///   - rules: Lines of `pg_hba.conf`.
    ///   - port: Where to listen on 127.0.0.1; nil for the socket only.
    ///   - options: Of the server, `name=value`.
    ///   - prepare: Gets the folder before the server starts.
    init(
        rules: [String], port: UInt16? = nil, options: [String] = [], prepare: (URL) throws -> Void = { _ in }
    ) throws {
        Self.removeStale()
        binaries = try Self.findBinaries()
        self.port = port ?? 5432
        var template = Array("/tmp/\(Self.prefix)XXXXXX".utf8CString)
        // Not TMPDIR: a socket's path has 107 bytes at most.
        guard mkdtemp(&template) != nil else { throw Failure(description: "no folder can be made in /tmp") }
        let path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        directory = URL(fileURLWithPath: path, isDirectory: true)
        // Held until the process ends, however it ends: a folder whose lock is free has no owner any more.
        let lock = open(path + "/owner", O_CREAT | O_RDWR | O_CLOEXEC, 0o600)
        guard lock >= 0, flock(lock, LOCK_EX | LOCK_NB) == 0 else {
            throw Failure(description: "\(path) cannot be locked")
        }
        try ChildProgram.giveToServer(path)
        try run(
            "initdb",
            [
                "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync",
                "--no-instructions",
            ], asServer: true)
        try Data(rules.map { $0 + "\n" }.joined().utf8).write(to: directory.appendingPathComponent("data/pg_hba.conf"))
        try prepare(directory)
        let all =
            [
                "listen_addresses=" + (port == nil ? "''" : "127.0.0.1"), "port=\(self.port)", "fsync=off",
                "full_page_writes=off", "synchronous_commit=off", "shared_buffers=64MB", "jit=off",
                "max_connections=1000",
            ] + options
        Self.removeAtExit(directory)
        try run(
            "pg_ctl",
            [
                "-D", data, "-s", "-w", "-t", "30", "-l", path + "/log", "-o",
                "-k \(path) " + all.map { "-c \($0)" }.joined(separator: " "), "start",
            ], asServer: true)
    }

    private static func removeAtExit(_ directory: URL) {
        let isFirst = directoriesLock.withLock {
            directories.append(directory)
            return directories.count == 1
        }
        if isFirst {
            atexit {
                for directory in TemporaryCluster.directoriesLock.withLock({ TemporaryCluster.directories }) {
                    TemporaryCluster.remove(directory)
                }
            }
        }
    }

    private static let directoriesLock = NSLock()
    nonisolated(unsafe) private static var directories: [URL] = []
    private static let prefix = "glossator-pg-"
    private var data: String { directory.path + "/data" }

    /// Kills the server (immediately: nothing in it is worth a checkpoint) and deletes the folder.
    private static func remove(_ directory: URL) {
        TemporaryPooler.stop(beside: directory)
        let pidFile = directory.appendingPathComponent("data/postmaster.pid")
        if let text = try? String(contentsOf: pidFile, encoding: .utf8),
            let pid = text.split(separator: "\n").first.flatMap({ pid_t($0) }), pid > 1
        {
            kill(pid, SIGQUIT)
            // It removes the file when it is gone.
            for _ in 0..<100 where FileManager.default.fileExists(atPath: pidFile.path) { usleep(20_000) }
        }
        try? FileManager.default.removeItem(at: directory)
    }

    /// What test processes that were killed have left.
    private static func removeStale() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/tmp")) ?? []
        for name in names where name.hasPrefix(prefix) {
            let directory = URL(fileURLWithPath: "/tmp/" + name, isDirectory: true)
            let lock = open(directory.path + "/owner", O_RDWR | O_CLOEXEC)
            guard lock >= 0 else { continue }
            defer { close(lock) }
            if flock(lock, LOCK_EX | LOCK_NB) == 0 { remove(directory) }
        }
    }

    private static func findBinaries() throws -> URL {
        var candidates: [String] = []
        let environment = ProcessInfo.processInfo.environment
        if let own = environment["PG_BIN"], !own.isEmpty { candidates.append(own) }
        for folder in (environment["PATH"] ?? "").split(separator: ":") {
            candidates.append(
                URL(fileURLWithPath: folder + "/initdb").resolvingSymlinksInPath().deletingLastPathComponent().path)
        }
        if let folder = try? ChildProgram.run("/usr/bin/env", ["pg_config", "--bindir"]) {
            candidates.append(folder.trimmingCharacters(in: .whitespacesAndNewlines))
        }
        let root = "/usr/lib/postgresql"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: root)) ?? []
        for version in versions.sorted(by: { (Double($0) ?? 0) > (Double($1) ?? 0) }) {
            candidates.append("\(root)/\(version)/bin")
        }
        for candidate in candidates {
            let complete = ["initdb", "postgres", "pg_ctl", "psql"].allSatisfy {
                FileManager.default.isExecutableFile(atPath: candidate + "/" + $0)
            }
            if complete { return URL(fileURLWithPath: candidate, isDirectory: true) }
        }
        throw Failure(description: "no PostgreSQL server found: install postgresql, or set PG_BIN to its bin folder")
    }

    @discardableResult
    private func run(_ program: String, _ arguments: [String], asServer: Bool) throws -> String {
        try ChildProgram.run(binaries.appendingPathComponent(program).path, arguments, asServer: asServer)
    }
}

/// A database of one test.
package enum TemporaryDatabase {
    /// Makes an empty database, or a copy of the one that `fill` filled: that runs once a process and key. Returns the
    /// conninfo. Databases go with the cluster.
    package static func create(
        like key: String? = nil, fill: @Sendable @escaping (String) async throws -> Void = { _ in }
    ) async throws -> String {
        let cluster = try TemporaryCluster.shared()
        var template = "template0"
        if let key { template = try await templates.template(key, cluster, fill) }
        let name = "t_" + UUID().uuidString.lowercased().replacing("-", with: "")
        try cluster.psql("CREATE DATABASE \(name) TEMPLATE \(template)")
        return cluster.conninfo(name)
    }

    private static let templates = Templates()

    private actor Templates {
        private var made: [String: Task<String, any Error>] = [:]

        func template(
            _ key: String, _ cluster: TemporaryCluster, _ fill: @Sendable @escaping (String) async throws -> Void
        ) async throws -> String {
            if let task = made[key] { return try await task.value }
            let task = Task {
                let name = "template_\(key)"
                try cluster.psql("CREATE DATABASE \(name) TEMPLATE template0")
                try await fill(cluster.conninfo(name))
                return name
            }
            made[key] = task
            return try await task.value
        }
    }
}
