package import Annotations
import Foundation

/// How well a classification task's probabilities match gold labels.
package struct ClassificationMetrics: Sendable, Hashable, Codable {
    package struct LabelScore: Sendable, Hashable, Codable {
        package let label: String
        package let precision: Double
        package let recall: Double
        package let f1: Double
        /// Rows with this gold label.
        package let support: Int
        /// Rows that were given this label.
        package let predicted: Int
        /// Rows where both agree.
        package let correct: Int
    }

    /// Rows compared.
    package let count: Int
    package let accuracy: Double
    /// Mean F1 over the labels that occur in gold or prediction; 0 without rows.
    package let macroF1: Double
    /// One entry a label of the task, in the task's order, also for labels that do not occur.
    package let labels: [LabelScore]
    /// `confusion[gold][predicted]`, both in the order of `labels`.
    package let confusion: [[Int]]
    /// Mean of -ln(probability of the gold label); probabilities below 1e-12 count as 1e-12.
    package let logLoss: Double
    package let calibration: Calibration

    /// Compares predictions with gold.
    ///
    /// - Parameters:
    ///   - labels: the task's labels; every index below refers to them.
    ///   - gold: index of each row's gold label.
    ///   - probabilities: one row of `labels.count` probabilities each.
    /// - Throws: `metrics-shape` when the counts do not fit or an index is outside.
    package init(labels names: [String], gold: [Int], probabilities: [[Float]]) throws(Fault) {
        guard gold.count == probabilities.count, gold.allSatisfy(names.indices.contains),
            probabilities.allSatisfy({ $0.count == names.count })
        else {
            throw Fault(
                .defect, "metrics-shape",
                "\(gold.count) gold labels, \(probabilities.count) predictions and \(names.count) labels do not fit")
        }
        var confusion = [[Int]](repeating: [Int](repeating: 0, count: names.count), count: names.count)
        var (correct, loss) = (0, 0.0)
        var predictions: [(confidence: Double, isCorrect: Bool)] = []
        for (gold, row) in zip(gold, probabilities) {
            let best = mostProbable(row)
            confusion[gold][best] += 1
            if best == gold { correct += 1 }
            loss -= log(max(Double(row[gold]), 1e-12))
            predictions.append((Double(row[best]), best == gold))
        }
        count = gold.count
        accuracy = ratio(correct, gold.count)
        logLoss = gold.isEmpty ? 0 : loss / Double(gold.count)
        calibration = Calibration(of: predictions)
        self.confusion = confusion
        labels = names.indices.map { index in
            let support = confusion[index].reduce(0, +)
            let predicted = confusion.reduce(0) { $0 + $1[index] }
            let score = PrecisionRecall(correct: confusion[index][index], predicted: predicted, gold: support)
            return LabelScore(
                label: names[index], precision: score.precision, recall: score.recall, f1: score.f1,
                support: support, predicted: predicted, correct: confusion[index][index])
        }
        let seen = labels.filter { $0.support + $0.predicted > 0 }
        macroF1 = seen.isEmpty ? 0 : seen.reduce(0) { $0 + $1.f1 } / Double(seen.count)
    }
}

/// Index of the largest value, the first of equals; 0 of none.
func mostProbable(_ row: [Float]) -> Int {
    row.indices.max { row[$0] < row[$1] || (row[$0] == row[$1] && $0 > $1) } ?? 0
}
