/// How encoder and heads learned together: a part of the run's record.
package struct EncoderTraining: Sendable, Hashable, Codable {
    /// As `FreezePlan` writes it.
    package let plan: String
    /// Windows that were learned from; a document of one window counts once.
    package let windows: Int
    /// Tokens of all windows, `[CLS]` and `[SEP]` included.
    package let tokens: Int
    /// Taken, of `plannedSteps`.
    package let steps: Int
    package let plannedSteps: Int
    /// Most tokens that were learned from at a time.
    package let partTokens: Int
    /// Trainable numbers of the encoder, in the last epoch of the plan.
    package let parameters: Int
    /// The epoch, from 1, whose weights were kept; 0: the encoder that it began with was better than all that followed.
    package let bestEpoch: Int
    package let stoppedEarly: Bool
    /// Whether rows that were not learned from chose the epoch.
    package let isChosen: Bool
    /// One record an epoch and task.
    package let curve: [EpochRecord]
    /// How the heads learned before the encoder did; empty when they did not.
    package let probe: [TaskTraining]
}
