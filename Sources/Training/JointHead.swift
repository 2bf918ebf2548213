import Annotations
import Tensors

/// One task's head while encoder and heads learn together.
///
/// Its inputs are brought to a working size (`TaskRun`), so that its rate means the same whatever the encoder's states are
/// like; the parameters kept here are for inputs of that size.
struct JointHead: Sendable {
    let task: AnnotationTask
    let inputScale: Float
    /// On the task's loss.
    let weight: Double
    let learns: Bool
    private let given: HeadParameters
    private let loss: CrossEntropy
    private let dropout: Float
    private let random: RandomSource
    private(set) var parameters: HeadParameters
    private var optimizer: HeadOptimizer
    private var gradient: (weights: Matrix, bias: [Float])
    private var inputs = Matrix(rows: 0, columns: 0)
    private var mask: [Float] = []
    private var logits = Matrix(rows: 0, columns: 0)
    private var logitGradient = Matrix(rows: 0, columns: 0)

    /// - Parameter parameters: for inputs as the model gives them.
    init(
        task: AnnotationTask, parameters: HeadParameters, inputScale: Float, counts: [Int], options: JointOptions,
        learns: Bool
    ) {
        (self.task, self.inputScale, self.learns, given) = (task, inputScale, learns, parameters)
        weight = options.lossWeights[task.name] ?? 1
        loss = CrossEntropy(options.classWeights, counts: counts, smoothing: options.labelSmoothing)
        dropout = Float(options.dropout)
        random = RandomSource(seed: options.seed, task: "joint " + task.name)
        self.parameters = parameters.forInputs(scaledBy: [inputScale])
        optimizer = HeadOptimizer(AdamW(weightDecay: options.weightDecay), for: parameters)
        gradient = (
            Matrix(rows: parameters.outputs, columns: parameters.hidden),
            [Float](repeating: 0, count: parameters.outputs)
        )
    }

    var moments: (weights: AdamW.Moments, bias: AdamW.Moments) { optimizer.moments }

    /// For inputs as the model gives them.
    var found: HeadParameters { learns ? parameters.forInputs(scaledBy: [1 / inputScale]) : given }

    mutating func beginStep() {
        for index in gradient.weights.values.indices { gradient.weights.values[index] = 0 }
        for index in gradient.bias.indices { gradient.bias[index] = 0 }
    }

    /// Adds a part of a batch to the gradient.
    ///
    /// - Parameters:
    ///   - features: `[rows, hidden]`, as the model gives them.
    ///   - firstRow: which row of the whole batch the first one is.
    ///   - total: of the whole batch's rows, the sum of their weights: the loss is a mean.
    ///   - featureGradient: becomes the gradient with respect to `features`, `[rows, hidden]`.
    /// - Returns: the part's share of the mean loss, the task's weight left aside.
    mutating func add(
        _ features: Matrix, targets: [Int32], weights: [Float], firstRow: Int, total: Double, step: Int,
        featureGradient: inout Matrix
    ) -> Double {
        inputs.reshape(rows: features.rows, columns: features.columns)
        mask = [Float](repeating: 1, count: features.values.count)
        if dropout > 0 {
            random.fillDropoutMask(&mask, rate: dropout, step: step, firstElement: firstRow * features.columns)
        }
        for index in mask.indices { inputs.values[index] = features.values[index] * mask[index] * inputScale }
        parameters.logits(of: inputs, into: &logits)
        let sum = loss.run(
            logits, targets: targets, weights: weights, scale: Float(weight / total), into: &logitGradient)
        if learns {
            multiply(logitGradient, inputs, transposeA: .yes, into: &gradient.weights, beta: 1)
            for (index, value) in columnSums(logitGradient).enumerated() { gradient.bias[index] += value }
        }
        featureGradient.reshape(rows: features.rows, columns: features.columns)
        multiply(logitGradient, parameters.weights, into: &featureGradient)
        for index in mask.indices { featureGradient.values[index] *= mask[index] * inputScale }
        return sum / total
    }

    /// Of the step's gradient; 0 for a head that does not learn.
    var squaredNorm: Double {
        guard learns else { return 0 }
        let norm = globalNorm([gradient.weights.values, gradient.bias])
        return norm * norm
    }

    mutating func step(gradientFactor: Float, learningRate: Double) {
        guard learns else { return }
        scale(&gradient.weights.values, by: gradientFactor)
        scale(&gradient.bias, by: gradientFactor)
        optimizer.step(&parameters, weights: gradient.weights, bias: gradient.bias, learningRate: learningRate)
    }

    /// Continues where another one was.
    ///
    /// - Parameter parameters: as `parameters`: for inputs of the working size.
    mutating func resume(
        _ parameters: HeadParameters, moments: (weights: AdamW.Moments, bias: AdamW.Moments)
    ) {
        (self.parameters, optimizer.moments) = (parameters, moments)
    }
}
