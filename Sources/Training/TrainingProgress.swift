/// One epoch of one task.
package struct EpochRecord: Sendable, Hashable, Codable {
    package let task: String
    /// From 1.
    package let epoch: Int
    /// Mean over the epoch's steps, with dropout.
    package let trainingLoss: Double
    /// Mean cross-entropy over the validation rows; nil without enough of them.
    package let validationLoss: Double?
    /// Accuracy (classification) or micro F1 (entities) on the validation rows; nil without enough of them.
    package let validationScore: Double?
    /// Of the epoch's last step.
    package let learningRate: Double
}

/// What a progress bar needs to know.
package enum TrainingProgress: Sendable {
    /// The encoder has read `done` of `total` documents.
    case features(done: Int, total: Int)
    /// A task has finished an epoch; `task` of `tasks` counts from 1, `epochs` is the most there can be.
    case epoch(EpochRecord, epochs: Int, task: Int, tasks: Int)
    /// Encoder and heads have taken `done` of `total` steps; `losses` are means over the epoch so far by task, and
    /// `learningRate` is that of the top layer.
    case step(done: Int, total: Int, epoch: Int, losses: [String: Double], learningRate: Double)
    /// An epoch of encoder and heads together, judged: one record a task.
    case encoderEpoch([EpochRecord], epochs: Int)
}
