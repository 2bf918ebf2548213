import Annotations
import Model

/// Chooses epoch and temperature where there are too few rows to set some aside.
///
/// The rows fall into folds; a head for each fold learns from the others, all heads epoch by epoch side by side, and is
/// judged on its own. So every row is judged once by a head that has not seen it, and the final head may learn from all.
/// The heads start afresh even where the final one continues: the model in force has seen the rows of every fold.
struct CrossValidation {
    static let folds = 5

    let run: TaskRun
    let epochs: Int
    let patience: Int

    /// `bestEpoch`, curve and temperature; the parameters are the final head's first ones.
    func run(progress: (EpochRecord) -> Void, isCancelled: () -> Bool) throws(Fault) -> TaskRun.Result {
        var folds = try makeFolds()
        var result = TaskRun.Result(parameters: run.initialHead.parameters)
        var choice = EpochChoice(patience: patience)
        for epoch in 1...epochs {
            var losses = 0.0
            for index in folds.indices { losses += try folds[index].learner.runEpoch(epoch, isCancelled: isCancelled) }
            let parameters = folds.map { $0.learner.parameters.forInputs(scaledBy: run.restoringScale) }
            let score = try score(parameters, folds)
            let record = EpochRecord(
                task: run.task.name, epoch: epoch, trainingLoss: losses / Double(folds.count),
                validationLoss: score.loss, validationScore: score.metric,
                learningRate: folds.first?.learner.learningRate ?? 0)
            result.curve.append(record)
            if choice.isBest(score, epoch: epoch) {
                result.bestEpoch = epoch
                result.temperature = try temperature(parameters, folds)
            }
            progress(record)
            if choice.shouldStop(after: epoch) { break }
        }
        return result
    }

    private struct Fold {
        var learner: HeadLearner
        let unseen: [TrainingExample]
        let unseenRows: HeadRows
    }

    /// Copies of a text lie in one fold; rows come ordered by text.
    private func makeFolds() throws(Fault) -> [Fold] {
        let rows = run.partition.training
        var numbers: [Int] = []
        var text = -1
        for (index, row) in rows.enumerated() {
            if index == 0 || row.bodyHash != rows[index - 1].bodyHash { text += 1 }
            numbers.append(text % Self.folds)
        }
        var folds: [Fold] = []
        for fold in 0..<min(Self.folds, text + 1) {
            let unseen = zip(rows, numbers).filter { $1 == fold }.map(\.0)
            let seen = zip(rows, numbers).filter { $1 != fold }.map(\.0)
            let training = try run.rows(seen)
            folds.append(
                Fold(
                    learner: run.learner(training, epochs: epochs, from: run.freshParameters), unseen: unseen,
                    unseenRows: try run.rows(unseen)))
        }
        return folds
    }

    /// Over the unseen rows of all folds together.
    private func score(_ parameters: [HeadParameters], _ folds: [Fold]) throws(Fault) -> ValidationScore {
        var (sum, count) = (0.0, 0)
        for (parameters, fold) in zip(parameters, folds) {
            let loss = fold.unseenRows.loss(of: parameters)
            sum += loss.sum
            count += loss.count
        }
        return ValidationScore(metric: try metric(parameters, folds), loss: sum / Double(max(count, 1)))
    }

    private func metric(_ parameters: [HeadParameters], _ folds: [Fold]) throws(Fault) -> Double {
        var right = 0
        var (gold, predicted): ([[String]], [[String]]) = ([], [])
        for (parameters, fold) in zip(parameters, folds) {
            switch try TrainedHead(task: run.task, parameters: parameters) {
            case .classification(let head):
                for metrics in try Evaluation.metrics(of: head, on: fold.unseen).labels { right += metrics.correct }
            case .entities(let head):
                gold += fold.unseen.map { $0.tags[run.task.name] ?? [] }
                predicted += fold.unseen.map { Evaluation.tags(by: head, for: $0) }
            }
        }
        switch run.task.kind {
        case .classification: return ratio(right, run.partition.training.count)
        case .entities: return try EntityScorer.score(gold: gold, predicted: predicted).micro.f1
        }
    }

    private func temperature(_ parameters: [HeadParameters], _ folds: [Fold]) throws(Fault) -> Float? {
        guard run.task.kind == .classification else { return nil }
        var logits: [[Float]] = []
        for (parameters, fold) in zip(parameters, folds) {
            logits += try TaskRun.logits(of: run.task, parameters, on: fold.unseen, hidden: run.hidden)
        }
        return TemperatureFitting.fit(logits: logits, gold: folds.flatMap { TaskRun.gold(of: run.task, $0.unseen) })
    }
}
