internal import CKernels

/// Appends to `out`, row by row, what a head says of rows of `x`: `weights · x[row] + bias`, one number an output.
///
/// A head has a few outputs. A product so narrow gains nothing from BLAS, which moreover sums in an order that depends on
/// how many rows there are: here each number is one scalar product by itself, so a row has the same bits whatever stands
/// beside it.
///
/// - Parameters:
///   - x: `[any, inputs]`.
///   - rows: of `x`, in the order of the result.
///   - weights: `[outputs, inputs]`.
///   - bias: `[outputs]`.
package func appendHeadProducts(
    of x: Matrix, rows: some Collection<Int>, weights: Matrix, bias: [Float], to out: inout [Float]
) {
    precondition(x.columns == weights.columns && bias.count == weights.rows, "the head does not fit")
    // Later calls find room as arrays grow, doubling: a capacity that is asked for is given exactly, and a long text of
    // many windows would be copied for every window.
    if out.isEmpty { out.reserveCapacity(rows.count * bias.count) }
    let inputs = x.columns
    x.values.withUnsafeBufferPointer { x in
        weights.values.withUnsafeBufferPointer { weights in
            guard let base = x.baseAddress, let weights = weights.baseAddress else {
                for _ in rows { out += bias }
                return
            }
            for row in rows {
                precondition(row >= 0 && (row + 1) * inputs <= x.count)
                for output in bias.indices {
                    out.append(kernel_dot(base + row * inputs, weights + output * inputs, inputs) + bias[output])
                }
            }
        }
    }
}

/// The same of one vector, `[inputs]`.
package func headProducts(of x: ArraySlice<Float>, weights: Matrix, bias: [Float]) -> [Float] {
    precondition(x.count == weights.columns && bias.count == weights.rows, "the head does not fit")
    let inputs = x.count
    return x.withUnsafeBufferPointer { x in
        weights.values.withUnsafeBufferPointer { weights in
            guard let x = x.baseAddress, let weights = weights.baseAddress else { return bias }
            return bias.indices.map { kernel_dot(x, weights + $0 * inputs, inputs) + bias[$0] }
        }
    }
}
