import Annotations
import ArgumentParser
import Foundation
import Model
import Store

struct ModelListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "All models, newest first.")

    @Flag(name: .long, help: "Models whose weights were removed as well.")
    var all = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let context = try await ModelContext(options, applicationName: "glossator model list")
        let everything = try await context.registry.models()
        let models = everything.filter { all || $0.removedAt == nil }
        guard !models.isEmpty else {
            print("there is no model yet: glossator model import DIR")
            return
        }
        let names = Dictionary(uniqueKeysWithValues: everything.map { ($0.id, $0.name) })
        let rows = models.map { model in
            [
                String(model.id), model.name, model.isDefault ? "default" : model.removedAt == nil ? "-" : "removed",
                model.tasks.isEmpty
                    ? "(embeds only)" : model.tasks.map { $0.name + ($0.trained ? "" : "*") }.joined(separator: ", "),
                String(model.space.backboneHash.prefix(12)), model.parentID.flatMap { names[$0] } ?? "-",
                model.createdAt.formatted(.iso8601),
            ]
        }
        print(Terminal.table(["id", "name", "", "tasks", "backbone", "made from", "created"], rows, indent: ""))
        if models.contains(where: { $0.tasks.contains { !$0.trained } }) { print("* declared, not trained yet") }
    }
}

struct ModelShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One model: tasks, space, metrics, certificates of its precisions.")

    @Argument(help: "Name or id.")
    var model: String

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let context = try await ModelContext(options, applicationName: "glossator model show")
        let row = try await context.registry.model(named: model)
        let backbone = try await context.registry.backbones().first { $0.sha256 == row.space.backboneHash }
        print("model       \(row.name) (id \(row.id))\(row.isDefault ? ", default" : "")")
        print("created     \(row.createdAt.formatted(.iso8601))")
        if let removed = row.removedAt { print("removed     \(removed.formatted(.iso8601)): its weights are gone") }
        print("backbone    \(backbone?.name ?? "?"), \(backbone?.layers ?? 0) layers of \(row.space.dimensions)")
        print("            \(row.space.backboneHash)")
        let imported = try await LayerStore(connection: context.connection).importedHash(of: row.space.backboneHash)
        let isHere = FileManager.default.fileExists(atPath: context.shelf.path(of: imported))
        print("            \(isHere ? "on this machine" : "not in \(context.settings.modelsDirectory)")")
        print("space       \(row.space.pooling.rawValue) pooling, normalisation \(row.space.normalization.rawValue)")
        print("window      \(backbone?.maximumTokens ?? 0) tokens; longer texts are read in overlapping windows")
        // Heads that this program cannot read are no reason to say nothing of the model.
        let heads = try? await HeadSet(encoded: context.registry.heads(of: row.id))
        let kinds = heads?.entities.filter { $0.kind != .linear }.map { ($0.task.name, ", head \($0.kind.rawValue)") }
        let notes = Dictionary(kinds ?? [], uniquingKeysWith: { first, _ in first })
        for task in row.tasks {
            let state = task.trained ? notes[task.name] ?? "" : " (declared, not trained yet)"
            print("task        \(task.name): \(task.kind.rawValue) of \(task.labels.joined(separator: ", "))\(state)")
        }
        if row.tasks.isEmpty { print("task        none: it only embeds") }
        if row.metrics != "{}" { print("metrics     \(row.metrics)") }
        let certificates = try await CertificateStore(connection: context.connection).certificates(of: row.id)
        guard !certificates.isEmpty else { return }
        print("\n" + CertificateListing.text(of: certificates.map(CertificateListing.Entry.init)))
    }
}

struct ModelExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export",
        abstract: "Write a model as a directory that the filters read.",
        discussion: "The backbone's files as Hugging Face lays them out, and the heads in \(HeadSet.fileName).")

    @Argument(help: "Name or id.")
    var model: String

    @Argument(help: "Directory to make.")
    var directory: String

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let context = try await ModelContext(options, applicationName: "glossator model export")
        let loaded = try await context.loader.load(context.registry.model(named: model))
        try loaded.bundle.write(
            to: directory, backboneFrom: context.shelf.path(of: loaded.bundle.backbone.importedHash))
        print("\(directory): model \(loaded.row.name), \(loaded.bundle.heads.tasks.count) tasks")
    }
}

struct ModelPromoteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "promote",
        abstract: "Bring a model into force for a collection, or as the default.",
        discussion: """
            Documents claimed from then on are annotated by it. Where its embeddings are those of the model before, labels \
            of the others are computed again from them (glossator relabel does it now); SELECT \
            glossator.reannotate(collection => …, outdated => true) puts into the queue what has to be read again.
            """)

    @Argument(help: "Name or id.")
    var model: String

    @Option(name: .long, help: "Collection. Default: none, the default model of all collections.")
    var collection: String?

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let context = try await ModelContext(options, applicationName: "glossator model promote")
        let row = try await context.registry.model(named: model)
        try await context.registry.promote(modelID: row.id, collection: collection)
        print(
            "model \(row.name) is in force for \(collection.map { "collection \($0)" } ?? "every collection without another")"
        )
    }
}

struct ModelRollbackCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollback", abstract: "Undo the newest promotion of a collection, or of the default model.")

    @Option(name: .long, help: "Collection. Default: none, the default model of all collections.")
    var collection: String?

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let context = try await ModelContext(options, applicationName: "glossator model rollback")
        let row = try await context.registry.model(id: context.registry.rollback(collection: collection))
        print("model \(row.name) is in force again")
    }
}
