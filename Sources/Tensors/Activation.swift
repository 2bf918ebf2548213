internal import CKernels

/// Adds `bias` to every row of `x`, in place.
package func addBias(_ x: inout Matrix, _ bias: [Float]) {
    precondition(x.columns == bias.count)
    kernel_add_bias(&x.values, bias, x.rows, x.columns)
}

/// `x = gelu(x + bias)` in place; gelu in its exact ("erf") form, absolute error below 1e-6 * max(1, |x|).
package func addBiasGelu(_ x: inout Matrix, _ bias: [Float]) {
    precondition(x.columns == bias.count)
    kernel_bias_gelu(&x.values, bias, x.rows, x.columns)
}

/// Softmax over every row, in place.
package func softmax(_ x: inout Matrix) {
    kernel_softmax(&x.values, x.rows, x.columns, x.columns)
}

/// `log(sum(exp(row)))` of every row; -infinity when there are no columns.
package func logSumExp(_ x: Matrix) -> [Float] {
    var out = [Float](repeating: 0, count: x.rows)
    kernel_log_sum_exp(x.values, x.rows, x.columns, &out)
    return out
}

/// `x = max(x, 0)`, in place; NaN stays NaN.
package func rectify(_ x: inout Matrix) {
    kernel_rectify(&x.values, x.values.count)
}

/// What `rectify` is to values, this is to their gradients: 0 where nothing came through.
///
/// - Parameter output: what `rectify` left, of the shape of `gradient`.
package func rectifyGradient(_ gradient: inout Matrix, output: Matrix) {
    precondition(gradient.rows == output.rows && gradient.columns == output.columns)
    kernel_rectify_backward(&gradient.values, output.values, gradient.values.count)
}

/// `x *= factors`, element by element, in place: what a dropout mask does.
///
/// - Parameter factors: as many as `x` has values.
package func multiplyElements(_ x: inout Matrix, by factors: [Float]) {
    precondition(factors.count == x.values.count, "a mask of \(factors.count) for \(x.values.count) values")
    kernel_multiply_elements(&x.values, factors, factors.count)
}
