import Annotations
import Foundation

/// Runs a program to its end and returns its exit status with all it printed.
///
/// Not by Foundation's `Process`: that waits until nobody holds a descriptor which every child inherits, and the server
/// that pg_ctl leaves behind holds it for ever.
enum ChildProcess {
    static func run(_ program: String, _ arguments: [String]) throws(Fault) -> (status: Int32, output: String) {
        let sink = NSTemporaryDirectory() + "/glossator-\(UUID().uuidString)"
        defer { unlink(sink) }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, sink, O_CREAT | O_WRONLY | O_TRUNC, 0o600)
        posix_spawn_file_actions_adddup2(&actions, 1, 2)
        // From /: another account may not be able to enter the folder that the person stands in.
        let words = ["/usr/bin/env", "-C", "/", program] + arguments
        let argv = words.map { strdup($0) } + [nil]
        defer { argv.forEach { free($0) } }
        var process: pid_t = 0
        guard posix_spawn(&process, words[0], &actions, nil, argv, environ) == 0 else {
            throw Fault(.system, "program-missing", "cannot run \(program): \(String(cString: strerror(errno)))")
        }
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        let output = (try? String(contentsOfFile: sink, encoding: .utf8)) ?? ""
        // As a shell reports it: the exit code, or 128 and the signal.
        let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
        return (code, output.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}
