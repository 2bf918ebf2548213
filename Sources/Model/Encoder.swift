package import Annotations
package import Tensors

/// A BERT encoder: token ids in, hidden states out. Its weights are packed for this processor, each product in the
/// precision that `plan` says; all else is fp32. Immutable; shared by all threads.
///
/// A text's hidden states are the same bits in every batch, at every place of it and on every thread.
package struct Encoder: Sendable {
    package let configuration: EncoderConfiguration
    package let plan: PrecisionPlan
    private let embedding: EmbeddingLayer
    private let layers: [EncoderLayer]

    /// Reads the weights of `configuration` from `files`, a layer at a time: the packed copy is all that stays in
    /// memory, and the embedding tables where the file is mapped.
    ///
    /// - Throws: `tensor-missing`, `tensor-dtype`, `tensor-shape`, each naming the tensor.
    package init(
        configuration: EncoderConfiguration, files: EncoderFiles, plan: PrecisionPlan = .fp32
    ) throws(Fault) {
        self.configuration = configuration
        self.plan = plan
        embedding = try files.reader(of: .embeddings, configuration).embedding()
        var layers: [EncoderLayer] = []
        for index in 0..<configuration.layers {
            let weights = try files.reader(of: .layer(index), configuration).layer(index)
            layers.append(EncoderLayer(weights: weights, heads: configuration.heads) { plan[index, $0] })
            files.imported.releasePages()
        }
        self.layers = layers
    }

    /// The same from one file.
    package init(
        configuration: EncoderConfiguration, file: SafetensorsFile, plan: PrecisionPlan = .fp32
    ) throws(Fault) {
        try self.init(configuration: configuration, files: EncoderFiles(file), plan: plan)
    }

    /// Runs the encoder; `workspace.hidden` then holds the last hidden states, `[batch.tokenCount, hidden]`.
    ///
    /// Ids must be below `configuration.vocabularySize` and texts no longer than `configuration.maximumPositions`:
    /// `Backbone` guarantees the first when it loads, windows the second.
    package func encode(_ batch: RaggedBatch, workspace: inout EncoderWorkspace) {
        embed(batch, workspace: &workspace)
        for layer in layers { layer.run(batch, workspace: &workspace) }
    }

    /// The same through the first `count` layers only.
    package func encode(_ batch: RaggedBatch, through count: Int, workspace: inout EncoderWorkspace) {
        embed(batch, workspace: &workspace)
        for layer in layers.prefix(count) { layer.run(batch, workspace: &workspace) }
    }

    /// The same, and `workspace.layerStates` keeps what `rows` of the batch were on their way up: the embedding layer's
    /// output, then every layer's, `layers + 1` matrices `[rows, hidden]`.
    package func encode(_ batch: RaggedBatch, keeping rows: [Int], workspace: inout EncoderWorkspace) {
        while workspace.layerStates.count <= layers.count { workspace.layerStates.append(Matrix(rows: 0, columns: 0)) }
        embed(batch, workspace: &workspace)
        gatherRows(of: workspace.hidden, rows, into: &workspace.layerStates[0])
        for (index, layer) in layers.enumerated() {
            layer.run(batch, workspace: &workspace)
            gatherRows(of: workspace.hidden, rows, into: &workspace.layerStates[index + 1])
        }
    }

    private func embed(_ batch: RaggedBatch, workspace: inout EncoderWorkspace) {
        var none: Matrix?
        embedding.run(batch, positions: &workspace.positions, into: &workspace.hidden, sums: &none)
    }
}

/// One post-LayerNorm transformer layer, `workspace.hidden` in and out:
///
///     x = LayerNorm(x + dense(attention(x)))
///     x = LayerNorm(x + dense(gelu(dense(x))))
private struct EncoderLayer: Sendable {
    private let queryKeyValue: PackedLinear
    private let attentionOutput: PackedLinear
    private let attentionNorm: LayerNorm
    private let intermediate: PackedLinear
    private let output: PackedLinear
    private let outputNorm: LayerNorm
    private let heads: Int

    init(weights: LayerWeights, heads: Int, precision: (PrecisionPlan.Product) -> Precision) {
        func pack(_ linear: LinearWeights, _ product: PrecisionPlan.Product) -> PackedLinear {
            PackedLinear(weights: linear.weights, bias: linear.bias, precision: precision(product))
        }
        queryKeyValue = pack(weights.queryKeyValue, .queryKeyValue)
        attentionOutput = pack(weights.attentionOutput, .attentionOutput)
        attentionNorm = weights.attentionNorm
        intermediate = pack(weights.intermediate, .intermediate)
        output = pack(weights.output, .output)
        outputNorm = weights.outputNorm
        self.heads = heads
    }

    func run(_ batch: RaggedBatch, workspace: inout EncoderWorkspace) {
        queryKeyValue.apply(to: workspace.hidden, .bias, into: &workspace.queryKeyValue, scratch: &workspace.scratch)
        raggedAttention(
            workspace.queryKeyValue, cumulativeLengths: batch.cumulativeLengths, heads: heads,
            into: &workspace.context, scratch: &workspace.scratch)
        attentionOutput.apply(
            to: workspace.context, adding: workspace.hidden, norm: attentionNorm, into: &workspace.attended,
            scratch: &workspace.scratch)
        intermediate.feedForward(
            workspace.attended, then: output, norm: outputNorm, into: &workspace.hidden,
            between: &workspace.intermediate, scratch: &workspace.scratch)
    }
}
