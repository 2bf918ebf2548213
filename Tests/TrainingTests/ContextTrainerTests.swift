import Annotations
import Model
import Tensors
import TestSupport
import Testing
import Training

/// Texts in which a word is a name because the word before it is a title. What a word is shows in the embedding layer
/// alone: the states above are noise.
private struct TitledRows {
    static let task = AnnotationTask(name: "people", kind: .entities, labels: ["person"])
    let hidden = 16
    var layers = 3

    func examples(_ indices: Range<Int>) -> [TrainingExample] {
        indices.map { index in
            let isTitle = (0..<8).map { SyntheticRows.hash(index)[$0] % 3 == 0 }
            let tags = isTitle.indices.map { $0 > 0 && isTitle[$0 - 1] && !isTitle[$0] ? "B-person" : "O" }
            let states = (0..<layers).map { layer in
                Matrix(
                    rows: 8, columns: hidden,
                    values: isTitle.enumerated().flatMap { word, isTitle in
                        state(isTitle: layer == 0 ? isTitle : nil, document: index, word: word, layer: layer)
                    })
            }
            return TrainingExample(
                id: Int64(index), bodyHash: SyntheticRows.hash(index), embedding: [Float](repeating: 1, count: hidden),
                labels: [:], words: states.last ?? Matrix(rows: 0, columns: 0), layers: layers > 1 ? states : [],
                wordIndices: Array(0..<8), tags: [Self.task.name: tags])
        }
    }

    private func state(isTitle: Bool?, document: Int, word: Int, layer: Int) -> [Float] {
        let random = CounterRandom(seed: 3, stream: UInt32(16 * layer + word))
        return (0..<hidden).map { column in
            let direction: Float = isTitle.map { ($0 == (column % 2 == 0)) ? 1 : -1 } ?? 0
            return direction + 0.5 * (random.uniform(step: document, element: column) - 0.5)
        }
    }
}

@Suite("Training of heads of kind crf")
struct ContextTrainerTests {
    private let rows = TitledRows()

    private func options(_ kind: EntityHead.Kind, epochs: Int = 12) -> HeadTrainingOptions {
        var options = HeadTrainingOptions.quick(epochs: epochs)
        options.entityHead = kind
        options.context.width = 16
        options.context.dropout = 0.1
        return options
    }

    private func train(
        _ examples: [TrainingExample], _ options: HeadTrainingOptions, initial: HeadSet? = nil
    ) throws -> TrainingOutcome {
        try HeadTrainer(options: options).train(examples, tasks: [TitledRows.task], initial: initial)
    }

    private func f1(_ evaluation: Evaluation) throws -> Double {
        try #require(evaluation.entities[TitledRows.task.name]).micro.f1
    }

    @Test("learns what neighbours and lower layers say, which a linear head cannot see")
    func learns() throws {
        let examples = rows.examples(0..<240)
        let linear = try train(examples, options(.linear))
        let crf = try train(examples, options(.crf))
        #expect(try f1(linear.after) < 0.5)
        #expect(try f1(crf.after) > 0.95)
        #expect(try f1(crf.before) < 0.5)
        #expect(crf.heads.entities.map(\.kind) == [.crf])
        #expect(crf.heads.layers == 2)
        #expect(crf.tasks[0].choice == .crossValidation)
        let mix = try #require(crf.heads.entities[0].context).mix
        // The embedding layer's states are seven times as large as the noise: what counts is weight times size.
        #expect(mix.count == 3 && 7 * abs(mix[0]) > 2 * abs(mix[1]) && 7 * abs(mix[0]) > 2 * abs(mix[2]))
    }

    @Test("chooses by rows set aside where there are enough of them")
    func validation() throws {
        var options = options(.crf, epochs: 6)
        options.learningRate = 0.02
        let outcome = try train(rows.examples(0..<2_800), options)
        #expect(outcome.tasks[0].choice == .validation)
        #expect(try f1(outcome.after) > 0.95)
        let first = try #require(outcome.tasks[0].curve.first?.validationLoss)
        let last = try #require(outcome.tasks[0].curve.last?.validationLoss)
        #expect(last < first)
    }

    @Test("same rows and seed give the same bits, in whatever order the rows come; another seed gives others")
    func reproducible() throws {
        let examples = rows.examples(0..<80)
        var options = options(.crf, epochs: 3)
        let first = try train(examples, options).heads
        #expect(try train(examples, options).heads == first)
        #expect(try train(examples.reversed(), options).heads == first)
        #expect(try HeadSet(encoded: first.encoded()) == first)
        options.seed = 2
        #expect(try train(examples, options).heads != first)
    }

    @Test("continues from a head of its kind: without a learning rate nothing changes")
    func continues() throws {
        let first = try train(rows.examples(0..<120), options(.crf)).heads
        var still = options(.crf, epochs: 1)
        still.learningRate = 0
        still.start = .modelInForce
        let again = try train(rows.examples(0..<120), still, initial: first).heads
        let (a, b) = (try #require(first.entities[0].context), try #require(again.entities[0].context))
        for (x, y) in zip(a.mix + a.weights.values, b.mix + b.weights.values) {
            #expect(abs(x - y) <= Tolerance.roundTrip * abs(x))
        }
        #expect(a.transitions == b.transitions && a.bias == b.bias)
        #expect(again.entities[0].weights == first.entities[0].weights)
    }

    @Test("tags that join keep the others' weights and transitions")
    func growth() throws {
        let first = try train(rows.examples(0..<120), options(.crf)).heads
        var still = options(.crf, epochs: 1)
        still.learningRate = 0
        still.start = .modelInForce
        let wider = AnnotationTask(name: "people", kind: .entities, labels: ["animal", "person"])
        let grown = try HeadTrainer(options: still)
            .train(rows.examples(0..<120), tasks: [wider], initial: first).heads.entities[0]
        let old = try #require(first.entities[0].context).transitions.scores
        let new = try #require(grown.context).transitions.scores
        // O, B-person, I-person were 0, 1, 2 and are 0, 3, 4.
        for (from, newFrom) in [(0, 0), (1, 3), (2, 4)] {
            for (to, newTo) in [(0, 0), (1, 3), (2, 4)] { #expect(new[newFrom, newTo] == old[from, to]) }
            #expect(grown.weights.row(newFrom).elementsEqual(first.entities[0].weights.row(from)))
        }
    }

    @Test(
        "a model in force of the other kind is judged as it is, and the new head starts afresh",
        arguments: [true, false])
    func otherKind(toContext: Bool) throws {
        let (old, new): (EntityHead.Kind, EntityHead.Kind) = toContext ? (.linear, .crf) : (.crf, .linear)
        let examples = rows.examples(0..<160)
        let first = try train(examples, options(old))
        var options = options(new)
        options.start = .modelInForce
        let second = try train(examples, options, initial: first.heads)
        #expect(second.heads.entities.map(\.kind) == [new])
        #expect(try f1(second.before) == f1(first.after))
        options.start = .fresh
        #expect(try train(examples, options).heads == second.heads)
    }

    @Test("features without all layers are refused, by training and by judging")
    func missingLayers() throws {
        var lastOnly = rows
        lastOnly.layers = 1
        let thrown = fault { _ = try train(lastOnly.examples(0..<60), options(.crf)) }
        #expect(thrown?.code == "features-mismatch")
        let crf = try train(rows.examples(0..<60), options(.crf, epochs: 1)).heads
        let judged = fault { _ = try train(lastOnly.examples(0..<60), options(.linear), initial: crf) }
        #expect(judged?.code == "features-mismatch")
        var deeper = rows
        deeper.layers = 4
        let mixed = rows.examples(0..<40) + deeper.examples(40..<80)
        #expect(fault { _ = try train(mixed, options(.crf)) }?.code == "features-mismatch")
    }

    @Test("sizes out of range are refused")
    func sizes() {
        let wrong: [(inout HeadTrainingOptions) -> Void] = [
            { $0.context.dropout = 1 }, { $0.context.dropout = -0.1 }, { $0.context.radius = -1 },
            { $0.context.radius = 17 }, { $0.context.width = 0 },
        ]
        for change in wrong {
            var options = HeadTrainingOptions()
            change(&options)
            #expect(fault { _ = try HeadTrainer(options: options) }?.code == "training-option")
        }
    }
}
