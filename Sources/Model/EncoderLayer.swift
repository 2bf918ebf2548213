internal import Tensors

/// One post-LayerNorm transformer layer, `workspace.hidden` in and out:
///
///     x = LayerNorm(x + dense(attention(x)))
///     x = LayerNorm(x + dense(gelu(dense(x))))
struct EncoderLayer: Sendable {
    let weights: LayerWeights
    let heads: Int
    /// `layer.3.`: the beginning of its stages' names.
    let name: String

    func run(_ batch: RaggedBatch, workspace: inout EncoderWorkspace, observe: Encoder.Observer?) {
        attend(batch, workspace: &workspace, observe: observe)
        feedForward(workspace: &workspace, observe: observe)
    }

    private func attend(_ batch: RaggedBatch, workspace: inout EncoderWorkspace, observe: Encoder.Observer?) {
        let (tokens, hidden) = (batch.tokenCount, workspace.hidden.columns)
        workspace.queryKeyValue.reshape(rows: tokens, columns: 3 * hidden)
        multiply(
            workspace.hidden, weights.queryKeyValue.weights, transposeB: .yes, into: &workspace.queryKeyValue)
        addBias(&workspace.queryKeyValue, weights.queryKeyValue.bias)
        if let observe {
            for (third, stage) in ["query", "key", "value"].enumerated() {
                observe(name + stage, workspace.queryKeyValue.columns(third * hidden..<(third + 1) * hidden))
            }
        }
        attention(
            workspace.queryKeyValue, cumulativeLengths: batch.cumulativeLengths, heads: heads,
            into: &workspace.context, scratch: &workspace.attentionScratch,
            observe: observe.map { observe in
                { text, head, probabilities in observe("\(name)attention_probs.\(text).\(head)", probabilities) }
            })
        observe?(name + "attention_context", workspace.context)

        workspace.attended.reshape(rows: tokens, columns: hidden)
        multiply(workspace.context, weights.attentionOutput.weights, transposeB: .yes, into: &workspace.attended)
        observe?(name + "attention_dense", workspace.attended.adding(weights.attentionOutput.bias))
        addBiasAndResidual(
            &workspace.attended, bias: weights.attentionOutput.bias, residual: workspace.hidden,
            norm: weights.attentionNorm)
        observe?(name + "attention_output", workspace.attended)
    }

    private func feedForward(workspace: inout EncoderWorkspace, observe: Encoder.Observer?) {
        workspace.intermediate.reshape(rows: workspace.attended.rows, columns: weights.intermediate.bias.count)
        multiply(workspace.attended, weights.intermediate.weights, transposeB: .yes, into: &workspace.intermediate)
        observe?(name + "intermediate_dense", workspace.intermediate.adding(weights.intermediate.bias))
        addBiasGelu(&workspace.intermediate, weights.intermediate.bias)
        observe?(name + "intermediate_gelu", workspace.intermediate)

        multiply(workspace.intermediate, weights.output.weights, transposeB: .yes, into: &workspace.hidden)
        observe?(name + "output_dense", workspace.hidden.adding(weights.output.bias))
        addBiasAndResidual(
            &workspace.hidden, bias: weights.output.bias, residual: workspace.attended, norm: weights.outputNorm)
        observe?(name + "output", workspace.hidden)
    }
}

extension Matrix {
    /// A copy of some columns; for observers.
    fileprivate func columns(_ range: Range<Int>) -> Matrix {
        let picked = (0..<rows).flatMap { row in Array(self.row(row).dropFirst(range.lowerBound).prefix(range.count)) }
        return Matrix(rows: rows, columns: range.count, values: picked)
    }

    /// A copy with `bias` added to every row; for observers of what the fused kernels never store.
    fileprivate func adding(_ bias: [Float]) -> Matrix {
        var copy = self
        addBias(&copy, bias)
        return copy
    }
}
