internal import CKernels
internal import Foundation

/// One step of AdamW with decoupled weight decay and bias correction, as `torch.optim.AdamW` takes it:
///
///     w *= 1 - lr * decay;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2
///     w -= lr * (m / (1 - b1^step)) / (sqrt(v / (1 - b2^step)) + epsilon)
///
/// `step` counts from 1. All four arrays have the same length; the moments start as zeros.
package func adamWStep(
    weights: inout [Float], gradient: [Float], firstMoment: inout [Float], secondMoment: inout [Float],
    learningRate: Double, beta1: Double = 0.9, beta2: Double = 0.999, epsilon: Double = 1e-8, weightDecay: Double,
    step: Int
) {
    let count = weights.count
    precondition(gradient.count == count && firstMoment.count == count && secondMoment.count == count)
    var settings = AdamWRule(beta1: beta1, beta2: beta2, epsilon: epsilon)
        .settings(learningRate: learningRate, weightDecay: weightDecay, step: step, gradientFactor: 1)
    kernel_adamw_step(&weights, gradient, &firstMoment, &secondMoment, count, &settings)
}

/// The constants of AdamW.
package struct AdamWRule: Sendable, Hashable {
    package let beta1: Double
    package let beta2: Double
    package let epsilon: Double

    package init(beta1: Double, beta2: Double, epsilon: Double) {
        (self.beta1, self.beta2, self.epsilon) = (beta1, beta2, epsilon)
    }

    func settings(learningRate: Double, weightDecay: Double, step: Int, gradientFactor: Float) -> kernel_adamw {
        precondition(step >= 1, "the first step is 1")
        return kernel_adamw(
            learning_rate: Float(learningRate), epsilon: Float(epsilon), beta1: Float(beta1), beta2: Float(beta2),
            rest1: Float(1 - beta1), rest2: Float(1 - beta2), keep: Float(1 - learningRate * weightDecay),
            bias_correction1: Float(1 - pow(beta1, Double(step))),
            bias_correction2: Float(1 - pow(beta2, Double(step))), gradient_factor: gradientFactor)
    }
}

/// Softmax cross-entropy of every row of `logits` `[rows, classes]` that has a label, and its gradient.
///
/// `targets[r]` is the class, or -1 for "no label": such a row adds nothing and gets a gradient of zeros.
/// `gradient` becomes `[rows, classes]`: `scale * (softmax - one-hot)`; with `scale = 1 / count` that of the mean loss.
/// - Returns: the sum (not the mean) of the losses, and how many rows had a label.
package func softmaxCrossEntropy(
    logits: Matrix, targets: [Int32], into gradient: inout Matrix, scale: Float = 1
) -> (loss: Double, count: Int) {
    precondition(targets.count == logits.rows)
    for target in targets { precondition(Int(target) < logits.columns, "class \(target) of \(logits.columns)") }
    gradient.reshape(rows: logits.rows, columns: logits.columns)
    var losses = [Float](repeating: 0, count: logits.rows)
    kernel_softmax_cross_entropy(
        logits.values, targets, logits.rows, logits.columns, scale, &gradient.values, &losses)
    return (losses.reduce(0.0) { $0 + Double($1) }, targets.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) })
}
