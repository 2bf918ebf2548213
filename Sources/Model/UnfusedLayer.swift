internal import Tensors

/// One post-LayerNorm transformer layer of `UnfusedEncoder`, `stages.hidden` in and out:
///
///     x = LayerNorm(x + dense(attention(x)))
///     x = LayerNorm(x + dense(gelu(dense(x))))
struct UnfusedLayer: Sendable {
    let weights: LayerWeights
    let heads: Int
    /// `layer.3.`: the beginning of its stages' names.
    let name: String

    func run(_ batch: RaggedBatch, stages: inout UnfusedStages, observe: UnfusedEncoder.Observer?) {
        attend(batch, stages: &stages, observe: observe)
        feedForward(stages: &stages, observe: observe)
    }

    private func attend(_ batch: RaggedBatch, stages: inout UnfusedStages, observe: UnfusedEncoder.Observer?) {
        let (tokens, hidden) = (batch.tokenCount, stages.hidden.columns)
        stages.queryKeyValue.reshape(rows: tokens, columns: 3 * hidden)
        multiply(
            stages.hidden, weights.queryKeyValue.weights, transposeB: .yes, into: &stages.queryKeyValue)
        addBias(&stages.queryKeyValue, weights.queryKeyValue.bias)
        if let observe {
            for (third, stage) in ["query", "key", "value"].enumerated() {
                observe(name + stage, stages.queryKeyValue.columns(third * hidden..<(third + 1) * hidden))
            }
        }
        attention(
            stages.queryKeyValue, cumulativeLengths: batch.cumulativeLengths, heads: heads,
            into: &stages.context, scratch: &stages.attentionScratch,
            observe: observe.map { observe in
                { text, head, probabilities in observe("\(name)attention_probs.\(text).\(head)", probabilities) }
            })
        observe?(name + "attention_context", stages.context)

        stages.attended.reshape(rows: tokens, columns: hidden)
        multiply(stages.context, weights.attentionOutput.weights, transposeB: .yes, into: &stages.attended)
        observe?(name + "attention_dense", stages.attended.adding(weights.attentionOutput.bias))
        addBiasAndResidual(
            &stages.attended, bias: weights.attentionOutput.bias, residual: stages.hidden,
            norm: weights.attentionNorm)
        observe?(name + "attention_output", stages.attended)
    }

    private func feedForward(stages: inout UnfusedStages, observe: UnfusedEncoder.Observer?) {
        stages.intermediate.reshape(rows: stages.attended.rows, columns: weights.intermediate.bias.count)
        multiply(stages.attended, weights.intermediate.weights, transposeB: .yes, into: &stages.intermediate)
        observe?(name + "intermediate_dense", stages.intermediate.adding(weights.intermediate.bias))
        addBiasGelu(&stages.intermediate, weights.intermediate.bias)
        observe?(name + "intermediate_gelu", stages.intermediate)

        multiply(stages.intermediate, weights.output.weights, transposeB: .yes, into: &stages.hidden)
        observe?(name + "output_dense", stages.hidden.adding(weights.output.bias))
        addBiasAndResidual(
            &stages.hidden, bias: weights.output.bias, residual: stages.attended, norm: weights.outputNorm)
        observe?(name + "output", stages.hidden)
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
