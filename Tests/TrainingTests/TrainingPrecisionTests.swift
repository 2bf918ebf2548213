import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Testing
import Training

/// Layers that learn in bfloat16. Without the instruction the operands are rounded one by one: the same products.
@Suite("Learning in bf16")
struct TrainingPrecisionTests {
    /// States and all gradients of an encoder of odd shapes.
    private func gradients(
        _ precision: TrainingPrecision, lengths: [Int], threads: Int = 2, trainable: TrainableLayers = .all(of: 2)
    ) throws -> (states: [Float], gradients: [String: [Float]]) {
        var model = TinyModel()
        (model.hidden, model.heads, model.intermediate, model.layers) = (36, 3, 150, 2)
        let configuration = try EncoderConfiguration(json: Array(model.configurationJSON.utf8))
        let file = try SafetensorsFile(bytes: SafetensorsWriter.encode(tensors: model.tensors()))
        let parameters = try EncoderParameters(from: file, configuration: configuration)
        let encoder = TrainableEncoder(parameters, precision: precision, workers: Workers(threads))
        let random = CounterRandom(seed: 2, stream: 9)
        var states: [Float] = []
        // Twice, the second time added: parts of a batch.
        for part in 0..<2 {
            let batch = RaggedBatch(
                lengths.enumerated().map { text, length in
                    (0..<length).map { Int32(random.word(step: text + part, element: $0) % 30) }
                })
            states += encoder.forward(
                batch, trainable: trainable, dropout: EncoderDropout(seed: 1, step: part)
            ).copyValues()
            var gradient = Matrix(rows: batch.tokenCount, columns: 36)
            CounterRandom(seed: 5, stream: 2).fill(&gradient.values, step: part)
            for index in gradient.values.indices { gradient.values[index] -= 0.5 }
            encoder.backward(gradient, accumulates: part > 0)
        }
        return (
            states,
            Dictionary(
                uniqueKeysWithValues: parameters.tensors.map { ($0.name, parameters.gradient($0).copyValues()) })
        )
    }

    private func distance(_ a: [Float], _ b: [Float]) -> Double {
        let size = b.reduce(0.0) { $0 + Double($1) * Double($1) }
        let difference = zip(a, b).reduce(0.0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        return (difference / max(size, .leastNormalMagnitude)).squareRoot()
    }

    @Test("every tensor's gradient is that of fp32 but for rounding", arguments: [[5, 0, 1, 9], [64, 64, 33, 7]])
    func nearFP32(_ lengths: [Int]) throws {
        let (exact, rounded) = (try gradients(.fp32, lengths: lengths), try gradients(.bf16, lengths: lengths))
        let states = distance(rounded.states, exact.states)
        #expect(states > 0 && states < Tolerance.roundedProducts, "states \(states)")
        for (name, gradient) in exact.gradients where !name.hasSuffix("self.key.bias") {
            let distance = distance(rounded.gradients[name] ?? [], gradient)
            // Behind the last shift there is no product.
            let isRounded = name != "encoder.layer.1.output.LayerNorm.bias"
            #expect((distance > 0) == isRounded && distance < Tolerance.roundedProducts, "\(name): \(distance)")
        }
    }

    @Test("layers that stay hand gradients on")
    func frozen() throws {
        let some = TrainableLayers([0])
        let exact = try gradients(.fp32, lengths: [5, 12], trainable: some)
        let rounded = try gradients(.bf16, lengths: [5, 12], trainable: some)
        for (name, gradient) in exact.gradients where !name.hasSuffix("self.key.bias") {
            let got = rounded.gradients[name] ?? []
            if name.contains("layer.0.") {
                #expect(distance(got, gradient) < Tolerance.roundedProducts, "\(name)")
            } else {
                #expect(got.allSatisfy { $0 == 0 })
            }
        }
    }

    @Test("one, two and three threads give the same bits, over several blocks of tokens")
    func threads() throws {
        let lengths = [Int](repeating: 61, count: 10)
        let one = try gradients(.bf16, lengths: lengths, threads: 1)
        for threads in 2...3 {
            let more = try gradients(.bf16, lengths: lengths, threads: threads)
            #expect(more.states == one.states && more.gradients == one.gradients)
        }
    }

    private var options: JointOptions {
        var options = JointOptions()
        (options.epochs, options.batchSize, options.precision) = (3, 8, .bf16)
        options.rates = LayerRates(base: 1e-3, heads: 1e-2)
        return options
    }

    @Test("an interrupted run ends with the bits of one that was not", arguments: ["none", "gradual"])
    func resumed(_ plan: String) throws {
        let texts = try LabelledTexts(40)
        var options = options
        options.freeze = plan
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("resume-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        let whole = try texts.trainer(options, threads: 1)
        while !whole.isFinished { try whole.takeStep() }
        let first = try texts.trainer(options)
        for _ in 0..<7 { try first.takeStep() }
        let file = ResumeFile(folder: folder.path)
        try first.save(to: file, fingerprint: "a", notes: "")
        let rest = try texts.trainer(options)
        #expect(rest.resume(from: file, fingerprint: "a").found && rest.step == 7)
        while !rest.isFinished { try rest.takeStep() }
        #expect(rest.numbers == whole.numbers)
        options.precision = .fp32
        let exact = try texts.trainer(options)
        while !exact.isFinished { try exact.takeStep() }
        #expect(exact.numbers != whole.numbers)
    }

    @Test("a diverging run is stopped with a fault")
    func diverges() throws {
        let trainer = try LabelledTexts(24).trainer(options)
        trainer.parameters.view(trainer.parameters.tensors[3]).assign([Float](repeating: .infinity, count: 32))
        let fault = #expect(throws: Fault.self) { try trainer.takeStep() }
        #expect(fault?.code == "training-diverged")
    }

    @Test("what products take of a batch counts as memory of the step")
    func memory() throws {
        let texts = try LabelledTexts(4)
        let configuration = texts.backbone.configuration
        func tokens(_ precision: TrainingPrecision) throws -> Int {
            var options = options
            options.precision = precision
            return JointTrainer.partTokens(options, plan: try options.plan, configuration: configuration)
        }
        let bytes = TrainingMemory.bytesPerToken(configuration, remembered: 3)
        let more = TrainingMemory.bytesPerToken(configuration, remembered: 3, precision: .bf16)
        #expect(more - bytes == 2 * (3 * configuration.hiddenSize + configuration.intermediateSize))
        #expect(try tokens(.bf16) < tokens(.fp32))
    }

    @Test("refused where the processor does no better, and a part of the record")
    func refused() throws {
        for (precision, multiplies, isRefused) in [
            (TrainingPrecision.fp32, false, false), (.fp32, true, false), (.bf16, true, false), (.bf16, false, true),
        ] {
            var fault: Fault?
            do { try precision.check(multipliesBFloat16: multiplies) } catch { fault = error }
            #expect((fault?.code == "training-precision") == isRefused)
            #expect(fault == nil || fault?.hint == "leave train.precision at fp32")
        }
        let text = String(decoding: try JSONEncoder().encode(options), as: UTF8.self)
        #expect(text.contains(#""precision":"bf16""#))
    }
}
