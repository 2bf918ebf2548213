import Annotations
import ArgumentParser
import Foundation
import Model
import Store

struct ModelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model",
        abstract: "Import encoders; make, list, show, certify, compare, export, promote, roll back and remove models.",
        discussion: """
            A model is a backbone (a pretrained encoder, known by the hash of its files) and heads (one a task). \
            `import` registers a backbone and a model without heads, which only embeds. `train` makes models with heads.
            """,
        subcommands: [
            ModelImportCommand.self, ModelNewCommand.self, ModelListCommand.self, ModelShowCommand.self,
            ModelCertifyCommand.self, ModelExportCommand.self, ModelPromoteCommand.self, ModelRollbackCommand.self,
            ModelDiffCommand.self, ModelRemoveCommand.self, ModelPruneCommand.self,
        ])
}

/// What the model commands share: a connection to a current schema, and the registry on it.
struct ModelContext {
    let settings: Settings
    let connection: Connection
    var registry: ModelRegistry { ModelRegistry(connection: connection) }
    var shelf: ModelShelf { ModelShelf(directory: settings.modelsDirectory) }
    var loader: ModelLoader { ModelLoader(registry: registry, shelf: shelf) }

    init(_ options: SettingsOptions, applicationName: String) async throws {
        try await self.init(options.load(), applicationName: applicationName)
    }

    init(_ settings: Settings, applicationName: String) async throws {
        self.settings = settings
        connection = try await Connection.open(settings.connection(applicationName: applicationName))
        try await Migrator(connection: connection).requireCurrent()
    }
}

struct ModelImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Register a Hugging Face BERT directory as a backbone.",
        discussion: """
            Copies the files that decide results into the models directory of this machine, named by their content hash, \
            and makes a model of the same name that embeds and has no heads. The first one is the default of all \
            collections.
            """)

    @Argument(help: "Directory with config.json, model.safetensors, and vocab.txt or tokenizer.json.")
    var directory: String

    @Option(name: .long, help: "What to call it. Default: the directory's name.")
    var name: String?

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let context = try await ModelContext(options, applicationName: "glossator model import")
        let model = try await Self.importModel(from: directory, name: name, context)
        print("backbone \(model.space.backboneHash.prefix(12))… is in \(context.settings.modelsDirectory)")
        print("model \(model.name) (id \(model.id)) embeds in \(model.space.dimensions) dimensions")
        if model.isDefault { print("it is the default model: documents of every collection without another get it") }
    }

    static func importModel(
        from directory: String, name: String?, _ context: ModelContext
    ) async throws -> ModelRegistry.ModelRow {
        let backbone = try Backbone.load(directory: directory)
        let name = name ?? URL(fileURLWithPath: directory).standardizedFileURL.lastPathComponent
        let registered = try await context.registry.importBackbone(
            .init(
                sha256: backbone.contentHash, name: name, hiddenSize: backbone.configuration.hiddenSize,
                layers: backbone.configuration.layers, maximumTokens: backbone.maximumTokens,
                vocabularySize: backbone.configuration.vocabularySize, files: backbone.sourceFiles))
        try context.shelf.install(backbone, from: directory)
        let models = try await context.registry.models()
        if let existing = models.first(where: { $0.space == backbone.space && $0.tasks.isEmpty }) { return existing }
        let id = try await context.registry.insertModel(
            name: registered.name, space: backbone.space, heads: HeadSet.none.encoded(), tasks: [],
            makeDefault: !models.contains(where: \.isDefault))
        return try await context.registry.model(id: id)
    }
}

struct ModelNewCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "new",
        abstract: "Declare a model's tasks before there is gold to learn from.",
        discussion: """
            The new model has the backbone of another and the declared tasks, untrained: it gives no labels until \
            `train` has made a trained one from it. Declaring fixes the labels: `import` then refuses gold with others.

              glossator model new mail --task topic=delivery,billing \\
                --entities entities=person,location --collection mail
            """)

    @Argument(help: "Name of the new model.")
    var name: String

    @Option(
        name: .long, help: "Model whose backbone (and trained heads of other tasks) it has. Default: the default model."
    )
    var from: String?

    @Option(name: .customLong("task"), help: ArgumentHelp("A classification task.", valueName: "task=label,label,…"))
    var classification: [String] = []

    @Option(name: .long, help: ArgumentHelp("An entity task.", valueName: "task=type,type,…"))
    var entities: [String] = []

    @Option(name: .long, help: "Bring it into force for this collection, which is created when it is new.")
    var collection: String?

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        try UsableName.check(name, "the model's name")
        if let collection { try UsableName.check(collection, "the collection's name") }
        let declared =
            try classification.map { try Self.task($0, .classification) }
            + entities.map { try Self.task($0, .entities) }
        if let twice = Dictionary(grouping: declared, by: \.name).first(where: { $1.count > 1 }) {
            throw Fault(
                .input, "task-malformed", "task \(twice.key.shortened) is declared twice",
                hint: "give each task a name of its own")
        }
        let context = try await ModelContext(options, applicationName: "glossator model new")
        let parent = try await base(context.registry)
        let heads = try HeadSet(encoded: await context.registry.heads(of: parent.id))
        let kept = heads.tasks.filter { task in !declared.contains { $0.name == task.name } }
        let names = Set(kept.map(\.name))
        let combined = try HeadSet(
            tasks: kept + declared, classification: heads.classification.filter { names.contains($0.task.name) },
            entities: heads.entities.filter { names.contains($0.task.name) })
        let id = try await context.registry.insertModel(
            name: name, space: parent.space, heads: combined.encoded(), tasks: combined.taskRows, parentID: parent.id)
        print("model \(name) (id \(id)): \(combined.tasks.map(\.name).joined(separator: ", "))")
        if let collection {
            try await DocumentStore(connection: context.connection).setCollection(collection)
            try await context.registry.promote(modelID: id, collection: collection)
            print("in force for collection \(collection)")
        }
    }

    private func base(_ registry: ModelRegistry) async throws -> ModelRegistry.ModelRow {
        if let from { return try await registry.model(named: from) }
        guard let model = try await registry.models().first(where: \.isDefault) else {
            throw Fault(
                .input, "no-default-model", "there is no default model to take the backbone from",
                hint: "import one: glossator model import DIR; or name a model with --from")
        }
        return model
    }

    /// `topic=delivery,billing`
    static func task(_ argument: String, _ kind: AnnotationTask.Kind) throws(Fault) -> AnnotationTask {
        let parts = argument.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let labels =
            parts.count == 2 ? parts[1].split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) } : []
        let minimum = kind == .classification ? 2 : 1
        guard parts.count == 2, !parts[0].isEmpty, labels.count >= minimum, !labels.contains(""),
            Set(labels).count == labels.count
        else {
            throw Fault(
                .input, "task-malformed", "\(argument) does not declare a task",
                hint: kind == .classification
                    ? "write --task topic=delivery,billing (two labels or more, all different)"
                    : "write --entities entities=person,location (types all different)")
        }
        return AnnotationTask(name: parts[0], kind: kind, labels: labels)
    }
}

extension HeadSet {
    /// The tasks as the database shows them.
    var taskRows: [ModelRegistry.TaskRow] {
        let trained = Set(classification.map(\.task.name) + entities.map(\.task.name))
        return tasks.map { .init($0, trained: trained.contains($0.name)) }
    }
}
