internal import CKernels

/// `c = alpha * op(a) * op(b) + beta * c` on views; shapes as in `multiply` of matrices. `c` overlaps neither operand.
package func multiply(
    _ a: FloatView, _ b: FloatView, transposeA: Transpose = .no, transposeB: Transpose = .no, into c: FloatView,
    alpha: Float = 1, beta: Float = 0
) {
    multiply(
        a.pointer, StridedShape(a), b.pointer, StridedShape(b), transposeA, transposeB, into: c.pointer,
        StridedShape(c),
        alpha: alpha, beta: beta)
}

/// Where the mask of a dropout stands among all random numbers.
package struct DropoutMask: Sendable, Hashable {
    package let random: CounterRandom
    package let step: Int
    /// Of the mask's first number, below 2^34.
    package let firstElement: Int
    /// Share that is dropped, 0..<1.
    package let rate: Float

    package init(random: CounterRandom, step: Int, firstElement: Int, rate: Float) {
        precondition(rate >= 0 && rate < 1, "a dropout rate of \(rate)")
        (self.random, self.step, self.firstElement, self.rate) = (random, step, firstElement, rate)
    }

    /// The same mask `elements` further on.
    package func advanced(by elements: Int) -> DropoutMask {
        DropoutMask(random: random, step: step, firstElement: firstElement + elements, rate: rate)
    }
}

/// `x *= mask` in place, for a dense `x`; forward and backward alike.
package func dropout(_ x: FloatView, _ mask: DropoutMask) {
    precondition(x.isDense)
    dropout(x.pointer, x.count, mask)
}

private func dropout(_ x: UnsafeMutablePointer<Float>, _ count: Int, _ mask: DropoutMask) {
    mask.random.withAddress(of: mask.step, mask.firstElement, count: count) {
        kernel_dropout(x, count, UInt64(mask.firstElement), $0, mask.rate)
    }
}

/// One head of one text's self-attention, forward and back.
package struct AttentionHead: Sendable {
    /// Queries, keys and values of the text, side by side: `[length, 3 * hidden]`.
    package let queryKeyValue: FloatView
    /// Of all heads: `[length, hidden]`.
    package let context: FloatView
    package let head: Int
    package let heads: Int
    /// On the probabilities `[length, length]`; nil without dropout.
    package let mask: DropoutMask?

    package init(queryKeyValue: FloatView, context: FloatView, head: Int, heads: Int, mask: DropoutMask?) {
        precondition(queryKeyValue.rows == context.rows && queryKeyValue.columns == 3 * context.columns)
        precondition(heads > 0 && context.columns % heads == 0 && (0..<heads).contains(head))
        (self.queryKeyValue, self.context, self.head, self.heads) = (queryKeyValue, context, head, heads)
        self.mask = mask
    }

    /// Floats of scratch that a text of `length` tokens needs.
    package static func scratchCount(length: Int) -> Int { 2 * length * length }

    private var length: Int { context.rows }
    private var width: Int { context.columns / heads }
    private var scale: Float { 1 / Float(width).squareRoot() }

    /// Query, key or value (0, 1, 2) of this head in a matrix of the shape of `queryKeyValue`.
    private func third(_ index: Int, of matrix: FloatView) -> FloatView {
        let first = index * context.columns + head * width
        return matrix.columns(first..<first + width)
    }

    private var columns: Range<Int> { head * width..<(head + 1) * width }

    private func probabilities(in scratch: FloatView) -> FloatView {
        let scores = scratch.buffer.view(at: scratch.start, rows: length, columns: length)
        multiply(third(0, of: queryKeyValue), third(1, of: queryKeyValue), transposeB: .yes, into: scores, alpha: scale)
        kernel_softmax(scores.pointer, length, length, length)
        return scores
    }

    /// `context = dropout(softmax(Q K' / sqrt(width))) V`, this head's columns.
    ///
    /// - Parameter scratch: one row of at least `scratchCount`.
    package func run(scratch: FloatView) {
        guard length > 0 else { return }
        precondition(scratch.rows == 1 && scratch.columns >= Self.scratchCount(length: length))
        let probabilities = probabilities(in: scratch)
        if let mask { dropout(probabilities, mask) }
        multiply(probabilities, third(2, of: queryKeyValue), into: context.columns(columns))
    }

    /// This head's part of the gradient of queries, keys and values, from that of the context. The probabilities are
    /// computed again: keeping them would take more memory than everything else a layer keeps.
    ///
    /// - Parameters:
    ///   - contextGradient: `[length, hidden]`.
    ///   - gradient: `[length, 3 * hidden]`; this head's columns are overwritten.
    package func runBackward(contextGradient: FloatView, into gradient: FloatView, scratch: FloatView) {
        guard length > 0 else { return }
        precondition(contextGradient.rows == length && contextGradient.columns == context.columns)
        precondition(gradient.rows == length && gradient.columns == queryKeyValue.columns)
        precondition(scratch.rows == 1 && scratch.columns >= Self.scratchCount(length: length))
        let probabilities = probabilities(in: scratch)
        let scores = scratch.buffer.view(at: scratch.start + length * length, rows: length, columns: length)
        let from = contextGradient.columns(columns)
        multiply(from, third(2, of: queryKeyValue), transposeB: .yes, into: scores)
        if let mask { dropout(scores, mask) }
        kernel_softmax_backward(probabilities.pointer, scores.pointer, length, length)
        multiply(scores, third(1, of: queryKeyValue), into: third(0, of: gradient), alpha: scale)
        multiply(scores, third(0, of: queryKeyValue), transposeA: .yes, into: third(1, of: gradient), alpha: scale)
        if let mask { dropout(probabilities, mask) }
        multiply(probabilities, from, transposeA: .yes, into: third(2, of: gradient))
    }
}
