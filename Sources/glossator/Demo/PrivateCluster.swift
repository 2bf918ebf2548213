import Annotations
import Foundation

/// A PostgreSQL server of the demo's own: its data, its socket and its log in one folder, no TCP, no password, reachable
/// only by the user who made it (and root).
///
/// Not a way to run a production server: it is tuned to start fast on a small machine.
struct PrivateCluster: Sendable {
    /// Holds `data/`, `log` and, where the path is short enough, the socket.
    let directory: String
    let socketDirectory: String
    private let binaries: String

    static let databaseName = "glossator"

    /// libpq keywords of the demo's database.
    var conninfo: String { "host=\(Self.quoted(socketDirectory)) user=postgres dbname=\(Self.databaseName)" }

    /// The server's first process, while it runs.
    var serverProcess: Int? {
        let file = FileManager.default.contents(atPath: data + "/postmaster.pid")
        return file.flatMap { String(decoding: $0, as: UTF8.self).split(separator: "\n").first.flatMap { Int($0) } }
    }

    /// What a person types.
    var psqlCommand: String { "psql -h '\(socketDirectory)' -U postgres \(Self.databaseName)" }

    private var data: String { directory + "/data" }
    private var log: String { directory + "/log" }
    private var isInitialised: Bool { (try? run("test", ["-f", data + "/PG_VERSION"]))?.status == 0 }

    /// - Parameter wanted: The folder to use. Root may not run PostgreSQL, so it runs as `postgres`; when that account
    ///   cannot enter `wanted` (a clone below /root), a folder in /var/lib named after it is used instead.
    init(wanted: String) throws(Fault) {
        binaries = try Self.findBinaries()
        let absolute = URL(fileURLWithPath: wanted).standardizedFileURL.path
        if Self.isRoot, !Self.canEnter(URL(fileURLWithPath: absolute).deletingLastPathComponent().path) {
            directory = "/var/lib/glossator-demo-" + Self.fingerprint(absolute)
        } else {
            directory = absolute
        }
        // A socket's whole path may take 107 bytes; ".s.PGSQL.5432.lock" needs 19 of them.
        let short = (Self.isRoot ? "/run" : "/tmp") + "/glossator-demo-" + Self.fingerprint(directory)
        socketDirectory = directory.utf8.count <= 85 ? directory : short
    }

    /// Makes the cluster when there is none, starts it when it does not run, makes the database when it is missing.
    func start() throws(Fault) {
        try makeDirectories()
        if !isInitialised {
            try check(
                "initdb",
                [
                    "-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-instructions",
                ])
        }
        if try run(binaries + "/pg_ctl", ["-D", data, "status"]).status != 0 { try startServer() }
        let exists = try run(
            binaries + "/psql",
            ["-h", socketDirectory, "-U", "postgres", "-d", Self.databaseName, "-Atqc", "SELECT 1"])
        if exists.status != 0 {
            try check("createdb", ["-h", socketDirectory, "-U", "postgres", Self.databaseName])
        }
    }

    /// A server that was killed moments ago may still hold its lock file, so the start is tried for a while.
    private func startServer() throws(Fault) {
        let options =
            "-k '\(socketDirectory)' -c listen_addresses='' -c shared_buffers=128MB -c max_wal_size=512MB "
            + "-c unix_socket_permissions=0700 -c jit=off -c max_connections=200"
        var output = ""
        for _ in 0..<5 {
            let result = try run(
                binaries + "/pg_ctl", ["-D", data, "-s", "-w", "-t", "30", "-l", log, "-o", options, "start"])
            if result.status == 0 { return }
            output = result.output
            Thread.sleep(forTimeInterval: 1)
        }
        throw Fault(
            .system, "cluster-start-failed", "the demo's PostgreSQL did not start: \(output)",
            hint: "read \(log); `make demo-delete` begins anew")
    }

    /// The path of one of the server's programs; nil where it is not installed.
    func program(_ name: String) -> String? {
        let path = binaries + "/" + name
        return FileManager.default.isExecutableFile(atPath: path) ? path : nil
    }

    func stop() throws(Fault) {
        guard isInitialised, try run(binaries + "/pg_ctl", ["-D", data, "status"]).status == 0 else { return }
        try check("pg_ctl", ["-D", data, "-s", "-m", "fast", "-w", "stop"])
    }

    func delete() throws(Fault) {
        try stop()
        for path in Set([directory, socketDirectory]) where FileManager.default.fileExists(atPath: path) {
            do {
                try FileManager.default.removeItem(atPath: path)
            } catch {
                throw Fault(.system, "cluster-delete-failed", "cannot delete \(path): \(error.localizedDescription)")
            }
        }
    }

    // MARK: - Programs

    private func makeDirectories() throws(Fault) {
        for path in Set([directory, socketDirectory]) {
            do {
                // Only the last folder is private: the server's account has to pass through those above it.
                try FileManager.default.createDirectory(
                    atPath: (path as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
                try FileManager.default.createDirectory(
                    atPath: path, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            } catch {
                throw Fault(
                    .system, "cluster-directory-failed", "cannot make \(path): \(error.localizedDescription)",
                    hint: "choose another folder with --directory")
            }
            try refuseForeign(path)
            if Self.isRoot { _ = try ChildProcess.run("/bin/chown", ["--no-dereference", "postgres:postgres", path]) }
        }
    }

    /// A folder that was there before must be ours: in a place where everybody writes (a short one in /tmp, for the
    /// socket) somebody else may have put a link or an open door under the name.
    private func refuseForeign(_ path: String) throws(Fault) {
        var entry = stat()
        let owners = Self.isRoot ? [0, getpwnam("postgres")?.pointee.pw_uid ?? 0] : [getuid()]
        guard lstat(path, &entry) == 0, entry.st_mode & S_IFMT == S_IFDIR, owners.contains(entry.st_uid),
            entry.st_mode & 0o022 == 0
        else {
            throw Fault(
                .system, "cluster-directory-foreign",
                "\(path) is a link, or belongs to somebody else, or others may write to it",
                hint: "remove it, or choose another folder with --directory")
        }
    }

    private func check(_ program: String, _ arguments: [String]) throws(Fault) {
        let result = try run(binaries + "/" + program, arguments)
        guard result.status == 0 else {
            throw Fault(
                .system, "cluster-program-failed", "\(program) ended with \(result.status): \(result.output)",
                hint: "`make demo-delete` begins anew")
        }
    }

    /// As the account that may run a server.
    private func run(_ program: String, _ arguments: [String]) throws(Fault) -> (status: Int32, output: String) {
        guard Self.isRoot else { return try ChildProcess.run(program, arguments) }
        return try ChildProcess.run("setpriv", Self.asPostgres + [program] + arguments)
    }

    private static let isRoot = getuid() == 0
    private static let asPostgres = [
        "--reuid=postgres", "--regid=postgres", "--init-groups", "--reset-env", "--",
    ]

    private static func canEnter(_ path: String) -> Bool {
        var existing = path
        while !FileManager.default.fileExists(atPath: existing), existing != "/" {
            existing = (existing as NSString).deletingLastPathComponent
        }
        let result = try? ChildProcess.run("setpriv", asPostgres + ["test", "-x", existing])
        return result?.status == 0
    }

    private static func findBinaries() throws(Fault) -> String {
        var candidates: [String] = []
        if let named = ProcessInfo.processInfo.environment["PG_BIN"] { candidates.append(named) }
        if let configured = try? ChildProcess.run("pg_config", ["--bindir"]), configured.status == 0 {
            candidates.append(configured.output)
        }
        let installed = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")) ?? []
        candidates += installed.sorted { (Int($0) ?? 0) > (Int($1) ?? 0) }.map { "/usr/lib/postgresql/\($0)/bin" }
        let complete = candidates.first { directory in
            ["initdb", "postgres", "pg_ctl"].allSatisfy {
                FileManager.default.isExecutableFile(atPath: "\(directory)/\($0)")
            }
        }
        guard let complete else {
            throw Fault(
                .system, "postgresql-missing", "no PostgreSQL server is installed on this machine",
                hint: "apt-get install postgresql, or set PG_BIN to the folder that holds initdb")
        }
        return complete
    }

    private static func quoted(_ value: String) -> String {
        "'" + value.replacing("\\", with: "\\\\").replacing("'", with: "\\'") + "'"
    }

    /// Eight hex digits of FNV-1a: only to tell folders apart.
    private static func fingerprint(_ text: String) -> String {
        var hash: UInt32 = 2_166_136_261
        for byte in text.utf8 { hash = (hash ^ UInt32(byte)) &* 16_777_619 }
        return String(hash, radix: 16)
    }
}
