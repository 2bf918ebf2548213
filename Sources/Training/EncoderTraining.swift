import Annotations
import Model

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

/// How good an epoch of encoder and heads is, over all tasks that have rows to judge by.
struct JointScore: Comparable {
    /// Mean of the tasks' accuracies and entity F1s.
    let metric: Double
    /// Sum of the tasks' weighted losses.
    let loss: Double

    /// The metric decides: an encoder that learns grows sure of itself, so that its loss rises while its answers still get
    /// better, and the temperature puts that right afterwards.
    static func < (a: JointScore, b: JointScore) -> Bool {
        a.metric != b.metric ? a.metric < b.metric : a.loss > b.loss
    }
}

/// A model's heads on rows that were not learned from.
struct JointJudge {
    /// Labelled documents that judge, as the database has them.
    let documents: [LabelledDocument]
    let tasks: [AnnotationTask]
    let lossWeights: [String: Double]
    let tokenBudget: Int
    let workers: Int

    /// What judges, as `backbone` sees it.
    ///
    /// - Throws: what `ExampleBuilder.build` throws.
    func examples(_ backbone: Backbone, isCancelled: @Sendable () -> Bool) throws(Fault) -> [TrainingExample] {
        guard !tasks.isEmpty else { return [] }
        return try ExampleBuilder(backbone: backbone, tasks: tasks, tokenBudget: tokenBudget)
            .build(documents, workers: workers, isCancelled: isCancelled).examples
    }

    /// Of the tasks that judge.
    func scores(
        _ heads: [(task: AnnotationTask, parameters: HeadParameters)], on examples: [TrainingExample], hidden: Int
    ) throws(Fault) -> [String: ValidationScore] {
        var scores: [String: ValidationScore] = [:]
        for (task, parameters) in heads where tasks.contains(where: { $0.name == task.name }) {
            scores[task.name] = try TaskRun.score(
                TrainedHead(task: task, parameters: parameters), on: examples.filter { $0.isLabelled(for: task) },
                hidden: hidden)
        }
        return scores
    }

    /// Nil without a task that has rows to judge by.
    func total(_ scores: [String: ValidationScore]) -> JointScore? {
        guard !scores.isEmpty else { return nil }
        let names = scores.keys.sorted()
        return JointScore(
            metric: names.reduce(0) { $0 + (scores[$1]?.metric ?? 0) } / Double(names.count),
            loss: names.reduce(0) { $0 + (lossWeights[$1] ?? 1) * (scores[$1]?.loss ?? 0) })
    }
}
