import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Testing
import Training

@Suite("Encoder and heads that learn together")
struct JointTrainerTests {
    private func options(_ plan: String = "none") -> JointOptions {
        var options = JointOptions()
        (options.freeze, options.epochs, options.batchSize) = (plan, 3, 8)
        options.rates = LayerRates(base: 1e-3, heads: 1e-2)
        return options
    }

    @Test("windows cover every word once and carry its tag")
    func windows() throws {
        let texts = try LabelledTexts(30)
        let windows = try texts.windows()
        #expect(windows.count > texts.examples.count, "long texts have several windows")
        for example in texts.examples {
            let cut = try TextCutter(backbone: texts.backbone)
                .cut(AnnotationRequest(text: texts.documents[Int(example.id)].body))
            let own = try JointExample.windows(of: example, text: cut, tasks: LabelledTexts.tasks)
            #expect(abs(own.reduce(0) { $0 + $1.share } - 1) < 1e-6)
            guard let tags = example.tags["names"] else { continue }
            #expect(own.flatMap { $0.window.words.map(\.index) } == Array(example.wordIndices.indices))
            let tagSet = TagSet(types: LabelledTexts.names.labels)
            #expect(own.flatMap { $0.tags["names"] ?? [] }.map(tagSet.name) == tags)
        }
    }

    @Test("states of windows are those that heads were probed on")
    func sameStates() throws {
        let texts = try LabelledTexts(16)
        let encoder = TrainableEncoder(
            try EncoderParameters(from: texts.backbone.files, configuration: texts.backbone.configuration),
            workers: Workers(2))
        let cutter = try TextCutter(backbone: texts.backbone)
        for example in texts.examples where !example.tags.isEmpty {
            let cut = cutter.cut(AnnotationRequest(text: texts.documents[Int(example.id)].body))
            for window in cut.windows {
                var hidden = Matrix(rows: 0, columns: 0)
                encoder.forward(RaggedBatch([window.ids]), trainable: .none).copy(into: &hidden)
                for word in window.words {
                    let difference = zip(hidden.row(word.row), example.words.row(word.index)).map { abs($0 - $1) }.max()
                    #expect(try #require(difference) < Tolerance.hidden)
                }
            }
        }
    }

    @Test(
        "one and two threads give the same bits",
        arguments: ["none", "gradual", "head-frozen:topic", "layers:embeddings,1"])
    func threads(_ plan: String) throws {
        let texts = try LabelledTexts(40)
        var results: [[[Float]]] = []
        for threads in [1, 2] {
            let trainer = try texts.trainer(options(plan), threads: threads)
            let first = trainer.numbers
            while !trainer.isFinished { try trainer.takeStep() }
            #expect(trainer.numbers != first)
            results.append(trainer.numbers)
        }
        #expect(results[0] == results[1])
    }

    @Test("what a plan freezes does not move, what it trains does")
    func frozen() throws {
        let texts = try LabelledTexts(24)
        for (plan, moving) in [
            ("none", Set(-1...2)), ("layers:0", [-1, 1, 2]), ("gradual:2", [1, 2]), ("backbone-frozen", []),
        ] {
            let trainer = try texts.trainer(options(plan))
            let before = trainer.numbers
            while !trainer.isFinished { try trainer.takeStep() }
            var moved: Set<Int> = []
            for (index, tensor) in trainer.parameters.tensors.enumerated() where before[index] != trainer.numbers[index]
            {
                moved.insert(tensor.layer)
            }
            #expect(moved == moving, "\(plan)")
        }
    }

    @Test("a batch in parts has the gradient of the whole")
    func parts() throws {
        let texts = try LabelledTexts(40)
        var (whole, small) = (options(), options())
        (whole.dropout, small.dropout) = (0, 0)
        (whole.epochs, small.epochs) = (1, 1)
        // Room for some dozen tokens.
        small.memory = 40 * TrainingMemory.bytesPerToken(texts.backbone.configuration, remembered: 3)
        let (a, b) = (try texts.trainer(whole), try texts.trainer(small))
        #expect(b.partTokens == 40 && a.partTokens > 1000)
        // Warm-up: the first step moves nothing, the second one shows the first gradients' moments.
        for _ in 0..<2 {
            try a.takeStep()
            try b.takeStep()
        }
        #expect(abs((a.meanLosses["names"] ?? 0) - (b.meanLosses["names"] ?? 1)) < 1e-6)
        #expect(abs((a.meanLosses["topic"] ?? 0) - (b.meanLosses["topic"] ?? 1)) < 1e-6)
        for (x, y) in zip(a.numbers, b.numbers) {
            let difference = zip(x, y).map { abs($0 - $1) }.max() ?? 0
            #expect(difference < 1e-4)
        }
    }

    @Test("it learns: losses fall, and labels come out")
    func learns() throws {
        let texts = try LabelledTexts(60)
        var options = options()
        (options.epochs, options.dropout) = (8, 0)
        let trainer = try texts.trainer(options)
        var first: [String: Double] = [:]
        while !trainer.isFinished {
            if try trainer.takeStep(), first.isEmpty { first = trainer.meanLosses }
        }
        for task in ["topic", "names"] {
            #expect(try #require(trainer.meanLosses[task]) < 0.6 * #require(first[task]), "\(task)")
        }
    }

    @Test("a diverging run is stopped with a fault")
    func diverges() throws {
        var options = options()
        options.rates = LayerRates(base: 1, heads: 10)
        options.clipping = 1e30
        options.epochs = 60
        let trainer = try LabelledTexts(24).trainer(options)
        let fault = #expect(throws: Fault.self) {
            while !trainer.isFinished {
                try trainer.takeStep()
                trainer.parameters.view(trainer.parameters.tensors[3]).assign([Float](repeating: .infinity, count: 32))
            }
        }
        #expect(fault?.code == "training-diverged")
    }

    @Test("values out of range are refused by name")
    func refused() throws {
        let texts = try LabelledTexts(8)
        for (change, words) in [
            ({ $0.dropout = 1 }, "dropout"), ({ $0.labelSmoothing = -0.1 }, "label smoothing"),
            ({ $0.batchSize = 0 }, "batch size"), ({ $0.lossWeights = ["topic": -1] }, "loss weight of topic"),
            ({ $0.freeze = "layers:9" }, "layers 9"), ({ $0.freeze = "head-frozen:mood" }, "mood"),
        ] as [((inout JointOptions) -> Void, String)] {
            var options = options()
            change(&options)
            let fault = #expect(throws: Fault.self) { try texts.trainer(options) }
            #expect(["training-option", "freeze-plan"].contains(fault?.code))
            #expect(fault?.message.contains(words.split(separator: " ").last ?? "") == true)
        }
    }
}

@Suite("Order and loss of joint training")
struct JointPartTests {
    private func examples(_ counts: (topic: Int, names: Int, both: Int)) -> [JointExample] {
        func example(_ topic: Bool, _ names: Bool) -> JointExample {
            JointExample(
                window: TrainingWindow(ids: [1, 2], words: [(0, 1)]), share: 1, labels: topic ? ["topic": 0] : [:],
                tags: names ? ["names": [0]] : [:])
        }
        return (0..<counts.topic).map { _ in example(true, false) }
            + (0..<counts.names).map { _ in example(false, true) }
            + (0..<counts.both).map { _ in example(true, true) }
    }

    @Test("proportional: every example once an epoch, in another order each time")
    func proportional() {
        let examples = examples((70, 10, 20))
        let deck = SampleDeck(examples, tasks: LabelledTexts.tasks, sampling: .proportional, seed: 3)
        #expect(deck.count == 100)
        #expect(deck.order(epoch: 1).sorted() == Array(0..<100))
        #expect(deck.order(epoch: 1) != deck.order(epoch: 2))
        #expect(deck.order(epoch: 2) == deck.order(epoch: 2))
        let other = SampleDeck(examples, tasks: LabelledTexts.tasks, sampling: .proportional, seed: 4)
        #expect(other.order(epoch: 1) != deck.order(epoch: 1))
    }

    @Test(
        "square root and uniform: the stated shares, and all examples of a task alike over the epochs",
        arguments: [JointOptions.Sampling.squareRoot, .uniform])
    func shares(_ sampling: JointOptions.Sampling) {
        let examples = examples((81, 9, 0))
        let deck = SampleDeck(examples, tasks: LabelledTexts.tasks, sampling: sampling, seed: 3)
        var times = [Int](repeating: 0, count: 90)
        let epochs = 27
        for epoch in 1...epochs {
            let order = deck.order(epoch: epoch)
            #expect(order.count == 90)
            let topics = order.filter { $0 < 81 }.count
            #expect(topics == (sampling == .uniform ? 45 : 68), "81 and 9 have roots 9 and 3")
            for index in order { times[index] += 1 }
        }
        for part in [0..<81, 81..<90] {
            let own = times[part]
            #expect((own.max() ?? 0) - (own.min() ?? 0) <= 1)
        }
    }

    @Test("the loss and its gradient, smoothed and weighted, against its definition and finite differences")
    func loss() {
        let (rows, classes) = (5, 4)
        var logits = Matrix(
            rows: rows, columns: classes, values: (0..<rows * classes).map { Float($0 * 7 % 11) / 3 - 1.5 })
        let targets: [Int32] = [2, 0, -1, 3, 1]
        let weights: [Float] = [1, 0.5, 1, 2, 0.25]
        for (classWeights, smoothing) in [([], 0), ([], 0.1), ([0.5, 2, 1, 3], 0), ([0.5, 2, 1, 3], 0.2)]
            as [([Float], Float)]
        {
            let loss = CrossEntropy(classWeights: classWeights, smoothing: smoothing)
            var gradient = Matrix(rows: 0, columns: 0)
            let got = loss.run(logits, targets: targets, weights: weights, scale: 0.5, into: &gradient)
            func defined() -> Double {
                var sum = 0.0
                for row in 0..<rows where targets[row] >= 0 {
                    let own = logits.row(row).map(Double.init)
                    let normaliser = log(own.reduce(0) { $0 + exp($1) })
                    for c in 0..<classes {
                        let share = Double(smoothing) / 4 + (c == Int(targets[row]) ? 1 - Double(smoothing) : 0)
                        let weight = classWeights.isEmpty ? 1 : Double(classWeights[c])
                        sum += Double(weights[row]) * weight * share * (normaliser - own[c])
                    }
                }
                return sum
            }
            #expect(abs(got - defined()) < 1e-5)
            for index in logits.values.indices {
                let value = logits.values[index]
                logits.values[index] = value + 1.0 / 64
                let up = defined()
                logits.values[index] = value - 1.0 / 64
                let down = defined()
                logits.values[index] = value
                #expect(abs(Double(gradient.values[index]) - 0.5 * (up - down) * 32) < 1e-4)
            }
        }
    }

    @Test("balanced class weights: all classes alike, bounded")
    func balanced() {
        #expect(CrossEntropy.balanced([10, 10]) == [1, 1])
        #expect(CrossEntropy.balanced([30, 10]) == [2.0 / 3, 2])
        #expect(CrossEntropy.balanced([1000, 1, 0]) == [1001.0 / 2000, 10, 1])
    }
}
