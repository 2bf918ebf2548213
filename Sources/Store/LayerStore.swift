package import Annotations

/// Layers that fine-tuning has changed, and the backbones that are made of them.
package struct LayerStore: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    /// What a fine-tuned backbone is made of.
    package struct LearnedBackbone: Sendable, Hashable {
        /// The backbone that was imported.
        package let importedHash: String
        /// Safetensors files by layer; -1: the embeddings.
        package let layers: [Int: [UInt8]]

        package init(importedHash: String, layers: [Int: [UInt8]]) {
            self.importedHash = importedHash
            self.layers = layers
        }
    }

    /// Registers a fine-tuned backbone with all of its learned layers, in one transaction. Layers and backbones that are
    /// there already stay as they are.
    ///
    /// - Parameters:
    ///   - hash: names the fine-tuned backbone by its content.
    ///   - name: what people call it. Throws `already-exists` when it belongs to another content.
    ///   - layers: safetensors files, uncompressed, by layer; -1: the embeddings. All that differ from the imported ones.
    package func store(
        _ hash: String, name: String, importedHash: String, layers: [Int: [UInt8]]
    ) async throws(Fault) {
        var rows: [(layer: Int, hash: String, weights: [UInt8])] = []
        for (layer, file) in layers.sorted(by: { $0.key < $1.key }) {
            // Weights of fp32 hardly compress: a fast level finds what there is to find.
            guard let compressed = Zstd.compress(file[...], level: 1) else {
                throw Fault(.system, "memory", "no memory to compress a layer of the encoder")
            }
            rows.append((layer, SHA256.hex(of: file), compressed))
        }
        let stored = rows
        try await connection.transaction { (session) throws(Fault) in
            _ = try session.query(Self.insertBackbone, [.text(hash), .text(name), .text(importedHash)])
            for row in stored {
                _ = try session.query(Self.insertLayer, [.text(row.hash), .bytes(row.weights)])
                _ = try session.query(
                    Self.insertUse, [.text(hash), .int4(Int32(clamping: row.layer)), .text(row.hash)])
            }
        }
    }

    /// Nil for a backbone that was imported, or is not registered. Throws `layers-damaged`.
    package func learned(_ hash: String) async throws(Fault) -> LearnedBackbone? {
        try await connection.transaction { (session) throws(Fault) in
            guard let imported = try session.query(Self.imported, [.text(hash)]).first?.optionalText(0) else {
                return nil
            }
            var layers: [Int: [UInt8]] = [:]
            for row in try session.query(Self.layers, [.text(hash)]) {
                layers[try row.int(0)] = try Self.file(row.bytes(2), hash: row.text(1), backbone: hash)
            }
            return LearnedBackbone(importedHash: imported, layers: layers)
        }
    }

    /// The imported backbone behind a registered one, which may be itself. Throws `not-found`.
    package func importedHash(of hash: String) async throws(Fault) -> String {
        try await connection.run { (session) throws(Fault) in
            guard let row = try session.query(Self.imported, [.text(hash)]).first else {
                throw Fault(
                    .input, "not-found", "there is no backbone \(hash.prefix(12))…",
                    hint: "`glossator model list` shows the models with their backbones")
            }
            return try row.optionalText(0) ?? hash
        }
    }

    /// Of a part before compression: a value of PostgreSQL holds little more.
    package static let maximumBytes = 960 << 20

    private static func file(_ stored: [UInt8], hash: String, backbone: String) throws(Fault) -> [UInt8] {
        guard let size = Zstd.contentSize(of: stored), size <= maximumBytes,
            let file = Zstd.decompress(stored[...], maximum: size), SHA256.hex(of: file) == hash
        else {
            throw Fault(
                .model, "layers-damaged", "the stored layers of backbone \(backbone.prefix(12))… are damaged",
                hint: "roll back to another model: SELECT glossator.rollback(collection)")
        }
        return file
    }

    private static let insertBackbone = Statement(
        "layers_backbone",
        """
        INSERT INTO glossator.backbones (
            sha256, name, hidden_size, layers, maximum_tokens, vocabulary_size, files, imported_sha256)
        SELECT $1::text, $2::text, hidden_size, layers, maximum_tokens, vocabulary_size, files, sha256
        FROM glossator.backbones WHERE sha256 = $3::text
        ON CONFLICT (sha256) DO NOTHING
        """)

    private static let insertLayer = Statement(
        "layers_insert",
        """
        INSERT INTO glossator.learned_layers (sha256, weights) VALUES ($1::text, $2::bytea)
        ON CONFLICT (sha256) DO NOTHING
        """)

    private static let insertUse = Statement(
        "layers_use",
        """
        INSERT INTO glossator.backbone_layers (backbone_sha256, layer, layer_sha256)
        VALUES ($1::text, $2::integer, $3::text)
        ON CONFLICT (backbone_sha256, layer) DO NOTHING
        """)

    private static let imported = Statement(
        "layers_imported", "SELECT imported_sha256 FROM glossator.backbones WHERE sha256 = $1::text")

    private static let layers = Statement(
        "layers_of",
        """
        SELECT u.layer, u.layer_sha256, l.weights
        FROM glossator.backbone_layers u JOIN glossator.learned_layers l ON l.sha256 = u.layer_sha256
        WHERE u.backbone_sha256 = $1::text
        """)

    static let statements = [insertBackbone, insertLayer, insertUse, imported, layers]
}
