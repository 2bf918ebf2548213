import TestSupport
import Testing
import Training

@Suite("Paired statistics")
struct PairedStatisticsTests {
    typealias Row = PairedResampling.Row

    /// One-sided mid-p computed with SciPy's binomial distribution. The third is the airway data of Fagerland, Lydersen
    /// and Laake 2013, whose table gives .0391 in both directions; the fifth the textbook table 121 against 59.
    @Test(
        "McNemar's mid-p equals SciPy's and published values",
        arguments: [
            (3, 0, 0.0625, 0.125), (5, 1, 0.0625, 0.125), (1, 7, 0.98046875, 0.0390625),
            (14, 5, 0.02069473266601563, 0.04138946533203126),
            (121, 59, 1.6333233978872998e-06, 3.2666467957745996e-06),
            (600, 500, 0.0012823863988765884, 0.0025647727977531768), (0, 0, 0.5, 1),
        ])
    func mcnemar(gained: Int, lost: Int, oneSided: Double, twoSided: Double) {
        #expect(isClose(ExactTests.mcnemar(gained: gained, lost: lost), oneSided))
        #expect(isClose(ExactTests.twoSidedMcnemar(gained: gained, lost: lost), twoSided))
    }

    @Test("binomial tails equal SciPy's, at the borders too")
    func tails() {
        #expect(isClose(ExactTests.upperTail(7, of: 20, probability: 0.25), 0.21421805239879177))
        #expect(isClose(ExactTests.upperTail(450, of: 1000, probability: 0.4), 0.0007412028990059854))
        #expect(ExactTests.upperTail(0, of: 9, probability: 0.3) == 1)
        #expect(ExactTests.upperTail(10, of: 9, probability: 0.3) == 0)
        #expect(ExactTests.upperTail(1, of: 9, probability: 0) == 0)
        #expect(ExactTests.upperTail(9, of: 9, probability: 1) == 1)
        for (count, total, share) in [(0, 10, 0.2588655508930522), (3, 20, 0.3436638043142818)] {
            #expect(isClose(ExactTests.upperShare(count, of: total, confidence: 0.95), share))
        }
        #expect(isClose(ExactTests.upperShare(120, of: 1000, confidence: 0.95), 0.1382394073960399))
        #expect(ExactTests.upperShare(4, of: 4, confidence: 0.95) == 1)
    }

    /// Four rows, two gained and one lost, have 256 resamples, three documents with entities 27: their quantiles were
    /// counted by enumeration. A quantile of the distribution is taken in the middle of a step, where 20,000 draws
    /// cannot miss it.
    @Test(
        "the bootstrap's quantiles are those of all resamples",
        arguments: [
            (0.9, false, -0.25, 0.75), (0.7, false, 0, 0.5), (0.52, false, 0.25, 0.25),
            (0.9, true, -1.0 / 12, 5.0 / 14), (0.69, true, 1.0 / 15, 0.25),
        ])
    func bootstrap(confidence: Double, isEntities: Bool, lower: Double, upper: Double) {
        let labels =
            [Row(before: (0, 1), after: (1, 1)), .init(before: (0, 1), after: (1, 1))]
            + [Row(before: (1, 1), after: (0, 1)), .init(before: (1, 1), after: (1, 1))]
        let found = PairedResampling(seed: 3, task: "t", resamples: 20_000)
            .interval(isEntities ? Self.documents : labels, confidence: confidence)
        #expect(isClose(found.estimate, isEntities ? 10.0 / 13 - 0.6 : 0.25))
        #expect(isClose(found.lower, lower), "\(found)")
        #expect(isClose(found.upper, upper), "\(found)")
    }

    /// Gold, and of both models predicted and correct: 2 2 1 2 2, 1 1 1 2 1, 3 1 1 3 2.
    private static let documents = [
        Row(before: (2, 4), after: (4, 4)), Row(before: (2, 2), after: (2, 3)), Row(before: (2, 4), after: (4, 6)),
    ]

    @Test("approximate randomization approaches the share of all assignments, and McNemar where rows are single")
    func randomization() {
        let many = PairedResampling(seed: 5, task: "t", resamples: 40_000)
        // 2.5 of the 8 assignments; the deviation of 40,000 draws is below 0.0025.
        #expect(abs(many.chanceOfGain(Self.documents) - 0.3125) < 0.01)
        let single =
            Array(repeating: Row(before: (0, 2), after: (2, 2)), count: 9)
            + Array(repeating: Row(before: (2, 2), after: (0, 2)), count: 4)
            + Array(repeating: Row(before: (2, 2), after: (2, 2)), count: 20)
        #expect(abs(many.chanceOfGain(single) - ExactTests.mcnemar(gained: 9, lost: 4)) < 0.01)
        #expect(isClose(many.chanceOfGain([Row(before: (1, 2), after: (1, 2))]), 0.5))
    }

    @Test("the interval holds the true difference as often as it says")
    func coverage() {
        var random = SeededGenerator(seed: 11)
        let (rounds, gain) = (400, 0.02)
        var (below, above) = (0, 0)
        for round in 0..<rounds {
            var rows: [Row] = []
            for _ in 0..<300 {
                let draw = Double.random(in: 0..<1, using: &random)
                let after = draw < 0.08 ? 1 : draw < 0.14 ? 0 : 1
                let before = draw < 0.08 ? 0 : 1
                rows.append(Row(before: (before, 1), after: (after, 1)))
            }
            let found = PairedResampling(seed: UInt64(round), task: "t", resamples: 500)
                .interval(rows, confidence: 0.95)
            if found.upper < gain { below += 1 }
            if found.lower > gain { above += 1 }
        }
        // 5 % are 20 of 400, give or take 4.4 a deviation.
        #expect((7...37).contains(below), "\(below)")
        #expect((7...37).contains(above), "\(above)")
    }

    @Test("random numbers belong to seed and task; 10,000 rows and 2,000 resamples take no minutes")
    func addressedAndFast() {
        let rows = (0..<10_000).map { Row(before: ($0 % 7 == 0 ? 0 : 1, 1), after: ($0 % 8 == 0 ? 0 : 1, 1)) }
        func interval(_ seed: UInt64, _ task: String) -> PairedResampling.Interval {
            PairedResampling(seed: seed, task: task, resamples: 2_000).interval(rows, confidence: 0.95)
        }
        let took = ContinuousClock().measure { #expect(interval(1, "a") == interval(1, "a")) } / 2
        #expect(interval(1, "a") != interval(2, "a"))
        #expect(interval(1, "a") != interval(1, "b"))
        #expect(took < Tolerance.pairedBootstrap, "\(took)")
    }

    private func isClose(_ a: Double, _ b: Double) -> Bool { abs(a - b) <= Tolerance.score * max(1, abs(b)) }
}
