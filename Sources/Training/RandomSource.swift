import Foundation
import Tensors

/// The random numbers of one task's run. Each depends on seed, task, purpose, step and element and on nothing else: not
/// on the other tasks of the run, not on the order of rows in a database, not on threads.
struct RandomSource: Sendable {
    private let seed: UInt64

    private enum Stream: UInt32 {
        case initialWeights, order, dropout, hiddenDropout, resampling, swapping
    }

    init(seed: UInt64, task: String) {
        self.seed = mix(mix(seed) ^ Self.hash(task))
    }

    /// First weights of the output that is called `name`, from N(0, `deviation`).
    ///
    /// Outputs are told apart by name: a label that joins a task changes no other label's first weights.
    func initialWeights(of name: String, count: Int, deviation: Float) -> [Float] {
        let random = CounterRandom(seed: seed, stream: Stream.initialWeights.rawValue)
        let step = Int(Self.hash(name) >> 1)
        var uniform = [Float](repeating: 0, count: 2 * count)
        random.fill(&uniform, step: step)
        // Box and Muller; 1 - u is never 0.
        return (0..<count).map { index in
            let radius = (-2 * log(1 - Double(uniform[2 * index]))).squareRoot()
            return deviation * Float(radius * cos(2 * Double.pi * Double(uniform[2 * index + 1])))
        }
    }

    /// The order of `count` documents in an epoch.
    func order(of count: Int, epoch: Int) -> [Int] {
        CounterRandom(seed: seed, stream: Stream.order.rawValue).permutation(of: count, step: epoch)
    }

    /// Numbers in [0, 1) that say which rows resample `index` draws.
    func fillResample(_ values: inout [Float], index: Int) {
        CounterRandom(seed: seed, stream: Stream.resampling.rawValue).fill(&values, step: index)
    }

    /// Numbers in [0, 1) that say which pairs randomization `index` swaps.
    func fillSwaps(_ values: inout [Float], index: Int) {
        CounterRandom(seed: seed, stream: Stream.swapping.rawValue).fill(&values, step: index)
    }

    func fillDropoutMask(_ mask: inout [Float], rate: Float, step: Int, firstElement: Int = 0) {
        CounterRandom(seed: seed, stream: Stream.dropout.rawValue).fillDropoutMask(
            &mask, rate: rate, step: step, firstElement: firstElement)
    }

    /// Another mask, on the outputs of a head's hidden layer.
    func fillHiddenDropoutMask(_ mask: inout [Float], rate: Float, step: Int) {
        CounterRandom(seed: seed, stream: Stream.hiddenDropout.rawValue)
            .fillDropoutMask(&mask, rate: rate, step: step)
    }

    /// FNV-1a; Swift's own hashes differ from run to run.
    private static func hash(_ text: String) -> UInt64 {
        text.utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
