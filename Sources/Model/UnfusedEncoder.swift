package import Tensors

/// The encoder once more, in the plainest way that is not slow: weights as they are stored, one OpenBLAS call a product,
/// every stage in a matrix of its own. The packed `Encoder` is held against it; training needs its stages.
package struct UnfusedEncoder: Sendable {
    /// Receives every stage of a forward pass under the name it has in PyTorch's module tree, shortened:
    /// `embeddings.sum`, `embeddings.output`, and of layer n `layer.n.query`, `key`, `value`,
    /// `attention_probs.<text>.<head>`, `attention_context`, `attention_dense`, `attention_output`,
    /// `intermediate_dense`, `intermediate_gelu`, `output_dense`, `output`.
    package typealias Observer = (_ stage: String, _ value: Matrix) -> Void

    package let configuration: EncoderConfiguration
    private let embedding: EmbeddingLayer
    private let layers: [UnfusedLayer]

    package init(configuration: EncoderConfiguration, weights: EncoderWeights) {
        self.configuration = configuration
        embedding = weights.embedding
        layers = weights.layers.enumerated().map { index, weights in
            UnfusedLayer(weights: weights, heads: configuration.heads, name: "layer.\(index).")
        }
    }

    /// The last hidden states, `[batch.tokenCount, hidden]`. Every stage is shown to `observe`.
    package func run(_ batch: RaggedBatch, observe: Observer? = nil) -> Matrix {
        var stages = UnfusedStages()
        var sums: Matrix? = Matrix(rows: 0, columns: 0)
        embedding.run(batch, positions: &stages.positions, into: &stages.hidden, sums: &sums)
        if let sums { observe?("embeddings.sum", sums) }
        observe?("embeddings.output", stages.hidden)
        for layer in layers { layer.run(batch, stages: &stages, observe: observe) }
        return stages.hidden
    }
}

/// What the layers hand each other.
struct UnfusedStages {
    var hidden = Matrix(rows: 0, columns: 0)
    var queryKeyValue = Matrix(rows: 0, columns: 0)
    var context = Matrix(rows: 0, columns: 0)
    var attended = Matrix(rows: 0, columns: 0)
    var intermediate = Matrix(rows: 0, columns: 0)
    var positions: [Int32] = []
    var attentionScratch = AttentionScratch()
}
