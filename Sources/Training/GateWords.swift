import Foundation

/// A gate's figures as sentences for people.
enum GateWords {
    /// Why the task speaks for the candidate; nil when it does not.
    static func gain(_ found: TaskComparison) -> String? {
        switch found.verdict {
        case .new:
            return "\(found.task) is new: " + measured(found) + ", by guessing \(show(found.guessing ?? 0))"
        case .better:
            let known = found.newClasses.filter(\.isKnown).map { "\($0.name) \($0.right) of \($0.rows)" }
            guard known.isEmpty else {
                return "\(found.task) knows new classes (right: \(known.joined(separator: ", "))): " + measured(found)
            }
            return "\(found.task) gains: " + measured(found)
        default: return nil
        }
    }

    /// Where a task stands that speaks neither for nor against.
    static func state(_ found: TaskComparison) -> String {
        switch found.verdict {
        case .guessing:
            return "\(found.task) is new and no better than guessing (\(show(found.guessing ?? 0))): " + measured(found)
        default:
            let chance = found.chanceOfGain.map {
                "; chance alone does as well in \(Int(($0 * 100).rounded())) of 100 cases"
            }
            let unseen = found.newClasses.filter { !$0.isKnown }.map { "\($0.name) \($0.right) of \($0.rows)" }
            return "\(found.task) is not worse: " + measured(found) + (chance ?? "")
                + (unseen.isEmpty ? "" : "; new classes not shown to be known: \(unseen.joined(separator: ", "))")
        }
    }

    /// Everything that speaks against the candidate.
    static func losses(_ found: TaskComparison) -> [String] {
        var losses: [String] = []
        if found.verdict == .gone {
            losses.append("\(found.task) would not be answered any more")
        } else if found.verdict == .worse {
            let isSure = found.difference.map { $0.upper < 0 } ?? false
            losses.append(
                "\(found.task) \(isSure ? "is" : "may be") worse: " + measured(found)
                    + (isSure ? "" : "; a loss of \(show(found.margin ?? 0)) is not ruled out"))
        }
        losses += found.classes.filter { !$0.passes }.map {
            "\(found.task) loses \($0.name): recall \(show($0.before)) to \(show($0.after)) on \($0.rows) of the class, "
                + "\($0.lost) lost and \($0.gained) gained"
        }
        if let calibration = found.calibration, !calibration.passes {
            losses.append(
                "\(found.task)'s probabilities are less true: calibration error \(show(calibration.before)) to "
                    + show(calibration.after))
        }
        if let flips = found.flips, !flips.passes {
            losses.append(
                "\(found.task) would change \(flips.flipped) of \(flips.documents) sure answers about documents without gold, "
                    + "more than \(show(flips.limit)), and \(show(flips.heldOut)) of those about held-out ones")
        }
        return losses
    }

    /// `accuracy 0.702 to 0.745 on 200 held-out documents (+0.043, between +0.010 and +0.075; 14 gained, 5 lost)`
    private static func measured(_ found: TaskComparison) -> String {
        let after = show(found.after ?? 0)
        let scores = found.before.map { "\(show($0)) to \(after)" } ?? after
        let text = "\(found.measure) \(scores) on \(found.documents) held-out documents"
        guard let difference = found.difference else { return text }
        return text
            + " (\(signed(difference.estimate)), between \(signed(difference.lower)) and \(signed(difference.upper)); "
            + "\(found.gained) gained, \(found.lost) lost)"
    }

    private static func show(_ value: Double) -> String { String(format: "%.3f", value) }

    private static func signed(_ value: Double) -> String { String(format: "%+.3f", value) }
}
