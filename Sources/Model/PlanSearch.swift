package import Annotations

/// Looks for a plan in a reduced precision that may be used, by saying what to measure next. A value: it computes
/// nothing itself.
///
/// The precision in all products is judged first. Where int8 fails, each product is tried alone in int8, the rest in
/// fp32, to see how much it spoils; then the worst of them are kept in bf16, as few as suffice and a third at most: with
/// more there is little left to win over bf16.
package struct PlanSearch: Sendable {
    package enum Step: Sendable, Equatable {
        /// Compare this plan with fp32 on the whole sample: `judged`.
        case judge(PrecisionPlan)
        /// How far does this plan, which reduces a single product, move what heads see of a few texts? `probed`.
        case probe(PrecisionPlan)
        case finished(Finding)
    }

    package struct Finding: Sendable, Equatable {
        package let plan: PrecisionPlan
        package let agreement: Agreement
        /// In words; nil when the plan may be used.
        package let refusal: String?
    }

    private enum Phase {
        case uniform
        case probing
        /// The fewest worst products that suffice lie in `low...high`; `high` did, unless it has not been judged yet.
        case narrowing(low: Int, high: Int, found: Finding?)
        case finished(Finding)
    }

    /// Products that may stay in bf16.
    package let mostKept: Int
    private let precision: Precision
    private let thresholds: AgreementThresholds
    private let places: [PrecisionPlan.Place]
    private var damages: [Double] = []
    private var worst: [PrecisionPlan.Place] = []
    private var uniform: Finding?
    private var phase = Phase.uniform

    package init(_ precision: Precision, layers: Int, thresholds: AgreementThresholds) {
        self.precision = precision
        self.thresholds = thresholds
        places = (0..<layers).flatMap { layer in
            PrecisionPlan.Product.allCases.map { PrecisionPlan.Place(layer: layer, product: $0) }
        }
        mostKept = places.count / 3
    }

    package var step: Step {
        switch phase {
        case .uniform: .judge(PrecisionPlan(precision))
        case .probing: .probe(PrecisionPlan.fp32.keeping(places[damages.count], in: precision))
        case .narrowing(let low, let high, let found):
            // The most that is allowed comes first: where even that does not suffice, nothing does.
            .judge(plan(keeping: found == nil ? high : (low + high) / 2))
        case .finished(let finding): .finished(finding)
        }
    }

    /// Products tried alone so far, of how many; nil when none are to be.
    package var probes: (done: Int, all: Int)? {
        if case .probing = phase { (damages.count, places.count) } else { nil }
    }

    /// The answer to `.judge`.
    package mutating func judged(_ agreement: Agreement) {
        guard case .judge(let plan) = step else { return }
        let refusal = thresholds.refusal(of: agreement)
        let finding = Finding(plan: plan, agreement: agreement, refusal: refusal)
        switch phase {
        case .uniform:
            uniform = finding
            phase = refusal == nil || precision != .int8 || mostKept == 0 ? .finished(finding) : .probing
        case .narrowing(_, let high, nil):
            if let refusal {
                phase = .finished(refused(by: refusal))
            } else {
                narrow(1, high, finding)
            }
        case .narrowing(let low, let high, .some(let found)):
            let middle = (low + high) / 2
            if refusal == nil { narrow(low, middle, finding) } else { narrow(middle + 1, high, found) }
        case .probing, .finished: break
        }
    }

    /// The answer to `.probe`: the distance to fp32 (`DocumentFeatures.distance`).
    package mutating func probed(_ damage: Double) {
        guard case .probing = phase else { return }
        damages.append(damage.isFinite ? damage : .infinity)
        guard damages.count == places.count else { return }
        // Of equal ones the earlier: every machine finds the same plan.
        worst = zip(places, damages).sorted { $0.1 != $1.1 ? $0.1 > $1.1 : $0.0 < $1.0 }.map(\.0)
        phase = .narrowing(low: 1, high: mostKept, found: nil)
    }

    private mutating func narrow(_ low: Int, _ high: Int, _ found: Finding) {
        phase = low < high ? .narrowing(low: low, high: high, found: found) : .finished(found)
    }

    private func plan(keeping count: Int) -> PrecisionPlan {
        worst.prefix(count).reduce(PrecisionPlan(precision)) { $0.keeping($1, in: .bf16) }
    }

    /// The figures are those of the precision itself, not of the plan that did not help.
    private func refused(by refusal: String) -> Finding {
        let uniform = uniform
        return Finding(
            plan: uniform?.plan ?? PrecisionPlan(precision),
            agreement: uniform?.agreement
                ?? Agreement(segments: 0, cosineMean: 0, cosineP1: 0, labels: nil, entities: nil),
            refusal: "\(uniform?.refusal ?? ""); with the \(mostKept) of \(places.count) products that spoil most in "
                + "bf16, \(refusal)")
    }
}
