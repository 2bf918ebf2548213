import CKernels
import TestSupport
import Testing

/// Every variant of the encoder's kernels against the naive twins.
@Suite struct EncoderKernelTests {
    @Test func aVariantExistsAndIsNamedOnce() {
        #expect(!KernelVariant.all.isEmpty)
        #expect(KernelVariant.all.last?.name == "baseline")
        #expect(Set(KernelVariant.all.map(\.name)).count == KernelVariant.all.count)
    }

    @Test(arguments: KernelVariant.all) func layerNormAgrees(_ variant: KernelVariant) throws {
        for columns in oddSizes {
            let x = randomValues(5 * columns, spread: 9), gamma = randomValues(columns, stream: 1)
            let beta = randomValues(columns, stream: 2)
            for hasScale in [true, false] {
                let (fast, naive) = try variant.results { table in
                    var out = [Float](repeating: .nan, count: x.count)
                    if hasScale {
                        table.layer_norm(x, 5, columns, gamma, beta, 1e-5, &out)
                    } else {
                        table.layer_norm(x, 5, columns, nil, nil, 1e-5, &out)
                    }
                    return out
                }
                #expect(largestDifference(fast, naive) <= Tolerance.kernel, "\(columns) columns")
            }
        }
    }

    @Test(arguments: KernelVariant.all) func embeddingAgrees(_ variant: KernelVariant) throws {
        for hidden in oddSizes {
            let words = randomValues(11 * hidden), positions = randomValues(4 * hidden, stream: 1)
            let segment = randomValues(hidden, stream: 2), gamma = randomValues(hidden, stream: 3)
            let beta = randomValues(hidden, stream: 4)
            let ids: [Int32] = [0, 10, 3, 3, 7], places: [Int32] = [0, 1, 2, 3, 0]
            let (fast, naive) = try variant.results { table in
                var out = [Float](repeating: .nan, count: ids.count * hidden), sum = out
                table.embed(words, positions, segment, ids, places, ids.count, hidden, gamma, beta, 1e-5, &sum, &out)
                return (out, sum)
            }
            #expect(largestDifference(fast.0, naive.0) <= Tolerance.kernel, "\(hidden) columns")
            #expect(largestDifference(fast.1, naive.1) <= Tolerance.kernel, "\(hidden) columns, sums")
        }
    }

    @Test(arguments: KernelVariant.all) func biasResidualLayerNormAgrees(_ variant: KernelVariant) throws {
        for columns in oddSizes {
            let dense = randomValues(3 * columns), residual = randomValues(3 * columns, stream: 1)
            let bias = randomValues(columns, stream: 2), gamma = randomValues(columns, stream: 3)
            let beta = randomValues(columns, stream: 4)
            let (apart, naive) = try variant.results { table in
                var out = [Float](repeating: .nan, count: dense.count)
                table.bias_residual_layer_norm(dense, bias, residual, 3, columns, gamma, beta, 1e-5, &out)
                return out
            }
            let (inPlace, _) = try variant.results { table in
                var out = dense
                out.withUnsafeMutableBufferPointer { out in
                    guard let out = out.baseAddress else { return }
                    table.bias_residual_layer_norm(out, bias, residual, 3, columns, gamma, beta, 1e-5, out)
                }
                return out
            }
            #expect(largestDifference(apart, naive) <= Tolerance.kernel, "\(columns) columns")
            #expect(inPlace == apart)
        }
    }

    @Test(arguments: KernelVariant.all) func biasAndGeluAgree(_ variant: KernelVariant) throws {
        for columns in oddSizes {
            let x = randomValues(3 * columns, spread: 6), bias = randomValues(columns, stream: 1)
            let (fast, naive) = try variant.results { table in
                var (plain, curved) = (x, x)
                table.add_bias(&plain, bias, 3, columns)
                table.bias_gelu(&curved, bias, 3, columns)
                return (plain, curved)
            }
            #expect(fast.0 == naive.0)
            #expect(largestDifference(fast.1, naive.1) <= 6 * Tolerance.gelu, "\(columns) columns")
        }
    }

    /// The claim in kernels.h, on a fine grid through the middle and both tails.
    @Test(arguments: KernelVariant.all) func geluKeepsItsStatedError(_ variant: KernelVariant) throws {
        let grid = (-40_000...40_000).map { Float($0) / 2_000 } + [-1e30, -1e4, -100, 100, 1e4, 1e30]
        let zero = [Float](repeating: 0, count: grid.count)
        let (fast, naive) = try variant.results { table in
            var x = grid
            table.bias_gelu(&x, zero, 1, grid.count)
            return x
        }
        for (x, (fast, naive)) in zip(grid, zip(fast, naive)) {
            #expect(abs(fast - naive) <= Tolerance.gelu * max(1, abs(x)), "gelu(\(x))")
        }
    }

    @Test(arguments: KernelVariant.all) func softmaxAgreesAndLeavesTheRestOfTheRow(_ variant: KernelVariant) throws {
        for columns in oddSizes {
            let stride = columns + 3
            let x = randomValues(4 * stride, spread: 30)
            let (fast, naive) = try variant.results { table in
                var x = x
                table.softmax(&x, 4, columns, stride)
                return x
            }
            #expect(largestDifference(fast, naive) <= Tolerance.kernel, "\(columns) columns")
            for row in 0..<4 {
                #expect(abs(fast[row * stride..<row * stride + columns].reduce(0, +) - 1) <= 1e-5)
                #expect(
                    fast[row * stride + columns..<(row + 1) * stride] == x[row * stride + columns..<(row + 1) * stride])
            }
        }
    }

    @Test(arguments: KernelVariant.all) func softmaxSurvivesExtremes(_ variant: KernelVariant) throws {
        let table = try #require(kernel_variant(variant.index)).pointee
        var x: [Float] = [-.infinity, 3e38, -3e38, 3e38]
        table.softmax(&x, 1, 4, 4)
        #expect(abs(x[1] - 0.5) < 1e-6 && abs(x[3] - 0.5) < 1e-6 && x[0] < 1e-30 && x[2] < 1e-30)
        var broken: [Float] = [1, .nan, 2]
        table.softmax(&broken, 1, 3, 3)
        #expect(broken.contains { $0.isNaN }, "a NaN must not turn into a probability unnoticed")
    }

    @Test(arguments: KernelVariant.all) func logSumExpAgrees(_ variant: KernelVariant) throws {
        for columns in oddSizes {
            let x = randomValues(4 * columns, spread: 50)
            let (fast, naive) = try variant.results { table in
                var out = [Float](repeating: .nan, count: 4)
                table.log_sum_exp(x, 4, columns, &out)
                return out
            }
            #expect(largestDifference(fast, naive) <= 50 * Tolerance.kernel, "\(columns) columns")
        }
        let table = try #require(kernel_variant(variant.index)).pointee
        var out: [Float] = [0]
        table.log_sum_exp([-.infinity, -.infinity], 1, 2, &out)
        #expect(out == [-.infinity])
    }
}
