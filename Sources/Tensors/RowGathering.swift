internal import CKernels

/// Puts rows of `x` side by side: row `r` of `result` holds rows `rows[r * width]`, `rows[r * width + 1]`, … of `x`, one
/// behind the other. A `width` of 1 picks rows.
///
/// - Parameters:
///   - x: `[any, columns]`.
///   - rows: a multiple of `width` many; -1 stands for a row of zeros.
///   - result: becomes `[rows.count / width, width * columns]`.
package func gatherRows(of x: Matrix, _ rows: [Int], width: Int = 1, into result: inout Matrix) {
    precondition(width > 0 && rows.count % width == 0, "\(rows.count) rows do not make groups of \(width)")
    let (columns, available) = (x.columns, x.rows)
    result.reshape(rows: rows.count / width, columns: width * columns)
    x.values.withUnsafeBufferPointer { x in
        result.values.withUnsafeMutableBufferPointer { result in
            guard let result = result.baseAddress else { return }
            for (place, row) in rows.enumerated() {
                precondition(row < available, "row \(row) of \(available)")
                let target = result + place * columns
                if row >= 0, let x = x.baseAddress {
                    target.update(from: x + row * columns, count: columns)
                } else {
                    target.update(repeating: 0, count: columns)
                }
            }
        }
    }
}

/// What `gatherRows` is to values, this is to their gradients: every piece of `gradient` is added to the row of `result`
/// that it was taken from, in the order of `rows`. Pieces of zeros (-1) go nowhere.
///
/// - Parameters:
///   - gradient: `[rows.count / width, width * columns]`.
///   - result: `[any, columns]`; added to.
package func scatterAddRows(_ gradient: Matrix, _ rows: [Int], width: Int = 1, into result: inout Matrix) {
    let (columns, available) = (result.columns, result.rows)
    precondition(width > 0 && gradient.rows * width == rows.count && gradient.columns == width * columns)
    gradient.values.withUnsafeBufferPointer { gradient in
        result.values.withUnsafeMutableBufferPointer { result in
            guard let gradient = gradient.baseAddress, let result = result.baseAddress else { return }
            for (place, row) in rows.enumerated() where row >= 0 {
                precondition(row < available, "row \(row) of \(available)")
                kernel_scaled_add(result + row * columns, gradient + place * columns, 1, columns)
            }
        }
    }
}

/// `result[start + r] = sum of weights[m] * matrices[m][rows[r]]`, added in the order of the matrices, row by row for itself.
///
/// - Parameters:
///   - matrices: as many as weights, of `result.columns` columns each.
///   - rows: of every matrix.
///   - start: the row of `result` that the first of `rows` becomes; rows outside stay as they are.
package func mixRows(
    of matrices: [Matrix], _ rows: Range<Int>, weights: [Float], into result: inout Matrix, at start: Int = 0
) {
    let columns = result.columns
    precondition(matrices.count == weights.count && start >= 0 && start + rows.count <= result.rows)
    result.values.withUnsafeMutableBufferPointer { result in
        guard let base = result.baseAddress else { return }
        let target = base + start * columns
        target.update(repeating: 0, count: rows.count * columns)
        for (matrix, weight) in zip(matrices, weights) {
            precondition(matrix.columns == columns && rows.lowerBound >= 0 && rows.upperBound <= matrix.rows)
            matrix.values.withUnsafeBufferPointer { values in
                guard let values = values.baseAddress else { return }
                kernel_scaled_add(target, values + rows.lowerBound * columns, weight, rows.count * columns)
            }
        }
    }
}
