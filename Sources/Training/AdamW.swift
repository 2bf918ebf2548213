import Tensors

/// AdamW with bias correction and decoupled weight decay (Loshchilov, Hutter 2019), as `torch.optim.AdamW`.
package struct AdamW: Sendable, Hashable {
    package let beta1: Double
    package let beta2: Double
    package let epsilon: Double
    package let weightDecay: Double

    package init(beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double = 0.01) {
        self.beta1 = beta1
        self.beta2 = beta2
        self.epsilon = epsilon
        self.weightDecay = weightDecay
    }

    /// Running moments of one tensor. Each tensor counts its own steps: one that joins later starts its own bias
    /// correction.
    package struct Moments: Sendable, Equatable {
        package private(set) var first: [Float]
        package private(set) var second: [Float]
        package private(set) var steps = 0

        /// Moments that another run left.
        init(first: [Float], second: [Float], steps: Int) {
            precondition(first.count == second.count)
            (self.first, self.second, self.steps) = (first, second, steps)
        }

        package init(count: Int) {
            first = [Float](repeating: 0, count: count)
            second = [Float](repeating: 0, count: count)
        }

        fileprivate mutating func step(
            _ values: inout [Float], gradient: [Float], learningRate: Double, weightDecay: Double, by rule: AdamW
        ) {
            steps += 1
            adamWStep(
                weights: &values, gradient: gradient, firstMoment: &first, secondMoment: &second,
                learningRate: learningRate, beta1: rule.beta1, beta2: rule.beta2, epsilon: rule.epsilon,
                weightDecay: weightDecay, step: steps)
        }
    }

    /// One step on one tensor. All arrays have the same length.
    ///
    /// - Parameter decays: whether weight decay applies; not to biases and LayerNorm.
    package func step(
        _ values: inout [Float], gradient: [Float], moments: inout Moments, learningRate: Double, decays: Bool
    ) {
        moments.step(
            &values, gradient: gradient, learningRate: learningRate, weightDecay: decays ? weightDecay : 0, by: self)
    }
}

/// What gradients are multiplied by so that their joint `norm` is at most `limit`, as torch's `clip_grad_norm_` does it.
package func clippingFactor(norm: Double, limit: Double) -> Float { Float(min(1, limit / (norm + 1e-6))) }
