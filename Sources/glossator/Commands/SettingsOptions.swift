import Annotations
import ArgumentParser
import Logging
import Synchronization

/// The flags that every command has.
struct SettingsOptions: ParsableArguments {
    @Option(name: .long, help: "PostgreSQL URL or libpq keywords. Default: DATABASE_URL, then libpq's PG* variables.")
    var database: String?

    @Option(name: .long, help: "YAML configuration. Default: GLOSSATOR_CONFIG, then /etc/glossator/glossator.yaml.")
    var config: String?

    @Option(name: .long, help: "Threads that compute. Default: one a processor.")
    var threads: Int?

    @Option(name: .customLong("models"), help: "Directory of the imported backbones.")
    var modelsDirectory: String?

    @Option(name: .long, help: "trace, debug, info, notice, warning, error or critical.")
    var logLevel: String?

    @Option(name: .customLong("set"), help: ArgumentHelp("Any setting; may be repeated.", valueName: "key=value"))
    var assignments: [String] = []

    /// Resolves the settings and starts logging to standard error.
    ///
    /// - Parameter own: flags of one command that stand for a key.
    func load(and own: [(key: String, value: String?, flag: String)] = []) async throws -> Settings {
        var loader = SettingsLoader()
        loader.file = config
        let shortcuts: [(String, String?, String)] = [
            ("database.url", database, "--database"), ("worker.threads", threads.map(String.init), "--threads"),
            ("models.directory", modelsDirectory, "--models"), ("log.level", logLevel, "--log-level"),
        ]
        for assignment in assignments {
            guard let equals = assignment.firstIndex(of: "=") else {
                throw Fault(
                    .configuration, "setting-malformed", "--set \(assignment) has no \"=\"",
                    hint: "write --set worker.threads=2")
            }
            loader.flags.append(
                (String(assignment[..<equals]), String(assignment[assignment.index(after: equals)...]), "--set"))
        }
        for (key, value, flag) in shortcuts + own {
            if let value { loader.flags.append((key, value, flag)) }
        }
        let settings = try await loader.load()
        Log.bootstrap(level: settings.text("log.level"))
        return settings
    }
}

enum Log {
    private static let isBootstrapped = Mutex(false)

    /// Once a process; a second call (tests run several commands in one process) changes nothing.
    static func bootstrap(level: String) {
        let isFirst = isBootstrapped.withLock { done in
            defer { done = true }
            return !done
        }
        guard isFirst else { return }
        LoggingSystem.bootstrap { label in
            var handler = StreamLogHandler.standardError(label: label)
            handler.logLevel = Logger.Level(rawValue: level) ?? .info
            return handler
        }
    }
}
