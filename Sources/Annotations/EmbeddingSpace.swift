/// What makes two embeddings comparable: the same backbone content, pooling and normalisation.
package struct EmbeddingSpace: Sendable, Hashable, Codable {
    package enum Pooling: String, Sendable, Hashable, Codable { case mean, cls }
    package enum Normalization: String, Sendable, Hashable, Codable, CaseIterable { case none, l2, layernorm }

    /// Lower-case hex sha256 over the backbone's files.
    package let backboneHash: String
    package let pooling: Pooling
    package let normalization: Normalization
    package let dimensions: Int

    package init(backboneHash: String, pooling: Pooling, normalization: Normalization, dimensions: Int) {
        self.backboneHash = backboneHash
        self.pooling = pooling
        self.normalization = normalization
        self.dimensions = dimensions
    }
}
