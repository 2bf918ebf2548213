internal import CKernels
internal import Foundation

/// A LayerNorm whose scale and shift lie in a buffer of parameters.
package struct LayerNormView: Sendable {
    /// `[1, columns]`.
    package let gamma: FloatView
    /// `[1, columns]`.
    package let beta: FloatView
    package let epsilon: Float

    package init(gamma: FloatView, beta: FloatView, epsilon: Float) {
        precondition(gamma.rows == 1 && beta.rows == 1 && gamma.columns == beta.columns)
        (self.gamma, self.beta, self.epsilon) = (gamma, beta, epsilon)
    }

    /// `result = LayerNorm(x)`, dense `[rows, columns]` both; `result` may be `x`.
    package func run(_ x: FloatView, into result: FloatView) {
        expect(x, result)
        kernel_layer_norm(x.pointer, x.rows, x.columns, gamma.pointer, beta.pointer, epsilon, result.pointer)
    }

    /// In place, the gradient of the result becomes that of `x`, what the forward step normalised.
    ///
    /// - Parameters:
    ///   - gammaGradient: added to, `[1, columns]`; so is `betaGradient`.
    package func runBackward(
        x: FloatView, gradient: FloatView, gammaGradient: FloatView, betaGradient: FloatView
    ) {
        expect(x, gradient)
        precondition(gammaGradient.columns == x.columns && betaGradient.columns == x.columns)
        kernel_layer_norm_backward(
            x.pointer, gradient.pointer, x.rows, x.columns, gamma.pointer, epsilon, gradient.pointer,
            gammaGradient.pointer, betaGradient.pointer)
    }

    private func expect(_ x: FloatView, _ other: FloatView) {
        precondition(x.columns == gamma.columns && other.columns == x.columns && other.rows == x.rows)
        precondition(x.isDense && other.isDense)
    }
}

/// `sums[t] = words[ids[t]] + positions[places[t]] + segment`, and `result[t] = LayerNorm(sums[t])`, for tokens
/// `range`.
///
/// Ids and places must be rows of their tables.
package func embed(
    ids: [Int32], places: [Int32], range: Range<Int>, words: FloatView, positions: FloatView, segment: FloatView,
    norm: LayerNormView, sums: FloatView, into result: FloatView
) {
    precondition(range.lowerBound >= 0 && range.upperBound <= ids.count && ids.count == places.count)
    let columns = norm.gamma.columns
    for view in [sums, result] { precondition(view.rows == ids.count && view.columns == columns && view.isDense) }
    precondition(words.columns == columns && positions.columns == columns && segment.count == columns)
    precondition(words.isDense && positions.isDense)
    for index in range {
        precondition(ids[index] >= 0 && Int(ids[index]) < words.rows, "a token id of a vocabulary of \(words.rows)")
        precondition(places[index] >= 0 && Int(places[index]) < positions.rows, "one of \(positions.rows) positions")
    }
    let first = range.lowerBound * columns
    ids.withUnsafeBufferPointer { ids in
        places.withUnsafeBufferPointer { places in
            guard let ids = ids.baseAddress, let places = places.baseAddress else { return }
            kernel_embed(
                words.pointer, positions.pointer, segment.pointer, ids + range.lowerBound, places + range.lowerBound,
                range.count, columns, norm.gamma.pointer, norm.beta.pointer, norm.epsilon, sums.pointer + first,
                result.pointer + first)
        }
    }
}

/// `table[places[r]] += x[r]`, row after row: what a table's gradient is. Both may be the same columns of wider
/// matrices with the same stride.
package func scatterAdd(_ x: FloatView, places: [Int32], into table: FloatView) {
    precondition(places.count == x.rows && table.columns == x.columns && table.stride == x.stride)
    for place in places { precondition(place >= 0 && Int(place) < table.rows, "row \(place) of \(table.rows)") }
    kernel_scatter_add_rows(x.pointer, places, x.rows, x.columns, x.stride, table.pointer)
}

/// Adds `bias` `[1, columns]` to every row of a dense `x`, in place.
package func addBias(_ x: FloatView, _ bias: FloatView) {
    precondition(x.isDense && bias.rows == 1 && x.columns == bias.columns)
    kernel_add_bias(x.pointer, bias.pointer, x.rows, x.columns)
}

/// `x += bias` in place, and `result = gelu(x)`; dense, `[rows, columns]`.
package func addBiasGelu(_ x: FloatView, _ bias: FloatView, into result: FloatView) {
    precondition(x.isDense && result.isDense && bias.rows == 1 && x.columns == bias.columns)
    precondition(result.rows == x.rows && result.columns == x.columns)
    kernel_add_bias_gelu(x.pointer, bias.pointer, x.rows, x.columns, result.pointer)
}

/// `gradient *= gelu'(x)`, then `x = gelu(x)`, both in place and dense.
package func geluBackward(_ x: FloatView, gradient: FloatView) {
    precondition(x.isDense && gradient.isDense && x.count == gradient.count)
    kernel_gelu_backward(x.pointer, gradient.pointer, x.count)
}

/// `y += factor * x`; dense, of the same shape.
package func scaledAdd(_ y: FloatView, _ x: FloatView, factor: Float = 1) {
    precondition(x.isDense && y.isDense && x.rows == y.rows && x.columns == y.columns)
    kernel_scaled_add(y.pointer, x.pointer, factor, x.count)
}

/// Adds the sum of every column of `x` to `sums`, `[1, columns]`.
package func addColumnSums(_ x: FloatView, into sums: FloatView) {
    precondition(sums.rows == 1 && sums.columns == x.columns)
    kernel_add_column_sums(x.pointer, x.rows, x.columns, x.stride, sums.pointer)
}

/// The sum of the squares of a dense view, in fp64.
package func sumOfSquares(_ x: FloatView) -> Double {
    precondition(x.isDense)
    return kernel_sum_of_squares(x.pointer, x.count)
}

/// From the gradient of `y = x / |x|` to that of `x`, row by row; zeros for a row of zeros.
package func normalizeL2Backward(_ x: Matrix, gradient: inout Matrix) {
    precondition(x.rows == gradient.rows && x.columns == gradient.columns)
    gradient.values.withUnsafeMutableBufferPointer { gradient in
        guard let gradient = gradient.baseAddress else { return }
        kernel_normalize_backward(x.values, gradient, x.rows, x.columns, gradient)
    }
}

/// From the gradient of a LayerNorm without scale and shift to that of `x`, row by row.
package func normalizeLayerBackward(_ x: Matrix, epsilon: Float, gradient: inout Matrix) {
    precondition(x.rows == gradient.rows && x.columns == gradient.columns)
    gradient.values.withUnsafeMutableBufferPointer { gradient in
        guard let gradient = gradient.baseAddress else { return }
        kernel_layer_norm_backward(x.values, gradient, x.rows, x.columns, nil, epsilon, gradient, nil, nil)
    }
}

/// One step of AdamW as `adamWStep` of arrays takes it, on gradients multiplied by `gradientFactor` (clipping, the mean
/// over accumulated batches). Dense views of the same size.
package func adamWStep(
    weights: FloatView, gradient: FloatView, gradientFactor: Float, firstMoment: FloatView, secondMoment: FloatView,
    rule: AdamWRule, learningRate: Double, weightDecay: Double, step: Int
) {
    let count = weights.count
    precondition(gradient.count == count && firstMoment.count == count && secondMoment.count == count)
    for view in [weights, gradient, firstMoment, secondMoment] { precondition(view.isDense) }
    var settings = rule.settings(
        learningRate: learningRate, weightDecay: weightDecay, step: step, gradientFactor: gradientFactor)
    kernel_adamw_step(
        weights.pointer, gradient.pointer, firstMoment.pointer, secondMoment.pointer, count, &settings)
}

/// Adds `factor * y[row]` to every row of `x` in `range`: how a mean hands its gradient back.
package func addToRows(_ x: inout Matrix, _ range: Range<Int>, row: Int, of y: Matrix, factor: Float) {
    precondition(range.lowerBound >= 0 && range.upperBound <= x.rows && row < y.rows && x.columns == y.columns)
    let columns = x.columns
    x.values.withUnsafeMutableBufferPointer { x in
        y.values.withUnsafeBufferPointer { y in
            guard let x = x.baseAddress, let y = y.baseAddress else { return }
            for index in range { kernel_scaled_add(x + index * columns, y + row * columns, factor, columns) }
        }
    }
}

/// Doubles that tasks write, each its own; added up in their order, whichever thread came first.
///
/// Unchecked: no two tasks of `Workers.run` have the same number, and the sum is read after the last.
package final class DoubleSlots: @unchecked Sendable {
    private let values: UnsafeMutableBufferPointer<Double>

    package init(count: Int) {
        values = .allocate(capacity: count)
        values.initialize(repeating: 0)
    }

    deinit { values.deallocate() }

    package func set(_ index: Int, _ value: Double) {
        precondition(values.indices.contains(index))
        values[index] = value
    }

    package var total: Double { values.reduce(0, +) }
}
