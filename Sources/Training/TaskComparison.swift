/// One task's part of a promotion decision: what was counted, and what follows.
package struct TaskComparison: Sendable, Hashable, Codable {
    package enum Verdict: String, Sendable, Hashable, Codable {
        /// The model in force does not know the task; the candidate knows it better than by guessing.
        case new
        /// The same, and no better than guessing.
        case guessing
        /// A gain that chance does not explain, or a new class that the candidate knows.
        case better
        /// A loss larger than the margin is ruled out, and a gain is not shown.
        case notWorse
        /// The same answers.
        case unchanged
        /// A loss larger than the margin is not ruled out.
        case worse
        /// The candidate does not know the task any more.
        case gone
    }

    /// A class or entity type that only the candidate knows.
    package struct NewClass: Sendable, Hashable, Codable {
        package let name: String
        /// Held-out rows (entities) of the class, and how many of them the candidate gets right.
        package let rows: Int
        package let right: Int
        /// Probability of getting so many right when the answer has nothing to do with the row.
        package let chance: Double
        package let isKnown: Bool
    }

    /// Recall of a class or entity type that both models know.
    package struct ClassRecall: Sendable, Hashable, Codable {
        package let name: String
        /// Held-out rows (entities) of the class.
        package let rows: Int
        package let before: Double
        package let after: Double
        /// Rows (documents) of the class where only the candidate, or only the model in force, is right (finds more).
        package let gained: Int
        package let lost: Int
        /// Probability of losing so many when the models are equally good.
        package let chance: Double
        package let passes: Bool
    }

    /// Expected calibration error on the held-out rows, each model with its temperature.
    package struct CalibrationChange: Sendable, Hashable, Codable {
        package let before: Double
        package let after: Double
        /// Of the difference; nil when that is within the limit.
        package let interval: PairedResampling.Interval?
        package let passes: Bool
    }

    /// Documents without gold whose answer would be another one, of those that the model in force is sure about.
    package struct FlipRate: Sendable, Hashable, Codable {
        package let documents: Int
        package let flipped: Int
        /// The same share of the held-out documents.
        package let heldOut: Double
        package let limit: Double
        package let passes: Bool
    }

    package let task: String
    /// "accuracy" or "entity F1".
    package let measure: String
    /// Held-out documents that both models were asked about.
    package let documents: Int
    /// Nil from a model that does not know the task.
    package let before: Double?
    package let after: Double?
    /// Documents where the candidate's answer is another one.
    package var changed = 0
    /// Documents where the candidate makes fewer errors, and where it makes more.
    package var gained = 0
    package var lost = 0
    /// Of after - before.
    package var difference: PairedResampling.Interval?
    /// The largest loss that need not be ruled out.
    package var margin: Double?
    /// Probability that equally good models show such a gain: McNemar's mid-p, or approximate randomization for entities.
    package var chanceOfGain: Double?
    /// McNemar's test in both directions, mid-p; nil for entities.
    package var mcnemar: Double?
    /// What guessing would reach, of a new task.
    package var guessing: Double?
    package var newClasses: [NewClass] = []
    package var classes: [ClassRecall] = []
    package var calibration: CalibrationChange?
    package var flips: FlipRate?
    package var verdict = Verdict.unchanged
}
