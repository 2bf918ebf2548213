import Foundation

/// Whether a score of 0.8 is right eight times in ten.
package struct Calibration: Sendable, Hashable, Codable {
    /// Predictions whose confidence lies in `(lower, upper]` (the first bin takes 0 as well).
    package struct Bin: Sendable, Hashable, Codable {
        package let lower: Double
        package let upper: Double
        package let count: Int
        /// Mean probability of the predicted label; 0 in an empty bin.
        package let confidence: Double
        /// Share of right predictions; 0 in an empty bin.
        package let accuracy: Double
    }

    /// Equal widths over 0...1: a reliability diagram's bars.
    package let bins: [Bin]
    /// Expected calibration error (Guo et al. 2017): |accuracy - confidence| averaged over the bins by their counts.
    package let expectedError: Double

    /// - Parameter predictions: the probability of each predicted label, and whether it was right.
    package init(of predictions: [(confidence: Double, isCorrect: Bool)], binCount: Int = 15) {
        let width = 1 / Double(max(binCount, 1))
        bins = Self.tallies(of: predictions, binCount: binCount).enumerated().map { index, tally in
            Bin(
                lower: Double(index) * width, upper: Double(index + 1) * width, count: tally.count,
                confidence: tally.count == 0 ? 0 : tally.confidence / Double(tally.count),
                accuracy: ratio(tally.correct, tally.count))
        }
        expectedError = Self.expectedError(of: predictions, binCount: binCount)
    }

    /// `expectedError` alone.
    static func expectedError(
        of predictions: some Collection<(confidence: Double, isCorrect: Bool)>, binCount: Int = 15
    ) -> Double {
        let total = Double(max(predictions.count, 1))
        return tallies(of: predictions, binCount: binCount).reduce(0) {
            $0 + abs(Double($1.correct) - $1.confidence) / total
        }
    }

    /// Predictions, summed confidence and right predictions by bin.
    private static func tallies(
        of predictions: some Collection<(confidence: Double, isCorrect: Bool)>, binCount: Int
    ) -> [(count: Int, confidence: Double, correct: Int)] {
        let width = 1 / Double(max(binCount, 1))
        var tallies = [(count: Int, confidence: Double, correct: Int)](
            repeating: (0, 0, 0), count: max(binCount, 1))
        for prediction in predictions {
            let bin = Int((prediction.confidence / width).rounded(.up)) - 1
            let index = min(max(bin, 0), tallies.count - 1)
            tallies[index].count += 1
            tallies[index].confidence += prediction.confidence
            tallies[index].correct += prediction.isCorrect ? 1 : 0
        }
        return tallies
    }
}

/// Finds the temperature that logits are divided by before the softmax (Guo et al. 2017).
package enum TemperatureFitting {
    /// What `fit` may answer.
    package static let range: ClosedRange<Float> = 0.1...10

    /// Standard deviation of ln(temperature) before any row is seen. Plain maximum likelihood on a few dozen rows says 5
    /// or 0.2 by chance and does more harm than no temperature; this holds the answer near 1 until rows outweigh it.
    private static let priorDeviation = 0.25

    /// The most probable temperature given `logits` (one row of as many values as there are labels each) and their gold
    /// labels. 1 without rows.
    package static func fit(logits: [[Float]], gold: [Int]) -> Float {
        guard !gold.isEmpty, logits.count == gold.count, zip(logits, gold).allSatisfy({ $0.indices.contains($1) })
        else { return 1 }
        let (lowest, highest) = (log(Double(range.lowerBound)), log(Double(range.upperBound)))
        func cost(_ logTemperature: Double) -> Double {
            let penalty = logTemperature * logTemperature / (2 * priorDeviation * priorDeviation)
            return penalty + crossEntropy(logits: logits, gold: gold, inverse: exp(-logTemperature))
        }
        // The cost need not be convex in ln(temperature): a coarse scan finds the valley, golden section its floor.
        let steps = 40
        let points = (0...steps).map { lowest + (highest - lowest) * Double($0) / Double(steps) }
        let best = points.indices.min { cost(points[$0]) < cost(points[$1]) } ?? 0
        return Float(exp(minimum(of: cost, in: points[max(best - 1, 0)]...points[min(best + 1, steps)])))
            .clamped(to: range)
    }

    /// Golden-section search for the minimum of a function with one valley in `interval`.
    private static func minimum(of cost: (Double) -> Double, in interval: ClosedRange<Double>) -> Double {
        let ratio = (5.0.squareRoot() - 1) / 2
        var (low, high) = (interval.lowerBound, interval.upperBound)
        var (a, b) = (high - ratio * (high - low), low + ratio * (high - low))
        var (costA, costB) = (cost(a), cost(b))
        while high - low > 1e-6 {
            if costA < costB {
                (high, b, costB) = (b, a, costA)
                a = high - ratio * (high - low)
                costA = cost(a)
            } else {
                (low, a, costA) = (a, b, costB)
                b = low + ratio * (high - low)
                costB = cost(b)
            }
        }
        return (low + high) / 2
    }

    /// Summed over the rows.
    private static func crossEntropy(logits: [[Float]], gold: [Int], inverse: Double) -> Double {
        zip(logits, gold).reduce(0) { sum, row in
            let highest = Double(row.0.max() ?? 0)
            let total = row.0.reduce(0) { $0 + exp(inverse * (Double($1) - highest)) }
            return sum + log(total) - inverse * (Double(row.0[row.1]) - highest)
        }
    }
}

extension Float {
    func clamped(to range: ClosedRange<Float>) -> Float { min(max(self, range.lowerBound), range.upperBound) }
}
