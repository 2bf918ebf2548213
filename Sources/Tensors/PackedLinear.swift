package import Annotations
internal import CKernels

/// A linear layer, `y = x W' + b`, packed for this processor's kernels in one precision (products.h). Immutable, shared by
/// all threads.
///
/// A row of the result does not depend on the other rows, to the bit: whatever batch a text is in, and wherever, its
/// hidden states are the same.
package struct PackedLinear: Sendable {
    package let inputs: Int
    package let outputs: Int
    package let precision: Precision
    private let packed: AlignedMemory
    private let bias: [Float]

    /// - Parameter weights: `[outputs, inputs]`, as PyTorch stores them; finite.
    package init(weights: Matrix, bias: [Float], precision: Precision) {
        precondition(weights.rows == bias.count, "\(weights.rows) outputs, \(bias.count) biases")
        (inputs, outputs, self.precision, self.bias) = (weights.columns, weights.rows, precision, bias)
        let (inputs, outputs, format) = (inputs, outputs, precision.format)
        packed = AlignedMemory(count: kernel_packed_size(format, inputs, outputs)) { data in
            kernel_pack(format, weights.values, inputs, outputs, data)
        }
    }

    /// What is left of a product when it is stored.
    package enum Ending {
        case bias
        /// gelu(p + bias), the exact form.
        case gelu
    }

    /// `result = x W' + b`, or its GELU; `[rows, outputs]`.
    package func apply(to x: Matrix, _ ending: Ending, into result: inout Matrix, scratch: inout KernelScratch) {
        result.reshape(rows: x.rows, columns: outputs)
        run(
            x, rows: 0..<x.rows, ending: ending == .gelu ? PRODUCT_GELU : PRODUCT_BIAS, norm: nil, residual: nil,
            into: &result, at: 0, scratch: &scratch)
    }

    /// `result = LayerNorm(x W' + b + residual)`, `[rows, outputs]`: what ends both halves of an encoder layer.
    package func apply(
        to x: Matrix, adding residual: Matrix, norm: LayerNorm, into result: inout Matrix, scratch: inout KernelScratch
    ) {
        result.reshape(rows: x.rows, columns: outputs)
        run(
            x, rows: 0..<x.rows, ending: PRODUCT_ADD_NORM, norm: norm, residual: residual, into: &result, at: 0,
            scratch: &scratch)
    }

    /// Rows `rows` of `x` go through `self` with a GELU and through `second`, and become the same rows of `result`:
    /// `LayerNorm(second(gelu(self(x))) + x)`.
    ///
    /// A few rows at a time, so that the wide rows between the two products stay in the processor's cache.
    package func feedForward(
        _ x: Matrix, then second: PackedLinear, norm: LayerNorm, into result: inout Matrix, between: inout Matrix,
        scratch: inout KernelScratch
    ) {
        result.reshape(rows: x.rows, columns: second.outputs)
        for first in stride(from: 0, to: x.rows, by: Self.rowsAtOnce) {
            let rows = first..<min(first + Self.rowsAtOnce, x.rows)
            between.reshape(rows: rows.count, columns: outputs)
            run(
                x, rows: rows, ending: PRODUCT_GELU, norm: nil, residual: nil, into: &between, at: 0,
                scratch: &scratch)
            second.run(
                between, rows: 0..<rows.count, ending: PRODUCT_ADD_NORM, norm: norm, residual: x, into: &result,
                at: first, scratch: &scratch)
        }
    }

    /// A whole number of the kernels' blocks, each of which reads all weights once.
    private static let rowsAtOnce = 288

    /// `x`'s `rows`, to row `start` and on of `result`; `residual`'s rows are those of `result`.
    private func run(
        _ x: Matrix, rows: Range<Int>, ending: product_ending, norm: LayerNorm?, residual: Matrix?,
        into result: inout Matrix, at start: Int, scratch: inout KernelScratch
    ) {
        precondition(x.columns == inputs && rows.lowerBound >= 0 && rows.upperBound <= x.rows)
        precondition(result.columns == outputs && start + rows.count <= result.rows)
        precondition(residual.map { $0.columns == outputs && $0.rows >= start + rows.count } ?? true)
        precondition(norm.map { $0.columns == outputs } ?? true)
        guard !rows.isEmpty else { return }
        var weights = packed_weights(data: packed.base, inputs: inputs, outputs: outputs, format: precision.format)
        scratch.withMemory(atLeast: kernel_product_scratch(inputs)) { memory in
            x.values.withUnsafeBufferPointer { x in
                result.values.withUnsafeMutableBufferPointer { result in
                    bias.withUnsafeBufferPointer { bias in
                        guard let x = x.baseAddress, let result = result.baseAddress, let bias = bias.baseAddress
                        else { return }
                        let out = result + start * outputs
                        let from = x + rows.lowerBound * inputs
                        guard let norm, let residual else {
                            var epilogue = product_epilogue(
                                ending: ending, bias: bias, residual: nil, gamma: nil, beta: nil, epsilon: 0)
                            kernel_product(&weights, from, rows.count, &epilogue, out, memory)
                            return
                        }
                        norm.gamma.withUnsafeBufferPointer { gamma in
                            norm.beta.withUnsafeBufferPointer { beta in
                                residual.values.withUnsafeBufferPointer { residual in
                                    guard let residual = residual.baseAddress else { return }
                                    var epilogue = product_epilogue(
                                        ending: ending, bias: bias, residual: residual + start * outputs,
                                        gamma: gamma.baseAddress, beta: beta.baseAddress, epsilon: norm.epsilon)
                                    kernel_product(&weights, from, rows.count, &epilogue, out, memory)
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

extension Precision {
    var format: product_format {
        switch self {
        case .fp32: PRODUCT_FP32
        case .bf16: PRODUCT_BF16
        case .int8: PRODUCT_INT8
        }
    }
}

/// Scratch memory of the kernels. It grows to what was asked for most and is reused; keep one a thread.
package struct KernelScratch: Sendable {
    /// Elements of a cache line, so that the array begins on one.
    private var lines: [SIMD16<Float>] = []

    package init() {}

    mutating func withMemory(atLeast count: Int, _ body: (UnsafeMutableRawPointer) -> Void) {
        let needed = max(count + 63, 64) / 64
        if lines.count < needed { lines = [SIMD16<Float>](repeating: .zero, count: needed) }
        lines.withUnsafeMutableBytes { bytes in
            if let base = bytes.baseAddress { body(base) }
        }
    }
}
