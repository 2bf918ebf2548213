import CKernels
import TestSupport
import Testing

extension product_format {
    static let all = [PRODUCT_FP32, PRODUCT_BF16, PRODUCT_INT8]
}

/// A linear layer and rows that go through it.
struct LayerCase {
    var inputs: Int, outputs: Int, rows: Int
    var weights: [Float], x: [Float], bias: [Float]
    var residual: [Float] = [], gamma: [Float] = [], beta: [Float] = []

    init(inputs: Int, outputs: Int, rows: Int) {
        (self.inputs, self.outputs, self.rows) = (inputs, outputs, rows)
        weights = randomValues(outputs * inputs, spread: 0.5, stream: 1)
        x = randomValues(rows * inputs, spread: 2, stream: 2)
        bias = randomValues(outputs, spread: 1, stream: 3)
        residual = randomValues(rows * outputs, spread: 1, stream: 4)
        gamma = randomValues(outputs, spread: 1, stream: 5)
        beta = randomValues(outputs, spread: 1, stream: 6)
    }

    /// The same layer over other rows.
    func over(_ rows: [Int]) -> LayerCase {
        var part = self
        part.rows = rows.count
        part.x = rows.flatMap { x[$0 * inputs..<($0 + 1) * inputs] }
        part.residual = rows.flatMap { residual[$0 * outputs..<($0 + 1) * outputs] }
        return part
    }

    /// What `table` makes of it. Records an issue when it writes beyond its memory.
    func run(_ table: kernel_table, _ format: product_format, _ ending: product_ending = PRODUCT_BIAS) -> [Float] {
        let packed = GuardedMemory(bytes: table.packed_size(format, inputs, outputs))
        let scratch = GuardedMemory(bytes: table.product_scratch(inputs))
        let out = GuardedMemory(bytes: rows * outputs * 4)
        table.pack(format, weights, inputs, outputs, packed.start)
        let layer = packed_weights(data: packed.start, inputs: inputs, outputs: outputs, format: format)
        bias.withUnsafeBufferPointer { bias in
            residual.withUnsafeBufferPointer { residual in
                gamma.withUnsafeBufferPointer { gamma in
                    beta.withUnsafeBufferPointer { beta in
                        let epilogue = product_epilogue(
                            ending: ending, bias: bias.baseAddress ?? UnsafePointer(out.floats),
                            residual: residual.baseAddress, gamma: gamma.baseAddress, beta: beta.baseAddress,
                            epsilon: 1e-6)
                        withUnsafePointer(to: layer) { layer in
                            withUnsafePointer(to: epilogue) { epilogue in
                                table.product(layer, x, rows, epilogue, out.floats, scratch.start)
                            }
                        }
                    }
                }
            }
        }
        #expect(packed.isWhole, "packing wrote beyond its memory: \(inputs) x \(outputs)")
        #expect(scratch.isWhole, "beyond the scratch memory: \(inputs) x \(outputs), \(rows) rows")
        #expect(out.isWhole, "beyond the result: \(inputs) x \(outputs), \(rows) rows")
        return Array(UnsafeBufferPointer(start: out.floats, count: rows * outputs))
    }

    /// How far each number of `run` may lie from its twin's.
    func tolerances(_ format: product_format, narrow isNarrow: Bool) -> [Float] {
        (0..<rows * outputs).map { place in
            let row = x[place / outputs * inputs..<(place / outputs + 1) * inputs]
            let column = weights[place % outputs * inputs..<(place % outputs + 1) * inputs]
            let magnitude = zip(row, column).reduce(abs(bias[place % outputs])) { $0 + abs($1.0 * $1.1) }
            guard format == PRODUCT_INT8 else { return Tolerance.sum(of: inputs, magnitude: magnitude) }
            guard !isNarrow else { return Tolerance.exactSum(magnitude: magnitude) }
            let unit = (row.map(abs).max() ?? 0) / 32767, most = column.map(abs).max() ?? 0
            return Tolerance.exactSum(magnitude: magnitude) + Tolerance.borderDigits(of: inputs) * unit * most
        }
    }
}

/// Memory on a cache line with known bytes behind it.
final class GuardedMemory {
    let start: UnsafeMutableRawPointer
    private let bytes: Int
    private static let guards = 256

    init(bytes: Int) {
        self.bytes = bytes
        start = .allocate(byteCount: bytes + Self.guards, alignment: 64)
        start.initializeMemory(as: UInt8.self, repeating: 0xFF, count: bytes + Self.guards)  // NaN as a float
    }
    deinit { start.deallocate() }

    var floats: UnsafeMutablePointer<Float> { start.assumingMemoryBound(to: Float.self) }
    var isWhole: Bool {
        (bytes..<bytes + Self.guards).allSatisfy { start.load(fromByteOffset: $0, as: UInt8.self) == 0xFF }
    }
}

/// The bits of numbers: NaN equals itself, and -0 differs from 0.
func bits(_ values: some Sequence<Float>) -> [UInt32] { values.map(\.bitPattern) }
