internal import Tensors

/// One post-LayerNorm layer on its way forward, in pieces that threads share:
///
///     x = LayerNorm(x + dropout(dense(attention(x))))
///     x = LayerNorm(x + dropout(dense(gelu(dense(x)))))
///
/// Rows go in tiles, attention in heads of texts.
struct LayerPass: Sendable {
    let weights: LayerView
    let activations: LayerActivations
    let dropout: LayerDropout
    let heads: Int

    /// Queries, keys and values of some rows.
    func project(_ rows: Range<Int>) {
        let target = activations.queryKeyValue.rows(rows)
        multiply(
            activations.input.rows(rows), weights.queryKeyValue.weights, transposeB: .yes, into: target)
        addBias(target, weights.queryKeyValue.bias)
    }

    /// One head of one text; see `attentionHead`.
    func attend(_ place: AttentionPlace, scratch: FloatView) { attentionHead(place).run(scratch: scratch) }

    func attentionHead(_ place: AttentionPlace) -> AttentionHead {
        AttentionHead(
            queryKeyValue: activations.queryKeyValue.rows(place.rows), context: activations.context.rows(place.rows),
            head: place.head, heads: heads, mask: dropout.probabilities?.advanced(by: place.firstElement))
    }

    /// Everything behind the attention, for some rows.
    ///
    /// - Parameter scratch: at least `[rows, intermediate]`.
    func finish(_ rows: Range<Int>, scratch: FloatView) {
        let sum = activations.attentionSum.rows(rows)
        multiply(
            activations.context.rows(rows), weights.attentionOutput.weights, transposeB: .yes, into: sum)
        add(activations.input.rows(rows), to: sum, bias: weights.attentionOutput.bias, dropout.attentionOutput, rows)
        let attended = activations.attended.rows(rows)
        weights.attentionNorm.run(sum, into: attended)

        let (inner, activated) = (activations.inner.rows(rows), scratch.rows(0..<rows.count))
        multiply(attended, weights.intermediate.weights, transposeB: .yes, into: inner)
        addBiasGelu(inner, weights.intermediate.bias, into: activated)

        let outputSum = activations.outputSum.rows(rows)
        multiply(activated, weights.output.weights, transposeB: .yes, into: outputSum)
        add(attended, to: outputSum, bias: weights.output.bias, dropout.output, rows)
        weights.outputNorm.run(outputSum, into: activations.output.rows(rows))
    }

    /// `sum = dropout(sum + bias) + residual`.
    private func add(
        _ residual: FloatView, to sum: FloatView, bias: FloatView, _ mask: DropoutMask?, _ rows: Range<Int>
    ) {
        addBias(sum, bias)
        if let mask { Tensors.dropout(sum, mask.advanced(by: rows.lowerBound * sum.columns)) }
        scaledAdd(sum, residual)
    }
}

/// One head of one text of a batch.
struct AttentionPlace: Sendable {
    /// The text's.
    let rows: Range<Int>
    let head: Int
    /// Of its probabilities among those of the whole batch: text by text, head by head.
    let firstElement: Int
}
