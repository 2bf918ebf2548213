package import Tensors

/// AdamW over the trainable tensors of an encoder. Every tensor counts its own steps: one that is unfrozen later starts
/// its own bias correction at its own step 1, with moments of zero.
///
/// Gradient accumulation: `TrainableEncoder.backward(_:accumulates:)` adds batches up, `gradientFactor` divides them.
package final class EncoderOptimizer {
    package let rule: AdamW
    private let parameters: EncoderParameters
    private let workers: Workers
    private let first: FloatBuffer
    private let second: FloatBuffer
    /// Of each tensor of `parameters.tensors`.
    package private(set) var steps: [Int]

    /// Elements that one thread takes at a time.
    private static let piece = 1 << 16

    package init(_ rule: AdamW, for parameters: EncoderParameters, workers: Workers) {
        (self.rule, self.parameters, self.workers) = (rule, parameters, workers)
        first = FloatBuffer(count: parameters.values.count)
        second = FloatBuffer(count: parameters.values.count)
        steps = [Int](repeating: 0, count: parameters.tensors.count)
    }

    /// The sum of the squares of the trainable tensors' gradients, in fp64 and in one order: frozen ones take no part
    /// in clipping.
    package func squaredGradientNorm(_ trainable: TrainableLayers) -> Double {
        let pieces = pieces(of: trainable)
        let sums = DoubleSlots(count: pieces.count)
        let gradients = parameters.gradients
        workers.run(pieces.count) { index, _ in
            let range = pieces[index].range
            sums.set(index, sumOfSquares(gradients.view(at: range.lowerBound, rows: 1, columns: range.count)))
        }
        return sums.total
    }

    /// One step on every trainable tensor.
    ///
    /// - Parameters:
    ///   - gradientFactor: on all gradients: clipping, and 1 / the number of accumulated batches.
    ///   - learningRate: of a tensor at this step.
    package func step(
        _ trainable: TrainableLayers, gradientFactor: Float = 1, learningRate: (ParameterTensor) -> Double
    ) {
        let rates = parameters.tensors.map { trainable.contains($0.layer) ? learningRate($0) : 0 }
        for (index, tensor) in parameters.tensors.enumerated() where trainable.contains(tensor.layer) {
            steps[index] += 1
        }
        let pieces = pieces(of: trainable)
        let (rule, parameters, first, second, steps) = (self.rule, self.parameters, self.first, self.second, self.steps)
        workers.run(pieces.count) { index, _ in
            let (tensor, range) = (pieces[index].tensor, pieces[index].range)
            func part(_ buffer: FloatBuffer) -> FloatView {
                buffer.view(at: range.lowerBound, rows: 1, columns: range.count)
            }
            adamWStep(
                weights: part(parameters.values), gradient: part(parameters.gradients), gradientFactor: gradientFactor,
                firstMoment: part(first), secondMoment: part(second), rule: rule.constants,
                learningRate: rates[tensor],
                weightDecay: parameters.tensors[tensor].decays ? rule.weightDecay : 0, step: steps[tensor])
        }
    }

    /// The moments of `tensor`, in its shape; zeros before its first step.
    package func moments(of tensor: ParameterTensor) -> (first: FloatView, second: FloatView) {
        (EncoderParameters.view(tensor, in: first), EncoderParameters.view(tensor, in: second))
    }

    /// Continues where another optimiser was: `steps` of each tensor. The moments are to be assigned through `moments`.
    package func resume(steps: [Int]) {
        precondition(steps.count == self.steps.count)
        self.steps = steps
    }

    private struct Piece: Sendable {
        let tensor: Int
        let range: Range<Int>
    }

    private func pieces(of trainable: TrainableLayers) -> [Piece] {
        var pieces: [Piece] = []
        for (index, tensor) in parameters.tensors.enumerated() where trainable.contains(tensor.layer) {
            for start in stride(from: tensor.range.lowerBound, to: tensor.range.upperBound, by: Self.piece) {
                pieces.append(Piece(tensor: index, range: start..<min(start + Self.piece, tensor.range.upperBound)))
            }
        }
        return pieces
    }
}

extension AdamW {
    var constants: AdamWRule { AdamWRule(beta1: beta1, beta2: beta2, epsilon: epsilon) }
}
