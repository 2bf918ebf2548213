package import Training

/// Why the new model came into force, or did not: the decision in words, figures by task, and each criterion.
package struct GateSection {
    let decision: PromotionRule.Decision

    package init(_ decision: PromotionRule.Decision) { self.decision = decision }

    static let id = "gate"

    package var html: HTML {
        var parts: [HTML] = [.tag("h2", with: ["id": Self.id], "The gate"), verdict]
        if let rule = decision.rule, !decision.tasks.isEmpty {
            parts += [figures(rule), reading(rule)]
            for found in decision.tasks {
                parts.append(.tag("h3", "Criteria: ", .name(found.task)))
                parts += [.tag("p", HTML(Self.words(found))), GateCriteria(found, rule: rule).html]
            }
        } else {
            parts.append(.tag("p", class: "note", "Nothing was compared: there are no figures."))
        }
        return .tag("section", with: ["aria-labelledby": Self.id], all: parts)
    }

    private var verdict: HTML {
        let outcome = decision.promotes ? "came into force" : "did not come into force"
        var parts: [HTML] = [
            .tag("p", HTML("The new model \(outcome): "), HTML(decision.reason), ".")
        ]
        if decision.rule != nil, let byFigures = decision.byFiguresAlone, byFigures != decision.promotes {
            parts.append(
                .tag(
                    "p", class: "note",
                    HTML(
                        "The gate was overruled: by these figures the new model would "
                            + (byFigures ? "have come into force." : "not have come into force."))))
        }
        parts.append(
            .tag(
                "p", class: "note",
                """
                A new model comes into force when it is shown to be no worse on any task, and better on one. Both models \
                answered the same held-out documents; what counts is where their answers differ.
                """))
        return .all(parts)
    }

    // MARK: - Figures

    private func figures(_ rule: PromotionRule) -> HTML {
        let rows = decision.tasks.map { found -> [HTML] in
            [
                .name(found.task), HTML(found.measure), .count(found.documents), .number(found.before),
                .number(found.after), change(found.difference?.estimate),
                HTML(
                    found.difference.map { "\(Figure.change($0.lower)) to \(Figure.change($0.upper))" } ?? "–"),
                HTML(found.margin.map { Figure.text($0) } ?? "–"),
                HTML(found.before == nil ? "–" : "\(Figure.count(found.gained)), \(Figure.count(found.lost))"),
                HTML(found.chanceOfGain.map(GateCriteria.cases) ?? "–"),
            ]
        }
        return ReportTable(
            caption: "The model in force (before) and the new one (after) on the same held-out documents",
            columns: [
                .text("task"), .text("score"), .number("documents compared"), .number("before"), .number("after"),
                .number("difference"), .number("may lie between"), .number("tolerated loss"),
                .number("got better, got worse"), .number("by chance alone"),
            ], rows: rows
        ).html
    }

    private func change(_ value: Double?) -> HTML {
        let style = value.map { $0 > 0 ? "better" : $0 < 0 ? "worse" : "same" } ?? "same"
        return .tag("span", class: style, HTML(Figure.change(value)))
    }

    /// For those who do not know statistics.
    private func reading(_ rule: PromotionRule) -> HTML {
        let inside = Figure.count(Int((100 * (2 * rule.confidence - 1)).rounded()))
        return .details(
            "How to read these figures",
            .tag(
                "p",
                HTML(
                    """
                    Other documents might have been held out, and the scores would be a little different. May lie between: \
                    where the difference would be in \(inside) of 100 such cases. Tolerated loss: no new model could show \
                    with so few documents that it is not a hair worse, so a loss of this size need not be ruled out; the \
                    more documents are held out, the smaller it is (\(Figure.text(rule.margin)) from \
                    \(Figure.count(rule.marginRows)) on). By chance alone: in how many of 100 cases two equally good models \
                    would show such a gain; a small number says that the gain is real.
                    """)))
    }

    /// Where a task stands, for a person.
    static func words(_ found: TaskComparison) -> String {
        switch found.verdict {
        case .new:
            "The model in force does not know this task; the new one answers better than guessing. This is a gain."
        case .guessing:
            "The model in force does not know this task, and the new one does no better than guessing. "
                + "This speaks neither for nor against it."
        case .better:
            found.newClasses.contains(where: \.isKnown)
                ? "No worse, and it knows what the model in force does not. This is a gain."
                : "No worse, and a gain is shown."
        case .notWorse: "No worse. A gain is not shown: chance may explain what there is."
        case .unchanged: "Both models give the same answer about every document."
        case .worse:
            (found.difference?.upper ?? 0) < 0
                ? "The new model is worse. This stops it."
                : "The new model may be worse: a loss larger than is tolerated cannot be ruled out. This stops it."
        case .gone: "The new model does not know this task any more. This stops it."
        }
    }
}
