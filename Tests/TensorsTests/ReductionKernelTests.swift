import CKernels
import TestSupport
import Tensors
import Testing

/// Sums, products and number formats: every variant against the naive twins.
@Suite struct ReductionKernelTests {
    @Test(arguments: KernelVariant.all) func sumsAgree(_ variant: KernelVariant) throws {
        for columns in oddSizes {
            let x = randomValues(7 * columns)
            let (fast, naive) = try variant.results { table in
                var byColumn = [Float](repeating: .nan, count: columns), byRow = [Float](repeating: .nan, count: 7)
                var running = [Double](repeating: 1, count: columns)
                table.column_sums(x, 7, columns, &byColumn)
                table.row_sums(x, 7, columns, &byRow)
                table.accumulate_rows(x, 7, columns, &running)
                return (byColumn, byRow, running.map { Float($0) }, Float(table.sum_of_squares(x, x.count)))
            }
            let tolerance = Tolerance.kernel * Float(columns).squareRoot()
            #expect(largestDifference(fast.0, naive.0) <= tolerance)
            #expect(largestDifference(fast.1, naive.1) <= tolerance)
            #expect(largestDifference(fast.2, naive.2) <= tolerance)
            #expect(abs(fast.3 - naive.3) <= Tolerance.relative * naive.3)
        }
    }

    @Test(arguments: KernelVariant.all) func productsAgree(_ variant: KernelVariant) throws {
        for count in oddSizes {
            let x = randomValues(count), y = randomValues(count, stream: 1)
            let (fast, naive) = try variant.results { table in
                var (added, scaled) = (y, x)
                table.scaled_add(&added, x, -0.7, count)
                table.scale(&scaled, 3.1, count)
                return (added + scaled, table.dot(x, y, count))
            }
            #expect(largestDifference(fast.0, naive.0) <= Tolerance.kernel)
            #expect(abs(fast.1 - naive.1) <= Tolerance.kernel * Float(count).squareRoot())
        }
    }

    /// Whole groups of rows and what is left of them: a label must not depend on how many labels there are.
    @Test(arguments: KernelVariant.all) func manyProductsAreTheSameToTheBit(_ variant: KernelVariant) throws {
        for count in oddSizes {
            for rows in [1, 3, 4, 9] {
                let x = randomValues(count), y = randomValues(rows * count, stream: 1)
                let (fast, naive) = try variant.results { table in
                    var many = [Float](repeating: .nan, count: rows)
                    table.dots(x, y, rows, count, &many)
                    return (many, (0..<rows).map { table.dot(x, Array(y[$0 * count..<($0 + 1) * count]), count) })
                }
                #expect(fast.0 == fast.1)
                #expect(naive.0 == naive.1)
            }
        }
    }

    @Test(arguments: KernelVariant.all) func everyHalfIsReadExactly(_ variant: KernelVariant) throws {
        let halves = (0...UInt16.max).map { $0 }
        let (fast, naive) = try variant.results { table in
            var (half, brain) = ([Float](repeating: 0, count: halves.count), [Float](repeating: 0, count: halves.count))
            table.half_to_float(halves, &half, halves.count)
            table.bfloat16_to_float(halves, &brain, halves.count)
            return half + brain
        }
        for (index, (fast, naive)) in zip(fast, naive).enumerated() {
            #expect(fast.isNaN ? naive.isNaN : fast.bitPattern == naive.bitPattern, "pattern \(index % 65_536)")
        }
    }

    /// Every half's value, the points half way between neighbours, and what lies just beside those.
    @Test(arguments: KernelVariant.all) func floatsAreRoundedToNearestEven(_ variant: KernelVariant) throws {
        var values: [Float] = [
            .infinity, -.infinity, .nan, 65_519.996, 65_520, .leastNonzeroMagnitude, 3.4e38, -3.39e38,
        ]
        for pattern in stride(from: UInt32(0x3300_0000), through: 0x4780_0000, by: 0x1000) {
            for neighbour in [pattern, pattern + 1, pattern &- 1] { values.append(Float(bitPattern: neighbour)) }
        }
        for pattern in stride(from: UInt32(0), through: 0x7F80_0000, by: 0x8000 * 37) {
            for neighbour in [pattern, pattern + 1, pattern | 0x8000_0000] {
                values.append(Float(bitPattern: neighbour))
            }
        }
        let (fast, naive) = try variant.results { table in
            var (half, brain) = (
                [UInt16](repeating: 0, count: values.count), [UInt16](repeating: 0, count: values.count)
            )
            table.float_to_half(values, &half, values.count)
            table.float_to_bfloat16(values, &brain, values.count)
            return (half, brain)
        }
        for (index, value) in values.enumerated() where !value.isNaN {
            #expect(fast.0[index] == naive.0[index], "\(value) as binary16")
            #expect(fast.1[index] == naive.1[index], "\(value) as bfloat16")
        }
        #expect(fast.0[2] & 0x7C00 == 0x7C00 && fast.0[2] & 0x3FF != 0, "NaN stays NaN")
        #expect(fast.1[2] & 0x7F80 == 0x7F80 && fast.1[2] & 0x7F != 0, "NaN stays NaN")
    }

    @Test func theWrappersNormaliseAndAdd() {
        var vector: [Float] = [3, 0, -4]
        normalizeL2(&vector)
        #expect(largestDifference(vector, [0.6, 0, -0.8]) <= Tolerance.kernel)
        var zeros: [Float] = [0, 0]
        normalizeL2(&zeros)
        #expect(zeros == [0, 0])
        var layer: [Float] = [1, 2, 3, 6]
        normalizeLayer(&layer, epsilon: 0)
        #expect(largestDifference(layer, [-2, -1, 0, 3].map { $0 / Float(3.5).squareRoot() }) <= Tolerance.kernel)
        #expect(globalNorm([[3], [], [4]]) == 5)
        #expect(dot([1, 2, 3], [4, 5, 6]) == 32)
        var sum: [Float] = [1, 1]
        scaledAdd(&sum, [2, 4], factor: 0.5)
        #expect(sum == [2, 3])
        let matrix = Matrix(rows: 2, columns: 3, values: [1, 2, 3, 4, 5, 6])
        #expect(rowSums(matrix) == [6, 15])
        #expect(columnSums(matrix) == [5, 7, 9])
        var running: [Double] = [1, 0, 0]
        accumulateRows(of: matrix, 1..<2, into: &running)
        #expect(running == [5, 5, 6])
        #expect(rowSums(Matrix(rows: 2, columns: 0)) == [0, 0])
        #expect(logSumExp(Matrix(rows: 1, columns: 0)) == [-.infinity])
    }
}
