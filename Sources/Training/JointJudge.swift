import Annotations
import Model

/// A model's heads on rows that were not learned from.
struct JointJudge {
    /// Labelled documents that judge, as the database has them.
    let documents: [LabelledDocument]
    let tasks: [AnnotationTask]
    /// By task, what its metric is a share of: labelled documents, or gold entities.
    let counts: [String: Int]
    let lossWeights: [String: Double]
    let tokenBudget: Int
    let workers: Int

    /// With fewer rows than this a task learns from them instead.
    static let minimumRows = 50

    /// - Parameters:
    ///   - rows: that were set aside, of all tasks.
    ///   - documents: by id, of these rows at least.
    init(
        _ rows: [TrainingExample], documents: [Int64: LabelledDocument], tasks: [AnnotationTask],
        lossWeights: [String: Double], tokenBudget: Int, workers: Int
    ) {
        var counts: [String: Int] = [:]
        for task in tasks {
            let labelled = rows.filter { $0.isLabelled(for: task) }
            guard labelled.count >= Self.minimumRows else { continue }
            counts[task.name] =
                task.kind == .classification
                ? labelled.count
                : labelled.reduce(0) { $0 + ($1.tags[task.name] ?? []).count { $0.hasPrefix("B-") } }
        }
        self.documents = rows.compactMap { documents[$0.id] }
        self.tasks = tasks.filter { counts[$0.name] != nil }
        (self.counts, self.lossWeights) = (counts, lossWeights)
        (self.tokenBudget, self.workers) = (tokenBudget, workers)
    }

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
        var (metric, loss, variance) = (0.0, 0.0, 0.0)
        for (name, score) in scores.sorted(by: { $0.key < $1.key }) {
            metric += score.metric
            loss += (lossWeights[name] ?? 1) * score.loss
            variance += score.metric * (1 - score.metric) / Double(max(counts[name] ?? 1, 1))
        }
        let tasks = Double(scores.count)
        return JointScore(metric: metric / tasks, standardError: variance.squareRoot() / tasks, loss: loss)
    }
}
