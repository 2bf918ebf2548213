import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Testing
import Training

/// The way back through an encoder of odd shapes, against finite differences of its own loss, and its reproducibility.
@Suite("Gradients of an encoder")
struct EncoderGradientTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        var hidden, heads, intermediate, layers: Int
        var lengths: [Int]
        var pooling = EmbeddingSpace.Pooling.mean
        var normalization = EmbeddingSpace.Normalization.none
        var dropout: EncoderDropout?
        var testDescription: String { "\(hidden) in \(heads), \(intermediate), texts of \(lengths), \(normalization)" }
    }

    static let shapes = [
        Shape(hidden: 7, heads: 1, intermediate: 5, layers: 1, lengths: [1, 0, 3]),
        Shape(hidden: 15, heads: 3, intermediate: 17, layers: 2, lengths: [4, 1, 7], pooling: .cls),
        Shape(hidden: 18, heads: 2, intermediate: 9, layers: 2, lengths: [5, 2], normalization: .l2),
        Shape(hidden: 18, heads: 2, intermediate: 9, layers: 1, lengths: [2, 9], normalization: .layernorm),
        Shape(
            hidden: 18, heads: 3, intermediate: 33, layers: 2, lengths: [6, 0, 1, 4],
            dropout: EncoderDropout(seed: 3, step: 5, hiddenRate: 0.2, attentionRate: 0.3)),
    ]

    @Test("equal finite differences of the loss", arguments: shapes)
    func finiteDifferences(_ shape: Shape) throws {
        let learner = try LearningCase(shape)
        let trainable = TrainableLayers.all(of: shape.layers)
        _ = learner.loss(trainable)
        let parameters = learner.run.encoder.parameters
        let gradients = parameters.tensors.map { parameters.gradient($0).copyValues() }
        let random = CounterRandom(seed: 8, stream: 0)
        for (index, tensor) in parameters.tensors.enumerated() {
            // A few elements of each tensor; of a table those that the batch reads.
            for probe in 0..<4 {
                let element = learner.element(of: tensor, probe: random.word(step: index, element: probe))
                let view = parameters.view(tensor).elements(element..<element + 1)
                let value = view.copyValues()[0]
                // Two step sizes: their difference takes the error's leading term away.
                func slope(_ step: Float) -> Double {
                    view.assign([value + step])
                    let up = learner.loss(trainable)
                    view.assign([value - step])
                    let down = learner.loss(trainable)
                    view.assign([value])
                    return (up - down) / Double((value + step) - (value - step))
                }
                let expected = (4 * slope(1.0 / 128) - slope(1.0 / 64)) / 3
                let got = Double(gradients[index][element])
                #expect(
                    abs(got - expected) <= Tolerance.encoderSlope * max(1, abs(expected)),
                    "\(tensor.name)[\(element)]: \(got), differences say \(expected)")
            }
        }
    }

    @Test("one and two threads give the same bits, with dropout and accumulation, forward, back and after a step")
    func threads() throws {
        var shape = Shape(hidden: 36, heads: 3, intermediate: 150, layers: 3, lengths: [])
        // More than one tile of rows, and texts that lie across their border.
        shape.lengths = [60, 1, 0, 64, 33, 64, 17, 64, 2, 50]
        var results: [[[Float]]] = []
        for threads in [1, 2, 3] {
            let learner = try LearningCase(shape, threads: threads)
            for (step, learning) in [TrainableLayers.all(of: 3), TrainableLayers([0, 2])].enumerated() {
                for part in 0..<2 {
                    let dropout = EncoderDropout(seed: 1, step: 2 * step + part)
                    _ = learner.loss(learning, dropout: dropout, accumulates: part == 1)
                }
                _ = learner.run.step(
                    .none, trainable: learning, rates: LayerRates(base: 1e-2), factor: 0.5, clipping: 1)
            }
            let parameters = learner.run.encoder.parameters
            results.append(
                parameters.tensors.flatMap {
                    [parameters.view($0).copyValues(), parameters.gradient($0).copyValues()]
                } + [learner.run.classifier.weights.values, learner.run.tagger.bias])
        }
        #expect(results[0] == results[1] && results[1] == results[2])
    }

    @Test("accumulated batches add up, and the next step begins anew")
    func accumulation() throws {
        let shape = Self.shapes[1]
        let learner = try LearningCase(shape)
        let other = RaggedBatch([[9, 8, 7], [5]])
        let parameters = learner.run.encoder.parameters
        func gradients() -> [[Float]] { parameters.tensors.map { parameters.gradient($0).copyValues() } }
        let all = TrainableLayers.all(of: shape.layers)
        _ = learner.loss(all)
        let first = gradients()
        _ = learner.loss(all, batch: other)
        let second = gradients()
        _ = learner.loss(all)
        _ = learner.loss(all, batch: other, accumulates: true)
        for (index, sum) in gradients().enumerated() {
            for (element, value) in sum.enumerated() {
                let expected = first[index][element] + second[index][element]
                #expect(abs(value - expected) <= Tolerance.kernel * max(1, abs(expected)))
            }
        }
        _ = learner.loss(all)
        #expect(gradients() == first)
    }

    @Test("frozen layers keep their gradients untouched and pass others on; a boundary replaces what is below it")
    func freezing() throws {
        let shape = Shape(hidden: 12, heads: 2, intermediate: 20, layers: 3, lengths: [4, 0, 6])
        let learner = try LearningCase(shape)
        let parameters = learner.run.encoder.parameters
        func gradients(_ layer: Int) -> [[Float]] {
            parameters.tensors.filter { $0.layer == layer }.map { parameters.gradient($0).copyValues() }
        }
        _ = learner.loss(.all(of: 3))
        let full = (-1..<3).map(gradients)
        let dropout = EncoderDropout(seed: 1, step: 0)

        // Between trainable layers: without dropout nothing changes for the others.
        let gap = try LearningCase(shape)
        _ = gap.loss(TrainableLayers([0, 2]))
        let gapParameters = gap.run.encoder.parameters
        for tensor in gapParameters.tensors {
            let got = gapParameters.gradient(tensor).copyValues()
            let isFrozen = ![0, 2].contains(tensor.layer)
            #expect(isFrozen ? got.allSatisfy { $0 == 0 } : got == parameters.gradient(tensor).copyValues())
        }
        #expect(full[1] == gradients(0))

        // Below the lowest one nothing drops: the states there are those without dropout, and can be kept.
        let top = try LearningCase(shape)
        let loss = top.loss(TrainableLayers([2]), dropout: dropout)
        let fromTop = top.topGradients
        let again = try LearningCase(shape)
        _ = again.run.encoder.forward(again.batch, trainable: TrainableLayers([2]))
        var boundary = Matrix(rows: 0, columns: 0)
        again.run.encoder.boundaryStates.copy(into: &boundary)
        #expect(again.loss(TrainableLayers([2]), dropout: dropout, boundary: boundary) == loss)
        #expect(again.topGradients == fromTop)
        #expect(loss != again.loss(TrainableLayers([2])), "the top layer does drop")

        // Nothing trainable: the forward pass alone, equal to the encoder that annotates.
        let none = try LearningCase(shape)
        _ = none.loss(.none, dropout: dropout)
        let untouched = none.run.encoder.parameters
        #expect(untouched.tensors.allSatisfy { untouched.gradient($0).copyValues().allSatisfy { $0 == 0 } })
    }

    @Test("the forward pass is the encoder's own")
    func forwardEqualsTheEncoder() throws {
        let shape = Shape(hidden: 24, heads: 3, intermediate: 50, layers: 2, lengths: [64, 1, 0, 33, 64])
        let learner = try LearningCase(shape)
        let expected = UnfusedEncoder(
            configuration: learner.configuration,
            weights: try EncoderWeights(from: learner.file, configuration: learner.configuration)
        ).run(learner.batch)
        for trainable in [TrainableLayers.all(of: 2), .none, TrainableLayers([1])] {
            let got = learner.run.encoder.forward(learner.batch, trainable: trainable).copyValues()
            #expect(got.count == expected.values.count)
            #expect(zip(got, expected.values).allSatisfy { abs($0 - $1) <= Tolerance.hidden })
        }
    }

    @Test("a tensor that joins later begins at its own first step")
    func ownSteps() throws {
        let learner = try LearningCase(Shape(hidden: 8, heads: 2, intermediate: 8, layers: 2, lengths: [3]))
        let optimizer = learner.run.optimizer
        let parameters = learner.run.encoder.parameters
        for _ in 0..<3 {
            _ = learner.loss(TrainableLayers([1]))
            optimizer.step(TrainableLayers([1])) { _ in 1e-3 }
        }
        let tensor = try #require(parameters.tensors.first { $0.layer == 0 && $0.name.hasSuffix("dense.weight") })
        let before = parameters.view(tensor).copyValues()
        _ = learner.loss(TrainableLayers([0, 1]))
        optimizer.step(TrainableLayers([0, 1])) { _ in 1e-3 }
        for (tensor, steps) in zip(parameters.tensors, optimizer.steps) {
            #expect(steps == [-1: 0, 0: 1, 1: 4][tensor.layer])
        }
        // A first step with corrected moments moves every weight by the rate, whatever its gradient.
        let moved = zip(parameters.view(tensor).copyValues(), before).map { abs($0 - $1 * (1 - 1e-5)) }
        #expect(moved.allSatisfy { abs($0 - 1e-3) < 1e-5 })
        let embeddings = try #require(parameters.tensors.first)
        #expect(optimizer.moments(of: embeddings).first.copyValues().allSatisfy { $0 == 0 })
    }
}

/// A tiny encoder of a shape with two heads and labels for one batch.
private final class LearningCase {
    let configuration: EncoderConfiguration
    let file: SafetensorsFile
    let batch: RaggedBatch
    let run: TwoHeadStep
    private let dropout: EncoderDropout?

    init(_ shape: EncoderGradientTests.Shape, threads: Int = 2) throws {
        var model = TinyModel()
        (model.hidden, model.heads, model.intermediate) = (shape.hidden, shape.heads, shape.intermediate)
        model.layers = shape.layers
        configuration = try EncoderConfiguration(json: Array(model.configurationJSON.utf8))
        file = try SafetensorsFile(bytes: SafetensorsWriter.encode(tensors: model.tensors()))
        let random = CounterRandom(seed: 2, stream: 9)
        batch = RaggedBatch(
            shape.lengths.enumerated().map { text, length in
                (0..<length).map { Int32(random.word(step: text, element: $0) % 30) }
            })
        func head(_ outputs: Int, stream: UInt32) -> HeadParameters {
            var values = [Float](repeating: 0, count: outputs * shape.hidden)
            CounterRandom(seed: 4, stream: stream).fill(&values, step: 0)
            return HeadParameters(
                weights: Matrix(rows: outputs, columns: shape.hidden, values: values.map { 2 * $0 - 1 }),
                bias: [Float](repeating: 0.1, count: outputs))
        }
        run = TwoHeadStep(
            parameters: try EncoderParameters(from: file, configuration: configuration),
            classifier: head(3, stream: 0), tagger: head(5, stream: 1), threads: threads, pooling: shape.pooling,
            normalization: shape.normalization)
        dropout = shape.dropout
    }

    /// The sum of both losses.
    func loss(
        _ trainable: TrainableLayers, dropout: EncoderDropout? = nil, batch other: RaggedBatch? = nil,
        boundary: Matrix? = nil, accumulates: Bool = false
    ) -> Double {
        let batch = other ?? self.batch
        let losses = run.gradients(
            batch, classes: (0..<batch.textCount).map { batch.range(of: $0).isEmpty ? -1 : Int32($0 % 3) },
            tags: (0..<batch.tokenCount).map { $0 % 4 == 1 ? -1 : Int32($0 * 3 % 5) }, trainable: trainable,
            dropout: dropout ?? self.dropout, boundary: boundary, accumulates: accumulates)
        return losses.classLoss + losses.tagLoss
    }

    var topGradients: [[Float]] {
        let parameters = run.encoder.parameters
        return parameters.tensors.filter { $0.layer == 2 }.map { parameters.gradient($0).copyValues() }
    }

    /// An element of a tensor that `probe` picks; of the tables one that the batch reads.
    func element(of tensor: ParameterTensor, probe: UInt32) -> Int {
        let columns = tensor.tensor.shape[tensor.tensor.shape.count - 1]
        let column = Int(probe >> 8) % columns
        switch tensor.name {
        case "embeddings.word_embeddings.weight":
            return Int(batch.ids[Int(probe % 251) % batch.tokenCount]) * columns + column
        case "embeddings.position_embeddings.weight": return column
        case "embeddings.token_type_embeddings.weight": return column
        default: return Int(probe) % tensor.tensor.count
        }
    }
}
