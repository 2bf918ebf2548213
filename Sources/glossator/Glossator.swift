import Annotations
import ArgumentParser
import Foundation
import Model

/// The program: its subcommands, and how it ends. docs/architecture.md shows the rooms below this one.
@main
struct Glossator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "glossator",
        abstract: "Annotates text in PostgreSQL: labels, entities and embeddings, learned from your corrections.",
        discussion: """
            Start with `glossator demo`. On your own database: `migrate`, `model import DIR`, insert rows into \
            glossator.documents, `run`.

            The database is that of --database, DATABASE_URL or libpq's PG* variables. `glossator config` prints every \
            setting, its value and where it comes from.

            Exit codes: 0 done, 64 usage, 65 bad input, 69 database away or refused, 70 defect, 74 machine (disk, \
            permission), 75 model missing or damaged, 78 configuration, 130 interrupted before the queue was empty.
            """,
        version: Version.text,
        groupedSubcommands: [
            CommandGroup(name: "Begin", subcommands: [DemoCommand.self, MigrateCommand.self, ConfigCommand.self]),
            CommandGroup(
                name: "Work",
                subcommands: [
                    ModelCommand.self, ImportCommand.self, RunCommand.self, TrainCommand.self, RelabelCommand.self,
                    ReportCommand.self, StatusCommand.self, SearchCommand.self, BenchCommand.self,
                ]),
            CommandGroup(
                name: "Filter",
                subcommands: [AnnotateCommand.self, EmbedCommand.self, TokenizeCommand.self]),
        ])

    /// Faults are printed in one form and end with the exit code of whom they blame; everything else (usage, --help) is
    /// ArgumentParser's.
    static func main() async {
        // A filter whose reader went away (`| head`) ends with a write error, not with a signal that hides the cause.
        signal(SIGPIPE, SIG_IGN)
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let fault as Fault {
            Terminal.complain(fault)
            Foundation.exit(ExitCode(blame: fault.blame).rawValue)
        } catch {
            exit(withError: error)
        }
    }
}

extension ExitCode {
    /// sysexits(3)'s numbers, so that init systems and scripts can tell a bad file from a database that is away.
    init(blame: Fault.Blame) {
        switch blame {
        case .document, .input: self.init(65)
        case .database: self.init(69)
        case .defect: self.init(70)
        case .system: self.init(74)
        case .model: self.init(75)
        case .configuration: self.init(78)
        }
    }
}

enum Version {
    static let text = "0.1.0"

    /// With twelve digits of the program file's sha256, as semantic versioning writes a build: what decides the bits of a
    /// training run, releases or not.
    static let withBuild: String = {
        let hash = try? ContentHash.ofFile("/proc/self/exe")
        return "\(text)+\(hash.map { String($0.prefix(12)) } ?? "unknown")"
    }()
}
