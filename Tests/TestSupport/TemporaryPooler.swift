import Foundation

/// A PgBouncer in transaction mode before the process's cluster: two server sessions a database for any number of
/// clients. Started by the first test that asks, gone with the cluster.
///
/// Its settings are PgBouncer's own, so that a client that sends start-up options is refused. It leaves sessions as the
/// last client left them (`server_reset_query` is not run in transaction mode): what leaks is seen.
package final class TemporaryPooler: Sendable {
    /// Server sessions a database.
    package static let sessions = 2

    private let directory: URL

    /// Whether its tests can run. Where it must (CI, and wherever the reference suites do) they fail without it.
    package static let isWanted = program != nil || isRequired

    /// The process's pooler.
    package static func shared() throws -> TemporaryPooler { try started.get() }

    /// What connects to a database of the cluster through the pooler.
    package func conninfo(_ database: String) -> String {
        "host=\(directory.path) port=\(Self.port) user=postgres dbname=\(database)"
    }

    // MARK: Starting and stopping

    private static let started = Result { try TemporaryPooler(before: TemporaryCluster.shared()) }
    private static let program = ChildProgram.find("pgbouncer")
    private static let port = 6432
    private static let isRequired =
        ProcessInfo.processInfo.environment["CI"] == "true"
        || !(ProcessInfo.processInfo.environment["GLOSSATOR_REFERENCE"] ?? "").isEmpty

    private init(before cluster: TemporaryCluster) throws {
        guard let program = Self.program else {
            throw TemporaryCluster.Failure(description: "no pgbouncer found: apt-get install pgbouncer")
        }
        directory = Self.folder(beside: cluster.directory)
        let path = directory.path
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: false)
        try ChildProgram.giveToServer(path)
        try Data("\"postgres\" \"\"\n".utf8).write(to: directory.appendingPathComponent("users"))
        let settings = """
            [databases]
            * = host=\(cluster.directory.path) port=\(cluster.port)
            [pgbouncer]
            pool_mode = transaction
            default_pool_size = \(Self.sessions)
            max_client_conn = 500
            unix_socket_dir = \(path)
            listen_port = \(Self.port)
            auth_type = trust
            auth_file = \(path)/users
            admin_users = postgres
            logfile = \(path)/log
            pidfile = \(path)/pid

            """
        try Data(settings.utf8).write(to: directory.appendingPathComponent("settings"))
        try ChildProgram.run(program, ["-q", "-d", path + "/settings"], asServer: true)
        let socket = "\(path)/.s.PGSQL.\(Self.port)"
        for _ in 0..<500 {
            if FileManager.default.fileExists(atPath: socket) { return }
            usleep(20_000)
        }
        let log = (try? String(contentsOfFile: path + "/log", encoding: .utf8)) ?? ""
        throw TemporaryCluster.Failure(description: "pgbouncer does not start: \(log)")
    }

    private static func folder(beside cluster: URL) -> URL { cluster.appendingPathComponent("pooler") }

    /// Ends the pooler of a cluster, if it has one.
    static func stop(beside cluster: URL) {
        let file = folder(beside: cluster).appendingPathComponent("pid")
        guard let text = try? String(contentsOf: file, encoding: .utf8),
            let pid = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)), pid > 1,
            // A file that a killed pooler left may name another's process by now.
            let name = try? String(contentsOfFile: "/proc/\(pid)/comm", encoding: .utf8), name == "pgbouncer\n"
        else { return }
        kill(pid, SIGTERM)
    }
}
