import Foundation

/// Probabilities of counts, summed exactly.
package enum ExactTests {
    /// P(X >= `successes`) of a binomial distribution, in which the count itself weighs `weight`: 1 is the exact upper
    /// tail, 0.5 the mid-p.
    package static func upperTail(
        _ successes: Int, of trials: Int, probability: Double, weight: Double = 1
    ) -> Double {
        let (success, failure) = (log(probability), log1p(-probability))
        var tail = 0.0
        for count in stride(from: max(successes, 0), through: trials, by: 1) {
            // 0 · log(0) is 0 here: what cannot happen does not happen 0 times.
            let hits = count == 0 ? 0 : Double(count) * success
            let misses = count == trials ? 0 : Double(trials - count) * failure
            let ways = lgamma(Double(trials) + 1) - lgamma(Double(count) + 1) - lgamma(Double(trials - count) + 1)
            tail += (count == successes ? weight : 1) * exp(ways + hits + misses)
        }
        return min(tail, 1)
    }

    /// McNemar's test (1947) of `gained` rows that only the candidate has right against `lost` rows that only the model
    /// in force has right: the probability that two equally good models gain so many or more.
    ///
    /// Mid-p: the exact binomial test is needlessly cautious with few rows, the asymptotic one wrong (Fagerland,
    /// Lydersen and Laake 2013, BMC Medical Research Methodology 13:91).
    package static func mcnemar(gained: Int, lost: Int) -> Double {
        upperTail(gained, of: gained + lost, probability: 0.5, weight: 0.5)
    }

    /// The same for a difference in either direction.
    package static func twoSidedMcnemar(gained: Int, lost: Int) -> Double {
        min(1, 2 * mcnemar(gained: max(gained, lost), lost: min(gained, lost)))
    }

    /// The largest share of which `count` in `total` is not too few to be chance, one-sided (Clopper and Pearson 1934).
    package static func upperShare(_ count: Int, of total: Int, confidence: Double) -> Double {
        guard count < total else { return 1 }
        var (low, high) = (0.0, 1.0)
        for _ in 0..<40 {
            let share = (low + high) / 2
            let tail = upperTail(count + 1, of: total, probability: share)
            if 1 - tail > 1 - confidence { low = share } else { high = share }
        }
        return high
    }
}
