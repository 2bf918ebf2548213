import TestSupport
import Training

/// Answers of two models about the same documents, made of counts.
enum PairedRows {
    typealias Label = HeldOutAnswers.Label
    typealias Mentions = HeldOutAnswers.Mentions
    typealias Span = EntityScorer.Span

    /// A classification's rows of one gold label, which another label replaces in wrong answers.
    static func labels(
        _ gold: String = "yes", wrong: String = "no", both: Int = 0, gained: Int = 0, lost: Int = 0, neither: Int = 0,
        confidence: (before: Double, after: Double) = (0.8, 0.8)
    ) -> [PairedTask.Row<Label>] {
        func row(_ before: Bool, _ after: Bool) -> PairedTask.Row<Label> {
            .init(
                before: Label(gold: gold, answer: before ? gold : wrong, confidence: confidence.before),
                after: Label(gold: gold, answer: after ? gold : wrong, confidence: confidence.after))
        }
        return Array(repeating: row(true, true), count: both) + Array(repeating: row(false, true), count: gained)
            + Array(repeating: row(true, false), count: lost) + Array(repeating: row(false, false), count: neither)
    }

    static func topic(
        _ rows: [PairedTask.Row<Label>], name: String = "topic", before: Set<String>? = ["yes", "no"],
        after: Set<String>? = ["yes", "no"]
    ) -> PairedTask {
        PairedTask(task: name, knownBefore: before, knownAfter: after, rows: .labels(rows))
    }

    /// A document with gold entities 0..<gold, of which each model finds the first so many, and others besides.
    static func mentions(
        gold: Int, before: (found: Int, spurious: Int), after: (found: Int, spurious: Int), type: String = "person"
    ) -> PairedTask.Row<Mentions> {
        func span(_ index: Int) -> Span { Span(type: type, first: index, last: index) }
        func answer(_ counts: (found: Int, spurious: Int)) -> Mentions {
            Mentions(
                gold: (0..<gold).map(span),
                answer: (0..<counts.found).map(span) + (0..<counts.spurious).map { span(100 + $0) })
        }
        return .init(before: answer(before), after: answer(after))
    }

    static func names(
        _ rows: [PairedTask.Row<Mentions>], before: Set<String>? = ["person"], after: Set<String>? = ["person"]
    ) -> PairedTask {
        PairedTask(task: "names", knownBefore: before, knownAfter: after, rows: .mentions(rows))
    }

    /// Rows of two models that are right with probability `accuracy` and `accuracy + gain`, and of which exactly one is
    /// right with probability `discordance`.
    static func drawn(
        _ count: Int, accuracy: Double, gain: Double, discordance: Double, _ random: inout SeededGenerator
    ) -> [PairedTask.Row<Label>] {
        let (gains, losses) = ((discordance + gain) / 2, (discordance - gain) / 2)
        var counts = (both: 0, gained: 0, lost: 0, neither: 0)
        for _ in 0..<count {
            switch Double.random(in: 0..<1, using: &random) {
            case ..<gains: counts.gained += 1
            case ..<(gains + losses): counts.lost += 1
            case ..<(gains + accuracy): counts.both += 1
            default: counts.neither += 1
            }
        }
        return labels(both: counts.both, gained: counts.gained, lost: counts.lost, neither: counts.neither)
    }
}
