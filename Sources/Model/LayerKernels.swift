package import Annotations
import Tensors

/// The sizes of an encoder's layers.
package struct LayerShape: Sendable, Hashable {
    package let name: String
    package let hidden: Int
    package let intermediate: Int
    package let heads: Int

    package static let miniLM = LayerShape(name: "MiniLM", hidden: 384, intermediate: 1536, heads: 12)
    package static let bertBase = LayerShape(name: "BERT-base", hidden: 768, intermediate: 3072, heads: 12)

    package init(name: String, hidden: Int, intermediate: Int, heads: Int) {
        (self.name, self.hidden, self.intermediate, self.heads) = (name, hidden, intermediate, heads)
    }

    package init(name: String, _ configuration: EncoderConfiguration) {
        self.init(
            name: name, hidden: configuration.hiddenSize, intermediate: configuration.intermediateSize,
            heads: configuration.heads)
    }
}

/// One kernel of an encoder layer with made-up operands, to be run and timed on one thread. Like every encoder it uses the
/// variant that suits this processor best.
package struct LayerKernel: Sendable {
    /// A layer's linear products with what ends them.
    package enum Product: String, Sendable, CaseIterable {
        /// `[hidden]` → `[3 * hidden]`
        case queryKeyValue = "query, key, value"
        /// `[hidden]` → `[hidden]`, + residual, LayerNorm
        case attentionOutput = "attention output"
        /// `[hidden]` → `[intermediate]`, GELU
        case up
        /// `[intermediate]` → `[hidden]`, + residual, LayerNorm
        case down
    }

    private enum Work: Sendable {
        case packed(PackedLinear, Product, LayerNorm)
        case library(Matrix)
        case attention(lengths: [Int], heads: Int)
    }

    /// Floating-point or integer operations of one `run`: two for a multiplication and an addition. Endings and softmax are
    /// not counted.
    package let operations: Double
    private let work: Work
    private let input: Matrix
    private let residual: Matrix
    private var result: Matrix
    private var scratch = KernelScratch()

    /// The product as encoders compute it, its ending included; weights are packed here.
    package init(_ product: Product, of shape: LayerShape, rows: Int, precision: Precision) {
        let (inputs, outputs) = Self.size(of: product, shape)
        let layer = PackedLinear(
            weights: Self.numbers(outputs, inputs, stream: 1), bias: [Float](repeating: 0.1, count: outputs),
            precision: precision)
        let norm = LayerNorm(
            gamma: [Float](repeating: 1, count: outputs), beta: [Float](repeating: 0, count: outputs), epsilon: 1e-12)
        self.init(.packed(layer, product, norm), rows: rows, inputs: inputs, outputs: outputs)
    }

    /// The same product through the system's BLAS in fp32, without any ending.
    package init(library product: Product, of shape: LayerShape, rows: Int) {
        let (inputs, outputs) = Self.size(of: product, shape)
        self.init(.library(Self.numbers(outputs, inputs, stream: 1)), rows: rows, inputs: inputs, outputs: outputs)
    }

    /// Self-attention of as many texts of `length` tokens as make about `rows` tokens, one at least.
    package init(attentionOver length: Int, of shape: LayerShape, rows: Int) {
        let texts = max(1, rows / length)
        work = .attention(
            lengths: (0...texts).map { $0 * length }, heads: shape.heads)
        input = Self.numbers(texts * length, 3 * shape.hidden, stream: 2)
        residual = Matrix(rows: 0, columns: 0)
        result = Matrix(rows: texts * length, columns: shape.hidden)
        operations = 4 * Double(texts * length) * Double(length) * Double(shape.hidden)
    }

    private init(_ work: Work, rows: Int, inputs: Int, outputs: Int) {
        self.work = work
        input = Self.numbers(rows, inputs, stream: 2)
        residual = Self.numbers(rows, outputs, stream: 3)
        result = Matrix(rows: rows, columns: outputs)
        operations = 2 * Double(rows) * Double(inputs) * Double(outputs)
    }

    package mutating func run() {
        switch work {
        case .packed(let layer, .queryKeyValue, _): layer.apply(to: input, .bias, into: &result, scratch: &scratch)
        case .packed(let layer, .up, _): layer.apply(to: input, .gelu, into: &result, scratch: &scratch)
        case .packed(let layer, .attentionOutput, let norm), .packed(let layer, .down, let norm):
            layer.apply(to: input, adding: residual, norm: norm, into: &result, scratch: &scratch)
        case .library(let weights): multiply(input, weights, transposeB: .yes, into: &result)
        case .attention(let lengths, let heads):
            raggedAttention(input, cumulativeLengths: lengths, heads: heads, into: &result, scratch: &scratch)
        }
    }

    /// The most operations that a thread can do in `precision`; takes about a millisecond for a thousand `rounds`.
    ///
    /// - Returns: how many operations were done.
    package static func multiplyRegisters(_ precision: Precision, rounds: Int) -> Double {
        Kernels.multiplyRegisters(precision, rounds: rounds)
    }

    private static func size(of product: Product, _ shape: LayerShape) -> (inputs: Int, outputs: Int) {
        switch product {
        case .queryKeyValue: (shape.hidden, 3 * shape.hidden)
        case .attentionOutput: (shape.hidden, shape.hidden)
        case .up: (shape.hidden, shape.intermediate)
        case .down: (shape.intermediate, shape.hidden)
        }
    }

    private static func numbers(_ rows: Int, _ columns: Int, stream: UInt32) -> Matrix {
        var matrix = Matrix(rows: rows, columns: columns)
        CounterRandom(seed: 5, stream: stream).fill(&matrix.values, step: 0)
        for index in matrix.values.indices { matrix.values[index] -= 0.5 }
        return matrix
    }
}
