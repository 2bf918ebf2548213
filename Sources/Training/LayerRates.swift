internal import Model

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

    /// One tensor in the table that is shown before a run.
    package struct Row: Sendable, Hashable {
        package let name: String
        package let shape: [Int]
        /// -1: the embeddings; nil: a head.
        package let layer: Int?
        /// 0 when it is frozen.
        package let rate: Double
        package let decays: Bool
    }

    /// Every tensor with its rate in `epoch`, from the embeddings upward.
    ///
    /// - Parameter heads: the tasks with the shape of their weights, `[outputs, hidden]`.
    package func table(
        _ tensors: [ParameterTensor], layers count: Int, heads: [(task: String, shape: [Int])], plan: FreezePlan,
        epoch: Int = 1
    ) -> [Row] {
        let trainable = plan.trainable(epoch: epoch, layers: count)
        var rows = tensors.map {
            Row(
                name: $0.name, shape: $0.tensor.shape, layer: $0.layer,
                rate: trainable.contains($0.layer) ? rate(layer: $0.layer, of: count) : 0, decays: $0.decays)
        }
        for (task, shape) in heads {
            let rate = plan.trainsHead(of: task) ? headRate : 0
            rows.append(Row(name: "\(task).weight", shape: shape, layer: nil, rate: rate, decays: true))
            rows.append(Row(name: "\(task).bias", shape: [shape[0]], layer: nil, rate: rate, decays: false))
        }
        return rows
    }
}
