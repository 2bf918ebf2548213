import Foundation
import Tensors
import TestSupport
import Testing
import Training

@Suite("Gradient of a head")
struct HeadGradientTests {
    private func parameters(outputs: Int, hidden: Int) -> HeadParameters {
        HeadParameters(
            weights: matrix(outputs, hidden, stream: 1), bias: matrix(1, outputs, stream: 2).values)
    }

    private func matrix(_ rows: Int, _ columns: Int, stream: UInt32) -> Matrix {
        var values = [Float](repeating: 0, count: rows * columns)
        CounterRandom(seed: 5, stream: stream).fill(&values, step: 0)
        return Matrix(rows: rows, columns: columns, values: values.map { 2 * $0 - 1 })
    }

    /// The mean cross-entropy in doubles, one row at a time.
    private func naiveLoss(_ head: HeadParameters, inputs: Matrix, targets: [Int32]) -> Double {
        var (total, count) = (0.0, 0)
        for (row, target) in targets.enumerated() where target >= 0 {
            let logits = (0..<head.outputs).map { output in
                zip(head.weights.row(output), inputs.row(row))
                    .reduce(Double(head.bias[output])) { $0 + Double($1.0) * Double($1.1) }
            }
            total += log(logits.reduce(0) { $0 + exp($1) }) - logits[Int(target)]
            count += 1
        }
        return count == 0 ? 0 : total / Double(count)
    }

    @Test("equals finite differences of a naive loss", arguments: [(2, 7, 1), (3, 5, 4), (9, 13, 11), (77, 3, 5)])
    func finiteDifferences(outputs: Int, hidden: Int, count: Int) {
        let head = parameters(outputs: outputs, hidden: hidden)
        let inputs = matrix(count, hidden, stream: 3)
        let targets = (0..<count).map { $0 % 5 == 3 ? Int32(-1) : Int32($0 * 7 % outputs) }
        var gradient = HeadGradient()
        let loss = gradient.compute(head, inputs: inputs, targets: targets)
        #expect(abs(loss - naiveLoss(head, inputs: inputs, targets: targets)) < Tolerance.gradient)

        func slope(_ change: (inout HeadParameters, Float) -> Void) -> Double {
            let step: Float = 1.0 / 64
            var (up, down) = (head, head)
            change(&up, step)
            change(&down, -step)
            return
                (naiveLoss(up, inputs: inputs, targets: targets)
                - naiveLoss(down, inputs: inputs, targets: targets)) / Double(2 * step)
        }
        for index in head.weights.values.indices {
            let expected = slope { $0.weights.values[index] += $1 }
            #expect(abs(Double(gradient.weights.values[index]) - expected) < Tolerance.gradient)
        }
        for index in head.bias.indices {
            let expected = slope { $0.bias[index] += $1 }
            #expect(abs(Double(gradient.bias[index]) - expected) < Tolerance.gradient)
        }
    }

    @Test("without a target there is no loss and no gradient")
    func nothingToLearn() {
        let head = parameters(outputs: 3, hidden: 4)
        var gradient = HeadGradient()
        _ = gradient.compute(head, inputs: matrix(2, 4, stream: 3), targets: [0, 1])
        #expect(gradient.norm > 0)
        #expect(gradient.compute(head, inputs: matrix(2, 4, stream: 3), targets: [-1, -1]) == 0)
        #expect(gradient.norm == 0)
        #expect(gradient.compute(head, inputs: Matrix(rows: 0, columns: 4), targets: []) == 0)
        #expect(gradient.norm == 0)
    }

    @Test("clipping leaves small gradients alone and brings large ones to the limit")
    func clipping() {
        #expect(clippingFactor(norm: 0.5, limit: 1) == 1)
        #expect(clippingFactor(norm: 0, limit: 1) == 1)
        #expect(abs(clippingFactor(norm: 8, limit: 2) - 0.25) < 1e-6)
    }
}
