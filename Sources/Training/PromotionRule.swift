/// Decides whether a new model comes into force, by what it and the model in force reach on the same held-out documents.
///
/// Not a statistical test: it looks at two numbers a task. It refuses what is plainly worse and says why.
package struct PromotionRule: Sendable, Hashable {
    /// How much a single task's score may fall while the tasks together gain, absolute.
    package var tolerance: Double

    package init(tolerance: Double = 0.02) { self.tolerance = tolerance }

    package enum Decision: Sendable, Hashable {
        case promote(reason: String)
        case keep(reason: String)

        package var reason: String {
            switch self {
            case .promote(let reason), .keep(let reason): reason
            }
        }
    }

    /// One task's score: accuracy of a classification, entity micro F1 of an entity task.
    package struct Comparison: Sendable, Hashable {
        package let task: String
        /// Nil when the model in force had no trained head for it.
        package let before: Double?
        package let after: Double

        package init(task: String, before: Double?, after: Double) {
            self.task = task
            self.before = before
            self.after = after
        }
    }

    /// - Parameter comparisons: One a trained task. Empty: there are no held-out documents to judge by.
    package func decide(_ comparisons: [Comparison]) -> Decision {
        guard !comparisons.isEmpty else {
            return .promote(reason: "there are no held-out documents to compare on")
        }
        let known = comparisons.compactMap { comparison in comparison.before.map { (comparison, $0) } }
        for (comparison, before) in known where comparison.after < before - tolerance {
            return .keep(
                reason: "\(comparison.task) would fall from \(Self.show(before)) to \(Self.show(comparison.after))")
        }
        if known.count < comparisons.count {
            return .promote(reason: "it knows tasks that the model in force does not")
        }
        let gain = known.reduce(0) { $0 + $1.0.after - $1.1 } / Double(known.count)
        return gain >= 0
            ? .promote(reason: "no task falls, and on average they gain \(Self.show(gain))")
            : .keep(reason: "on average its tasks would lose \(Self.show(-gain))")
    }

    private static func show(_ value: Double) -> String {
        let thousandths = Int((value * 1000).rounded())
        let digits = String(abs(thousandths) + 1000).suffix(3)
        return "\(thousandths < 0 ? "-" : "")\(abs(thousandths) / 1000).\(digits)"
    }
}
