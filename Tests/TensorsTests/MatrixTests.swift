import TestSupport
import Tensors
import Testing

@Suite struct MatrixTests {
    @Test func reshapingKeepsTheStorageAndSetsTheShape() {
        var matrix = Matrix(rows: 2, columns: 3, values: [1, 2, 3, 4, 5, 6])
        #expect(matrix[1, 2] == 6 && Array(matrix.row(1)) == [4, 5, 6])
        matrix.reshape(rows: 1, columns: 2)
        #expect(matrix.rows == 1 && matrix.columns == 2 && matrix.values.count == 2)
        matrix.reshape(rows: 4, columns: 4)
        #expect(matrix.rows == 4 && matrix.values.count == 16)
        matrix.reshape(rows: 0, columns: 7)
        #expect(matrix.values.isEmpty && matrix.columns == 7)
    }

    /// Every combination of transposes on odd sizes, with the old result kept in part.
    @Test func productsAgreeWithTheDefinition() {
        for (m, n, k) in [(1, 1, 1), (2, 3, 5), (17, 9, 33), (1, 40, 7), (8, 1, 16)] {
            for (transposeA, transposeB) in [(Transpose.no, Transpose.no), (.no, .yes), (.yes, .no), (.yes, .yes)] {
                let a = Matrix(
                    rows: transposeA == .no ? m : k, columns: transposeA == .no ? k : m, values: randomValues(m * k))
                let b = Matrix(
                    rows: transposeB == .no ? k : n, columns: transposeB == .no ? n : k,
                    values: randomValues(k * n, stream: 1))
                let before = Matrix(rows: m, columns: n, values: randomValues(m * n, stream: 2))
                var product = before
                multiply(a, b, transposeA: transposeA, transposeB: transposeB, into: &product, alpha: 0.5, beta: 2)
                for row in 0..<m {
                    for column in 0..<n {
                        let sum = (0..<k).reduce(0.0) { sum, inner in
                            let left = transposeA == .no ? a[row, inner] : a[inner, row]
                            let right = transposeB == .no ? b[inner, column] : b[column, inner]
                            return sum + Double(left) * Double(right)
                        }
                        let expected = Float(0.5 * sum + 2 * Double(before[row, column]))
                        #expect(abs(product[row, column] - expected) <= 4 * Tolerance.kernel)
                    }
                }
            }
        }
    }

    @Test func productsOverNothingAreZero() {
        var product = Matrix(rows: 2, columns: 2, values: [1, 2, 3, 4])
        multiply(Matrix(rows: 2, columns: 0), Matrix(rows: 0, columns: 2), into: &product)
        #expect(product.values == [0, 0, 0, 0])
        var nothing = Matrix(rows: 0, columns: 3)
        multiply(Matrix(rows: 0, columns: 2), Matrix(rows: 2, columns: 3), into: &nothing)
        #expect(nothing.rows == 0)
    }

    /// Attention of one head over two texts, by hand: equal scores average the values, each text for itself.
    @Test func attentionStaysInsideItsText() {
        // Rows are query, key, value of width 1; the keys are 0, so every score is.
        let qkv = Matrix(rows: 5, columns: 3, values: [1, 0, 2, 1, 0, 4, 9, 0, 10, 9, 0, 20, 9, 0, 60])
        var (context, scratch) = (Matrix(rows: 0, columns: 0), AttentionScratch())
        attention(qkv, cumulativeLengths: [0, 2, 2, 5], heads: 1, into: &context, scratch: &scratch)
        #expect(largestDifference(context.values, [3, 3, 30, 30, 30]) <= 4 * Tolerance.kernel)
    }

    @Test func wrappersWorkOnWholeMatrices() {
        var matrix = Matrix(rows: 2, columns: 2, values: [0, 0, 7, 7])
        softmax(&matrix)
        #expect(largestDifference(matrix.values, [0.5, 0.5, 0.5, 0.5]) <= Tolerance.kernel)
        var normal = Matrix(rows: 1, columns: 2, values: [1, 3])
        layerNorm(&normal, LayerNorm(gamma: [2, 1], beta: [10, 0], epsilon: 0))
        #expect(largestDifference(normal.values, [8, 1]) <= Tolerance.kernel)
        #expect(largestDifference(logSumExp(Matrix(rows: 1, columns: 4)), [1.386_294_4]) <= Tolerance.kernel)
    }
}
