internal import COpenBLAS

/// Which operand of a product is read transposed.
package enum Transpose: Sendable {
    case no, yes
}

/// `c = alpha * op(a) * op(b) + beta * c` in fp32, through OpenBLAS's `cblas_sgemm` on the calling thread.
///
/// Shapes: `op(a)` is `[m, k]`, `op(b)` is `[k, n]`, `c` must already be `[m, n]`. A linear layer whose weights lie as
/// Hugging Face stores them, `[out, in]`, is `multiply(x, weights, transposeB: .yes, into: &y)`.
package func multiply(
    _ a: Matrix, _ b: Matrix, transposeA: Transpose = .no, transposeB: Transpose = .no, into c: inout Matrix,
    alpha: Float = 1, beta: Float = 0
) {
    let m = transposeA == .no ? a.rows : a.columns
    let k = transposeA == .no ? a.columns : a.rows
    let n = transposeB == .no ? b.columns : b.rows
    precondition(k == (transposeB == .no ? b.rows : b.columns), "inner dimensions differ")
    precondition(c.rows == m && c.columns == n, "result is [\(c.rows), \(c.columns)], not [\(m), \(n)]")
    guard m > 0, n > 0 else { return }
    BLAS.useCallingThreadOnly
    let (lda, ldb, ldc) = (max(a.columns, 1), max(b.columns, 1), c.columns)
    a.values.withUnsafeBufferPointer { a in
        b.values.withUnsafeBufferPointer { b in
            c.values.withUnsafeMutableBufferPointer { c in
                cblas_sgemm(
                    CblasRowMajor, transposeA == .no ? CblasNoTrans : CblasTrans,
                    transposeB == .no ? CblasNoTrans : CblasTrans, Int32(m), Int32(n), Int32(k), alpha,
                    a.baseAddress, Int32(lda), b.baseAddress, Int32(ldb), beta, c.baseAddress, Int32(ldc))
            }
        }
    }
}

package enum BLAS {
    /// OpenBLAS's own threads fight with ours: parallelism is over texts, one BLAS thread in each worker.
    package static let useCallingThreadOnly: Void = openblas_set_num_threads(1)
}
