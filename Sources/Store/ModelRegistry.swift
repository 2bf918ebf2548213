package import Annotations
package import Foundation

/// Backbones, embedding spaces and models, and which model is in force where.
package struct ModelRegistry: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    package struct BackboneRow: Sendable, Hashable {
        package let sha256: String
        package let name: String
        package let hiddenSize: Int
        package let layers: Int
        package let maximumTokens: Int
        package let vocabularySize: Int
        package let files: [String]

        package init(
            sha256: String, name: String, hiddenSize: Int, layers: Int, maximumTokens: Int, vocabularySize: Int,
            files: [String]
        ) {
            self.sha256 = sha256
            self.name = name
            self.hiddenSize = hiddenSize
            self.layers = layers
            self.maximumTokens = maximumTokens
            self.vocabularySize = vocabularySize
            self.files = files
        }
    }

    /// One of a model's tasks.
    package struct TaskRow: Sendable, Hashable, Codable {
        package let name: String
        package let kind: AnnotationTask.Kind
        package let labels: [String]
        /// False until its head has learned something: such a head says nothing.
        package let trained: Bool

        package init(_ task: AnnotationTask, trained: Bool) {
            name = task.name
            kind = task.kind
            labels = task.labels
            self.trained = trained
        }

        package var task: AnnotationTask { AnnotationTask(name: name, kind: kind, labels: labels) }
    }

    package struct ModelRow: Sendable, Hashable {
        package let id: Int64
        package let name: String
        package let spaceID: Int32
        package let space: EmbeddingSpace
        package let tasks: [TaskRow]
        package let parentID: Int64?
        /// JSON text.
        package let metrics: String
        package let isDefault: Bool
        package let createdAt: Date
        package let headsHash: String
        /// When its weights were removed; nil while it can be used.
        package let removedAt: Date?
    }

    package struct InForce: Sendable, Hashable {
        package let collection: String
        /// Nil when neither the collection nor a default names a model.
        package let modelID: Int64?
        package let modelName: String?
        package let isDefault: Bool
        package let segmentation: Segmentation
        package let isPaused: Bool
    }

    // MARK: Writing

    /// Registers a backbone by its content; the same content again changes nothing, whatever name is given, and the
    /// row that is there is returned. Throws `already-exists` when the name belongs to another content.
    @discardableResult
    package func importBackbone(_ backbone: BackboneRow) async throws(Fault) -> BackboneRow {
        let files = try JSON.text(backbone.files)
        return try await connection.transaction { (session) throws(Fault) in
            _ = try session.query(
                Self.insertBackbone,
                [
                    .text(backbone.sha256), .text(backbone.name), .int4(Int32(clamping: backbone.hiddenSize)),
                    .int4(Int32(clamping: backbone.layers)), .int4(Int32(clamping: backbone.maximumTokens)),
                    .int4(Int32(clamping: backbone.vocabularySize)), .jsonb(files),
                ])
            return try Self.backbone(try session.query(Self.oneBackbone, [.text(backbone.sha256)]).only())
        }
    }

    package func backbones() async throws(Fault) -> [BackboneRow] {
        try await connection.rows(of: Self.allBackbones) { (row) throws(Fault) in try Self.backbone(row) }
    }

    /// The row of a space, made when it is new. Its backbone must be registered.
    package func spaceID(of space: EmbeddingSpace) async throws(Fault) -> Int32 {
        try await connection.run { (session) throws(Fault) in
            Int32(clamping: try session.query(Self.space, Self.parameters(of: space)).only().int(0))
        }
    }

    /// Stores a model. Throws `already-exists` for a name that is taken.
    ///
    /// - Parameters:
    ///   - heads: the heads' safetensors file, as it is.
    ///   - metrics: JSON text of an object.
    ///   - makeDefault: promotes it as the default model in the same transaction.
    package func insertModel(
        name: String, space: EmbeddingSpace, heads: [UInt8], tasks: [TaskRow], parentID: Int64? = nil,
        trainingRunID: Int64? = nil, metrics: String = "{}", makeDefault: Bool = false
    ) async throws(Fault) -> Int64 {
        let tasks = try JSON.text(tasks)
        guard let compressed = Zstd.compress(heads[...], level: 9) else {
            throw Fault(.system, "memory", "no memory to compress the model's heads")
        }
        let hash = SHA256.hex(of: heads)
        return try await connection.transaction { (session) throws(Fault) in
            let spaceID = try session.query(Self.space, Self.parameters(of: space)).only().int(0)
            let id = try session.query(
                Self.insert,
                [
                    .text(name), .int4(Int32(clamping: spaceID)), .bytes(compressed), .text(hash), .jsonb(tasks),
                    .optional(parentID), .optional(trainingRunID), .jsonb(metrics),
                ]
            ).only().int64(0)
            if makeDefault { _ = try session.query(Self.promote, [.null, .int8(id)]) }
            return id
        }
    }

    /// Brings a model into force for a collection (nil: as the default). Throws `not-found`.
    package func promote(modelID: Int64, collection: String?) async throws(Fault) {
        _ = try await connection.transaction { (session) throws(Fault) in
            try session.query(Self.promote, [.optional(collection), .int8(modelID)]).count
        }
    }

    /// Undoes the newest promotion; returns the model that is in force again. Throws `not-found`, `not-possible-now`.
    package func rollback(collection: String?) async throws(Fault) -> Int64 {
        try await connection.transaction { (session) throws(Fault) in
            try session.query(Self.rollback, [.optional(collection)]).only().int64(0)
        }
    }

    // MARK: Reading

    /// All models, newest first, without their heads.
    package func models() async throws(Fault) -> [ModelRow] {
        try await connection.rows(of: Self.all) { (row) throws(Fault) in try Self.model(row) }
    }

    /// Throws `not-found`.
    package func model(id: Int64) async throws(Fault) -> ModelRow {
        try await one(Self.byID, .int8(id), "id \(id)")
    }

    /// By name, or by id when the text is a number and no model has it as its name. Throws `not-found`.
    package func model(named name: String) async throws(Fault) -> ModelRow {
        try await one(Self.byName, .text(name), "the name \"\(name)\"")
    }

    /// The heads' safetensors file as it was stored, its hash checked. Throws `not-found`, `heads-damaged`, `model-removed`.
    package func heads(of modelID: Int64) async throws(Fault) -> [UInt8] {
        let (stored, hash) = try await connection.run { (session) throws(Fault) in
            guard let row = try session.query(Self.headsOfModel, [.int8(modelID)]).first else {
                throw Self.notFound("id \(modelID)")
            }
            guard !row.isNull(0) else {
                throw Fault(
                    .model, "model-removed", "the weights of model \(try row.text(2)) were removed",
                    hint: "`glossator model list` shows the models that can be used")
            }
            return (try row.bytes(0), try row.text(1))
        }
        guard let size = Zstd.contentSize(of: stored), size <= Self.maximumHeadBytes,
            let heads = Zstd.decompress(stored[...], maximum: size), SHA256.hex(of: heads) == hash
        else {
            throw Fault(
                .model, "heads-damaged", "the stored heads of model \(modelID) are damaged",
                hint: "roll back to another model: SELECT glossator.rollback(collection)")
        }
        return heads
    }

    private static let maximumHeadBytes = 1 << 30

    /// What annotates a collection. A collection that does not exist yet would use the default model.
    package func modelInForce(collection: String) async throws(Fault) -> InForce {
        try await connection.run { (session) throws(Fault) in
            if let row = try session.query(Self.inForce, [.text(collection)]).first { return try Self.inForce(row) }
            let fallback = try session.query(Self.defaultModel).first
            return InForce(
                collection: collection, modelID: try fallback?.int64(0), modelName: try fallback?.text(1),
                isDefault: true, segmentation: .document, isPaused: false)
        }
    }

    /// What annotates each collection.
    package func modelsInForce() async throws(Fault) -> [InForce] {
        try await connection.rows(of: Self.allInForce) { (row) throws(Fault) in try Self.inForce(row) }
    }

    private func one(_ statement: Statement, _ key: SQLValue, _ what: String) async throws(Fault) -> ModelRow {
        try await connection.run { (session) throws(Fault) in
            guard let row = try session.query(statement, [key]).first else { throw Self.notFound(what) }
            return try Self.model(row)
        }
    }

    private static func notFound(_ what: String) -> Fault {
        Fault(.input, "not-found", "there is no model with \(what)", hint: "`glossator model list` shows them")
    }

    // MARK: Rows

    private static func inForce(_ row: Row) throws(Fault) -> InForce {
        InForce(
            collection: try row.text(0), modelID: try row.optionalInt64(1), modelName: try row.optionalText(2),
            isDefault: try row.bool(3), segmentation: Segmentation(rawValue: try row.text(4)) ?? .document,
            isPaused: try row.bool(5))
    }

    private static func backbone(_ row: Row) throws(Fault) -> BackboneRow {
        BackboneRow(
            sha256: try row.text(0), name: try row.text(1), hiddenSize: try row.int(2), layers: try row.int(3),
            maximumTokens: try row.int(4), vocabularySize: try row.int(5), files: try JSON.value(of: row.json(6)))
    }

    private static func model(_ row: Row) throws(Fault) -> ModelRow {
        guard let pooling = EmbeddingSpace.Pooling(rawValue: try row.text(4)),
            let normalization = EmbeddingSpace.Normalization(rawValue: try row.text(5))
        else {
            throw Fault(
                .model, "space-unknown", "a model's embedding space is of a kind that this program does not know",
                hint: "upgrade this program")
        }
        return ModelRow(
            id: try row.int64(0), name: try row.text(1), spaceID: Int32(clamping: try row.int(2)),
            space: EmbeddingSpace(
                backboneHash: try row.text(3), pooling: pooling, normalization: normalization,
                dimensions: try row.int(6)),
            tasks: try JSON.value(of: row.json(7)), parentID: try row.optionalInt64(8), metrics: try row.json(9),
            isDefault: try row.bool(10), createdAt: try row.date(11), headsHash: try row.text(12),
            removedAt: try row.optionalDate(13))
    }

    private static func parameters(of space: EmbeddingSpace) -> [SQLValue] {
        [
            .text(space.backboneHash), .text(space.pooling.rawValue), .text(space.normalization.rawValue),
            .int4(Int32(clamping: space.dimensions)),
        ]
    }
}

extension ModelRegistry {
    private static let insertBackbone = Statement(
        "backbone_insert",
        """
        INSERT INTO glossator.backbones (sha256, name, hidden_size, layers, maximum_tokens, vocabulary_size, files)
        VALUES ($1::text, $2::text, $3::integer, $4::integer, $5::integer, $6::integer, $7::jsonb)
        ON CONFLICT (sha256) DO NOTHING
        """)

    private static let backboneColumns = "sha256, name, hidden_size, layers, maximum_tokens, vocabulary_size, files"

    private static let oneBackbone = Statement(
        "backbone_one", "SELECT \(backboneColumns) FROM glossator.backbones WHERE sha256 = $1::text")

    private static let allBackbones = Statement(
        "backbone_all", "SELECT \(backboneColumns) FROM glossator.backbones ORDER BY imported_at, name")

    /// The update changes nothing; it makes RETURNING speak for a row that is there already.
    private static let space = Statement(
        "space",
        """
        INSERT INTO glossator.embedding_spaces AS s (backbone_sha256, pooling, normalization, dimensions)
        VALUES ($1::text, $2::text, $3::text, $4::integer)
        ON CONFLICT (backbone_sha256, pooling, normalization, dimensions) DO UPDATE SET pooling = s.pooling
        RETURNING id
        """)

    private static let insert = Statement(
        "model_insert",
        """
        INSERT INTO glossator.models (name, space_id, heads, heads_sha256, tasks, parent_id, training_run_id, metrics)
        VALUES ($1::text, $2::integer, $3::bytea, $4::text, $5::jsonb, $6::bigint, $7::bigint, $8::jsonb)
        RETURNING id
        """)

    static let promote = Statement("model_promote", "SELECT glossator.promote($1::text, $2::bigint)")
    private static let rollback = Statement("model_rollback", "SELECT glossator.rollback($1::text)")

    private static let columns = """
        SELECT m.id, m.name, m.space_id, s.backbone_sha256, s.pooling, s.normalization, s.dimensions, m.tasks, m.parent_id,
            m.metrics, m.is_default, m.created_at, m.heads_sha256, m.removed_at
        FROM glossator.models m JOIN glossator.embedding_spaces s ON s.id = m.space_id
        """

    private static let all = Statement("model_all", columns + " ORDER BY m.id DESC")
    private static let byID = Statement("model_by_id", columns + " WHERE m.id = $1::bigint")
    private static let byName = Statement(
        "model_by_name",
        columns + " WHERE m.name = $1::text OR m.id::text = $1::text ORDER BY m.name = $1::text DESC LIMIT 1")

    private static let headsOfModel = Statement(
        "model_heads", "SELECT heads, heads_sha256, name FROM glossator.models WHERE id = $1::bigint")

    private static let inForceColumns = """
        SELECT collection, model_id, model_name, is_default, segmentation, paused FROM glossator.model_in_force
        """

    private static let inForce = Statement("model_in_force", inForceColumns + " WHERE collection = $1::text")
    private static let allInForce = Statement("model_all_in_force", inForceColumns + " ORDER BY collection")

    private static let defaultModel = Statement(
        "model_default", "SELECT id, name FROM glossator.models WHERE is_default")

    static let statements = [
        insertBackbone, oneBackbone, allBackbones, space, insert, promote, rollback, all, byID, byName, headsOfModel,
        inForce, allInForce, defaultModel,
    ]
}

/// JSON columns.
enum JSON {
    static func text(_ value: some Encodable) throws(Fault) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        do { return String(decoding: try encoder.encode(value), as: UTF8.self) } catch {
            throw Fault(.defect, "json", "a value cannot be written as JSON")
        }
    }

    static func value<T: Decodable>(of text: String) throws(Fault) -> T {
        do { return try JSONDecoder().decode(T.self, from: Data(text.utf8)) } catch {
            throw Fault(
                .database, "json", "a JSON column does not hold what it should",
                hint: "somebody changed the row by hand, or a newer program wrote it")
        }
    }
}
