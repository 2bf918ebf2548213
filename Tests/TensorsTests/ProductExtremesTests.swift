import CKernels
import TestSupport
import Testing

/// Numbers that texts never have, and what must come of them.
@Suite struct ProductExtremesTests {
    @Test(arguments: KernelVariant.all, product_format.all)
    func numbersThatAreNotFiniteStayInTheirRow(_ variant: KernelVariant, _ format: product_format) throws {
        let clean = LayerCase(inputs: 70, outputs: 50, rows: 20), broken: [Float] = [.infinity, -.infinity, .nan]
        for (turn, value) in broken.enumerated() {
            for k in [0, 16, 69] {
                var layer = clean
                let row = 5 + turn
                layer.x[row * 70 + k] = value
                let (fast, naive) = try variant.results { layer.run($0, format) }
                for column in 0..<50 {
                    let (fast, naive) = (fast[row * 50 + column], naive[row * 50 + column])
                    let isSame = fast.isNaN ? naive.isNaN : fast == naive && fast.isInfinite
                    #expect(isSame, "\(value) became \(fast) instead of \(naive)")
                    #expect(format != PRODUCT_INT8 || fast.isNaN)
                }
                let untouched = bits(clean.run(try variant.table(), format)), now = bits(fast)
                #expect(now[..<(row * 50)] == untouched[..<(row * 50)])
                #expect(now[((row + 1) * 50)...] == untouched[((row + 1) * 50)...])
            }
        }
    }

    /// A pair of infinities of both signs, or one times a weight of zero, is NaN; GELU and LayerNorm keep it.
    @Test(arguments: KernelVariant.all, product_format.all)
    func infinityMinusInfinityIsNotANumber(_ variant: KernelVariant, _ format: product_format) throws {
        var layer = LayerCase(inputs: 12, outputs: 20, rows: 2)
        layer.weights = [Float](repeating: 1, count: 12 * 20)
        (layer.x[3], layer.x[8]) = (.infinity, -.infinity)
        for ending in [PRODUCT_BIAS, PRODUCT_GELU, PRODUCT_ADD_NORM] {
            let out = layer.run(try variant.table(), format, ending)
            #expect(out[..<20].allSatisfy { $0.isNaN } && out[20...].allSatisfy { $0.isFinite })
        }
    }

    /// A model with such a weight must fail in int8 as it does in fp32, not answer without it.
    @Test(arguments: KernelVariant.all, [Float.infinity, -.infinity, .nan])
    func aBrokenWeightShowsInInt8(_ variant: KernelVariant, _ value: Float) throws {
        var layer = LayerCase(inputs: 12, outputs: 20, rows: 2)
        layer.weights[7 * 12 + 3] = value
        let out = layer.run(try variant.table(), PRODUCT_INT8, PRODUCT_BIAS)
        for column in 0..<20 { #expect(out[column].isNaN == (column == 7)) }
    }

    @Test(arguments: KernelVariant.all, product_format.all)
    func subnormalNumbersAreSmall(_ variant: KernelVariant, _ format: product_format) throws {
        var layer = LayerCase(inputs: 40, outputs: 20, rows: 8)
        layer.x = layer.x.map { $0 * 1e-40 }
        layer.bias = [Float](repeating: 0, count: 20)
        let (fast, naive) = try variant.results { layer.run($0, format) }
        let tolerance = Tolerance.sum(of: 40, magnitude: 0)
        #expect(zip(fast, naive).allSatisfy { abs($0 - $1) <= tolerance })
        if format == PRODUCT_FP32 { #expect(fast.contains { $0 != 0 }, "binary32 keeps them") }
        layer = LayerCase(inputs: 40, outputs: 20, rows: 8)
        layer.weights = layer.weights.map { $0 * 1e-40 }
        layer.bias = [Float](repeating: 0, count: 20)
        let (small, twin) = try variant.results { layer.run($0, format) }
        #expect(zip(small, twin).allSatisfy { abs($0 - $1) <= 2 * tolerance })
    }

    @Test(arguments: KernelVariant.all) func hugeNumbersKeepTheirRange(_ variant: KernelVariant) throws {
        var layer = LayerCase(inputs: 33, outputs: 20, rows: 6)
        layer.bias = [Float](repeating: 0, count: 20)
        layer.weights = layer.weights.map { $0 / 100 }
        for row in 0..<6 { layer.x[row * 33 + 3 * row] = row % 2 == 0 ? 3e38 : -3e38 }
        (layer.x[20], layer.x[21]) = (-3e38, -3.4e38)  // a range that is no float
        let (fast, naive) = try variant.results { layer.run($0, PRODUCT_INT8) }
        for (fast, naive) in zip(fast, naive) {
            #expect(fast.isFinite && abs(fast - naive) <= 3e38 * 0.005 * Tolerance.relative)
        }
    }

    /// The largest weights and activations there are, all of one sign: no sum may wrap around.
    @Test(arguments: KernelVariant.all, [(3_072, 50), (70_000, 3)])
    func sumsOfIntegersDoNotOverflow(_ variant: KernelVariant, _ shape: (inputs: Int, outputs: Int)) throws {
        var layer = LayerCase(inputs: shape.inputs, outputs: shape.outputs, rows: 2)
        layer.bias = [Float](repeating: 0, count: shape.outputs)
        layer.weights = layer.weights.indices.map { $0 / shape.inputs % 2 == 0 ? 0.25 : -0.25 }
        layer.x = layer.x.indices.map { $0 < shape.inputs ? 2 : -2 }
        let out = layer.run(try variant.table(), PRODUCT_INT8)
        for (place, value) in out.enumerated() {
            let sign: Float = (place / shape.outputs + place % shape.outputs) % 2 == 0 ? 1 : -1
            let expected = sign * 0.5 * Float(shape.inputs)
            #expect(abs(value - expected) <= 1e-5 * abs(expected), "\(value) instead of \(expected)")
        }
    }

    /// One number that dwarfs the rest: the twins' integers, exactly.
    @Test(arguments: KernelVariant.all) func outliersLeaveTheOthersAsTheTwinsDo(_ variant: KernelVariant) throws {
        let isNarrow = try variant.table().activations == ACTIVATIONS_NARROW
        for outlier: Float in [60, -60, 5_000, -1e30] {
            var layer = LayerCase(inputs: 384, outputs: 48, rows: 12)
            for row in 0..<12 { layer.x[row * 384 + 31 * row] = outlier }
            let (fast, naive) = try variant.results { layer.run($0, PRODUCT_INT8) }
            let tolerances = layer.tolerances(PRODUCT_INT8, narrow: isNarrow)
            #expect(fast.indices.allSatisfy { abs(fast[$0] - naive[$0]) <= tolerances[$0] }, "\(outlier)")
        }
    }

    @Test(arguments: KernelVariant.all) func aPeakIsCountedInOperations(_ variant: KernelVariant) throws {
        let table = try variant.table()
        for format in product_format.all {
            let once = table.peak(format, 1)
            #expect(once >= 2 && table.peak(format, 1_000) == 1_000 * once)
        }
    }
}
