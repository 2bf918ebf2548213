import Foundation
import Testing

/// The built binary, run as a user runs it.
struct Program {
    /// How a run ended and what it printed.
    struct Outcome: CustomStringConvertible {
        let code: Int32
        let output: String
        let errors: String

        var lines: [String] { output.split(separator: "\n").map(String.init) }
        var description: String {
            "exit \(code)\n--- output\n\(output.prefix(2000))\n--- errors\n\(errors.prefix(2000))"
        }
    }

    /// Nothing but what is named here: a developer's PG* variables or settings change no test.
    var environment: [String: String] = Program.bareEnvironment
    /// Where the program's standard output and error go.
    let folder: URL

    static var bareEnvironment: [String: String] {
        let own = ProcessInfo.processInfo.environment
        return own.filter { ["PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG"].contains($0.key) }
    }

    /// Runs to the end.
    func run(
        _ arguments: String..., input: some Collection<UInt8> = [UInt8](), within limit: Duration = .seconds(60)
    ) async throws -> Outcome {
        try await start(arguments, input: Array(input)).wait(within: limit)
    }

    func start(_ arguments: [String], input: [UInt8] = []) throws -> RunningProgram {
        try RunningProgram(path: Self.path.get(), arguments, environment, input: input, folder: folder)
    }

    /// Beside the test bundle, where SwiftPM puts all products.
    private static let path = Result<String, any Error> {
        var folders = [Bundle.main.executableURL, URL(fileURLWithPath: CommandLine.arguments[0])].compactMap {
            $0?.resolvingSymlinksInPath().deletingLastPathComponent()
        }
        folders += CommandLine.arguments.filter { $0.hasSuffix(".xctest") }.map {
            URL(fileURLWithPath: $0).deletingLastPathComponent()
        }
        for folder in folders {
            let path = folder.appendingPathComponent("glossator").path
            if FileManager.default.isExecutableFile(atPath: path) { return path }
        }
        throw Missing(description: "no glossator beside the tests, in \(folders.map(\.path))")
    }

    struct Missing: Error, CustomStringConvertible { let description: String }
}

/// A process of the program. Killed when nobody refers to it any more.
final class RunningProgram: @unchecked Sendable {
    private let pid: pid_t
    private let out: URL
    private let err: URL
    private var status: Int32?

    /// By posix_spawn: Foundation's Process waits for every grandchild that inherited its descriptors, and with several
    /// programs at once that is each for the others.
    fileprivate init(
        path: String, _ arguments: [String], _ environment: [String: String], input: [UInt8], folder: URL
    ) throws {
        let name = UUID().uuidString
        out = folder.appendingPathComponent("\(name).out")
        err = folder.appendingPathComponent("\(name).err")
        let standardInput = folder.appendingPathComponent("\(name).in")
        try Data(input).write(to: standardInput)
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, standardInput.path, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, out.path, O_CREAT | O_WRONLY | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, err.path, O_CREAT | O_WRONLY | O_TRUNC, 0o600)
        let argv = ([path] + arguments).map { strdup($0) } + [nil]
        let envp = environment.map { strdup("\($0.key)=\($0.value)") } + [nil]
        defer { (argv + envp).forEach { free($0) } }
        var pid: pid_t = 0
        let result = posix_spawn(&pid, path, &actions, nil, argv, envp)
        guard result == 0 else { throw Program.Missing(description: "\(path) cannot be started: errno \(result)") }
        self.pid = pid
    }

    deinit {
        guard status == nil else { return }
        kill(pid, SIGKILL)
        var ignored: Int32 = 0
        waitpid(pid, &ignored, 0)
    }

    func send(_ signal: Int32) { kill(pid, signal) }

    var isRunning: Bool { poll() == nil }

    var errors: String { String(decoding: (try? Data(contentsOf: err)) ?? Data(), as: UTF8.self) }

    /// Waits for the end. A program that takes longer than `limit` is killed, and the test fails.
    func wait(within limit: Duration = .seconds(60)) async throws -> Program.Outcome {
        let end = ContinuousClock.now + limit
        while true {
            if let status = poll() {
                // As a shell reports it: 128 + the signal that ended it.
                let code = status & 0x7F == 0 ? (status >> 8) & 0xFF : 128 + (status & 0x7F)
                let output = String(decoding: try Data(contentsOf: out), as: UTF8.self)
                return Program.Outcome(code: code, output: output, errors: errors)
            }
            if ContinuousClock.now > end {
                kill(pid, SIGKILL)
                throw Program.Missing(description: "not over after \(limit); it said: \(errors)")
            }
            try await Task.sleep(for: .milliseconds(10))
        }
    }

    private func poll() -> Int32? {
        if let status { return status }
        var raw: Int32 = 0
        if waitpid(pid, &raw, WNOHANG) == pid { status = raw }
        return status
    }
}

/// Waits until `condition` holds; records a failure when it never does.
func eventually(
    _ what: Comment, within limit: Duration = .seconds(60), sourceLocation: SourceLocation = #_sourceLocation,
    _ condition: () async throws -> Bool
) async throws {
    let end = ContinuousClock.now + limit
    while ContinuousClock.now < end {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(20))
    }
    Issue.record(what, sourceLocation: sourceLocation)
}
