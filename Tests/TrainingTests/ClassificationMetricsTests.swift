import Annotations
import Foundation
import TestSupport
import Testing
import Training

@Suite("Classification metrics")
struct ClassificationMetricsTests {
    private let labels = ["a", "b", "c"]

    @Test("accuracy, per-label scores, macro F1 and confusion by hand")
    func byHand() throws {
        // gold a a a b b c, predicted a a b b a b
        let predicted = [0, 0, 1, 1, 0, 1]
        let metrics = try ClassificationMetrics(
            labels: labels, gold: [0, 0, 0, 1, 1, 2],
            probabilities: predicted.map { best in (0..<3).map { $0 == best ? 0.5 : 0.25 } })
        #expect(metrics.count == 6)
        #expect(abs(metrics.accuracy - 0.5) <= Tolerance.score)
        #expect(metrics.confusion == [[2, 1, 0], [1, 1, 0], [0, 1, 0]])
        #expect(abs(metrics.labels[0].precision - 2.0 / 3) <= Tolerance.score)
        #expect(abs(metrics.labels[0].recall - 2.0 / 3) <= Tolerance.score)
        #expect(abs(metrics.labels[1].precision - 1.0 / 3) <= Tolerance.score)
        #expect(abs(metrics.labels[1].recall - 0.5) <= Tolerance.score)
        #expect(abs(metrics.labels[1].f1 - 0.4) <= Tolerance.score)
        #expect(metrics.labels[2].f1 == 0)
        #expect(metrics.labels.map(\.support) == [3, 2, 1])
        #expect(metrics.labels.map(\.predicted) == [3, 3, 0])
        #expect(abs(metrics.macroF1 - (2.0 / 3 + 0.4) / 3) <= Tolerance.score)
        let loss = (3 * -log(0.5) + 3 * -log(0.25)) / 6
        #expect(abs(metrics.logLoss - loss) <= Tolerance.score)
    }

    @Test("a label that occurs nowhere does not lower macro F1")
    func absentLabel() throws {
        let metrics = try ClassificationMetrics(
            labels: labels, gold: [0, 1], probabilities: [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]])
        #expect(metrics.macroF1 == 1)
        #expect(metrics.labels.count == 3)
    }

    @Test("no rows give zeros, and everything survives JSON")
    func empty() throws {
        let metrics = try ClassificationMetrics(labels: labels, gold: [], probabilities: [])
        #expect(metrics.accuracy == 0)
        #expect(metrics.macroF1 == 0)
        #expect(metrics.calibration.expectedError == 0)
        let copy = try JSONDecoder().decode(ClassificationMetrics.self, from: JSONEncoder().encode(metrics))
        #expect(copy == metrics)
    }

    @Test("shapes that do not fit are a fault")
    func shapes() {
        #expect(
            fault { _ = try ClassificationMetrics(labels: labels, gold: [3], probabilities: [[1, 0, 0]]) } != nil)
        #expect(fault { _ = try ClassificationMetrics(labels: labels, gold: [0], probabilities: [[1, 0]]) } != nil)
        #expect(fault { _ = try ClassificationMetrics(labels: labels, gold: [0], probabilities: []) } != nil)
    }
}

@Suite("Calibration")
struct CalibrationTests {
    @Test("the expected error is the weighted gap between confidence and accuracy")
    func byHand() {
        let predictions =
            (0..<10).map { (confidence: 0.8, isCorrect: $0 < 6) }
            + (0..<30).map { (confidence: 0.55, isCorrect: $0 < 15) }
        let calibration = Calibration(of: predictions, binCount: 10)
        #expect(abs(calibration.expectedError - (0.25 * 0.2 + 0.75 * 0.05)) <= Tolerance.score)
        #expect(calibration.bins.map(\.count) == [0, 0, 0, 0, 0, 30, 0, 10, 0, 0])
        #expect(abs(calibration.bins[7].accuracy - 0.6) <= Tolerance.score)
        #expect(abs(calibration.bins[7].confidence - 0.8) <= Tolerance.score)
    }

    @Test("confidences of 0 and 1 fall into the first and the last bin")
    func edges() {
        let calibration = Calibration(of: [(0, false), (1, true)], binCount: 4)
        #expect(calibration.bins.map(\.count) == [1, 0, 0, 1])
        #expect(calibration.expectedError == 0)
    }

    /// Rows whose label is drawn by the softmax of `logits / temperature`, in exact proportions.
    private func rows(temperature: Double) -> (logits: [[Float]], gold: [Int]) {
        var (logits, gold): ([[Float]], [Int]) = ([], [])
        for margin in stride(from: Float(0.5), through: 4, by: 0.5) {
            let share = 1 / (1 + exp(-Double(margin) / temperature))
            for index in 0..<1_000 {
                logits.append([margin, 0])
                gold.append(Double(index) + 0.5 < share * 1_000 ? 0 : 1)
            }
        }
        return (logits, gold)
    }

    @Test("finds the temperature that the labels were drawn with", arguments: [0.5, 1, 2, 4])
    func recovers(temperature: Double) {
        let (logits, gold) = rows(temperature: temperature)
        let fitted = TemperatureFitting.fit(logits: logits, gold: gold)
        #expect(abs(Double(fitted) / temperature - 1) < Tolerance.temperature)
    }

    @Test("is a minimum of the cross-entropy with its prior")
    func isMinimum() {
        let logits: [[Float]] = [[2, 0, -1], [0, 1, 0.5], [3, 2.5, 0], [-1, 0, 4], [1, 1.5, 0]]
        let gold = [0, 1, 1, 2, 0]
        func cost(_ temperature: Double) -> Double {
            zip(logits, gold).reduce(8 * log(temperature) * log(temperature)) { sum, row in
                let scaled = row.0.map { Double($0) / temperature }
                return sum + log(scaled.reduce(0) { $0 + exp($1) }) - scaled[row.1]
            }
        }
        let fitted = Double(TemperatureFitting.fit(logits: logits, gold: gold))
        #expect(cost(fitted) <= cost(fitted * 1.01))
        #expect(cost(fitted) <= cost(fitted * 0.99))
    }

    @Test("a few rows, all right or all wrong, move it little")
    func fewRows() {
        let right = TemperatureFitting.fit(logits: [[1, 0], [0, 1], [1, 0]], gold: [0, 1, 0])
        let wrong = TemperatureFitting.fit(logits: [[1, 0], [0, 1], [1, 0]], gold: [1, 0, 1])
        #expect(right > 0.8 && right < 1)
        #expect(wrong > 1 && wrong < 1.25)
    }

    @Test("degenerate input answers within the range", arguments: [[], [[Float(1)]], [[0, 0]], [[-3, 3]]])
    func degenerate(logits: [[Float]]) {
        let fitted = TemperatureFitting.fit(logits: logits, gold: logits.map { _ in 0 })
        #expect(TemperatureFitting.range.contains(fitted))
    }
}
