package import Tensors

/// The trainable part of a head while it learns: `logits = x · weightsᵀ + bias`, where `x` are features, or what a context
/// makes of them.
package struct HeadParameters: Sendable, Equatable {
    /// `[outputs, inputs]`; a linear head's inputs are the features.
    package var weights: Matrix
    /// `[outputs]`.
    package var bias: [Float]
    /// Of an entity head of kind `crf`.
    package var context: ContextParameters?

    package init(weights: Matrix, bias: [Float], context: ContextParameters? = nil) {
        self.weights = weights
        self.bias = bias
        self.context = context
    }

    /// A head that answers nothing.
    package static func zeros(outputs: Int, hidden: Int) -> HeadParameters {
        HeadParameters(
            weights: Matrix(rows: outputs, columns: hidden), bias: [Float](repeating: 0, count: outputs))
    }

    package var outputs: Int { bias.count }
    /// Width of the features.
    package var hidden: Int { context?.hidden ?? weights.columns }

    /// Weights from N(0, 0.02), biases 0.
    static func drawn(outputs names: [String], inputs: Int, random: RandomSource) -> HeadParameters {
        HeadParameters(
            weights: Matrix(
                rows: names.count, columns: inputs,
                values: names.flatMap { random.initialWeights(of: $0, count: inputs, deviation: 0.02) }),
            bias: [Float](repeating: 0, count: names.count))
    }

    /// Takes over the rows of `other` that have a name here; `names[i]` is output `i`.
    mutating func adopt(_ other: HeadParameters, named otherNames: [String], names: [String]) {
        guard (context == nil) == (other.context == nil) else { return }
        if let layers = other.context {
            guard context?.adopt(layers, named: otherNames, names: names) == true else { return }
        }
        let inputs = weights.columns
        for (row, name) in names.enumerated() {
            guard let source = otherNames.firstIndex(of: name) else { continue }
            weights.values.replaceSubrange(row * inputs..<(row + 1) * inputs, with: other.weights.row(source))
            bias[row] = other.bias[source]
        }
    }

    /// The head that answers the same when all features are multiplied by `factors`: one for each layer that the head looks
    /// at.
    package func forInputs(scaledBy factors: [Float]) -> HeadParameters {
        var result = self
        if let context {
            result.context?.mix = zip(context.mix, factors).map { $0 / $1 }
        } else {
            scale(&result.weights.values, by: 1 / factors[0])
        }
        return result
    }

    /// `[n, inputs]` → `[n, outputs]`, into `logits`.
    package func logits(of inputs: Matrix, into logits: inout Matrix) {
        logits.reshape(rows: inputs.rows, columns: outputs)
        for row in 0..<inputs.rows {
            for output in 0..<outputs { logits.values[row * outputs + output] = bias[output] }
        }
        multiply(inputs, weights, transposeB: .yes, into: &logits, beta: 1)
    }
}

/// Mean cross-entropy of a head's logits and its gradient; scratch that is reused from step to step.
package struct HeadGradient: Sendable {
    /// `[outputs, hidden]`.
    package private(set) var weights = Matrix(rows: 0, columns: 0)
    /// `[outputs]`.
    package private(set) var bias: [Float] = []
    private var logits = Matrix(rows: 0, columns: 0)
    private var logitGradient = Matrix(rows: 0, columns: 0)
    private var hasTargets = false
    private let loss: CrossEntropy

    package init(_ loss: CrossEntropy = .plain) { self.loss = loss }

    /// The gradient with respect to the head's parameters, into `weights` and `bias`.
    ///
    /// - Parameters:
    ///   - inputs: `[n, hidden]`.
    ///   - targets: the right output of each row, -1 for a row that has none.
    /// - Returns: the mean over the rows that have a target; 0, with zero gradients, when none has.
    package mutating func compute(_ parameters: HeadParameters, inputs: Matrix, targets: [Int32]) -> Double {
        weights.reshape(rows: parameters.outputs, columns: parameters.hidden)
        let counted = targets.reduce(0) { $0 + ($1 >= 0 ? 1 : 0) }
        hasTargets = counted > 0
        guard hasTargets else {
            weights = Matrix(rows: parameters.outputs, columns: parameters.hidden)
            bias = [Float](repeating: 0, count: parameters.outputs)
            return 0
        }
        parameters.logits(of: inputs, into: &logits)
        let sum = loss.run(
            logits, targets: targets, scale: 1 / Float(counted), into: &logitGradient)
        multiply(logitGradient, inputs, transposeA: .yes, into: &weights)
        bias = columnSums(logitGradient)
        return sum / Double(counted)
    }

    /// The gradient with respect to the inputs of the last `compute`, `[n, hidden]`, into `gradient`: what an encoder
    /// below the head learns from.
    package func inputGradient(_ parameters: HeadParameters, rows: Int, into gradient: inout Matrix) {
        guard hasTargets else {
            gradient = Matrix(rows: rows, columns: parameters.hidden)
            return
        }
        precondition(logitGradient.rows == rows)
        gradient.reshape(rows: rows, columns: parameters.hidden)
        multiply(logitGradient, parameters.weights, into: &gradient)
    }

    /// Of all elements together.
    package var norm: Double { globalNorm([weights.values, bias]) }

    package mutating func scale(by factor: Float) {
        guard factor != 1 else { return }
        Tensors.scale(&weights.values, by: factor)
        Tensors.scale(&bias, by: factor)
    }
}

/// A head's parameters with their moments: one AdamW step at a time.
package struct HeadOptimizer: Sendable {
    private let rule: AdamW
    /// Assigned where a run goes on.
    var moments: (weights: AdamW.Moments, bias: AdamW.Moments)

    package init(_ rule: AdamW, for parameters: HeadParameters) {
        self.rule = rule
        moments = (
            AdamW.Moments(count: parameters.weights.values.count), AdamW.Moments(count: parameters.bias.count)
        )
    }

    package mutating func step(_ parameters: inout HeadParameters, gradient: HeadGradient, learningRate: Double) {
        step(&parameters, weights: gradient.weights, bias: gradient.bias, learningRate: learningRate)
    }

    /// Weight decay on the weights, none on the bias.
    mutating func step(
        _ parameters: inout HeadParameters, weights: Matrix, bias: [Float], learningRate: Double
    ) {
        rule.step(
            &parameters.weights.values, gradient: weights.values, moments: &moments.weights, learningRate: learningRate,
            decays: true)
        rule.step(
            &parameters.bias, gradient: bias, moments: &moments.bias, learningRate: learningRate, decays: false)
    }
}
