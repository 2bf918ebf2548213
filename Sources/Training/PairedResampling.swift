/// How far the difference of two models on the same rows may be an accident of the rows.
///
/// A model's score is a ratio of sums over rows: accuracy is right / 1, micro F1 is 2 · correct / (gold + predicted). A
/// row counts as a whole, so entities of one document are never treated as if they were independent.
package struct PairedResampling: Sendable {
    /// One row's numerators and denominators.
    package struct Row: Sendable, Hashable {
        /// Numerator and denominator before, numerator and denominator after.
        fileprivate let sums: SIMD4<Int32>

        package init(before: (Int, Int), after: (Int, Int)) {
            sums = SIMD4(Int32(before.0), Int32(before.1), Int32(after.0), Int32(after.1))
        }

        fileprivate var isEven: Bool { sums.lowHalf == sums.highHalf }
    }

    /// A difference, after - before, and between what it may lie.
    package struct Interval: Sendable, Hashable, Codable {
        package let estimate: Double
        /// The difference is above this with the confidence asked for, and below `upper` with the same confidence.
        package let lower: Double
        package let upper: Double
    }

    private let random: RandomSource
    private let resamples: Int

    /// - Parameters:
    ///   - task: each has random numbers of its own.
    ///   - resamples: at least 1.
    package init(seed: UInt64, task: String, resamples: Int) {
        random = RandomSource(seed: seed, task: task)
        self.resamples = max(resamples, 1)
    }

    /// Paired percentile bootstrap (Efron and Tibshirani 1993, chapter 13; for such scores Berg-Kirkpatrick, Burkett and
    /// Klein 2012): as many rows are drawn with replacement, both models are scored on them, over and over.
    package func interval(_ rows: [Row], confidence: Double) -> Interval {
        let estimate = Self.difference(rows.reduce(into: SIMD4<Int32>()) { $0 &+= $1.sums })
        return interval(estimate: estimate, rows: rows.count, confidence: confidence) { drawn in
            var sums = SIMD4<Int32>()
            for index in drawn { sums &+= rows[index].sums }
            return Self.difference(sums)
        }
    }

    /// The same for any statistic of rows.
    ///
    /// - Parameter statistic: of the rows with these indices, some of them several times.
    func interval(
        estimate: Double, rows: Int, confidence: Double, statistic: ([Int]) -> Double
    ) -> Interval {
        guard rows > 0 else { return Interval(estimate: estimate, lower: estimate, upper: estimate) }
        var numbers = [Float](repeating: 0, count: rows)
        var drawn = [Int](repeating: 0, count: rows)
        let scale = Float(rows)
        var found = (0..<resamples).map { resample in
            random.fillResample(&numbers, index: resample)
            // A number just below 1 may be rounded up to the row after the last.
            for index in drawn.indices { drawn[index] = min(Int(numbers[index] * scale), rows - 1) }
            return statistic(drawn)
        }
        found.sort()
        let outside = min(max(Int((1 - confidence) * Double(resamples)) - 1, 0), resamples - 1)
        return Interval(estimate: estimate, lower: found[outside], upper: found[resamples - 1 - outside])
    }

    /// Approximate randomization (Noreen 1989; for F1 Yeh 2000): the probability that a gain as large or larger comes
    /// about when it is chance which of the two models gave which of a row's two answers. Gains of the same size count
    /// half, so that with one entity a row it is McNemar's mid-p.
    package func chanceOfGain(_ rows: [Row]) -> Double {
        let changed = rows.filter { !$0.isEven }.map(\.sums)
        let even = rows.filter(\.isEven).reduce(into: SIMD4<Int32>()) { $0 &+= $1.sums }
        let observed = Self.difference(changed.reduce(even, &+))
        var swaps = [Float](repeating: 0, count: changed.count)
        // The observed assignment is one of those that chance makes.
        var chance = 0.5
        for index in 0..<resamples {
            random.fillSwaps(&swaps, index: index)
            var sums = even
            for (row, swap) in zip(changed, swaps) {
                sums &+= swap < 0.5 ? SIMD4(lowHalf: row.highHalf, highHalf: row.lowHalf) : row
            }
            let difference = Self.difference(sums) - observed
            chance += difference > 1e-12 ? 1 : difference > -1e-12 ? 0.5 : 0
        }
        return chance / Double(resamples + 1)
    }

    /// Of both models; 0 without rows.
    static func scores(_ rows: [Row]) -> (before: Double, after: Double) {
        let sums = rows.reduce(into: SIMD4<Int32>()) { $0 &+= $1.sums }
        return (ratio(Int(sums[0]), Int(sums[1])), ratio(Int(sums[2]), Int(sums[3])))
    }

    private static func difference(_ sums: SIMD4<Int32>) -> Double {
        ratio(Int(sums[2]), Int(sums[3])) - ratio(Int(sums[0]), Int(sums[1]))
    }
}
