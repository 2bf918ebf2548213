internal import Tensors

/// A linear layer's weights in bfloat16, as the products forward and back read them.
struct PackedWeights: Sendable {
    /// `[out, in]`.
    let forward: PackedView
    /// `[in, out]`.
    let backward: PackedView

    /// - Parameter end: of what is taken in `buffer`; moves on.
    init(of weights: FloatView, in buffer: FloatBuffer, at end: inout Int) {
        let (outputs, inputs) = (weights.rows, weights.columns)
        forward = PackedView(buffer: buffer, at: end, inputs: inputs, outputs: outputs)
        end += PackedView.floatCount(inputs: inputs, outputs: outputs)
        backward = PackedView(buffer: buffer, at: end, inputs: outputs, outputs: inputs)
        end += PackedView.floatCount(inputs: outputs, outputs: inputs)
    }

    static func floatCount(of weights: FloatView) -> Int {
        PackedView.floatCount(inputs: weights.columns, outputs: weights.rows)
            + PackedView.floatCount(inputs: weights.rows, outputs: weights.columns)
    }
}

extension LinearView {
    /// `y = x W'`.
    func run(_ x: FloatView, into y: FloatView, scratch: RoundingScratch) {
        if let packed {
            multiply(x, packed.forward, into: y, scratch: scratch)
        } else {
            multiply(x, weights, transposeB: .yes, into: y)
        }
    }

    /// From the gradient of `y` to that of `x`: `result = gradient W`, or `result += gradient W`.
    func runBackward(_ gradient: FloatView, into result: FloatView, adds: Bool = false, scratch: RoundingScratch) {
        if let packed {
            multiply(gradient, packed.backward, into: result, adds: adds, scratch: scratch)
        } else {
            multiply(gradient, weights, into: result, beta: adds ? 1 : 0)
        }
    }
}

/// The inputs of a layer's four products in bfloat16, transposed, in blocks of tokens: what the weights' gradients are
/// computed from. Used again for every layer.
struct PackedInputs: Sendable {
    /// Tokens of a block. Fixed, as a tile's rows are.
    static let blockTokens = 512

    let queryKeyValue: [PackedView]
    let attentionOutput: [PackedView]
    let intermediate: [PackedView]
    let output: [PackedView]

    /// - Parameter end: of what is taken in `buffer`; moves on.
    init(tokens: Int, hidden: Int, intermediate: Int, in buffer: FloatBuffer, at end: inout Int) {
        func blocks(_ columns: Int) -> [PackedView] {
            Self.blocks(of: tokens).map { rows in
                defer { end += PackedView.floatCount(inputs: rows.count, outputs: columns) }
                return PackedView(buffer: buffer, at: end, inputs: rows.count, outputs: columns)
            }
        }
        end = PackedView.place(from: end)
        queryKeyValue = blocks(hidden)
        attentionOutput = blocks(hidden)
        self.intermediate = blocks(hidden)
        output = blocks(intermediate)
    }

    static func floatCount(tokens: Int, hidden: Int, intermediate: Int) -> Int {
        blocks(of: tokens).reduce(PackedView.place(from: 1)) { sum, rows in
            sum + 3 * PackedView.floatCount(inputs: rows.count, outputs: hidden)
                + PackedView.floatCount(inputs: rows.count, outputs: intermediate)
        }
    }

    static func blocks(of tokens: Int) -> [Range<Int>] {
        stride(from: 0, to: tokens, by: blockTokens).map { $0..<min($0 + blockTokens, tokens) }
    }
}
