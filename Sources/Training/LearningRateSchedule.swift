import Foundation

/// Factor on every learning rate at a step: linear warm-up from 0, then linear or cosine decay to 0.
///
/// Step `k` (from 0) runs with `k / warmup` while `k < warmup`, then with `r = (total - k) / (total - warmup)`, or
/// `(1 - cos(πr)) / 2`. The first step of a warm-up moves nothing but fills the optimiser's moments, as in the usual
/// transformers recipe.
package struct LearningRateSchedule: Sendable, Hashable {
    package let warmupSteps: Int
    package let totalSteps: Int
    package let decay: Decay

    package enum Decay: String, Sendable, Hashable, Codable, CaseIterable { case linear, cosine }

    package init(warmupSteps: Int, totalSteps: Int, decay: Decay = .linear) {
        self.decay = decay
        self.warmupSteps = max(warmupSteps, 0)
        self.totalSteps = max(totalSteps, 0)
    }

    /// `warmup` is the share of the steps that warm up, 0...1; rounded down.
    package init(warmup: Double, totalSteps: Int, decay: Decay = .linear) {
        self.init(
            warmupSteps: Int(warmup.clamped(to: 0...1) * Double(max(totalSteps, 0))), totalSteps: totalSteps,
            decay: decay)
    }

    /// 0...1; 0 from `totalSteps` on.
    package func factor(step: Int) -> Double {
        guard step >= 0, step < totalSteps else { return 0 }
        if step < warmupSteps { return Double(step) / Double(warmupSteps) }
        let rest = Double(totalSteps - step) / Double(totalSteps - warmupSteps)
        return decay == .linear ? rest : (1 - cos(.pi * rest)) / 2
    }
}

extension Double {
    func clamped(to range: ClosedRange<Double>) -> Double { min(max(self, range.lowerBound), range.upperBound) }
}
