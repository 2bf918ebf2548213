import Annotations
import ArgumentParser
import Foundation
import Store

struct ModelRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Remove a model's weights.",
        discussion: """
            Its row stays, since results and history name it; layers of the encoder that no other model uses go too. A \
            model that is in force, that a rollback would go back to, or that a training run uses is refused.
            """)

    @Argument(help: "Name or id.")
    var model: String

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let context = try await ModelContext(options, applicationName: "glossator model remove")
        let row = try await context.registry.model(named: model)
        try await context.registry.remove(model: row.name)
        print("the weights of model \(row.name) are removed")
    }
}

struct ModelPruneCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Remove trained models that are old and that nobody uses.",
        discussion: """
            Daemons do this every hour by themselves, as housekeeping.keep-models and housekeeping.model-days say. Models \
            that are in use stay, and those that no training run made.
            """)

    @Option(name: .long, help: "So many of each collection's newest stay. Default: housekeeping.keep-models.")
    var keep: Int?

    @Option(name: .long, help: "Those younger than this stay. Default: housekeeping.model-days.")
    var days: Int?

    @Flag(name: .long, help: "Say which would be removed.")
    var dryRun = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await options.load(and: [
            ("housekeeping.keep-models", keep.map(String.init), "--keep"),
            ("housekeeping.model-days", days.map(String.init), "--days"),
        ])
        let context = try await ModelContext(settings, applicationName: "glossator model prune")
        let (keep, days) = (settings.integer("housekeeping.keep-models"), settings.integer("housekeeping.model-days"))
        guard dryRun else {
            print("\(try await context.registry.prune(keep: keep, days: days)) models were removed")
            return
        }
        let models = try await context.registry.prunable(keep: keep, days: days)
        guard !models.isEmpty else { return print("no model would be removed") }
        let rows = models.map { [$0.name, $0.collection, $0.createdAt.formatted(.iso8601), "\($0.bytes / 1024) KiB"] }
        print(Terminal.table(["model", "collection", "made", "heads"], rows, indent: ""))
    }
}
