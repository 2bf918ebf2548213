internal import Tensors

/// Dropout inside an encoder at one step: every mask is addressed by (seed, step, layer and place, element), so it is
/// the same on the way back, with any number of threads and after a resumption.
package struct EncoderDropout: Sendable, Hashable {
    package let seed: UInt64
    package let step: Int
    /// Of the embeddings and of what is added to the residuals, as `hidden_dropout_prob`.
    package let hiddenRate: Float
    /// Of the attention probabilities, as `attention_probs_dropout_prob`.
    package let attentionRate: Float

    package init(seed: UInt64, step: Int, hiddenRate: Float = 0.1, attentionRate: Float = 0.1) {
        (self.seed, self.step, self.hiddenRate, self.attentionRate) = (seed, step, hiddenRate, attentionRate)
    }

    enum Place: Int {
        case probabilities, attentionOutput, output, embeddings
    }

    /// The mask at a place of a layer (-1: the embeddings), from its first element on; nil where nothing is dropped.
    func mask(layer: Int, _ place: Place) -> DropoutMask? {
        let rate = place == .probabilities ? attentionRate : hiddenRate
        guard rate > 0 else { return nil }
        let stream = UInt32(4 * (layer + 1) + place.rawValue)
        return DropoutMask(
            random: CounterRandom(seed: seed, stream: stream), step: step, firstElement: 0, rate: rate)
    }
}

/// The masks of one layer.
struct LayerDropout: Sendable {
    let probabilities: DropoutMask?
    let attentionOutput: DropoutMask?
    let output: DropoutMask?

    /// - Parameter dropout: nil for a frozen layer, which runs as it will in use.
    init(_ dropout: EncoderDropout?, layer: Int) {
        probabilities = dropout?.mask(layer: layer, .probabilities)
        attentionOutput = dropout?.mask(layer: layer, .attentionOutput)
        output = dropout?.mask(layer: layer, .output)
    }
}
