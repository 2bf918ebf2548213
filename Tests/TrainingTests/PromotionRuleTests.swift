import Testing
import Training

@Suite("Promotion rule")
struct PromotionRuleTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        /// Score before, if there was one, and after, of each task.
        let scores: [(before: Double?, after: Double)]
        let promotes: Bool
    }

    static let cases: [Case] = [
        .init(testDescription: "nothing to compare on", scores: [], promotes: true),
        .init(testDescription: "one task gains", scores: [(0.70, 0.75)], promotes: true),
        .init(testDescription: "one task stays", scores: [(0.70, 0.70)], promotes: true),
        .init(testDescription: "one task loses a little", scores: [(0.70, 0.69)], promotes: false),
        .init(testDescription: "one task loses much", scores: [(0.70, 0.40)], promotes: false),
        .init(testDescription: "a small loss, outweighed", scores: [(0.70, 0.69), (0.50, 0.55)], promotes: true),
        .init(testDescription: "a small loss, not outweighed", scores: [(0.70, 0.69), (0.50, 0.505)], promotes: false),
        .init(testDescription: "a large loss, outweighed", scores: [(0.70, 0.60), (0.10, 0.90)], promotes: false),
        .init(testDescription: "a new task", scores: [(nil, 0.10)], promotes: true),
        .init(testDescription: "a new task and a small loss", scores: [(nil, 0.40), (0.70, 0.69)], promotes: true),
        .init(testDescription: "a new task and a large loss", scores: [(nil, 0.90), (0.70, 0.60)], promotes: false),
    ]

    @Test("a model comes into force unless it is plainly worse", arguments: cases)
    func decide(_ entry: Case) {
        let comparisons = entry.scores.enumerated().map { index, scores in
            PromotionRule.Comparison(task: "task\(index)", before: scores.before, after: scores.after)
        }
        let decision = PromotionRule().decide(comparisons)
        switch decision {
        case .promote: #expect(entry.promotes, "\(decision.reason)")
        case .keep: #expect(!entry.promotes, "\(decision.reason)")
        }
        #expect(!decision.reason.isEmpty)
    }

    @Test("the reason names the task that falls, and how far; order does not matter")
    func reasons() {
        let good = PromotionRule.Comparison(task: "topic", before: 0.5, after: 0.9)
        let bad = PromotionRule.Comparison(task: "mood", before: 0.8, after: 0.7)
        let expected = PromotionRule.Decision.keep(reason: "mood would fall from 0.800 to 0.700")
        #expect(PromotionRule().decide([good, bad]) == expected)
        #expect(PromotionRule().decide([bad, good]) == expected)
        #expect(PromotionRule(tolerance: 0.2).decide([good, bad]).reason.contains("0.150"))
    }
}
