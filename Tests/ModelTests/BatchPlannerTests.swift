import Model
import TestSupport
import Testing

@Suite("Batch planning")
struct BatchPlannerTests {
    @Test("every text is in one batch, in order, and no batch exceeds the budget unless one text does")
    func properties() {
        for seed: UInt64 in 0..<200 { checkProperties(seed: seed) }
    }

    private func checkProperties(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let planner = BatchPlanner(
            tokenBudget: Int.random(in: 1...3000, using: &random), hidden: Int.random(in: 1...1024, using: &random),
            intermediate: Int.random(in: 1...4096, using: &random))
        let lengths = (0..<Int.random(in: 0...80, using: &random)).map { _ in Int.random(in: 0...600, using: &random) }

        let batches = planner.batches(of: lengths)
        #expect(batches.flatMap { Array($0) } == Array(lengths.indices))
        for batch in batches {
            #expect(!batch.isEmpty)
            let cost = batch.map { planner.cost(ofLength: lengths[$0]) }.reduce(0, +)
            #expect(batch.count == 1 || cost <= Double(planner.tokenBudget))
        }
    }

    @Test(
        "batches of texts of one length are as few as can be and differ by one text",
        arguments: [1, 7, 8, 9, 100, 1001])
    func even(count: Int) {
        let planner = BatchPlanner(tokenBudget: 1024, hidden: 384, intermediate: 1536)
        let sizes = planner.batches(of: [Int](repeating: 120, count: count)).map(\.count)
        let most = Int(1024 / planner.cost(ofLength: 120))
        #expect(sizes.reduce(0, +) == count)
        #expect(sizes.count == (count + most - 1) / most)
        #expect((sizes.max() ?? 0) - (sizes.min() ?? 0) <= 1)
    }

    @Test("attention makes long texts cost more than their tokens")
    func attentionCounts() {
        let planner = BatchPlanner(tokenBudget: 2048, hidden: 384, intermediate: 1536)
        #expect(planner.attentionParity == 2304)
        #expect(planner.cost(ofLength: 2304) == 2 * 2304)
        // Sixteen texts of 128 tokens would fill the budget by tokens; their attention leaves room for fifteen, so
        // they become two batches.
        #expect(planner.batches(of: [Int](repeating: 128, count: 15)) == [0..<15])
        #expect(planner.batches(of: [Int](repeating: 128, count: 16)) == [0..<8, 8..<16])
    }

    @Test("a budget of nothing still reads one text at a time")
    func zeroBudget() {
        #expect(
            BatchPlanner(tokenBudget: 0, hidden: 8, intermediate: 8).batches(of: [5, 0, 7]) == [0..<1, 1..<2, 2..<3])
    }
}
