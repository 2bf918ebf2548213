import Annotations
import Testing

@Suite struct CertificateTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let cosineP1: Double
        let labels: Double?
        let entities: Double?
        /// Words that the refusal has; none: certified.
        let refusal: [String]
        var testDescription: String { "\(cosineP1) \(labels as Any) \(entities as Any)" }
    }

    @Test(
        "what a precision must reach, and what it is told when it does not",
        arguments: [
            Case(cosineP1: 1, labels: 1, entities: 1, refusal: []),
            Case(cosineP1: 0.995, labels: 0.995, entities: 0.99, refusal: []),
            // A model without heads, or without one kind, is judged by what it has.
            Case(cosineP1: 0.996, labels: nil, entities: nil, refusal: []),
            Case(cosineP1: 0.996, labels: 1, entities: nil, refusal: []),
            Case(cosineP1: 0.99499, labels: nil, entities: nil, refusal: ["cosine (1st percentile) 0.9949", "0.995"]),
            Case(cosineP1: 0.999, labels: 0.992, entities: 1, refusal: ["label agreement 0.992 is below 0.995"]),
            Case(cosineP1: 0.999, labels: 1, entities: 0.98, refusal: ["entity agreement 0.98 is below 0.99"]),
            Case(cosineP1: 0.5, labels: 0.6, entities: 0.7, refusal: ["cosine", "label", "entity"]),
            Case(cosineP1: .nan, labels: nil, entities: nil, refusal: ["cosine"]),
        ])
    func verdict(_ test: Case) {
        let agreement = Agreement(
            segments: 256, cosineMean: 0.999, cosineP1: test.cosineP1, labels: test.labels, entities: test.entities)
        let refusal = AgreementThresholds().refusal(of: agreement)
        #expect((refusal == nil) == test.refusal.isEmpty)
        for words in test.refusal { #expect(refusal?.contains(words) == true, "\(refusal ?? "")") }
        // Of what is reached nothing is said.
        #expect(refusal?.contains("label") != true || (test.labels ?? 1) < 0.995)
    }

    @Test("thresholds are the user's")
    func thresholds() {
        let agreement = Agreement(segments: 20, cosineMean: 0.98, cosineP1: 0.97, labels: 0.9, entities: 0.8)
        #expect(AgreementThresholds(cosineP1: 0.97, labels: 0.9, entities: 0.8).refusal(of: agreement) == nil)
        #expect(AgreementThresholds(cosineP1: 0, labels: 0, entities: 0).refusal(of: agreement) == nil)
        #expect(AgreementThresholds(cosineP1: 1, labels: 0, entities: 0).refusal(of: agreement) != nil)
    }
}
