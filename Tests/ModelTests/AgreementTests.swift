import Annotations
import Model
import Testing

@Suite struct AgreementTests {
    private typealias Answer = Result<DocumentAnnotation, Fault>

    private func heads() throws -> HeadSet { try TestBundle.randomHeads() }

    private func answer(
        _ embedding: [Float] = [1, 0], topic: String = "billing", entities: [(String, Int, Int)] = []
    ) -> Answer {
        .success(
            DocumentAnnotation(
                segments: [
                    SegmentAnnotation(
                        start: 0, end: 9, labels: [ScoredLabel(task: "topic", label: topic, score: 0.5)],
                        embedding: embedding)
                ],
                entities: entities.map {
                    Entity(task: "names", type: $0.0, start: $0.1, end: $0.2, surface: "", score: 0.5)
                }, tokenCount: 3, windowCount: 1))
    }

    @Test func equalAnswersAgree() throws {
        let answers = [answer(), answer([0, 2], entities: [("PER", 0, 4)])]
        let agreement = Agreement(of: answers, with: answers, heads: try heads())
        #expect(agreement == Agreement(segments: 2, cosineMean: 1, cosineP1: 1, labels: 1, entities: 1))
    }

    @Test func scoresMayDiffer() throws {
        let reference = [answer([1, 0])]
        let agreement = Agreement(of: [answer([3, 0])], with: reference, heads: try heads())
        #expect(agreement.cosineP1 == 1 && agreement.labels == 1)
    }

    @Test func withoutHeadsOnlyEmbeddingsAreCompared() {
        let agreement = Agreement(of: [answer(topic: "a")], with: [answer(topic: "b")], heads: .none)
        #expect(agreement.labels == nil && agreement.entities == nil)
    }

    @Test func noEntitiesOnEitherSideIsAgreement() throws {
        #expect(Agreement(of: [answer()], with: [answer()], heads: try heads()).entities == 1)
    }

    @Test("entities are equal when type, start and end are; F1 of the two sets")
    func entities() throws {
        let reference = [answer(entities: [("PER", 0, 4), ("LOC", 10, 15)]), answer()]
        func f1(_ candidate: [Answer]) throws -> Double? {
            Agreement(of: candidate, with: reference, heads: try heads()).entities
        }
        #expect(try f1([answer(entities: [("PER", 0, 4), ("LOC", 10, 15)]), answer()]) == 1)
        #expect(try f1([answer(entities: [("PER", 0, 4), ("ORG", 10, 15)]), answer()]) == 0.5)
        #expect(try f1([answer(entities: [("PER", 0, 4), ("LOC", 10, 14)]), answer()]) == 0.5)
        #expect(try f1([answer(entities: [("PER", 0, 4)]), answer()]) == 2.0 / 3)
        #expect(
            try f1([answer(entities: [("PER", 0, 4), ("LOC", 10, 15)]), answer(entities: [("PER", 0, 1)])]) == 0.8)
        #expect(try f1([answer(), answer()]) == 0)
    }

    @Test("the first percentile is the cosine that 99 of 100 reach")
    func percentile() throws {
        func p1(_ count: Int, bad: Int) throws -> Double {
            let candidate = (0..<count).map { answer($0 < bad ? [0, 1] : [1, 0]) }
            let reference = (0..<count).map { _ in answer() }
            return Agreement(of: candidate, with: reference, heads: try heads()).cosineP1
        }
        #expect(try p1(50, bad: 1) == 0)
        #expect(try p1(100, bad: 1) == 0)
        #expect(try p1(200, bad: 1) == 1)
        #expect(try p1(256, bad: 2) == 1)
        #expect(try p1(256, bad: 3) == 0)
    }

    @Test("a text that only the reduced precision cannot read agrees in nothing; one that fp32 cannot is left out")
    func unreadable() throws {
        let overflow = Answer.failure(Fault(.model, "scores-not-finite", "overflow"))
        let reference = [answer(entities: [("PER", 0, 4)]), answer(), overflow]
        let agreement = Agreement(of: [overflow, answer(), answer()], with: reference, heads: try heads())
        #expect(
            agreement == Agreement(segments: 2, cosineMean: 0.5, cosineP1: 0, labels: 0.5, entities: 0))
    }

    @Test func nothingToCompareIsNoAgreement() throws {
        let agreement = Agreement(of: [], with: [], heads: .none)
        #expect(agreement.segments == 0 && AgreementThresholds().refusal(of: agreement) != nil)
    }
}
