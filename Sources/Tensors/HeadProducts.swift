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
    let first = out.count
    // Arrays grow doubling: a capacity that is asked for is given exactly, and a long text of many windows would be copied
    // for every window.
    out.append(contentsOf: repeatElement(0, count: rows.count * bias.count))
    out.withUnsafeMutableBufferPointer { out in
        x.values.withUnsafeBufferPointer { x in
            writeHeadProducts(
                of: x, rows: Array(rows), weights: weights, bias: bias,
                to: UnsafeMutableBufferPointer(rebasing: out[first...]))
        }
    }
}

/// The same of one vector, `[inputs]`.
package func headProducts(of x: ArraySlice<Float>, weights: Matrix, bias: [Float]) -> [Float] {
    precondition(x.count == weights.columns && bias.count == weights.rows, "the head does not fit")
    return [Float](unsafeUninitializedCapacity: bias.count) { out, count in
        out.initialize(repeating: 0)
        x.withUnsafeBufferPointer { writeHeadProducts(of: $0, rows: [0], weights: weights, bias: bias, to: out) }
        count = bias.count
    }
}

/// A few rows and a few outputs at a time, so that neither is read from memory again and again: the weights of many labels
/// do not fit into the nearest cache.
///
/// - Parameter out: `[rows.count, outputs]`, all 0.
private func writeHeadProducts(
    of x: UnsafeBufferPointer<Float>, rows: [Int], weights: Matrix, bias: [Float],
    to out: UnsafeMutableBufferPointer<Float>
) {
    let (inputs, outputs, together) = (weights.columns, bias.count, 8)
    precondition(out.count == rows.count * outputs && rows.allSatisfy { $0 >= 0 && ($0 + 1) * inputs <= x.count })
    guard let start = out.baseAddress else { return }
    weights.values.withUnsafeBufferPointer { weights in
        // Without inputs there is only the bias.
        guard let x = x.baseAddress, let weights = weights.baseAddress else { return }
        for block in stride(from: 0, to: rows.count, by: together) {
            for output in stride(from: 0, to: outputs, by: together) {
                for place in block..<min(block + together, rows.count) {
                    kernel_dots(
                        x + rows[place] * inputs, weights + output * inputs, min(together, outputs - output), inputs,
                        start + place * outputs + output)
                }
            }
        }
    }
    for place in rows.indices {
        for (output, value) in bias.enumerated() { start[place * outputs + output] += value }
    }
}
