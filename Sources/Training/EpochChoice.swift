import Annotations
import Model
import Tensors

/// Figures of one epoch on rows that were not learned from.
struct ValidationScore: Comparable {
    /// Accuracy, or entity F1.
    let metric: Double
    let loss: Double

    /// The loss decides and the metric only between equals: measured on SST-2 and BTC, choosing by the metric, which moves
    /// in steps of a row, stopped too early and ended lower, on that same metric (docs/training.md).
    static func < (a: ValidationScore, b: ValidationScore) -> Bool {
        a.loss != b.loss ? a.loss > b.loss : a.metric < b.metric
    }
}

/// Follows the epochs of a head and says which was best and when to stop.
struct EpochChoice {
    private let patience: Int
    private var best: ValidationScore?
    /// From 1; 0 is the start.
    private(set) var bestEpoch = 0

    /// - Parameter start: the score before the first epoch, where the start is a candidate too.
    init(patience: Int, start: ValidationScore? = nil) {
        self.patience = patience
        best = start
    }

    /// Whether `epoch` is the best so far.
    mutating func isBest(_ score: ValidationScore, epoch: Int) -> Bool {
        if let best, !(score > best) { return false }
        best = score
        bestEpoch = epoch
        return true
    }

    func shouldStop(after epoch: Int) -> Bool { epoch - bestEpoch >= patience }
}
