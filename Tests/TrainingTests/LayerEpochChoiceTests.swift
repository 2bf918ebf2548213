import Testing

import Training

@Suite("Which epoch of encoder and heads is kept")
struct LayerEpochChoiceTests {
    /// A start, the epochs' metrics with a standard error of .02, a patience; which is kept, after how many it stops.
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var start: Double? = 0.5
        let metrics: [Double]
        /// Of all epochs; the start's is 1.
        var loss = 1.0
        var patience = 2
        let kept: Int
        var stops: Int? = nil
    }

    static let cases = [
        Case(testDescription: "rising: the last", metrics: [0.7, 0.75, 0.8], kept: 3),
        Case(testDescription: "equal within the error: the last", metrics: [0.8, 0.79, 0.785], kept: 3),
        Case(testDescription: "clearly worse later: the best", metrics: [0.8, 0.77, 0.77], kept: 1, stops: 3),
        Case(
            testDescription: "two small falls are measured against the best, not the last kept",
            metrics: [0.8, 0.785, 0.77], kept: 2),
        Case(testDescription: "none better than the start: the start", metrics: [0.5, 0.49], kept: 0, stops: 2),
        Case(testDescription: "worse than the start, though near the best", metrics: [0.51, 0.5], kept: 1),
        Case(
            testDescription: "not told from the start by the metric: the loss decides", metrics: [0.49, 0.485],
            loss: 0.9, kept: 2),
        Case(
            testDescription: "clearly below the start: its lower loss does not count", metrics: [0.47, 0.46], loss: 0.9,
            kept: 0, stops: 2),
        Case(testDescription: "patience of one", metrics: [0.8, 0.7], patience: 1, kept: 1, stops: 2),
        Case(testDescription: "without a start", start: nil, metrics: [0.1, 0.1], kept: 2),
    ]

    @Test("by the metric, the standard error and the start", arguments: cases)
    func choice(_ test: Case) {
        var choice = LayerEpochChoice(patience: test.patience, start: test.start.map { score($0) })
        var stops: Int?
        for (index, metric) in test.metrics.enumerated() {
            _ = choice.keeps(score(metric, loss: test.loss), epoch: index + 1)
            if stops == nil, choice.shouldStop(after: index + 1) { stops = index + 1 }
        }
        #expect(choice.keptEpoch == test.kept)
        #expect(stops == test.stops)
    }

    private func score(_ metric: Double, loss: Double = 1) -> JointScore {
        JointScore(metric: metric, standardError: 0.02, loss: loss)
    }
}
