import Foundation

/// Programs that tests need beside their own: PostgreSQL's, a pooler, openssl.
enum ChildProgram {
    /// Runs a program to its end and returns what it prints; throws when it fails. `asServer`: as `postgres` when the
    /// tests are run by root, whom servers refuse.
    @discardableResult
    static func run(_ path: String, _ arguments: [String], asServer: Bool = false) throws -> String {
        if asServer, geteuid() == 0 {
            let account = [
                "setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--reset-env", "--", path,
            ]
            return try capture("/usr/bin/env", account + arguments)
        }
        return try capture(path, arguments)
    }

    /// Makes the account that servers run as the owner of a file or folder.
    static func giveToServer(_ path: String) throws {
        guard geteuid() == 0 else { return }
        guard let account = getpwnam("postgres") else {
            throw TemporaryCluster.Failure(description: "no account postgres")
        }
        guard chown(path, account.pointee.pw_uid, account.pointee.pw_gid) == 0 else {
            throw TemporaryCluster.Failure(description: "\(path) cannot be given to postgres")
        }
    }

    /// The first of that name on the PATH or where a system keeps servers; nil when it is not installed.
    static func find(_ name: String) -> String? {
        let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
        let folders = path.split(separator: ":").map(String.init) + ["/usr/sbin", "/usr/local/sbin", "/usr/bin"]
        return folders.map { $0 + "/" + name }.first { FileManager.default.isExecutableFile(atPath: $0) }
    }

    /// Not by Foundation's Process: that waits until nobody holds a descriptor which every child inherits, and the server
    /// that pg_ctl leaves behind holds it for ever.
    private static func capture(_ path: String, _ arguments: [String]) throws -> String {
        let out = FileManager.default.temporaryDirectory.appendingPathComponent("glossator-out-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: out) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, out.path, O_CREAT | O_WRONLY | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // Threads of libdispatch block signals, and a child that inherited that could not be ended.
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        // The server's account may not be able to enter the folder of the sources.
        let words = ["/usr/bin/env", "-C", "/", path] + arguments
        let argv = words.map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        var pid: pid_t = 0
        guard posix_spawn(&pid, words[0], &actions, &attributes, argv, environ) == 0 else {
            throw TemporaryCluster.Failure(description: "\(path) cannot be started")
        }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
        let text = String(decoding: (try? Data(contentsOf: out)) ?? Data(), as: UTF8.self)
        guard status == 0 else {
            throw TemporaryCluster.Failure(description: "\(path) \(arguments.joined(separator: " ")): \(text)")
        }
        return text
    }
}
