package import Annotations
package import Tensors

/// A BERT encoder: token ids in, hidden states out, in fp32. Immutable; shared by all threads.
package struct Encoder: Sendable {
    /// Receives every stage of a forward pass under the name it has in PyTorch's module tree, shortened:
    /// `embeddings.sum`, `embeddings.output`, and of layer n `layer.n.query`, `key`, `value`,
    /// `attention_probs.<text>.<head>`, `attention_context`, `attention_dense`, `attention_output`,
    /// `intermediate_dense`, `intermediate_gelu`, `output_dense`, `output`.
    package typealias Observer = (_ stage: String, _ value: Matrix) -> Void

    package let configuration: EncoderConfiguration
    private let embedding: EmbeddingLayer
    private let layers: [EncoderLayer]

    package init(configuration: EncoderConfiguration, weights: EncoderWeights) {
        self.configuration = configuration
        embedding = EmbeddingLayer(tables: weights.embeddings, norm: weights.embeddingNorm)
        layers = weights.layers.enumerated().map { index, weights in
            EncoderLayer(weights: weights, heads: configuration.heads, name: "layer.\(index).")
        }
    }

    /// Reads the weights of `configuration` from `file` for the precisions of `plan`.
    /// - Throws: the faults of `EncoderWeights`.
    package init(
        configuration: EncoderConfiguration, file: SafetensorsFile, plan: PrecisionPlan = .fp32
    ) throws(Fault) {
        self.init(
            configuration: configuration,
            weights: try EncoderWeights(from: file, configuration: configuration).rounded(to: plan))
    }

    /// Runs the encoder; `workspace.hidden` then holds the last hidden states, `[batch.tokenCount, hidden]`.
    ///
    /// Ids must be below `configuration.vocabularySize` and texts no longer than `configuration.maximumPositions`:
    /// `Backbone` guarantees the first when it loads, windows the second.
    package func encode(_ batch: RaggedBatch, workspace: inout EncoderWorkspace) {
        run(batch, workspace: &workspace, observe: nil)
    }

    /// The same, showing every stage to `observe`. Slow: for tests and for looking into a model.
    package func trace(_ batch: RaggedBatch, workspace: inout EncoderWorkspace, observe: @escaping Observer) {
        run(batch, workspace: &workspace, observe: observe)
    }

    private func run(_ batch: RaggedBatch, workspace: inout EncoderWorkspace, observe: Observer?) {
        embedding.run(batch, workspace: &workspace, observe: observe)
        for layer in layers { layer.run(batch, workspace: &workspace, observe: observe) }
    }
}
