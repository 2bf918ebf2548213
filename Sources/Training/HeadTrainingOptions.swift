package import Annotations
package import Model

/// Everything a run's result depends on besides its rows, its backbone and the heads it starts from.
package struct HeadTrainingOptions: Sendable, Hashable, Codable {
    /// Where a head's weights begin.
    package enum Start: String, Sendable, Hashable, Codable, CaseIterable {
        /// Random first weights: the result depends on the rows and the seed alone. Right where all gold is at hand.
        case fresh
        /// The model in force, for heads that know more than the rows say.
        case modelInForce
    }

    /// Sizes of an entity head of kind `crf`; measured, see docs/training.md.
    package struct Context: Sendable, Hashable, Codable {
        /// Words in view on either side.
        package var radius = 1
        /// Of the hidden layer.
        package var width = 128
        /// Share of the words' mixed states that is dropped in training, and of the hidden layer's outputs, 0..<1. Larger
        /// than a linear head's: there are fifty times as many weights, and a sentence's names are soon known by heart.
        package var dropout = 0.5
    }

    package var start = Start.fresh
    /// What entity tasks learn. Classification heads are linear.
    package var entityHead = EntityHead.Kind.linear
    package var context = Context()
    /// At most this often over the rows; early stopping may end sooner.
    package var epochs = 30
    /// A task of few rows gets as many more epochs as make this many steps.
    package var minimumSteps = 1_000
    /// Documents a step.
    package var batchSize = 16
    package var learningRate = 1e-3
    /// On weights; biases do not decay.
    package var weightDecay = 0.01
    /// Share of a head's inputs that is dropped in training, 0..<1.
    package var dropout = 0.1
    /// Of linear heads; chains of tags have no classes to weigh.
    package var classWeights = ClassWeights.none
    /// Share of a linear head's target that is spread over all classes, 0..<1.
    package var labelSmoothing = 0.0
    /// Share of the steps over which the learning rate rises from 0; then it falls to 0.
    package var warmup = 0.1
    /// Largest norm of a step's gradient.
    package var clipping = 1.0
    /// Epochs without improvement on rows that are not learned from before a task stops; the best epoch is kept. Nil
    /// never stops and keeps the last.
    package var patience: Int? = 5
    /// Share of the texts that judges the result, 0..<1.
    package var holdout = 0.2
    /// Share of the remaining texts that chooses epoch and temperature, 0..<1. A task that has fewer than
    /// `HeadTrainer.minimumValidationRows` of them learns from them as well, and chooses by cross-validation.
    package var validation = 0.1
    /// Draws another split. Leave it alone from night to night: a text that moves from training to the held-out side
    /// flatters the model that has learned it.
    package var splitSalt: UInt64 = 0
    /// Of first weights, order and dropout.
    package var seed: UInt64 = 1

    package init() {}

    package var split: Split { Split(holdout: holdout, validation: validation, salt: splitSalt) }

    /// Steps of one pass over `rows` documents.
    func stepsPerEpoch(rows: Int) -> Int { (rows + batchSize - 1) / batchSize }

    /// Epochs that a task of `rows` documents is planned for.
    func epochs(rows: Int) -> Int {
        let steps = max(stepsPerEpoch(rows: rows), 1)
        return max(epochs, (minimumSteps + steps - 1) / steps)
    }

    /// - Throws: `training-option` for a value out of range.
    package func validate() throws(Fault) {
        try Self.check("epochs", Double(epochs), 1...100_000)
        try Self.check("minimum steps", Double(minimumSteps), 0...10_000_000)
        try Self.check("batch size", Double(batchSize), 1...100_000)
        try Self.check("learning rate", learningRate, 0...10)
        try Self.check("weight decay", weightDecay, 0...10)
        try Self.check("dropout", dropout, 0...0.95)
        try Self.check("label smoothing", labelSmoothing, 0...0.95)
        try Self.check("context dropout", context.dropout, 0...0.95)
        try Self.check("context radius", Double(context.radius), 0...16)
        try Self.check("context width", Double(context.width), 1...65_536)
        try Self.check("warm-up", warmup, 0...1)
        try Self.check("clipping", clipping, Double.leastNormalMagnitude...Double.greatestFiniteMagnitude)
        try Self.check("patience", Double(patience ?? 1), 1...100_000)
        try Self.check("holdout", holdout, 0...0.9)
        try Self.check("validation", validation, 0...0.9)
    }

    static func check(_ name: String, _ value: Double, _ range: ClosedRange<Double>) throws(Fault) {
        guard range.contains(value) else {
            throw Fault(
                .configuration, "training-option",
                "training option \(name) is \(value), outside \(range.lowerBound)...\(range.upperBound)",
                hint: "Run `glossator config` for the settings; `train.*` are those of training.")
        }
    }
}
