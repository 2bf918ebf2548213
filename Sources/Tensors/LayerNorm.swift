internal import CKernels

/// The scale and shift of a LayerNorm, and its epsilon.
package struct LayerNorm: Sendable {
    package let gamma: [Float]
    package let beta: [Float]
    package let epsilon: Float

    package init(gamma: [Float], beta: [Float], epsilon: Float) {
        precondition(gamma.count == beta.count, "\(gamma.count) scales, \(beta.count) shifts")
        self.gamma = gamma
        self.beta = beta
        self.epsilon = epsilon
    }

    package var columns: Int { gamma.count }
}

/// The three tables whose rows a token's embedding adds up.
package struct EmbeddingTables: Sendable {
    /// `[vocabulary, hidden]`
    package let words: Table
    /// `[positions, hidden]`
    package let positions: Table
    /// Token type 0, the only one that single texts have: `[hidden]`
    package let segment: [Float]

    package init(words: Table, positions: Table, segment: [Float]) {
        precondition(words.columns == segment.count && positions.columns == segment.count, "tables of different widths")
        self.words = words
        self.positions = positions
        self.segment = segment
    }
}

/// `result[t] = LayerNorm(words[ids[t]] + positions[places[t]] + segment)`, `[tokens, hidden]`.
///
/// An id or place outside its table is a programmer's error: the tokenizer's vocabulary is checked against the table
/// when a model is loaded.
/// `sums`, when it holds a matrix, receives the rows before normalisation.
package func embed(
    ids: [Int32], places: [Int32], tables: EmbeddingTables, norm: LayerNorm, into result: inout Matrix,
    sums: inout Matrix?
) {
    precondition(ids.count == places.count && norm.columns == tables.segment.count)
    let (vocabulary, positions) = (tables.words.rows, tables.positions.rows)
    for id in ids { precondition(id >= 0 && Int(id) < vocabulary, "token id \(id) of a vocabulary of \(vocabulary)") }
    for place in places { precondition(place >= 0 && Int(place) < positions, "position \(place) of \(positions)") }
    result.reshape(rows: ids.count, columns: norm.columns)
    func run(_ sums: UnsafeMutablePointer<Float>?) {
        tables.words.withValues { words in
            tables.positions.withValues { positions in
                kernel_embed(
                    words, positions, tables.segment, ids, places, ids.count, norm.columns, norm.gamma, norm.beta,
                    norm.epsilon, sums, &result.values)
            }
        }
    }
    if sums != nil {
        sums?.reshape(rows: ids.count, columns: norm.columns)
        sums?.values.withUnsafeMutableBufferPointer { run($0.baseAddress) }
    } else {
        run(nil)
    }
}

/// Normalises every row of `x` in place: `(x - mean) / sqrt(variance + epsilon)`, then scale and shift when given.
package func layerNorm(_ x: inout Matrix, _ norm: LayerNorm) {
    precondition(x.columns == norm.columns)
    let (rows, columns) = (x.rows, x.columns)
    x.values.withUnsafeMutableBufferPointer { x in
        guard let x = x.baseAddress else { return }
        kernel_layer_norm(x, rows, columns, norm.gamma, norm.beta, norm.epsilon, x)
    }
}

/// `x = LayerNorm(x + bias + residual)`: what ends both halves of an encoder layer. All `[rows, columns]`.
package func addBiasAndResidual(_ x: inout Matrix, bias: [Float], residual: Matrix, norm: LayerNorm) {
    precondition(x.columns == bias.count && x.columns == norm.columns)
    precondition(x.rows == residual.rows && x.columns == residual.columns)
    let (rows, columns) = (x.rows, x.columns)
    x.values.withUnsafeMutableBufferPointer { x in
        guard let x = x.baseAddress else { return }
        kernel_bias_residual_layer_norm(
            x, bias, residual.values, rows, columns, norm.gamma, norm.beta, norm.epsilon, x)
    }
}
