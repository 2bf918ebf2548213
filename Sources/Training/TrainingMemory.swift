package import Model
import Tensors

/// What a layer's forward pass leaves for the way back. All `[tokens, …]`.
struct LayerActivations: Sendable {
    let input: FloatView
    /// `[tokens, 3 * hidden]`.
    let queryKeyValue: FloatView
    let context: FloatView
    /// What the attention's LayerNorm normalised.
    let attentionSum: FloatView
    let attended: FloatView
    /// `[tokens, intermediate]`: before the GELU; after it once the way back has passed.
    let inner: FloatView
    /// What the last LayerNorm normalised.
    let outputSum: FloatView
    let output: FloatView
}

/// What the way back through one layer hands on; used again for every layer.
struct LayerGradients: Sendable {
    /// Of the layer's output, then of its input.
    let hidden: FloatView
    /// Of the products' results, before their biases.
    let output: FloatView
    let inner: FloatView
    let attentionOutput: FloatView
    let queryKeyValue: FloatView
    let context: FloatView
    /// Each tile's part of both LayerNorms' gradients: `[tiles, 4 * hidden]`, scale and shift of the last one, then of
    /// the attention's.
    let norms: FloatView
}

/// The memory of one step, in one buffer that is used again: views for a batch of some tokens, and for the layers that
/// have to be remembered.
package struct TrainingMemory: Sendable {
    /// Rows of a tile. Fixed, whatever the number of threads: sums and products must not depend on it.
    static let tileRows = 128

    let tokens: Int
    /// What the embeddings' LayerNorm normalised.
    let embeddingSums: FloatView
    let layers: [LayerActivations]
    /// The hidden states below each layer, and the last ones. Those of layers that are not remembered share two places.
    let states: [FloatView]
    let gradients: LayerGradients
    /// Nil in fp32.
    let packed: PackedInputs?

    /// - Parameter remembered: the layers whose activations are kept; all below share one set.
    init(
        buffer: FloatBuffer, tokens: Int, hidden: Int, intermediate: Int, layers count: Int, remembered: Range<Int>,
        precision: TrainingPrecision = .fp32
    ) {
        self.tokens = tokens
        let tiles = Self.tiles(of: tokens)
        let sets = remembered.count + (remembered.lowerBound > 0 ? 1 : 0)
        let hiddenSets = remembered.count + 1 + 2
        buffer.reserve(
            tokens * (sets * (7 * hidden + intermediate) + (hiddenSets + 1) * hidden + 7 * hidden + intermediate)
                + tiles * 4 * hidden
                + (precision == .bf16
                    ? PackedInputs.floatCount(tokens: tokens, hidden: hidden, intermediate: intermediate) : 0))
        var end = 0
        func take(_ rows: Int, _ columns: Int) -> FloatView {
            defer { end += rows * columns }
            return buffer.view(at: end, rows: rows, columns: columns)
        }
        embeddingSums = take(tokens, hidden)
        let lower = [take(tokens, hidden), take(tokens, hidden)]
        let upper = (0...remembered.count).map { _ in take(tokens, hidden) }
        let states = (0...count).map { layer in
            layer >= remembered.lowerBound ? upper[layer - remembered.lowerBound] : lower[layer % 2]
        }
        var shared: LayerActivations?
        var layers: [LayerActivations] = []
        for layer in 0..<count {
            let (input, output) = (states[layer], states[layer + 1])
            if layer < remembered.lowerBound, let shared {
                layers.append(shared.between(input, output))
                continue
            }
            let activations = LayerActivations(
                input: input, queryKeyValue: take(tokens, 3 * hidden), context: take(tokens, hidden),
                attentionSum: take(tokens, hidden), attended: take(tokens, hidden), inner: take(tokens, intermediate),
                outputSum: take(tokens, hidden), output: output)
            shared = activations
            layers.append(activations)
        }
        self.layers = layers
        self.states = states
        gradients = LayerGradients(
            hidden: take(tokens, hidden), output: take(tokens, hidden), inner: take(tokens, intermediate),
            attentionOutput: take(tokens, hidden), queryKeyValue: take(tokens, 3 * hidden),
            context: take(tokens, hidden), norms: take(tiles, 4 * hidden))
        packed =
            precision == .bf16
            ? PackedInputs(tokens: tokens, hidden: hidden, intermediate: intermediate, in: buffer, at: &end) : nil
    }

    /// What `init` takes for a token, about; `remembered` layers of the encoder.
    package static func bytesPerToken(
        _ configuration: EncoderConfiguration, remembered: Int, precision: TrainingPrecision = .fp32
    ) -> Int {
        let (hidden, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        // Whatever the kernels' padding: how a batch is parted must not depend on the processor.
        let packed = precision == .bf16 ? MemoryLayout<UInt16>.stride * (3 * hidden + inner) : 0
        return packed + MemoryLayout<Float>.stride
            * ((remembered + 1) * (7 * hidden + inner) + (remembered + 4) * hidden + 7 * hidden + inner)
    }

    static func tiles(of tokens: Int) -> Int { (tokens + tileRows - 1) / tileRows }

    func tile(_ index: Int) -> Range<Int> {
        index * Self.tileRows..<min((index + 1) * Self.tileRows, tokens)
    }
}

extension LayerActivations {
    /// The same memory for a layer between other states.
    fileprivate func between(_ input: FloatView, _ output: FloatView) -> LayerActivations {
        LayerActivations(
            input: input, queryKeyValue: queryKeyValue, context: context, attentionSum: attentionSum,
            attended: attended, inner: inner, outputSum: outputSum, output: output)
    }
}
