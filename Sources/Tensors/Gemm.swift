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
    let (shapeA, shapeB, shapeC) = (StridedShape(a), StridedShape(b), StridedShape(c))
    a.values.withUnsafeBufferPointer { a in
        b.values.withUnsafeBufferPointer { b in
            c.values.withUnsafeMutableBufferPointer { c in
                multiply(
                    a.baseAddress, shapeA, b.baseAddress, shapeB, transposeA, transposeB, into: c.baseAddress, shapeC,
                    alpha: alpha, beta: beta)
            }
        }
    }
}

/// A matrix's rows, columns, and how far apart its rows begin.
struct StridedShape {
    let rows, columns, stride: Int

    init(_ matrix: Matrix) { (rows, columns, stride) = (matrix.rows, matrix.columns, matrix.columns) }
    init(_ view: FloatView) { (rows, columns, stride) = (view.rows, view.columns, view.stride) }
}

func multiply(
    _ a: UnsafePointer<Float>?, _ shapeA: StridedShape, _ b: UnsafePointer<Float>?, _ shapeB: StridedShape,
    _ transposeA: Transpose, _ transposeB: Transpose, into c: UnsafeMutablePointer<Float>?, _ shapeC: StridedShape,
    alpha: Float, beta: Float
) {
    let m = transposeA == .no ? shapeA.rows : shapeA.columns
    let k = transposeA == .no ? shapeA.columns : shapeA.rows
    let n = transposeB == .no ? shapeB.columns : shapeB.rows
    precondition(k == (transposeB == .no ? shapeB.rows : shapeB.columns), "inner dimensions differ")
    precondition(
        shapeC.rows == m && shapeC.columns == n, "result is [\(shapeC.rows), \(shapeC.columns)], not [\(m), \(n)]")
    guard m > 0, n > 0 else { return }
    BLAS.useCallingThreadOnly
    cblas_sgemm(
        CblasRowMajor, transposeA == .no ? CblasNoTrans : CblasTrans, transposeB == .no ? CblasNoTrans : CblasTrans,
        Int32(m), Int32(n), Int32(k), alpha, a, Int32(max(shapeA.stride, 1)), b, Int32(max(shapeB.stride, 1)), beta, c,
        Int32(max(shapeC.stride, 1)))
}

package enum BLAS {
    /// OpenBLAS's own threads fight with ours: parallelism is over texts, one BLAS thread in each worker.
    package static let useCallingThreadOnly: Void = openblas_set_num_threads(1)
}
