import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Testing
import Training

@Suite("Gradient of a head of kind crf")
struct ContextGradientTests {
    private static let task = AnnotationTask(name: "names", kind: .entities, labels: ["PER"])
    private static let tagSet = TagSet(types: task.labels)

    private struct Sizes {
        let hidden: Int, width: Int, layers: Int, radius: Int
    }

    private static func values(_ count: Int, _ stream: UInt32, spread: Float = 1) -> [Float] {
        var values = [Float](repeating: 0, count: count)
        CounterRandom(seed: 23, stream: stream).fill(&values, step: 0)
        return values.map { spread * (2 * $0 - 1) }
    }

    private static func matrix(_ rows: Int, _ columns: Int, _ stream: UInt32) -> Matrix {
        Matrix(rows: rows, columns: columns, values: values(rows * columns, stream))
    }

    private func head(_ sizes: Sizes) -> (HeadParameters, ContextParameters) {
        let tags = Self.tagSet.count
        return (
            HeadParameters(weights: Self.matrix(tags, sizes.width, 1), bias: Self.values(tags, 2)),
            ContextParameters(
                mix: Self.values(sizes.layers, 3),
                weights: Self.matrix(sizes.width, (2 * sizes.radius + 1) * sizes.hidden, 4),
                bias: Self.values(sizes.width, 5), transitions: Self.matrix(tags, tags, 6), hidden: sizes.hidden)
        )
    }

    /// Texts of some lengths; their tags run through the legal sequences.
    private func batch(_ sizes: Sizes, lengths: [Int], drops: Bool) -> ContextBatch {
        let words = lengths.reduce(0, +)
        let targets = lengths.enumerated().flatMap { text, length -> [Int32] in
            let legal = ChainEnumeration.sequences(words: length, tagSet: Self.tagSet)
            return legal[(5 + 7 * text) % legal.count]
        }
        func mask(_ count: Int, _ stream: UInt32) -> [Float]? {
            drops ? Self.values(count, stream).map { $0 < -0.3 ? 0 : 1.5 } : nil
        }
        return ContextBatch(
            layers: (0..<sizes.layers).map { Self.matrix(words, sizes.hidden, 20 + UInt32($0)) },
            scales: (0..<sizes.layers).map { 0.5 + Float($0) }, lengths: lengths, targets: targets,
            wordMask: mask(words * sizes.hidden, 40), widthMask: mask(words * sizes.width, 41))
    }

    /// The formula of `EntityContext` in doubles, word by word; the mean over words.
    private func naiveLoss(_ all: [[Double]], _ sizes: Sizes, _ batch: ContextBatch) -> Double {
        let (weights, bias, mix, window, windowBias, transitions) = (all[0], all[1], all[2], all[3], all[4], all[5])
        let (hidden, tags) = (sizes.hidden, Self.tagSet.count)
        var (total, first) = (0.0, 0)
        for length in batch.lengths {
            let states = (first..<first + length).map { word in
                (0..<hidden).map { column in
                    let sum = batch.layers.indices.reduce(0.0) {
                        $0 + mix[$1] * Double(batch.scales[$1]) * Double(batch.layers[$1][word, column])
                    }
                    return sum * Double(batch.wordMask?[word * hidden + column] ?? 1)
                }
            }
            let logits = (0..<length).map { word -> [Double] in
                let view = (word - sizes.radius...word + sizes.radius).flatMap {
                    states.indices.contains($0) ? states[$0] : [Double](repeating: 0, count: hidden)
                }
                let outputs = (0..<sizes.width).map { unit in
                    let sum = view.indices.reduce(windowBias[unit]) { $0 + window[unit * view.count + $1] * view[$1] }
                    return max(sum, 0) * Double(batch.widthMask?[(first + word) * sizes.width + unit] ?? 1)
                }
                return (0..<tags).map { tag in
                    outputs.indices.reduce(bias[tag]) { $0 + weights[tag * sizes.width + $1] * outputs[$1] }
                }
            }
            total += ChainEnumeration.loss(
                Array(batch.targets[first..<first + length]), logits: logits,
                transitions: (0..<tags).map { Array(transitions[$0 * tags..<($0 + 1) * tags]) }, tagSet: Self.tagSet)
            first += length
        }
        return total / Double(max(first, 1))
    }

    @Test(
        "equals finite differences of a naive loss, with and without dropout, near the ends of texts",
        arguments: [0, 1, 2], [false, true])
    func finiteDifferences(radius: Int, drops: Bool) {
        let sizes = Sizes(hidden: 5, width: 6, layers: 3, radius: radius)
        let (head, context) = head(sizes)
        let batch = batch(sizes, lengths: [4, 1, 3, 0, 2], drops: drops)
        var gradient = ContextGradient()
        let loss = gradient.compute(head, context, tagSet: Self.tagSet, batch: batch)
        var all = [
            head.weights.values, head.bias, context.mix, context.weights.values, context.bias,
            context.transitions.values,
        ].map { $0.map(Double.init) }
        #expect(abs(loss - naiveLoss(all, sizes, batch)) < Tolerance.contextLoss)
        let summed = gradient.loss(head, context, tagSet: Self.tagSet, batch: batch)
        #expect(abs(summed / Double(batch.words) - loss) < Tolerance.chainLoss)

        let computed = [
            gradient.weights.values, gradient.bias, gradient.mix, gradient.windowWeights.values, gradient.windowBias,
            gradient.transitions,
        ]
        #expect(computed.map(\.count) == all.map(\.count))
        let step = 1e-4
        for part in all.indices {
            for index in all[part].indices {
                let value = all[part][index]
                all[part][index] = value + step
                let above = naiveLoss(all, sizes, batch)
                all[part][index] = value - step
                let below = naiveLoss(all, sizes, batch)
                all[part][index] = value
                let slope = (above - below) / (2 * step)
                #expect(abs(Double(computed[part][index]) - slope) < Tolerance.gradient, "part \(part), \(index)")
            }
        }
        let norm = computed.joined().reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
        #expect(abs(gradient.norm - norm) < Tolerance.gradient)
        gradient.scale(by: 0.5)
        #expect(abs(gradient.norm - norm / 2) < Tolerance.gradient)
    }

    @Test("what is learned from is what the head says: the same logits, to rounding", arguments: [0, 1, 3])
    func trainingEqualsInference(radius: Int) throws {
        let sizes = Sizes(hidden: 24, width: 10, layers: 4, radius: radius)
        let (parameters, context) = head(sizes)
        let lengths = [1, 9, 2, 30]
        var batch = ContextBatch(layers: [], scales: (0..<4).map { 0.5 + Float($0) }, lengths: lengths, targets: [])
        let words = lengths.reduce(0, +)
        batch.targets = [Int32](repeating: 0, count: words)
        batch.layers = (0..<4).map { Self.matrix(words, sizes.hidden, 20 + UInt32($0)) }
        var gradient = ContextGradient()
        _ = gradient.loss(parameters, context, tagSet: Self.tagSet, batch: batch)

        // Scales are folded into the mix, as after training.
        var scaled = parameters
        scaled.context = context
        scaled = scaled.forInputs(scaledBy: batch.scales.map { 1 / $0 })
        let head = try EntityHead(
            task: Self.task, weights: scaled.weights, bias: scaled.bias, context: scaled.context?.context())
        var first = 0
        for length in lengths {
            let layers = batch.layers.map {
                Matrix(rows: length, columns: sizes.hidden, values: (first..<first + length).flatMap($0.row))
            }
            let logits = head.logits(of: layers[3], layers: layers)
            for word in 0..<length {
                for tag in 0..<Self.tagSet.count {
                    #expect(abs(logits[word, tag] - gradient.logits[first + word, tag]) < Tolerance.trainingPath)
                }
            }
            first += length
        }
    }

    @Test("without words there is no loss and no gradient")
    func nothingToLearn() {
        let sizes = Sizes(hidden: 5, width: 6, layers: 3, radius: 1)
        let (head, context) = head(sizes)
        var gradient = ContextGradient()
        _ = gradient.compute(head, context, tagSet: Self.tagSet, batch: batch(sizes, lengths: [3], drops: true))
        #expect(gradient.norm > 0)
        #expect(
            gradient.compute(head, context, tagSet: Self.tagSet, batch: batch(sizes, lengths: [0], drops: false)) == 0)
        #expect(gradient.norm == 0)
    }
}
