import TestSupport
import Testing
import Training

/// How often candidates of known worth come into force: what the rule's levels mean.
@Suite("Promotion power")
struct PromotionPowerTests {
    struct Case: Sendable {
        let documents: Int
        /// How much better the candidate truly is.
        let gain: Double
        /// Share of documents where exactly one of the models is right.
        var discordance = 0.1
        /// Share of candidates that come into force.
        let share: ClosedRange<Double>
    }

    /// A deviation of 300 candidates' share is 0.017 at 0.1 and 0.029 at 0.5; the ranges leave three.
    static let single: [Case] = [
        .init(documents: 1_000, gain: -0.03, share: 0...0.01),
        .init(documents: 1_000, gain: -0.01, share: 0...0.03),
        .init(documents: 1_000, gain: 0, share: 0.04...0.15),
        .init(documents: 1_000, gain: 0.01, share: 0.28...0.50),
        .init(documents: 1_000, gain: 0.03, share: 0.90...1),
        .init(documents: 200, gain: -0.03, share: 0...0.03),
        .init(documents: 200, gain: 0, share: 0.04...0.15),
        .init(documents: 200, gain: 0.05, share: 0.70...1),
        .init(documents: 60, gain: -0.03, discordance: 0.15, share: 0...0.08),
        .init(documents: 60, gain: 0, discordance: 0.15, share: 0.03...0.15),
        .init(documents: 60, gain: 0.08, discordance: 0.15, share: 0.45...0.85),
    ]

    @Test("a task alone", arguments: single)
    func alone(_ entry: Case) {
        let share = promoted(entry) { rows in [PairedRows.topic(rows)] }
        #expect(entry.share.contains(share), "\(entry): \(share)")
    }

    /// Another task gains for sure: what counts is whether this one holds it back.
    static let paired: [Case] = [
        .init(documents: 1_000, gain: -0.03, share: 0...0.05),
        .init(documents: 1_000, gain: -0.02, share: 0...0.11),
        .init(documents: 1_000, gain: 0, share: 0.50...0.80),
        .init(documents: 1_000, gain: 0, discordance: 0.02, share: 0.97...1),
        .init(documents: 200, gain: -0.05, share: 0...0.10),
        .init(documents: 200, gain: 0, discordance: 0.03, share: 0.9...1),
        .init(documents: 60, gain: -0.10, discordance: 0.15, share: 0...0.10),
        .init(documents: 60, gain: 0, discordance: 0.05, share: 0.7...1),
    ]

    @Test("a task beside one that gains", arguments: paired)
    func beside(_ entry: Case) {
        let other = PairedRows.topic(PairedRows.labels(both: 300, gained: 60, neither: 140), name: "other")
        let share = promoted(entry) { rows in [PairedRows.topic(rows), other] }
        #expect(entry.share.contains(share), "\(entry): \(share)")
    }

    private func promoted(
        _ entry: Case, _ pairs: ([PairedTask.Row<PairedRows.Label>]) -> [PairedTask]
    ) -> Double {
        var random = SeededGenerator(seed: UInt64(entry.documents))
        let rounds = 300
        let count = (0..<rounds).count { round in
            let rows = PairedRows.drawn(
                entry.documents, accuracy: 0.75, gain: entry.gain, discordance: entry.discordance, &random)
            var rule = PromotionRule()
            rule.seed = UInt64(round)
            rule.resamples = 500
            return rule.decide(pairs(rows)).promotes
        }
        return Double(count) / Double(rounds)
    }
}
