/// Learning rates that fall from the top of an encoder downward: `base * decay ^ distance`. The top layer has distance
/// 0, the embeddings of an encoder of L layers distance L (Howard, Ruder 2018: discriminative fine-tuning).
package struct LayerRates: Sendable, Hashable, Codable {
    package var base: Double
    package var decay: Double
    /// Of all heads; nil: `base`.
    package var heads: Double?

    package init(base: Double = 5e-5, decay: Double = 0.95, heads: Double? = nil) {
        (self.base, self.decay, self.heads) = (base, decay, heads)
    }

    /// The rate of a layer (-1: the embeddings) of an encoder of `count` layers, before the schedule's factor.
    package func rate(layer: Int, of count: Int) -> Double {
        (0..<max(count - 1 - layer, 0)).reduce(base) { rate, _ in rate * decay }
    }

    package var headRate: Double { heads ?? base }
}
