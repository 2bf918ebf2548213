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
    func project(_ rows: Range<Int>, scratch: WorkerScratch) {
        let target = activations.queryKeyValue.rows(rows)
        weights.queryKeyValue.run(activations.input.rows(rows), into: target, scratch: scratch.rounding)
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
    /// - Parameter scratch: with room for `[rows, intermediate]`.
    func finish(_ rows: Range<Int>, scratch: WorkerScratch) {
        let sum = activations.attentionSum.rows(rows)
        weights.attentionOutput.run(activations.context.rows(rows), into: sum, scratch: scratch.rounding)
        add(activations.input.rows(rows), to: sum, bias: weights.attentionOutput.bias, dropout.attentionOutput, rows)
        let attended = activations.attended.rows(rows)
        weights.attentionNorm.run(sum, into: attended)

        let inner = activations.inner.rows(rows)
        let activated = scratch.floats.view(rows: rows.count, columns: inner.columns)
        weights.intermediate.run(attended, into: inner, scratch: scratch.rounding)
        addBiasGelu(inner, weights.intermediate.bias, into: activated)

        let outputSum = activations.outputSum.rows(rows)
        weights.output.run(activated, into: outputSum, scratch: scratch.rounding)
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

/// One thread's memory.
struct WorkerScratch: Sendable {
    let floats = FloatBuffer(count: 0)
    /// For products in bfloat16; `none` without any.
    let rounding: RoundingScratch

    var wholeRow: FloatView { floats.view(rows: 1, columns: floats.count) }
}

/// One head of one text of a batch.
struct AttentionPlace: Sendable {
    /// The text's.
    let rows: Range<Int>
    let head: Int
    /// Of its probabilities among those of the whole batch: text by text, head by head.
    let firstElement: Int
}
