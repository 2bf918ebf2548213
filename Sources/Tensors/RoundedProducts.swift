internal import CKernels

/// The right operand of products in bfloat16: `[outputs, inputs]`, rounded to the nearest (even) and packed for this
/// processor's kernels. Lies in a `FloatBuffer`, whose memory is used again when the numbers have changed; copies of a
/// view show the same numbers.
package struct PackedView: Sendable {
    package let inputs: Int
    package let outputs: Int
    private let memory: FloatView

    /// Floats of a buffer that one takes: whole cache lines.
    package static func floatCount(inputs: Int, outputs: Int) -> Int {
        (kernel_packed_size(PRODUCT_BF16, inputs, outputs) + 63) / 64 * lineFloats
    }

    /// Where one may begin in a buffer, at or behind `offset`.
    package static func place(from offset: Int) -> Int { (offset + lineFloats - 1) / lineFloats * lineFloats }

    private static let lineFloats = 16

    /// - Parameter offset: in `buffer`, a `place`.
    package init(buffer: FloatBuffer, at offset: Int, inputs: Int, outputs: Int) {
        precondition(offset % Self.lineFloats == 0, "packed numbers begin on a cache line")
        (self.inputs, self.outputs) = (inputs, outputs)
        memory = buffer.view(at: offset, rows: 1, columns: Self.floatCount(inputs: inputs, outputs: outputs))
    }

    /// Rounds and packs a dense `[outputs, inputs]`.
    package func pack(_ x: FloatView) {
        precondition(x.rows == outputs && x.columns == inputs && x.isDense)
        kernel_pack(PRODUCT_BF16, x.pointer, inputs, outputs, memory.pointer)
    }

    /// Rounds and packs the transpose of `x`, `[inputs, outputs]`.
    package func packTransposed(_ x: FloatView, scratch: RoundingScratch) {
        precondition(x.rows == inputs && x.columns == outputs)
        pack(transpose(x, scratch))
    }

    fileprivate var weights: packed_weights {
        packed_weights(data: UnsafeRawPointer(memory.pointer), inputs: inputs, outputs: outputs, format: PRODUCT_BF16)
    }
}

/// One thread's memory for products in bfloat16. Not for two products at once.
package struct RoundingScratch: Sendable {
    private let buffer: FloatBuffer
    private let rows, widest, kernel, transposedCount: Int

    /// - Parameters:
    ///   - rows: most rows of a left operand.
    ///   - widest: most columns of operands and results.
    ///   - transposed: most numbers of a matrix that is transposed.
    package init(rows: Int, widest: Int, transposed: Int) {
        (self.rows, self.widest, transposedCount) = (rows, widest, transposed)
        kernel = PackedView.place(from: kernel_product_scratch(widest) / MemoryLayout<Float>.stride + 1)
        buffer = FloatBuffer(count: kernel + widest + 2 * rows * widest + transposed)
    }

    /// For nothing.
    package static let none = RoundingScratch(rows: 0, widest: 0, transposed: 0)

    /// What the kernels ask for; begins on a cache line.
    fileprivate var kernelMemory: FloatView { buffer.view(rows: 1, columns: kernel) }
    /// Never written, and so zeros.
    fileprivate var bias: FloatView { buffer.view(at: kernel, rows: 1, columns: widest) }

    fileprivate func rounded(_ rows: Int, _ columns: Int) -> FloatView { matrix(0, rows, columns) }
    fileprivate func sums(_ rows: Int, _ columns: Int) -> FloatView { matrix(1, rows, columns) }

    private func matrix(_ index: Int, _ rows: Int, _ columns: Int) -> FloatView {
        precondition(rows <= self.rows && columns <= widest, "[\(rows), \(columns)] in [\(self.rows), \(widest)]")
        return buffer.view(at: kernel + widest + index * self.rows * widest, rows: rows, columns: columns)
    }

    fileprivate func transposed(_ rows: Int, _ columns: Int) -> FloatView {
        precondition(rows * columns <= transposedCount, "[\(rows), \(columns)] in \(transposedCount)")
        return buffer.view(at: kernel + widest + 2 * self.rows * widest, rows: rows, columns: columns)
    }
}

/// `result = x b'`, or `result += x b'`: both operands rounded to bfloat16 (nearest, even), their products summed in fp32.
///
/// Processors that multiply bfloat16 round `x` and multiply in one go. For the others it is rounded here and multiplied in
/// fp32: the same products, summed in another order, and no faster than fp32. A row of the result does not depend on
/// other rows.
///
/// - Parameters:
///   - x: dense `[rows, inputs]`.
///   - result: dense `[rows, outputs]`; overlaps nothing.
package func multiply(
    _ x: FloatView, _ b: PackedView, into result: FloatView, adds: Bool = false, scratch: RoundingScratch
) {
    precondition(x.columns == b.inputs && result.columns == b.outputs && x.rows == result.rows)
    precondition(x.isDense && result.isDense && b.inputs <= scratch.bias.columns)
    guard x.rows > 0 else { return }
    let operand = Kernels.multipliesBFloat16 ? x : rounded(x, scratch)
    let target = adds ? scratch.sums(x.rows, b.outputs) : result
    var weights = b.weights
    var epilogue = product_epilogue(
        ending: PRODUCT_BIAS, bias: UnsafePointer(scratch.bias.columns(0..<b.outputs).pointer), residual: nil,
        gamma: nil,
        beta: nil, epsilon: 0)
    kernel_product(&weights, operand.pointer, x.rows, &epilogue, target.pointer, scratch.kernelMemory.pointer)
    if adds { scaledAdd(result, target) }
}

/// `gradient' x`: the gradient of a linear layer's weights, in bfloat16 as `multiply`, over blocks of rows whose sums are
/// added up in their order.
///
/// - Parameters:
///   - gradient: `[rows, outputs]`, some columns of a wider matrix perhaps.
///   - blocks: the transposes of all rows of `x`, one block behind the other.
///   - result: dense `[outputs, inputs]`.
package func multiplyTransposed(
    _ gradient: FloatView, _ blocks: [PackedView], into result: FloatView, adds: Bool, scratch: RoundingScratch
) {
    precondition(gradient.rows == blocks.reduce(0) { $0 + $1.inputs } && gradient.columns == result.rows)
    if blocks.isEmpty, !adds { result.clear() }
    var first = 0
    for block in blocks {
        let rows = first..<first + block.inputs
        multiply(
            transpose(gradient.rows(rows), scratch), block, into: result, adds: adds || first > 0, scratch: scratch)
        first = rows.upperBound
    }
}

private func transpose(_ x: FloatView, _ scratch: RoundingScratch) -> FloatView {
    let result = scratch.transposed(x.columns, x.rows)
    kernel_transpose(x.pointer, x.rows, x.columns, x.stride, result.pointer)
    return result
}

/// A dense `x` rounded to bfloat16, as floats.
private func rounded(_ x: FloatView, _ scratch: RoundingScratch) -> FloatView {
    let result = scratch.rounded(x.rows, x.columns)
    let halves = scratch.kernelMemory.pointer  // of a row: the product needs more
    for row in 0..<x.rows {
        kernel_float_to_bfloat16(x.pointer + row * x.columns, halves, x.columns)
        kernel_bfloat16_to_float(halves, result.pointer + row * x.columns, x.columns)
    }
    return result
}
