/// Compares a task's paired answers as `PromotionRule` wants it.
struct TaskJudge {
    private let rule: PromotionRule
    private let pair: PairedTask
    private let isEntities: Bool
    private let rows: [JudgedRow]
    private let resampling: PairedResampling

    init(_ pair: PairedTask, rule: PromotionRule) {
        self.rule = rule
        self.pair = pair
        isEntities = if case .mentions = pair.rows { true } else { false }
        rows = JudgedRow.rows(of: pair)
        resampling = PairedResampling(seed: rule.seed, task: pair.task, resamples: rule.resamples)
    }

    /// Whether both models know the task and any answer is another one.
    var isChanged: Bool {
        pair.knownBefore != nil && pair.knownAfter != nil && rows.contains(where: \.isChanged)
    }

    /// How often something might be found better by chance: the task, and each of its new classes.
    var trials: Int {
        guard let known = pair.knownBefore else { return pair.knownAfter == nil ? 0 : 1 }
        return (isChanged ? 1 : 0) + newClassNames(known).count
    }

    /// - Parameters:
    ///   - level: the probability that chance may have of each gain.
    ///   - risksOthers: whether the model in force knows any task.
    func compare(level: Double, risksOthers: Bool, flips: PromotionRule.Flips?) -> TaskComparison {
        let score = PairedResampling.scores(rows.map(\.sums))
        var found = TaskComparison(
            task: pair.task, measure: isEntities ? "entity F1" : "accuracy", documents: rows.count,
            before: pair.knownBefore == nil ? nil : score.before, after: pair.knownAfter == nil ? nil : score.after)
        guard let after = found.after else {
            found.verdict = .gone
            return found
        }
        guard let known = pair.knownBefore else {
            found.guessing = guessing
            found.verdict = isKnown(score: after, level: risksOthers ? level : nil) ? .new : .guessing
            return found
        }
        found.changed = rows.count(where: \.isChanged)
        found.gained = rows.count { $0.errorsAfter < $0.errorsBefore }
        found.lost = rows.count { $0.errorsAfter > $0.errorsBefore }
        found.newClasses = newClasses(known, level: level)
        found.classes = recalls(known)
        found.calibration = calibration
        found.flips = flips.map { judge($0) }
        judgeScore(&found, level: level)
        return found
    }

    /// Whether answers about a new task are better than guessing, and not by luck where there is something to lose. One
    /// entity that is right is no luck.
    private func isKnown(score: Double, level: Double?) -> Bool {
        guard let level, !isEntities, guessing < 1 else { return score > guessing }
        let right = rows.count { $0.errorsAfter == 0 }
        return ExactTests.upperTail(right, of: rows.count, probability: guessing) <= level
    }

    private func judgeScore(_ found: inout TaskComparison, level: Double) {
        guard found.changed > 0 else { return }
        let sums = rows.map(\.sums)
        let difference = resampling.interval(sums, confidence: rule.confidence)
        let margin = rule.margin(documents: rows.count)
        let chance =
            isEntities
            ? resampling.chanceOfGain(sums) : ExactTests.mcnemar(gained: found.gained, lost: found.lost)
        (found.difference, found.margin, found.chanceOfGain) = (difference, margin, chance)
        if !isEntities { found.mcnemar = ExactTests.twoSidedMcnemar(gained: found.gained, lost: found.lost) }
        // Resampling rows of which none is worse cannot say how many might be: the point estimate stands.
        guard found.lost == 0 || difference.lower > -margin else {
            found.verdict = .worse
            return
        }
        let isBetter = difference.estimate > 0 && chance <= level
        found.verdict = isBetter || found.newClasses.contains(where: \.isKnown) ? .better : .notWorse
    }

    /// What answers that have nothing to do with the text would reach: the candidate's labels, dealt out at random
    /// (Cohen's chance agreement), or one label of all that it knows where gold shows only one. Entities are not guessed.
    private var guessing: Double {
        guard case .labels(let rows) = pair.rows, !rows.isEmpty else { return 0 }
        let gold = Dictionary(grouping: rows.compactMap { $0.after?.gold }, by: { $0 }).mapValues(\.count)
        let answers = Dictionary(grouping: rows.compactMap { $0.after?.answer }, by: { $0 }).mapValues(\.count)
        guard gold.count > 1 else { return 1 / Double(max(pair.knownAfter?.count ?? 1, 2)) }
        let hits = gold.reduce(0) { $0 + $1.value * (answers[$1.key] ?? 0) }
        return Double(hits) / Double(rows.count * rows.count)
    }

    // MARK: - Classes

    private func tallies() -> [(name: String, tally: JudgedRow.Tally)] {
        var tallies: [String: JudgedRow.Tally] = [:]
        for row in rows {
            for (name, tally) in row.classes {
                tallies[name, default: .init()].rows += tally.rows
                tallies[name, default: .init()].before += tally.before
                tallies[name, default: .init()].after += tally.after
            }
        }
        return tallies.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
    }

    private func newClassNames(_ known: Set<String>) -> Set<String> {
        Set(rows.flatMap(\.classes.keys).filter { !known.contains($0) && pair.knownAfter?.contains($0) == true })
    }

    private func newClasses(_ known: Set<String>, level: Double) -> [TaskComparison.NewClass] {
        let names = newClassNames(known)
        return tallies().filter { names.contains($0.name) }.map { name, tally in
            // How often rows of other classes get the answer, with one more that does and one that does not: rows too few
            // to show a false alarm do not show that there is none.
            let others = rows.filter { $0.classes[name] == nil }
            let alarms = others.count { $0.answered.contains(name) }
            let chance = ExactTests.upperTail(
                tally.after, of: tally.rows, probability: Double(alarms + 1) / Double(others.count + 2))
            return .init(
                name: name, rows: tally.rows, right: tally.after, chance: chance,
                isKnown: chance <= level)
        }
    }

    private func recalls(_ known: Set<String>) -> [TaskComparison.ClassRecall] {
        let judged = tallies().filter { known.contains($0.name) && $0.tally.rows >= rule.classRows }
        // Each of many classes would now and then lose by chance: together they do with the probability asked for.
        let level = (1 - rule.confidence) / Double(max(judged.count, 1))
        return judged.map { name, tally in
            let own = rows.compactMap { $0.classes[name] }
            let (gained, lost) = (own.count { $0.after > $0.before }, own.count { $0.after < $0.before })
            let chance = ExactTests.mcnemar(gained: lost, lost: gained)
            let (before, after) = (ratio(tally.before, tally.rows), ratio(tally.after, tally.rows))
            return .init(
                name: name, rows: tally.rows, before: before, after: after, gained: gained, lost: lost, chance: chance,
                passes: before - after <= rule.classFall || chance > level)
        }
    }

    // MARK: - Calibration and flips

    private var calibration: TaskComparison.CalibrationChange? {
        let answers = rows.compactMap { row in
            row.confidences.map {
                (
                    before: (confidence: $0.before, isCorrect: row.errorsBefore == 0),
                    after: (confidence: $0.after, isCorrect: row.errorsAfter == 0)
                )
            }
        }
        guard !answers.isEmpty else { return nil }
        let before = Calibration(of: answers.map(\.before)).expectedError
        let after = Calibration(of: answers.map(\.after)).expectedError
        guard after - before > rule.calibrationRise else {
            return .init(before: before, after: after, interval: nil, passes: true)
        }
        let interval = resampling.interval(
            estimate: after - before, rows: answers.count, confidence: rule.confidence
        ) { drawn in
            Calibration.expectedError(of: drawn.lazy.map { answers[$0].after })
                - Calibration.expectedError(of: drawn.lazy.map { answers[$0].before })
        }
        return .init(before: before, after: after, interval: interval, passes: interval.lower <= 0)
    }

    /// A candidate that is much better changes many answers, and held-out documents show that it does: what it may not do
    /// is to change far more of those that nobody has looked at.
    private func judge(_ flips: PromotionRule.Flips) -> TaskComparison.FlipRate {
        let sure = rows.filter { PromotionRule.Flips.isSure($0.confidences?.before ?? 0) }
        let changed = sure.count(where: \.isChanged)
        let limit = max(
            rule.flipRate, ExactTests.upperShare(changed, of: sure.count, confidence: rule.confidence))
        let share = ratio(flips.flipped, flips.documents)
        return .init(
            documents: flips.documents, flipped: flips.flipped, heldOut: ratio(changed, sure.count), limit: limit,
            passes: share <= limit)
    }
}
