package import Annotations

/// How encoder layers and heads learn together.
package struct JointOptions: Sendable, Hashable, Codable {
    /// How often each task's documents come up.
    package enum Sampling: String, Sendable, Hashable, Codable, CaseIterable {
        /// As often as they are there: each document once an epoch.
        case proportional
        /// By the square root of their number: small tasks more often, large ones not every time.
        case squareRoot = "square-root"
        /// All tasks alike.
        case uniform
    }

    /// Text of the `FreezePlan`.
    package var freeze = "none"
    package var rates = LayerRates()
    package var precision = TrainingPrecision.fp32
    package var epochs = 3
    /// Windows (documents, or parts of long ones) whose gradient makes a step.
    package var batchSize = 32
    package var weightDecay = 0.01
    /// Share of the steps that warm up.
    package var warmup = 0.1
    package var decay = LearningRateSchedule.Decay.linear
    /// Largest norm of a step's gradient, encoder and heads together.
    package var clipping = 1.0
    /// In trainable layers and on heads' inputs. Frozen layers never drop.
    package var dropout = 0.1
    package var sampling = Sampling.proportional
    /// Of tasks whose loss does not count once.
    package var lossWeights: [String: Double] = [:]
    package var classWeights = ClassWeights.none
    /// Share of the target that is spread over all classes, 0..<1.
    package var labelSmoothing = 0.0
    /// Whether heads learn on the encoder as it is before they learn together with it (LP-FT; Kumar et al. 2022): a head
    /// that knows nothing would first of all damage what the encoder knows.
    package var probesFirst = true
    /// Epochs that are worse than the best before the run stops.
    package var patience = 2
    package var seed: UInt64 = 1
    /// Bytes for what a step has to remember of a batch. A batch that needs more is learned from in parts, with the same
    /// gradient but for dropout, whose masks are drawn part by part; nil: half a gigabyte.
    package var memory: Int?

    package init() {}

    package var plan: FreezePlan { get throws(Fault) { try FreezePlan(parsing: freeze) } }

    /// - Throws: `training-option` for a value out of range; `freeze-plan`.
    package func validate(layers: Int, tasks: [String]) throws(Fault) {
        try plan.validate(layers: layers, tasks: tasks)
        try HeadTrainingOptions.check("epochs", Double(epochs), 1...10_000)
        try HeadTrainingOptions.check("batch size", Double(batchSize), 1...100_000)
        try HeadTrainingOptions.check("learning rate", rates.base, 0...1)
        try HeadTrainingOptions.check("learning rate of heads", rates.headRate, 0...10)
        try HeadTrainingOptions.check("learning-rate decay", rates.decay, 0...1)
        try HeadTrainingOptions.check("weight decay", weightDecay, 0...10)
        try HeadTrainingOptions.check("warm-up", warmup, 0...1)
        try HeadTrainingOptions.check(
            "clipping", clipping, Double.leastNormalMagnitude...Double.greatestFiniteMagnitude)
        try HeadTrainingOptions.check("patience", Double(patience), 1...10_000)
        try HeadTrainingOptions.check("dropout", dropout, 0...0.95)
        try HeadTrainingOptions.check("label smoothing", labelSmoothing, 0...0.95)
        for (task, weight) in lossWeights.sorted(by: { $0.key < $1.key }) {
            try HeadTrainingOptions.check("loss weight of \(task)", weight, 0...1000)
        }
    }
}
