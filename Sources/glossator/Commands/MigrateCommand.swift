import Annotations
import ArgumentParser
import Foundation
import Store

struct MigrateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "migrate",
        abstract: "Create or upgrade the schema glossator.",
        discussion: """
            Forward only, one transaction a step. Touches nothing outside the schema glossator. May be run at any time, \
            also by several hosts at once.
            """)

    @Flag(name: .long, help: "Only list the steps and whether they were applied.")
    var status = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await options.load()
        let connection = try await Connection.open(settings.connection(applicationName: "glossator migrate"))
        let migrator = Migrator(connection: connection)
        if status {
            let rows = try await migrator.status().map { step in
                [String(step.version), step.name, step.appliedAt.map { $0.formatted(.iso8601) } ?? "-"]
            }
            print(Terminal.table(["step", "name", "applied"], rows, indent: ""))
            return
        }
        let applied = try await migrator.migrate { Terminal.note("applying \($0)") }
        print(applied.isEmpty ? "the schema is current" : "the schema is current; \(applied.count) steps applied")
    }
}
