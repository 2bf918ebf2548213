import CKernels
import TestSupport
import Testing

/// Every variant's products in every format against the naive twins.
@Suite struct ProductTests {
    /// Around the tiles (3, 6 and 8 rows; 16 and 48 outputs), the groups (2 and 4 inputs) and the blocks (96 rows; 384,
    /// 768 and 1536 inputs).
    private static let inputs = [1, 2, 3, 4, 5, 15, 16, 17, 66, 383, 384, 385, 770, 1539]
    private static let outputs = [1, 15, 16, 17, 47, 48, 49, 97]
    private static let rows = [1, 2, 3, 5, 6, 7, 8, 9, 17, 95, 96, 97, 143, 144, 145]

    @Test(arguments: KernelVariant.all, product_format.all)
    func productsAgree(_ variant: KernelVariant, _ format: product_format) throws {
        let isNarrow = try variant.table().activations == ACTIVATIONS_NARROW
        var turn = 0
        for inputs in Self.inputs {
            for outputs in Self.outputs {
                turn += 1
                let layer = LayerCase(inputs: inputs, outputs: outputs, rows: Self.rows[turn % Self.rows.count])
                let (fast, naive) = try variant.results { layer.run($0, format) }
                let tolerances = layer.tolerances(format, narrow: isNarrow)
                let wrong = fast.indices.filter { !(abs(fast[$0] - naive[$0]) <= tolerances[$0]) }
                #expect(wrong.isEmpty, "\(inputs) x \(outputs), \(layer.rows) rows: \(wrong.count) wrong")
            }
        }
    }

    /// Holds the twins as well: whatever the kernels and twins agree on, an integer is no further than a step from the
    /// number it stands for.
    @Test(arguments: KernelVariant.all) func integersAreAStepFromTheirNumbers(_ variant: KernelVariant) throws {
        let table = try variant.table(), isNarrow = table.activations == ACTIVATIONS_NARROW
        var layer = LayerCase(inputs: 100, outputs: 40, rows: 24)
        for row in 0..<layer.rows {  // one sided, shifted, with an outlier
            for k in 0..<layer.inputs {
                let place = row * layer.inputs + k
                layer.x[place] = row % 3 == 0 ? abs(layer.x[place]) : layer.x[place] + Float(row % 5)
            }
            if row % 2 == 0 { layer.x[row * layer.inputs + row] = 30 }
        }
        let whole = layer.run(kernel_table_reference, PRODUCT_FP32), integers = layer.run(table, PRODUCT_INT8)
        for place in whole.indices {
            let row = layer.x[place / layer.outputs * layer.inputs..<(place / layer.outputs + 1) * layer.inputs]
            let output = place % layer.outputs
            let column = layer.weights[output * layer.inputs..<(output + 1) * layer.inputs]
            let range = isNarrow ? max(row.max()!, 0) - min(row.min()!, 0) : row.map(abs).max()!
            let step = range / (isNarrow ? 255 : 32767), weightStep = column.map(abs).max()! / 127
            let bound = zip(row, column).reduce(Float(1e-4)) {
                $0 + step * abs($1.1) + weightStep / 2 * (abs($1.0) + step)
            }
            #expect(abs(whole[place] - integers[place]) <= bound, "row \(place / layer.outputs)")
        }
    }

    @Test(arguments: KernelVariant.all, product_format.all)
    func aRowHasTheSameBitsInEveryBatch(_ variant: KernelVariant, _ format: product_format) throws {
        let table = try variant.table()
        for (inputs, outputs) in [(17, 33), (384, 49), (1540, 50)] {
            let layer = LayerCase(inputs: inputs, outputs: outputs, rows: 150)
            for ending in [PRODUCT_BIAS, PRODUCT_GELU, PRODUCT_ADD_NORM] {
                let together = bits(layer.run(table, format, ending))
                let backwards = bits(layer.over((0..<150).reversed()).run(table, format, ending))
                for row in 0..<150 {
                    let place = (149 - row) * outputs
                    #expect(backwards[place..<place + outputs] == together[row * outputs..<(row + 1) * outputs])
                }
                for row in [0, 7, 95, 96, 102, 143, 149] {
                    let alone = bits(layer.over([row]).run(table, format, ending))
                    #expect(alone[...] == together[row * outputs..<(row + 1) * outputs], "row \(row)")
                }
            }
        }
    }

    /// products.h says which kernels the endings are like.
    @Test(arguments: KernelVariant.all, product_format.all)
    func endingsAreThoseOfTheKernels(_ variant: KernelVariant, _ format: product_format) throws {
        let table = try variant.table()
        for outputs in oddSizes {
            let layer = LayerCase(inputs: 31, outputs: outputs, rows: 9)
            var plain = layer
            plain.bias = [Float](repeating: 0, count: outputs)
            let product = plain.run(table, format)
            var (biased, curved) = (product, product), normal = product
            table.add_bias(&biased, layer.bias, 9, outputs)
            table.bias_gelu(&curved, layer.bias, 9, outputs)
            table.bias_residual_layer_norm(
                product, layer.bias, layer.residual, 9, outputs, layer.gamma, layer.beta, 1e-6, &normal)
            #expect(layer.run(table, format, PRODUCT_BIAS) == biased)
            #expect(layer.run(table, format, PRODUCT_GELU) == curved)
            #expect(layer.run(table, format, PRODUCT_ADD_NORM) == normal)
        }
    }

    @Test(arguments: KernelVariant.all, product_format.all)
    func nothingTimesNothing(_ variant: KernelVariant, _ format: product_format) throws {
        let table = try variant.table()
        #expect(LayerCase(inputs: 20, outputs: 20, rows: 0).run(table, format).isEmpty)
        #expect(LayerCase(inputs: 20, outputs: 0, rows: 3).run(table, format).isEmpty)
        let noInputs = LayerCase(inputs: 0, outputs: 50, rows: 2)
        #expect(noInputs.run(table, format) == noInputs.bias + noInputs.bias)
        var zeros = LayerCase(inputs: 100, outputs: 50, rows: 20)
        for place in 3 * 100..<4 * 100 { zeros.x[place] = 0 }
        for place in 49 * 100..<50 * 100 { zeros.weights[place] = 0 }
        let out = zeros.run(table, format)
        #expect(Array(out[3 * 50..<4 * 50]) == zeros.bias, "a row of zeros")
        for row in 0..<20 { #expect(out[row * 50 + 49] == zeros.bias[49], "an output without weights") }
    }
}
