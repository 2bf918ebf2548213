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
        var logits: [Float] = []
        appendHeadProducts(of: embeddings, rows: 0..<embeddings.rows, weights: weights, bias: bias, to: &logits)
        return probabilities(logits)
    }

    /// The most probable label of each row.
    package func labels(of embeddings: Matrix) -> [ScoredLabel] {
        (0..<embeddings.rows).map { label(of: embeddings.row($0)) }
    }

    /// The most probable label of one embedding, `[hidden]`; of equally probable ones the first.
    package func label(of embedding: ArraySlice<Float>) -> ScoredLabel {
        let probabilities = probabilities(headProducts(of: embedding, weights: weights, bias: bias))
        let (best, score, margin) = Self.mostProbable(probabilities.values[...])
        return ScoredLabel(task: task.name, label: task.labels[best], score: score, margin: margin)
    }

    /// The most probable label of each row, by its number, its probability and its margin: as `label(of:)` to the bit, for
    /// very many.
    func choices(of embeddings: Matrix) -> (labels: [Int], scores: [Float], margins: [Float]) {
        let probabilities = probabilities(of: embeddings)
        var labels: [Int] = [], scores: [Float] = [], margins: [Float] = []
        labels.reserveCapacity(embeddings.rows)
        scores.reserveCapacity(embeddings.rows)
        margins.reserveCapacity(embeddings.rows)
        for row in 0..<embeddings.rows {
            let (best, score, margin) = Self.mostProbable(probabilities.row(row))
            labels.append(best)
            scores.append(score)
            margins.append(margin)
        }
        return (labels, scores, margins)
    }

    private static func mostProbable(_ probabilities: ArraySlice<Float>) -> (label: Int, score: Float, margin: Float) {
        // A single label has nothing beside it.
        var (best, score, next) = (0, probabilities[probabilities.startIndex], Float(0))
        for (label, probability) in probabilities.enumerated().dropFirst() {
            if probability > score {
                (best, score, next) = (label, probability, score)
            } else {
                next = max(next, probability)
            }
        }
        return (best, score, score - next)
    }

    /// One embedding at a time, in one order of summation: a text's label does not depend on its neighbours.
    ///
    /// - Parameter logits: `[rows, labels]`, end to end.
    private func probabilities(_ logits: [Float]) -> Matrix {
        var matrix = Matrix(rows: logits.count / bias.count, columns: bias.count, values: logits)
        if temperature != 1 {
            for index in matrix.values.indices { matrix.values[index] /= temperature }
        }
        softmax(&matrix)
        return matrix
    }
}
