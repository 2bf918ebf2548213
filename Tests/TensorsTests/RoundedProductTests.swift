import CKernels
import Tensors
import Testing

/// Products in bfloat16 on views. Operands are whole numbers with a little added that rounding takes away: sums are then
/// exact in fp32 whatever their order, and an operand that was not rounded, or twice, shows in the last bit.
@Suite struct RoundedProductTests {
    /// `[rows, columns]`, and what bfloat16 makes of it: numbers of 65 to 72, where neighbours lie 0.5 apart.
    private struct Operand {
        let rows, columns: Int
        let whole: [Float]
        var values: [Float]

        init(_ rows: Int, _ columns: Int, stream: UInt32) {
            (self.rows, self.columns) = (rows, columns)
            let random = randomValues(rows * columns, spread: 8, stream: stream)
            whole = random.map { ($0 < 0 ? -65 : 65) + $0.rounded(.towardZero) }
            // A quarter is a tie, and the whole number the even one.
            values = zip(whole, 0...).map { $0 + [0.25, -0.25, 0.1, -0.2, 0][$1 % 5] }
        }

        func view() -> FloatView {
            let view = FloatBuffer(count: rows * columns).view(rows: rows, columns: columns)
            view.assign(values)
            return view
        }

        func packed(transposed: Bool, scratch: RoundingScratch) -> PackedView {
            let (inputs, outputs) = transposed ? (rows, columns) : (columns, rows)
            // Not at the buffer's beginning, over what another matrix left there.
            let place = PackedView.place(from: 3)
            let count = PackedView.floatCount(inputs: inputs, outputs: outputs)
            let buffer = FloatBuffer(count: place + count + 1)
            let all = buffer.view(rows: 1, columns: buffer.count)
            all.assign([Float](repeating: 7, count: buffer.count))
            let packed = PackedView(buffer: buffer, at: place, inputs: inputs, outputs: outputs)
            if transposed { packed.packTransposed(view(), scratch: scratch) } else { packed.pack(view()) }
            let left = all.copyValues()
            #expect(left[..<place].allSatisfy { $0 == 7 } && left.last == 7, "packing wrote beyond its memory")
            return packed
        }
    }

    /// Not written out by a test that fails: there are thousands of numbers.
    private func areEqual(_ result: FloatView, _ expected: [Float]) -> Bool { result.copyValues() == expected }

    private func scratch(_ widest: Int) -> RoundingScratch {
        RoundingScratch(rows: 128, widest: widest, transposed: 128 * widest)
    }

    @Test(arguments: KernelVariant.all) func transposition(_ variant: KernelVariant) throws {
        for (rows, columns) in zip(oddSizes, oddSizes.reversed()) {
            let x = randomValues(rows * (columns + 3))
            let (fast, naive) = try variant.results { table in
                var out = [Float](repeating: .nan, count: rows * columns)
                table.transpose(x, rows, columns, columns + 3, &out)
                return out
            }
            #expect(fast == naive, "\(rows) x \(columns)")
        }
    }

    @Test(arguments: [false, true]) func products(transposed: Bool) {
        for (rows, outputs, inputs) in [
            (1, 1, 1), (3, 17, 2), (7, 15, 31), (12, 48, 33), (97, 100, 47), (128, 16, 385), (5, 49, 771), (0, 4, 4),
        ] {
            let scratch = scratch(800)
            let x = Operand(rows, inputs, stream: 1)
            let b = transposed ? Operand(inputs, outputs, stream: 2) : Operand(outputs, inputs, stream: 2)
            let packed = b.packed(transposed: transposed, scratch: scratch)
            var expected = [Float](repeating: 0, count: rows * outputs)
            for r in 0..<rows {
                for o in 0..<outputs {
                    for i in 0..<inputs {
                        let factor = transposed ? b.whole[i * outputs + o] : b.whole[o * inputs + i]
                        expected[r * outputs + o] += x.whole[r * inputs + i] * factor
                    }
                }
            }
            let result = FloatBuffer(count: rows * outputs).view(rows: rows, columns: outputs)
            result.assign([Float](repeating: .nan, count: rows * outputs))
            multiply(x.view(), packed, into: result, scratch: scratch)
            #expect(areEqual(result, expected), "\(rows), \(inputs) to \(outputs)")
            multiply(x.view(), packed, into: result, adds: true, scratch: scratch)
            #expect(areEqual(result, expected.map { 2 * $0 }), "added: \(rows), \(inputs) to \(outputs)")
        }
    }

    @Test func weightGradients() {
        for (tokens, outputs, inputs, size) in [(0, 3, 4, 5), (1, 1, 1, 5), (11, 17, 9, 5), (1300, 50, 33, 512)] {
            let scratch = scratch(max(inputs, size))
            // Some columns of a wider gradient.
            let gradient = Operand(tokens, outputs + 5, stream: 1), x = Operand(tokens, inputs, stream: 2)
            let blocks = stride(from: 0, to: tokens, by: size).map { first in
                let rows = first..<min(first + size, tokens)
                var part = Operand(rows.count, inputs, stream: 3)
                part.values = Array(x.values[rows.lowerBound * inputs..<rows.upperBound * inputs])
                return part.packed(transposed: true, scratch: scratch)
            }
            var expected = [Float](repeating: 0, count: outputs * inputs)
            for t in 0..<tokens {
                for o in 0..<outputs {
                    for i in 0..<inputs {
                        expected[o * inputs + i] += gradient.whole[t * (outputs + 5) + 2 + o] * x.whole[t * inputs + i]
                    }
                }
            }
            let some = gradient.view().columns(2..<2 + outputs)
            let result = FloatBuffer(count: outputs * inputs).view(rows: outputs, columns: inputs)
            result.assign([Float](repeating: .nan, count: outputs * inputs))
            for accumulated in 1...2 {
                multiplyTransposed(some, blocks, into: result, adds: accumulated == 2, scratch: scratch)
                #expect(areEqual(result, expected.map { Float(accumulated) * $0 }), "\(tokens) tokens")
            }
        }
    }

    @Test func brokenNumbersShow() {
        let scratch = scratch(40)
        for value in [Float.nan, .infinity] {
            var x = Operand(3, 40, stream: 1)
            x.values[41] = value
            let b = Operand(20, 40, stream: 2).packed(transposed: false, scratch: scratch)
            let result = FloatBuffer(count: 60).view(rows: 3, columns: 20)
            multiply(x.view(), b, into: result, scratch: scratch)
            let rows = (0..<3).map { result.rows($0..<$0 + 1).copyValues().allSatisfy(\.isFinite) }
            #expect(rows == [true, false, true])
        }
    }
}
