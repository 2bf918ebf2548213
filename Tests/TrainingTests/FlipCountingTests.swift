import Annotations
import Model
import Tensors
import Testing
import Training

@Suite("Flips")
struct FlipCountingTests {
    private static let labels = ["bug", "praise", "question"]

    /// Answers the label whose place in the embedding is largest, turned by so many places.
    private static func heads(turned: Int = 0) throws -> HeadSet {
        var weights = Matrix(rows: 3, columns: 3)
        for label in 0..<3 { weights[(label + turned) % 3, label] = 1 }
        let task = AnnotationTask(name: "topic", kind: .classification, labels: labels)
        return try HeadSet(
            tasks: [task], classification: [ClassificationHead(task: task, weights: weights, bias: [0, 0, 0])])
    }

    @Test("only answers that the model in force is sure of are counted")
    func sure() throws {
        let (before, same, other) = (try Self.heads(), try Self.heads(), try Self.heads(turned: 1))
        // e^4 of e^4 + 2: 0.96. e^0.2 of e^0.2 + 2: 0.38, which is what texts look like that the task is not about.
        let sure: [[Float]] = Array(repeating: [4, 0, 0], count: 7)
        let guessed: [[Float]] = Array(repeating: [0, 0.2, 0], count: 90)
        #expect(
            PromotionRule.Flips.counted(from: before, to: same, on: sure + guessed)
                == ["topic": .init(documents: 7, flipped: 0)])
        #expect(
            PromotionRule.Flips.counted(from: before, to: other, on: guessed + sure)
                == ["topic": .init(documents: 7, flipped: 7)])
        #expect(PromotionRule.Flips.counted(from: before, to: other, on: guessed).isEmpty)
    }

    @Test("held-out answers that were guesses do not widen what may change")
    func heldOut() throws {
        // Of 400 sure answers none changes, of 200 guesses half.
        let rows =
            PairedRows.labels(both: 360, neither: 40)
            + PairedRows.labels(both: 60, gained: 90, lost: 10, neither: 40, confidence: (0.3, 0.75))
        let decision = PromotionRule().decide(
            [PairedRows.topic(rows)], flips: ["topic": .init(documents: 1_000, flipped: 210)])
        let flips = try #require(decision.tasks[0].flips)
        #expect(flips.heldOut == 0 && flips.limit == 0.2 && !flips.passes)
        #expect(
            PromotionRule().decide([PairedRows.topic(rows)], flips: ["topic": .init(documents: 1_000, flipped: 200)])
                .promotes)
    }
}
