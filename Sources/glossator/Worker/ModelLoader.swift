import Foundation
import Annotations
import Model
import Store

/// Puts a model together: heads and learned layers from the database, the imported backbone from this machine.
struct ModelLoader: Sendable {
    let registry: ModelRegistry
    let shelf: ModelShelf

    struct Loaded: Sendable {
        let row: ModelRegistry.ModelRow
        let bundle: ModelBundle
    }

    /// - Parameter backbone: Where the daemon keeps backbones it has loaded; by default it is read from the shelf.
    func load(
        _ row: ModelRegistry.ModelRow, backbone: ((ModelRegistry.ModelRow) async throws -> Backbone)? = nil
    ) async throws -> Loaded {
        let encoded = try await registry.heads(of: row.id)
        let backbone = if let backbone { try await backbone(row) } else { try await self.backbone(of: row) }
        guard backbone.space == row.space else {
            throw Fault(
                .model, "space-differs", "model \(row.name) embeds in another space than its backbone here",
                hint: "import the backbone again: glossator model import DIR")
        }
        return Loaded(row: row, bundle: try ModelBundle(backbone: backbone, heads: HeadSet(encoded: encoded)))
    }

    /// A model's backbone, with the layers that it has learned.
    func backbone(
        of row: ModelRegistry.ModelRow, normalization: EmbeddingSpace.Normalization? = nil, plan: PrecisionPlan = .fp32
    ) async throws -> Backbone {
        let hash = row.space.backboneHash
        guard let learned = try await LayerStore(connection: registry.connection).learned(hash) else {
            return try shelf.backbone(hash, of: row, normalization: normalization, plan: plan)
        }
        let layers = learned.layers.map { (EncoderPart(number: $0.key), $0.value) }
        let backbone = try shelf.backbone(learned.importedHash, of: row, normalization: normalization)
            .replacing(Dictionary(uniqueKeysWithValues: layers), plan: plan)
        guard backbone.contentHash == hash else {
            throw Fault(
                .model, "layers-damaged", "the stored layers of backbone \(hash.prefix(12))… are not those of its name",
                hint: "roll back to another model: SELECT glossator.rollback(collection)")
        }
        return backbone
    }

    func load(id: Int64) async throws -> Loaded { try await load(registry.model(id: id)) }
}

/// What `--model` of a filter names: a directory, or a model of the database.
struct ModelSource {
    let settings: Settings

    /// - Parameters:
    ///   - normalization: Replaces the model's own; the heads, trained on the other space, are then left away.
    ///   - plan: In which precision the encoder computes.
    func bundle(
        named name: String, normalization: EmbeddingSpace.Normalization? = nil, plan: PrecisionPlan = .fp32
    ) async throws -> ModelBundle {
        let bundle = try await bundle(named: name, normalization: normalization)
        let layers = bundle.backbone.configuration.layers
        if let place = plan.exceptions.keys.sorted().first(where: { $0.layer >= layers }) {
            throw Fault(
                .configuration, "precision-plan",
                "--precision names layer \(place.layer) of an encoder that has \(layers), counted from 0",
                hint: "`glossator model certify` prints a plan that fits the model")
        }
        return try ModelBundle(backbone: bundle.backbone.computing(in: plan), heads: bundle.heads)
    }

    static func isDirectory(_ name: String) -> Bool {
        name.contains("/") || FileManager.default.fileExists(atPath: name)
    }

    private func bundle(
        named name: String, normalization: EmbeddingSpace.Normalization?
    ) async throws -> ModelBundle {
        if Self.isDirectory(name) {
            guard let normalization else { return try ModelBundle.load(directory: name) }
            return try ModelBundle(
                backbone: Backbone.load(directory: name, normalization: normalization), heads: .none)
        }
        let connection = try await databaseOfModel(named: name)
        try await Migrator(connection: connection).requireCurrent()
        let registry = ModelRegistry(connection: connection)
        let shelf = ModelShelf(directory: settings.modelsDirectory)
        let row = try await registry.model(named: name)
        let bundle: ModelBundle
        if let normalization {
            bundle = try await ModelBundle(
                backbone: ModelLoader(registry: registry, shelf: shelf).backbone(of: row, normalization: normalization),
                heads: .none)
        } else {
            bundle = try await ModelLoader(registry: registry, shelf: shelf).load(row).bundle
        }
        await connection.close()
        return bundle
    }

    private func databaseOfModel(named name: String) async throws -> Connection {
        do {
            return try await Connection.open(settings.connection(applicationName: "glossator"))
        } catch {
            guard error.blame == .database else { throw error }
            throw Fault(
                .model, "model-missing",
                "there is no directory \(name), and no database to look for a model of that name (\(error.message))",
                hint: "give the path of a model directory, or the database: --database or DATABASE_URL")
        }
    }
}
