import Annotations
import Model
import Testing
import Training

@Suite("Held-out answers")
struct HeldOutAnswersTests {
    private let tasks = [SyntheticRows.topic, SyntheticRows.people]

    private func train(_ rows: SyntheticRows, _ range: Range<Int>, tasks: [AnnotationTask]? = nil) throws -> HeadSet {
        try HeadTrainer(options: .quick(epochs: 2)).train(rows.examples(range), tasks: tasks ?? self.tasks).heads
    }

    @Test("a run hands over answers whose counts are those of its figures")
    func countsOfARun() throws {
        let rows = SyntheticRows(hidden: 24, noise: 4)
        let first = try train(rows, 0..<90)
        let outcome = try HeadTrainer(options: .quick(epochs: 3)).train(
            rows.examples(0..<240), tasks: tasks, initial: first)
        let decision = PromotionRule().decide(
            PairedTask.pair(before: outcome.answersBefore, after: outcome.answersAfter))
        #expect(decision.tasks.map(\.task) == ["topic", "people"])
        for found in decision.tasks {
            let (before, after) = (outcome.before.score(of: found.task), outcome.after.score(of: found.task))
            #expect(abs(try #require(found.before) - (before?.value ?? -1)) < 1e-12)
            #expect(abs(try #require(found.after) - (after?.value ?? -1)) < 1e-12)
            #expect(found.documents == after?.documents)
            #expect(found.measure == after?.measure)
        }
        let topic = try #require(decision.tasks.first?.calibration)
        #expect(abs(topic.after - (outcome.after.classification["topic"]?.calibration.expectedError ?? 9)) < 1e-12)
        #expect(outcome.answersBefore.classification["topic"]?.known == Set(SyntheticRows.topic.labels))
    }

    @Test("without a model in force every task is new; what it knows alone is told apart from first weights")
    func firstRun() throws {
        let rows = SyntheticRows(hidden: 24)
        let outcome = try HeadTrainer(options: .quick()).train(rows.examples(0..<240), tasks: tasks)
        #expect(outcome.answersBefore == HeldOutAnswers())
        let decision = PromotionRule().decide(
            PairedTask.pair(before: outcome.answersBefore, after: outcome.answersAfter))
        #expect(decision.tasks.map(\.verdict) == [.new, .new])
        #expect(decision.promotes)
    }

    @Test("models with different encoders are paired by document")
    func differentEncoders() throws {
        let (small, large) = (SyntheticRows(hidden: 16, noise: 3), SyntheticRows(hidden: 32, noise: 3))
        let (old, new) = (try train(small, 0..<120), try train(large, 0..<120))
        let before = try HeldOutAnswers(of: old, on: small.examples(300..<360))
        let after = try HeldOutAnswers(of: new, on: large.examples(310..<380).reversed())
        let pairs = PairedTask.pair(before: before, after: after)
        guard case .labels(let labels) = pairs[0].rows, case .mentions(let mentions) = pairs[1].rows else {
            Issue.record("classifications come first")
            return
        }
        #expect(labels.count == 50 && mentions.count == 50)
        for (index, row) in labels.enumerated() {
            let gold = SyntheticRows.topic.labels[(310 + index) % 3]
            #expect(row.before?.gold == gold && row.after?.gold == gold)
            #expect(row.after == after.classification["topic"]?.rows[Int64(310 + index)])
        }
        #expect(mentions.allSatisfy { $0.before?.gold == $0.after?.gold && $0.after?.gold.isEmpty == false })
    }

    @Test("a task that one model lacks keeps all rows of the other")
    func oneSided() throws {
        let rows = SyntheticRows(hidden: 24)
        let one = try HeldOutAnswers(
            of: train(rows, 0..<60, tasks: [SyntheticRows.topic]), on: rows.examples(100..<120))
        let both = try HeldOutAnswers(of: train(rows, 0..<60), on: rows.examples(100..<120))
        let pairs = PairedTask.pair(before: one, after: both)
        #expect(pairs.map(\.task) == ["topic", "people"])
        #expect(pairs[1].knownBefore == nil && pairs[1].knownAfter == ["person", "place"])
        let lost = PairedTask.pair(before: both, after: one)
        #expect(lost[1].knownAfter == nil)
        #expect(!PromotionRule().decide(lost).promotes)
    }
}
