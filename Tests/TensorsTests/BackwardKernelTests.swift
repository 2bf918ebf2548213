import CKernels
import TestSupport
import Tensors
import Testing

/// What training hands back: every variant against the naive twins, and those against finite differences.
@Suite struct BackwardKernelTests {
    @Test(arguments: KernelVariant.all) func geluAgrees(_ variant: KernelVariant) throws {
        for columns in oddSizes {
            let x = randomValues(3 * columns, spread: 7), bias = randomValues(columns, stream: 1)
            let dy = randomValues(3 * columns, stream: 2)
            let (fast, naive) = try variant.results { table in
                var sums = x, out = [Float](repeating: .nan, count: x.count)
                table.add_bias_gelu(&sums, bias, 3, columns, &out)
                var values = sums, gradient = dy
                table.gelu_backward(&values, &gradient, x.count)
                return (sums, out, values, gradient)
            }
            #expect(largestDifference(fast.0, naive.0) == 0)
            for (a, b) in [(fast.1, naive.1), (fast.2, naive.2), (fast.3, naive.3)] {
                #expect(largestDifference(a, b) <= 9 * Tolerance.gelu, "\(columns) columns")
            }
            #expect(fast.1 == fast.2, "the value on the way back is the one on the way forward, to the bit")
        }
    }

    @Test(arguments: KernelVariant.all) func layerNormAgrees(_ variant: KernelVariant) throws {
        for columns in oddSizes {
            let x = randomValues(4 * columns, spread: 3), dy = randomValues(4 * columns, stream: 1)
            let gamma = randomValues(columns, stream: 2), start = randomValues(columns, stream: 3)
            for hasScale in [true, false] {
                let (fast, naive) = try variant.results { table in
                    var dgamma = start, dbeta = start, dx = dy
                    if hasScale {
                        dx.withUnsafeMutableBufferPointer { dx in
                            guard let dx = dx.baseAddress else { return }
                            // In place.
                            table.layer_norm_backward(x, dx, 4, columns, gamma, 1e-3, dx, &dgamma, &dbeta)
                        }
                    } else {
                        table.layer_norm_backward(x, dy, 4, columns, nil, 1e-3, &dx, nil, nil)
                    }
                    return (dx, dgamma, dbeta)
                }
                // Two or three numbers may lie close together: what they are divided by is small then.
                let scale = max(1, naive.0.map(abs).max() ?? 1)
                #expect(largestDifference(fast.0, naive.0) <= 4 * Tolerance.kernel * scale, "\(columns) columns")
                #expect(largestDifference(fast.1, naive.1) <= 2 * Tolerance.kernel, "\(columns) columns, scale")
                #expect(largestDifference(fast.2, naive.2) <= 2 * Tolerance.kernel, "\(columns) columns, shift")
            }
        }
    }

    @Test(arguments: KernelVariant.all) func softmaxAndNormalizationAgree(_ variant: KernelVariant) throws {
        for columns in oddSizes {
            let x = randomValues(3 * columns, spread: 3), dy = randomValues(3 * columns, stream: 1)
            let (fast, naive) = try variant.results { table in
                var probabilities = x, scores = dy
                table.softmax(&probabilities, 3, columns, columns)
                table.softmax_backward(probabilities, &scores, 3, columns)
                var dx = [Float](repeating: .nan, count: x.count), zeros = dx
                table.normalize_backward(x, dy, 3, columns, &dx)
                table.normalize_backward([Float](repeating: 0, count: x.count), dy, 3, columns, &zeros)
                return (scores, dx, zeros)
            }
            #expect(largestDifference(fast.0, naive.0) <= Tolerance.kernel, "\(columns) columns")
            let scale = max(1, naive.1.map(abs).max() ?? 1)
            #expect(largestDifference(fast.1, naive.1) <= Tolerance.kernel * scale, "\(columns) columns")
            #expect(fast.2.allSatisfy { $0 == 0 } && naive.2.allSatisfy { $0 == 0 })
        }
    }

    @Test(arguments: KernelVariant.all) func dropoutIsItsMask(_ variant: KernelVariant) throws {
        for (count, first) in [(1, 0), (255, 3), (256, 1), (700, 12_345_678_901)] {
            let x = randomValues(count)
            let (fast, naive) = try variant.results { table in
                var address = kernel_random(key: (5, 6), c1: 1, c2: 2, c3: 3)
                var y = x, mask = x
                table.dropout(&y, count, UInt64(first), &address, 0.3)
                table.dropout_mask(&mask, count, UInt64(first), &address, 0.3)
                #expect(largestDifference(y, zip(x, mask).map { $0 * $1 }) == 0)
                return y
            }
            #expect(largestDifference(fast, naive) <= Tolerance.kernel)
        }
    }

    @Test(arguments: KernelVariant.all) func columnSumsAndScatteringAgree(_ variant: KernelVariant) throws {
        for columns in oddSizes {
            let stride = columns + 3
            let x = randomValues(9 * stride), start = randomValues(6 * stride, stream: 1)
            let places: [Int32] = [5, 0, 0, 3, 5, 1, 0, 2, 5]
            let (fast, naive) = try variant.results { table in
                var sums = start, rows = start
                table.add_column_sums(x, 9, columns, stride, &sums)
                table.scatter_add_rows(x, places, 9, columns, stride, &rows)
                return (sums, rows)
            }
            #expect(largestDifference(fast.0, naive.0) <= Tolerance.kernel, "\(columns) columns")
            #expect(fast.1 == naive.1, "\(columns) columns")
            // Outside the columns nothing is touched; row 4 was nobody's.
            for row in 0..<6 {
                let outside = (row * stride + columns)..<(row + 1) * stride
                #expect(fast.1[outside] == start[outside])
            }
            #expect(fast.1[4 * stride..<5 * stride] == start[4 * stride..<5 * stride])
            #expect(fast.0[columns...] == start[columns...])
        }
    }

    /// Row-wise functions, whose gradients the naive twins must have right: central differences in steps of 1/64 of
    /// `sum(weights * f(x))`.
    @Test func theTwinsEqualFiniteDifferences() {
        let table = kernel_table_reference
        let columns = 7
        let x = randomValues(columns), weights = randomValues(columns, stream: 1)
        func check(_ name: String, gradient: [Float], _ forward: ([Float]) -> [Float]) {
            for index in x.indices {
                var (up, down) = (x, x)
                up[index] += 1.0 / 64
                down[index] -= 1.0 / 64
                func loss(_ y: [Float]) -> Double { zip(weights, y).reduce(0) { $0 + Double($1.0) * Double($1.1) } }
                let slope = (loss(forward(up)) - loss(forward(down))) * 32
                #expect(abs(Double(gradient[index]) - slope) <= Tolerance.coarseSlope, "\(name) \(index)")
            }
        }
        var gradient = weights, values = x
        table.gelu_backward(&values, &gradient, columns)
        check("gelu", gradient: gradient) { x in
            var y = x
            table.bias_gelu(&y, [Float](repeating: 0, count: columns), 1, columns)
            return y
        }
        let gamma = randomValues(columns, stream: 2)
        table.layer_norm_backward(x, weights, 1, columns, gamma, 1e-3, &gradient, nil, nil)
        check("LayerNorm", gradient: gradient) { x in
            var y = x
            table.layer_norm(x, 1, columns, gamma, gamma, 1e-3, &y)
            return y
        }
        var probabilities = x
        table.softmax(&probabilities, 1, columns, columns)
        gradient = weights
        table.softmax_backward(probabilities, &gradient, 1, columns)
        check("softmax", gradient: gradient) { x in
            var y = x
            table.softmax(&y, 1, columns, columns)
            return y
        }
        table.normalize_backward(x, weights, 1, columns, &gradient)
        check("normalisation", gradient: gradient) { x in
            var y = x
            normalizeL2(&y)
            return y
        }
    }
}
