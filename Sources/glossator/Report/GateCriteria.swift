import Training

/// What one task's part of the gate asked, what was found, and whether it holds.
struct GateCriteria {
    private enum Result {
        case passed
        /// Stops the new model.
        case failed
        /// Of what speaks for a new model: not enough to do so.
        case notShown

        var html: HTML {
            switch self {
            case .passed: .tag("span", class: "better", "✓ passed")
            case .failed: .tag("strong", class: "worse", "✗ stops the model")
            case .notShown: .tag("span", class: "same", "– not shown")
            }
        }
    }

    private let found: TaskComparison
    private let rule: PromotionRule

    init(_ found: TaskComparison, rule: PromotionRule) {
        self.found = found
        self.rule = rule
    }

    var html: HTML {
        let rows = score + newClasses + classes + calibration + flips
        guard !rows.isEmpty else { return .empty }
        return ReportTable(
            caption: "Each criterion: what was found, and what is asked for",
            columns: [.text("criterion"), .text("found"), .text("asked for"), .text("result")],
            rows: rows.map { [$0.0, $0.1, $0.2, $0.3.html] }
        ).html
    }

    private typealias Row = (HTML, HTML, HTML, Result)

    // MARK: - The score

    private var score: [Row] {
        switch found.verdict {
        case .gone: return [("answers the task", "no", "the model in force does", .failed)]
        case .new, .guessing:
            return [
                (
                    "better than guessing", HTML(Figure.text(found.after)),
                    HTML("above \(Figure.text(found.guessing)), and not by chance"),
                    found.verdict == .new ? .passed : .notShown
                )
            ]
        case .unchanged: return [("different answers", "none", "at least one", .notShown)]
        case .better, .notWorse, .worse: return compared
        }
    }

    private var compared: [Row] {
        guard let difference = found.difference else { return [] }
        let tolerated = HTML("no more than \(Figure.text(found.margin)) lost")
        let worst: HTML =
            found.lost == 0
            ? "no document got worse" : HTML("at worst \(Figure.change(difference.lower))")
        let gain = found.chanceOfGain.map { "\(Figure.change(difference.estimate)), by chance in \(Self.cases($0))" }
        return [
            ("no worse", worst, tolerated, found.verdict == .worse ? .failed : .passed),
            (
                "better", HTML(gain ?? Figure.change(difference.estimate)),
                HTML(
                    "by chance in \(Self.cases(1 - rule.gainConfidence)) at most, "
                        + "shared among all that might look like a gain"),
                found.verdict == .better ? .passed : .notShown
            ),
        ]
    }

    /// A probability for those who think in cases.
    static func cases(_ probability: Double) -> String {
        let cases = 100 * probability
        return cases < 1 ? "fewer than 1 of 100" : "\(Int(cases.rounded())) of 100"
    }

    // MARK: - Classes

    private var newClasses: [Row] {
        found.newClasses.map { new in
            (
                .all(["knows the new ", .name(new.name)]),
                HTML(
                    "\(Figure.count(new.right)) of \(Figure.count(new.rows)) right, "
                        + "by chance in \(Self.cases(new.chance))"),
                "more than false alarms explain", new.isKnown ? .passed : .notShown
            )
        }
    }

    /// Every class that stops the model; the others in one row.
    private var classes: [Row] {
        let limit = "a fall of at most \(Figure.text(rule.classFall)), or what chance explains"
        var rows: [Row] = found.classes.filter { !$0.passes }.map { one in
            (
                .all(["finds ", .name(one.name), " as before"]),
                HTML(
                    "recall \(Figure.text(one.before)) to \(Figure.text(one.after)) on \(Figure.count(one.rows)); "
                        + "\(Figure.count(one.lost)) lost, \(Figure.count(one.gained)) gained"), HTML(limit), .failed
            )
        }
        let held = found.classes.filter(\.passes)
        if let largest = held.max(by: { $0.before - $0.after < $1.before - $1.after }) {
            let fall = largest.before - largest.after
            let most: HTML =
                fall > 0
                ? .all([HTML("; the largest fall is \(Figure.text(fall)), of "), .name(largest.name)]) : "; none falls"
            rows.append(
                (
                    rows.isEmpty ? "no class is lost" : "the other classes",
                    .all([HTML("\(Figure.count(held.count)) with \(rule.classRows) documents or more"), most]),
                    HTML(limit), .passed
                ))
        }
        return rows
    }

    // MARK: - Calibration and flips

    private var calibration: [Row] {
        guard let found = found.calibration else { return [] }
        return [
            (
                "scores still mean what they say",
                HTML("calibration error \(Figure.text(found.before)) to \(Figure.text(found.after))"),
                HTML("a rise of at most \(Figure.text(rule.calibrationRise)), or what chance explains"),
                found.passes ? .passed : .failed
            )
        ]
    }

    private var flips: [Row] {
        guard let found = found.flips else { return [] }
        return [
            (
                "other documents keep their answers",
                HTML(
                    """
                    \(Figure.count(found.flipped)) of \(Figure.count(found.documents)) sure answers about documents without \
                    gold would change (\(Figure.percent(found.heldOut)) about held-out ones)
                    """), HTML("at most \(Figure.percent(found.limit))"), found.passes ? .passed : .failed
            )
        ]
    }
}
