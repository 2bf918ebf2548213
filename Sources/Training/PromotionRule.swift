/// Decides whether a candidate replaces the model in force, by what both answer about the same held-out documents.
///
/// It comes into force when it is shown not to be worse on any task, and shown to be better on one; otherwise the model
/// in force stays. Three things want a word.
///
/// *Few rows.* A loss of one point cannot be ruled out with less than some thousand held-out rows, so a rule that asks for
/// that never promotes anything, and one that only looks at the scores promotes noise. The margin therefore is what the
/// rows can show: `margin` from `marginRows` documents on, and wider by the square root of what is missing below,
/// as the interval is (1 point at 4,000, 2 at 1,000, 8 at 60). What keeps noise out is the other half: a gain has to be one that
/// equally good models show in one night of ten at most (`gainConfidence`, shared among all that might look like one).
/// Being kept costs little: gains that are too small to be shown add up, and the next nights have more rows.
///
/// *What is new.* Nothing is lost by a task that the model in force does not know: answers better than guessing are a
/// gain. A new class counts when more of its rows are found than false alarms explain; the rest of the task has to hold.
///
/// *Floors.* A task may gain while a class, the probabilities or the answers about documents without gold get worse. Each
/// of these stops a candidate when it is both larger than its limit and more than chance explains.
package struct PromotionRule: Sendable, Hashable, Codable {
    /// The loss, absolute, in accuracy or entity F1 that has to be ruled out where there are `marginRows` rows.
    package var margin = 0.01
    package var marginRows = 4_000
    /// One-sided, of "not worse" and of every floor.
    package var confidence = 0.95
    /// One-sided, of "better".
    package var gainConfidence = 0.9
    /// How much recall a class may lose, absolute.
    package var classFall = 0.05
    /// Held-out rows below which a class has no floor of its own.
    package var classRows = 10
    /// How much the expected calibration error may rise.
    package var calibrationRise = 0.05
    /// Share of sure answers about documents without gold that may change, if held-out documents do not show more.
    package var flipRate = 0.2
    package var resamples = 2_000
    package var seed: UInt64 = 1

    package init() {}

    /// A sample of documents without gold: about how many the model in force is sure of its answer, and how many of these get
    /// another one from the candidate.
    package struct Flips: Sendable, Hashable, Codable {
        package let documents: Int
        package let flipped: Int

        package init(documents: Int, flipped: Int) {
            self.documents = documents
            self.flipped = flipped
        }
    }

    /// What was decided, and everything it was decided by.
    package struct Decision: Sendable, Hashable, Codable {
        package let promotes: Bool
        /// In words and numbers.
        package let reason: String
        /// The thresholds; nil when no rule was asked.
        package let rule: PromotionRule?
        package let tasks: [TaskComparison]

        package init(promotes: Bool, reason: String, rule: PromotionRule? = nil, tasks: [TaskComparison] = []) {
            self.promotes = promotes
            self.reason = reason
            self.rule = rule
            self.tasks = tasks
        }

        /// What the figures say, whoever decided in the end; nil without figures.
        package var byFiguresAlone: Bool? {
            guard rule != nil, !tasks.isEmpty else { return nil }
            return tasks.allSatisfy { GateWords.losses($0).isEmpty } && tasks.contains { GateWords.gain($0) != nil }
        }

        /// Somebody or something else decides; the figures stay.
        package func overruled(promotes: Bool, reason: String) -> Decision {
            Decision(promotes: promotes, reason: reason, rule: rule, tasks: tasks)
        }
    }

    /// - Parameters:
    ///   - pairs: one a task that either model knows.
    ///   - flips: by task; a task without a sample is not judged by it.
    package func decide(_ pairs: [PairedTask], flips: [String: Flips] = [:]) -> Decision {
        let judges = pairs.map { ($0.task, TaskJudge($0, rule: self)) }
        let trials = judges.reduce(0) { $0 + $1.1.trials }
        let level = (1 - gainConfidence) / Double(max(trials, 1))
        let risks = pairs.contains { $0.knownBefore != nil }
        return decide(judges.map { task, judge in judge.compare(level: level, risksOthers: risks, flips: flips[task]) })
    }

    /// The largest loss that need not be ruled out with so many held-out documents.
    package func margin(documents: Int) -> Double {
        margin * max(1, Double(marginRows) / Double(max(documents, 1))).squareRoot()
    }

    private func decide(_ tasks: [TaskComparison]) -> Decision {
        func decision(_ promotes: Bool, _ reasons: [String]) -> Decision {
            Decision(promotes: promotes, reason: reasons.joined(separator: "; "), rule: self, tasks: tasks)
        }
        guard !tasks.isEmpty else { return decision(false, ["there are no held-out documents to judge by"]) }
        let losses = tasks.flatMap { GateWords.losses($0) }
        guard losses.isEmpty else { return decision(false, losses) }
        let gains = tasks.compactMap(GateWords.gain)
        let others = tasks.filter { GateWords.gain($0) == nil && $0.verdict != .unchanged }.map(GateWords.state)
        if !gains.isEmpty { return decision(true, gains + others) }
        if others.isEmpty {
            return decision(false, ["nothing has changed: every held-out document has the same answers"])
        }
        return decision(false, ["no gain is shown"] + others)
    }
}
