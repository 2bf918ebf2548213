import Foundation
import Testing
import Training
import glossator

@Suite("The report's gate")
struct ReportGateTests {
    private typealias Label = HeldOutAnswers.Label

    /// Rows of one gold label; a wrong answer is another label.
    private static func rows(
        _ gold: String = "yes", both: Int = 0, gained: Int = 0, lost: Int = 0, neither: Int = 0, after: Double = 0.8
    ) -> [PairedTask.Row<HeldOutAnswers.Label>] {
        func label(_ isRight: Bool, _ confidence: Double) -> Label {
            Label(gold: gold, answer: isRight ? gold : "no", confidence: confidence)
        }
        let counts = [(true, true, both), (false, true, gained), (true, false, lost), (false, false, neither)]
        return counts.flatMap { first, second, count in
            Array(repeating: .init(before: label(first, 0.8), after: label(second, after)), count: count)
        }
    }

    private static func pair(
        _ rows: [PairedTask.Row<HeldOutAnswers.Label>], name: String = "topic", before: Set<String>? = ["yes", "no"],
        after: Set<String>? = ["yes", "no"]
    ) -> PairedTask {
        PairedTask(task: name, knownBefore: before, knownAfter: after, rows: .labels(rows))
    }

    private static func page(_ decision: PromotionRule.Decision) throws -> ParsedMarkup {
        try ParsedMarkup(GateSection(decision).html)
    }

    /// Cells of the criteria's rows that begin so.
    private static func criterion(_ name: String, _ parsed: ParsedMarkup) throws -> String {
        try #require(parsed.all("tr").first { $0.text.hasPrefix(name) }, "\(parsed.all("tr").map(\.text))").text
    }

    @Test("a gain: the figures that the decision has, and every criterion passed")
    func gain() throws {
        let decision = PromotionRule().decide(
            [Self.pair(Self.rows(both: 140, gained: 14, lost: 4, neither: 42))],
            flips: ["topic": .init(documents: 1_000, flipped: 70)])
        let found = try #require(decision.tasks.first)
        let parsed = try Self.page(decision)
        #expect(parsed.text.contains("The new model came into force: topic gains: accuracy 0.720 to 0.770"))
        let row = try #require(parsed.all("tr").first { $0.text.hasPrefix("topicaccuracy") }).text
        for cell in [
            "200", "0.720", "0.770", "+0.050", Figure.change(found.difference?.lower),
            Figure.change(found.difference?.upper), Figure.text(found.margin), "14, 4", "1 of 100",
        ] { #expect(row.contains(cell), "\(cell) in \(row)") }
        #expect(parsed.text.contains("No worse, and a gain is shown."))
        for name in ["no worse", "better", "no class is lost", "scores still", "other documents"] {
            #expect(try Self.criterion(name, parsed).hasSuffix("✓ passed"), "\(name)")
        }
        let flips = try Self.criterion("other documents", parsed)
        #expect(flips.contains("70 of 1,000 sure answers about documents without gold would change (9 %"), "\(flips)")
        #expect(!parsed.text.contains("✗") && !parsed.text.contains("overruled"))
    }

    @Test("what stops a model is said beside what does not")
    func losses() throws {
        let many = Self.pair(
            Self.rows(both: 400, gained: 60, neither: 10, after: 0.94) + Self.rows("rare", both: 1, lost: 19),
            before: ["yes", "no", "rare"], after: ["yes", "no", "rare"])
        let mood = Self.pair(Self.rows(both: 140, gained: 4, lost: 24, neither: 32, after: 0.99), name: "mood")
        let decision = PromotionRule().decide([many, mood], flips: ["topic": .init(documents: 100, flipped: 90)])
        #expect(!decision.promotes)
        let parsed = try Self.page(decision)
        #expect(parsed.text.contains("did not come into force"))
        #expect(try Self.criterion("finds rare as before", parsed).contains("recall 1.000 to 0.050 on 20; 19 lost"))
        for name in ["finds rare as before", "other documents keep their answers90", "no worseat worst −"] {
            #expect(try Self.criterion(name, parsed).hasSuffix("✗ stops the model"), "\(name)")
        }
        #expect(parsed.text.contains("The new model is worse. This stops it."))
        #expect(parsed.all("strong", class: "worse").count == 5, "rare, flips; mood's loss, its yes, its calibration")
    }

    @Test("a gain that is not shown, a new task, a task that is gone, the same answers")
    func others() throws {
        let pairs = [
            Self.pair(Self.rows(both: 140, gained: 8, lost: 6, neither: 46), name: "a"),
            Self.pair(Self.rows(both: 30), name: "b"),
            Self.pair(Self.rows(gained: 9, neither: 1) + Self.rows("no", gained: 9), name: "c", before: nil),
            Self.pair(Self.rows(lost: 9), name: "d", after: nil),
        ]
        let parsed = try Self.page(PromotionRule().decide(pairs))
        #expect(parsed.all("h3").map(\.text) == ["a", "b", "c", "d"].map { "Criteria: \($0)" })
        #expect(try Self.criterion("better+0.010", parsed).hasSuffix("– not shown"))
        #expect(try Self.criterion("different answers", parsed).contains("none"))
        #expect(try Self.criterion("better than guessing", parsed).hasSuffix("✓ passed"))
        #expect(try Self.criterion("answers the task", parsed).hasSuffix("✗ stops the model"))
    }

    @Test("a new class is counted")
    func newClass() throws {
        let pair = Self.pair(
            Self.rows(both: 90) + Self.rows("<b>new</b>", gained: 9, neither: 3), before: ["yes", "no"],
            after: ["yes", "no", "<b>new</b>"])
        let parsed = try Self.page(PromotionRule().decide([pair]))
        let new = try Self.criterion("knows the new <b>new</b>", parsed)
        #expect(new.contains("9 of 12 right, by chance in fewer than 1"), "\(new)")
        #expect(parsed.all("b").isEmpty)
        #expect(parsed.text.contains("it knows what the model in force does not"))
    }

    @Test("who was overruled says what the figures say", arguments: [true, false])
    func overruled(promotes: Bool) throws {
        let rows =
            promotes ? Self.rows(both: 140, lost: 30, neither: 30) : Self.rows(both: 140, gained: 30, neither: 30)
        let decision = PromotionRule().decide([Self.pair(rows)])
        #expect(decision.promotes != promotes && decision.byFiguresAlone == decision.promotes)
        let parsed = try Self.page(decision.overruled(promotes: promotes, reason: "as was asked for"))
        #expect(parsed.text.contains(promotes ? "would not have come into force" : "would have come into force"))
        #expect(parsed.text.contains("as was asked for"))
    }

    @Test("a decision without figures is only told")
    func nothing() throws {
        for decision in [
            PromotionRule.Decision(promotes: false, reason: "the plan left nothing to learn"),
            PromotionRule().decide([]),
        ] {
            let parsed = try Self.page(decision)
            #expect(parsed.text.contains(decision.reason) && parsed.all("table").isEmpty)
        }
    }
}
