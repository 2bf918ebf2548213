package import Annotations
import Foundation
package import Tensors

/// A trained classification task: one linear layer on a segment's embedding, one label out.
///
/// It reads the embedding as it is stored, pooled *and* normalised, so labels can be computed again from stored
/// embeddings without running the encoder.
package struct ClassificationHead: Sendable, Equatable {
    package let task: AnnotationTask
    /// `[labels, hidden]`.
    package let weights: Matrix
    /// `[labels]`.
    package let bias: [Float]
    /// Divides the logits before the softmax; 1 leaves them as they were trained. Calibration, not decoding: it never
    /// changes which label wins.
    package let temperature: Float

    /// Refuses weights that do not fit the task or are not finite.
    package init(task: AnnotationTask, weights: Matrix, bias: [Float], temperature: Float = 1) throws(Fault) {
        try HeadValidation.check(task, is: .classification, weights: weights, bias: bias)
        guard temperature.isFinite, temperature > 0 else {
            throw HeadValidation.fault(
                "the temperature of task \"\(task.name)\" is \(temperature), not a positive number")
        }
        self.task = task
        self.weights = weights
        self.bias = bias
        self.temperature = temperature
    }

    /// `[segments, hidden]` → `[segments, labels]`: each row sums to one.
    package func probabilities(of embeddings: Matrix) -> Matrix {
        var result = Matrix(rows: embeddings.rows, columns: bias.count)
        for row in 0..<embeddings.rows {
            let probabilities = softmax(logits(of: embeddings.row(row))[...])
            for label in bias.indices { result[row, label] = probabilities[label] }
        }
        return result
    }

    /// The most probable label of each row.
    package func labels(of embeddings: Matrix) -> [ScoredLabel] {
        (0..<embeddings.rows).map { label(of: embeddings.row($0)) }
    }

    /// The most probable label of one embedding, `[hidden]`; of equally probable ones the first.
    package func label(of embedding: ArraySlice<Float>) -> ScoredLabel {
        let probabilities = softmax(logits(of: embedding)[...])
        let (best, margin) = Self.mostProbable(probabilities)
        return ScoredLabel(task: task.name, label: task.labels[best], score: probabilities[best], margin: margin)
    }

    /// The most probable label of each row, by its number, its probability and its margin: as `label(of:)` to the bit, for
    /// very many.
    func choices(of embeddings: Matrix) -> (labels: [Int], scores: [Float], margins: [Float]) {
        var logits: [Float] = []
        appendHeadProducts(of: embeddings, rows: 0..<embeddings.rows, weights: weights, bias: bias, to: &logits)
        var labels: [Int] = [], scores: [Float] = [], margins: [Float] = []
        labels.reserveCapacity(embeddings.rows)
        scores.reserveCapacity(embeddings.rows)
        margins.reserveCapacity(embeddings.rows)
        for first in stride(from: 0, to: logits.count, by: bias.count) {
            let probabilities = softmax(logits[first..<first + bias.count])
            let (best, margin) = Self.mostProbable(probabilities)
            labels.append(best)
            scores.append(probabilities[best])
            margins.append(margin)
        }
        return (labels, scores, margins)
    }

    private static func mostProbable(_ probabilities: [Float]) -> (label: Int, margin: Float) {
        var best = 0
        // A single label has nothing beside it.
        var next: Float = 0
        for label in probabilities.indices.dropFirst() {
            if probabilities[label] > probabilities[best] {
                next = probabilities[best]
                best = label
            } else {
                next = max(next, probabilities[label])
            }
        }
        return (best, probabilities[best] - next)
    }

    /// One embedding at a time, in one order of summation: a text's label does not depend on its neighbours.
    private func logits(of embedding: ArraySlice<Float>) -> [Float] {
        headProducts(of: embedding, weights: weights, bias: bias)
    }

    private func softmax(_ logits: ArraySlice<Float>) -> [Float] {
        let largest = logits.max() ?? 0
        let powers = logits.map { exp(Double($0 - largest) / Double(temperature)) }
        let sum = powers.reduce(0, +)
        return powers.map { Float($0 / sum) }
    }
}
