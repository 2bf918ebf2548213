import Foundation
import Testing
import Training

@Suite("Promotion rule")
struct PromotionRuleTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let pairs: [PairedTask]
        let promotes: Bool
        /// Of each task, in order.
        let verdicts: [TaskComparison.Verdict]
        /// What the reason says, among other things.
        let says: String

        init(
            _ description: String, _ pairs: [PairedTask], promotes: Bool, _ verdicts: [TaskComparison.Verdict],
            says: String
        ) {
            (testDescription, self.pairs, self.promotes) = (description, pairs, promotes)
            (self.verdicts, self.says) = (verdicts, says)
        }
    }

    private static let gains = PairedRows.topic(PairedRows.labels(both: 140, gained: 14, lost: 4, neither: 42))

    private static func mood(
        both: Int = 0, gained: Int = 0, lost: Int = 0, neither: Int = 0, before: Set<String>? = ["yes", "no"],
        after: Set<String>? = ["yes", "no"]
    ) -> PairedTask {
        PairedRows.topic(
            PairedRows.labels(both: both, gained: gained, lost: lost, neither: neither), name: "mood", before: before,
            after: after)
    }

    static let scores: [Case] = [
        .init("nothing to judge by", [], promotes: false, [], says: "no held-out documents"),
        .init(
            "the same answers", [mood(both: 30, neither: 20)], promotes: false, [.unchanged],
            says: "nothing has changed"),
        .init(
            "a gain", [gains], promotes: true, [.better],
            says: "topic gains: accuracy 0.720 to 0.770 on 200 held-out documents (+0.050"),
        .init(
            "a gain that chance explains", [mood(both: 140, gained: 8, lost: 6, neither: 46)], promotes: false,
            [.notWorse], says: "no gain is shown; mood is not worse"),
        .init(
            "a loss", [mood(both: 140, gained: 4, lost: 24, neither: 32)], promotes: false, [.worse],
            says: "mood is worse: accuracy 0.820 to 0.720"),
        .init(
            "a loss that rows cannot rule out", [gains, mood(both: 40, gained: 3, lost: 5, neither: 2)],
            promotes: false, [.better, .worse], says: "mood may be worse"),
        .init(
            "a gain beside a little to and fro", [gains, mood(both: 960, gained: 9, lost: 11, neither: 20)],
            promotes: true, [.better, .notWorse], says: "topic gains"),
        .init(
            "a gain beside the same answers", [gains, mood(both: 3, neither: 1)], promotes: true,
            [.better, .unchanged], says: "topic gains"),
        .init(
            "few rows, all gained", [mood(both: 5, gained: 4, neither: 3)], promotes: true, [.better],
            says: "mood gains"),
        .init(
            "few rows, one gained", [mood(both: 5, gained: 1, neither: 3)], promotes: false, [.notWorse],
            says: "in 25 of 100 cases"),
        .init(
            "entities gain",
            [
                PairedRows.names(
                    Array(repeating: PairedRows.mentions(gold: 3, before: (1, 1), after: (2, 0)), count: 9)
                        + Array(repeating: PairedRows.mentions(gold: 2, before: (2, 0), after: (2, 0)), count: 30))
            ], promotes: true, [.better], says: "entity F1 0.836 to 0.945"),
        .init(
            "entities lose",
            [
                PairedRows.names(
                    Array(repeating: PairedRows.mentions(gold: 3, before: (2, 0), after: (1, 2)), count: 9)
                        + Array(repeating: PairedRows.mentions(gold: 2, before: (2, 0), after: (2, 0)), count: 30))
            ], promotes: false, [.worse], says: "names is worse"),
    ]

    private static let known = PairedRows.topic(
        PairedRows.labels(both: 60, gained: 2, lost: 2, neither: 6)
            + PairedRows.labels("maybe", wrong: "no", gained: 3, neither: 2), after: ["yes", "no", "maybe"])
    private static let unknown = PairedRows.topic(
        PairedRows.labels(both: 60, gained: 2, lost: 2, neither: 6)
            + PairedRows.labels("maybe", wrong: "no", neither: 5), after: ["yes", "no", "maybe"])
    private static let dreadful = PairedRows.topic(
        PairedRows.labels(both: 20, gained: 0, lost: 40, neither: 6)
            + PairedRows.labels("maybe", wrong: "no", gained: 5), after: ["yes", "no", "maybe"])

    private static func fresh(_ right: Int, _ wrong: Int, of task: String = "mood") -> PairedTask {
        let rows = PairedRows.labels(both: right, neither: wrong) + PairedRows.labels("no", wrong: "yes", both: right)
        return PairedRows.topic(rows.map { .init(before: nil, after: $0.after) }, name: task, before: nil)
    }

    static let news: [Case] = [
        .init("a new task", [fresh(6, 2)], promotes: true, [.new], says: "mood is new: accuracy 0.857"),
        .init(
            "a new task of one document",
            [
                PairedRows.topic(
                    PairedRows.labels(both: 1).map { .init(before: nil, after: $0.after) }, before: nil)
            ], promotes: true, [.new], says: "by guessing 0.500"),
        .init(
            "a new task answered by one label only",
            [
                PairedRows.topic(
                    (PairedRows.labels(both: 9) + PairedRows.labels("no", wrong: "yes", neither: 1)).map {
                        .init(before: nil, after: $0.after)
                    }, before: nil)
            ], promotes: false, [.guessing], says: "no better than guessing"),
        .init(
            "a new entity task that finds nothing",
            [
                PairedRows.names(
                    [.init(before: nil, after: PairedRows.mentions(gold: 2, before: (0, 0), after: (0, 3)).after)],
                    before: nil)
            ], promotes: false, [.guessing], says: "names is new and no better"),
        .init(
            "a new task beside a loss", [fresh(6, 2, of: "a"), mood(both: 40, lost: 20)], promotes: false,
            [.new, .worse], says: "mood is worse"),
        .init(
            "a poor new task does not stop a gain", [gains, fresh(0, 9)], promotes: true, [.better, .guessing],
            says: "mood is new and no better"),
        .init("a new class", [known], promotes: true, [.better], says: "topic knows new classes (right: maybe 3 of 5)"),
        .init(
            "a new class that is never found", [unknown], promotes: false, [.notWorse],
            says: "new classes not shown to be known: maybe 0 of 5"),
        .init("a new class at the others' cost", [dreadful], promotes: false, [.worse], says: "topic is worse"),
        .init(
            "a task that is not answered any more", [gains, mood(both: 9, after: nil)], promotes: false,
            [.better, .gone], says: "mood would not be answered any more"),
    ]

    private static func filler(_ rows: [PairedTask.Row<PairedRows.Label>]) -> PairedTask {
        PairedRows.topic(PairedRows.labels(both: 300, gained: 60, neither: 40) + rows)
    }

    static let floors: [Case] = [
        .init(
            "a class falls", [filler(PairedRows.labels("no", wrong: "yes", both: 11, gained: 1, lost: 9))],
            promotes: false, [.better], says: "topic loses no: recall 0.952 to 0.571 on 21 of the class, 9 lost"),
        .init(
            "a class falls as chance has it",
            [filler(PairedRows.labels("no", wrong: "yes", both: 11, gained: 1, lost: 4))],
            promotes: true, [.better], says: "topic gains"),
        .init(
            "a class of few rows falls", [filler(PairedRows.labels("no", wrong: "yes", lost: 9))], promotes: true,
            [.better], says: "topic gains"),
        .init(
            "a type falls",
            [
                PairedRows.names(
                    Array(repeating: PairedRows.mentions(gold: 1, before: (0, 0), after: (1, 0)), count: 90)
                        + Array(
                            repeating: PairedRows.mentions(gold: 2, before: (2, 0), after: (1, 0), type: "place"),
                            count: 8),
                    before: ["person", "place"], after: ["person", "place"])
            ], promotes: false, [.better], says: "names loses place: recall 1.000 to 0.500 on 16 of the class"),
        .init(
            "probabilities get worse",
            [
                PairedRows.topic(
                    PairedRows.labels(both: 300, gained: 40, lost: 0, neither: 60, confidence: (0.75, 0.99)))
            ], promotes: false, [.better], says: "calibration error 0.000 to 0.140"),
        .init(
            "probabilities get a little worse",
            [
                PairedRows.topic(
                    PairedRows.labels(both: 300, gained: 40, lost: 0, neither: 60, confidence: (0.75, 0.88)))
            ], promotes: true, [.better], says: "topic gains"),
        .init(
            "few rows show no calibration",
            [
                PairedRows.topic(
                    PairedRows.labels(both: 6, gained: 4, lost: 0, neither: 1, confidence: (0.6, 0.99)))
            ], promotes: true, [.better], says: "topic gains"),
    ]

    @Test("what is promoted, and why", arguments: scores + news + floors)
    func decide(_ entry: Case) {
        let decision = PromotionRule().decide(entry.pairs)
        if !entry.pairs.isEmpty { #expect(decision.byFiguresAlone == entry.promotes) }
        #expect(decision.promotes == entry.promotes, "\(decision.reason)")
        #expect(decision.tasks.map(\.verdict) == entry.verdicts, "\(decision.reason)")
        #expect(decision.reason.contains(entry.says), "\(decision.reason)")
    }

    @Test(
        "answers about documents without gold may change as held-out ones do",
        arguments: [(20, 100, true), (23, 100, false), (41, 200, true), (60, 300, true), (200, 300, false)])
    func flips(flipped: Int, documents: Int, promotes: Bool) {
        // 32 of 200 held-out answers change: as many as 0.209 are not ruled out.
        let pair = PairedRows.topic(PairedRows.labels(both: 130, gained: 29, lost: 3, neither: 38))
        let decision = PromotionRule().decide([pair], flips: ["topic": .init(documents: documents, flipped: flipped)])
        #expect(decision.promotes == promotes, "\(decision.reason)")
        #expect(decision.tasks[0].flips?.passes == promotes)
        #expect(promotes || decision.reason.contains("would change \(flipped) of \(documents) sure answers"))
        #expect(PromotionRule().decide([pair], flips: ["other": .init(documents: 1, flipped: 1)]).promotes)
    }

    @Test("thresholds are settings: a rule that asks for less promotes more")
    func thresholds() {
        let pair = PairedRows.topic(PairedRows.labels(both: 140, gained: 8, lost: 6, neither: 46))
        var rule = PromotionRule()
        rule.gainConfidence = 0.6
        #expect(rule.decide([pair]).promotes)
        rule.margin = 0.0001
        #expect(!rule.decide([pair]).promotes)
        #expect(PromotionRule().margin(documents: 1_000) == 0.02)
        #expect(PromotionRule().margin(documents: 100_000) == 0.01)
    }

    @Test("the more tasks change, the surer a gain has to be")
    func manyTasks() {
        // Seven gained and two lost: chance 0.055.
        let tasks = ["a", "b", "c"].map { PairedRows.topic(PairedRows.labels(both: 90, gained: 7, lost: 2), name: $0) }
        #expect(PromotionRule().decide(Array(tasks.prefix(1))).promotes)
        #expect(!PromotionRule().decide(tasks).promotes)
    }

    @Test("a decision is stored whole and read back; the order of tasks does not matter to it")
    func stored() throws {
        let (a, b) = (Self.known, Self.mood(both: 90, gained: 7, lost: 4))
        let decision = PromotionRule().decide([a, b], flips: ["topic": .init(documents: 80, flipped: 3)])
        let text = try JSONEncoder().encode(decision)
        #expect(try JSONDecoder().decode(PromotionRule.Decision.self, from: text) == decision)
        #expect(decision.rule == PromotionRule())
        let turned = PromotionRule().decide([b, a], flips: ["topic": .init(documents: 80, flipped: 3)])
        #expect(turned.tasks == decision.tasks.reversed())
        #expect(decision.overruled(promotes: false, reason: "no").tasks == decision.tasks)
    }
}
