internal import CKernels

/// The sum of every row: `[rows]`.
package func rowSums(_ x: Matrix) -> [Float] {
    var out = [Float](repeating: 0, count: x.rows)
    kernel_row_sums(x.values, x.rows, x.columns, &out)
    return out
}

/// The sum of every column, as a bias' gradient is: `[columns]`.
package func columnSums(_ x: Matrix) -> [Float] {
    var out = [Float](repeating: 0, count: x.columns)
    kernel_column_sums(x.values, x.rows, x.columns, &out)
    return out
}

/// Adds rows `range` of `x` to `sums`, `[columns]` in fp64, so that a mean over millions of tokens keeps fp32's precision.
package func accumulateRows(of x: Matrix, _ range: Range<Int>, into sums: inout [Double]) {
    precondition(range.lowerBound >= 0 && range.upperBound <= x.rows && sums.count == x.columns)
    x.values.withUnsafeBufferPointer { values in
        guard let base = values.baseAddress else { return }
        kernel_accumulate_rows(base + range.lowerBound * x.columns, range.count, x.columns, &sums)
    }
}

/// The scalar product. Both of the same length.
package func dot(_ a: [Float], _ b: [Float]) -> Float {
    precondition(a.count == b.count)
    return kernel_dot(a, b, a.count)
}

/// The Euclidean norm over all of several arrays together, summed in fp64: what a gradient is clipped by.
package func globalNorm(_ parts: [[Float]]) -> Double {
    parts.reduce(0.0) { $0 + kernel_sum_of_squares($1, $1.count) }.squareRoot()
}

/// `y += factor * x`, in place.
package func scaledAdd(_ y: inout [Float], _ x: [Float], factor: Float) {
    precondition(y.count == x.count)
    kernel_scaled_add(&y, x, factor, x.count)
}

/// `x *= factor`, in place.
package func scale(_ x: inout [Float], by factor: Float) {
    kernel_scale(&x, factor, x.count)
}

/// Scales to Euclidean length 1, in place; a vector of zeros stays as it is.
package func normalizeL2(_ x: inout [Float]) {
    let norm = globalNorm([x])
    if norm > 0 { scale(&x, by: Float(1 / norm)) }
}

/// To mean 0 and variance 1 (`epsilon` added to the variance), without scale or shift, in place.
package func normalizeLayer(_ x: inout [Float], epsilon: Float) {
    let count = x.count
    guard count > 0 else { return }
    x.withUnsafeMutableBufferPointer { x in
        guard let x = x.baseAddress else { return }
        kernel_layer_norm(x, 1, count, nil, nil, epsilon, x)
    }
}
