/// How good an epoch of encoder and heads is, over all tasks that have rows to judge by.
package struct JointScore: Sendable, Comparable {
    /// Mean of the tasks' accuracies and entity F1s.
    package let metric: Double
    /// Of the metric, by the number of rows (entities) that it is a share of.
    package let standardError: Double
    /// Sum of the tasks' weighted losses.
    package let loss: Double

    package init(metric: Double, standardError: Double, loss: Double) {
        (self.metric, self.standardError, self.loss) = (metric, standardError, loss)
    }

    /// The metric decides: an encoder that learns grows sure of itself, so that its loss rises while its answers still get
    /// better, and the temperature puts that right afterwards.
    package static func < (a: JointScore, b: JointScore) -> Bool {
        a.metric != b.metric ? a.metric < b.metric : a.loss > b.loss
    }

    /// A higher metric, or one that the rows cannot tell from it at a lower loss.
    fileprivate func isBetter(than other: JointScore) -> Bool {
        metric > other.metric || (metric >= other.metric - other.standardError && loss < other.loss)
    }
}

/// Follows the epochs of encoder and heads and says which to keep and when to stop.
///
/// The latest epoch that is better than the start (by its metric, or by its loss where the rows cannot tell the metrics
/// apart) and within one standard error of the best one: a few hundred rows cannot
/// tell epochs apart that lie closer together, and rates that decay over the whole run make the later one the likelier
/// (the one-standard-error rule of Breiman et al. 1984 turned around; Mosbach et al. 2021 on the last epoch).
package struct LayerEpochChoice: Sendable {
    private let patience: Int
    private let start: JointScore?
    private var best: JointScore?
    /// From 1; 0 is the start.
    package private(set) var keptEpoch = 0

    /// - Parameter start: the score before the first epoch; nil when nothing judges.
    package init(patience: Int, start: JointScore?) {
        (self.patience, self.start) = (patience, start)
    }

    /// Whether `epoch` is to be kept, in place of those before.
    package mutating func keeps(_ score: JointScore, epoch: Int) -> Bool {
        let best = max(self.best ?? score, score)
        self.best = best
        guard score.metric >= best.metric - best.standardError, start.map(score.isBetter) ?? true else { return false }
        keptEpoch = epoch
        return true
    }

    package func shouldStop(after epoch: Int) -> Bool { epoch - keptEpoch >= patience }
}
