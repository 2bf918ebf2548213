import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Testing
import Training

/// Ten steps of AdamW on two heads behind a frozen tiny BERT, as PyTorch took them.
@Suite("Ten steps equal the reference's", .enabled(if: Reference.isAvailable))
struct TinyReplayTests {
    @Test("strategy backbone_frozen: losses, gradient norms and final weights")
    func backboneFrozen() throws {
        let replay = try TinyReplay()
        let strategy = try #require(replay.training.strategies["backbone_frozen"])
        let schedule = LearningRateSchedule(warmupSteps: 2, totalSteps: strategy.steps.count)
        var (classifier, tagger) = try replay.heads("heads.safetensors")
        var classifierOptimizer = HeadOptimizer(replay.training.optimizer.rule, for: classifier)
        var taggerOptimizer = HeadOptimizer(replay.training.optimizer.rule, for: tagger)
        var (a, b) = (HeadGradient(), HeadGradient())

        for step in strategy.steps {
            let batch = replay.batches.steps[step.step]
            let features = replay.features(of: batch)
            let lossA = a.compute(classifier, inputs: features.pooled, targets: batch.classTargets)
            let lossB = b.compute(tagger, inputs: features.hidden, targets: batch.tagTargets)
            let norm = (a.norm * a.norm + b.norm * b.norm).squareRoot()
            #expect(abs(lossA - step.classLoss) < Tolerance.replayLoss, "step \(step.step)")
            #expect(abs(lossB - step.tagLoss) < Tolerance.replayLoss, "step \(step.step)")
            #expect(abs(norm - step.gradientNorm) < Tolerance.replayNorm, "step \(step.step)")
            #expect(schedule.factor(step: step.step) == step.rateFactor)

            let factor = clippingFactor(norm: norm, limit: strategy.clipping)
            a.scale(by: factor)
            b.scale(by: factor)
            let rate = strategy.baseRate * schedule.factor(step: step.step)
            classifierOptimizer.step(&classifier, gradient: a, learningRate: rate)
            taggerOptimizer.step(&tagger, gradient: b, learningRate: rate)
        }

        let first = replay.batches.steps[0]
        let features = replay.features(of: first)
        let lossA = a.compute(classifier, inputs: features.pooled, targets: first.classTargets)
        let lossB = b.compute(tagger, inputs: features.hidden, targets: first.tagTargets)
        #expect(abs(lossA - strategy.after.classLoss) < Tolerance.replayLoss)
        #expect(abs(lossB - strategy.after.tagLoss) < Tolerance.replayLoss)

        let (finalClassifier, finalTagger) = try replay.heads("final_backbone_frozen.safetensors")
        for (got, want) in [(classifier, finalClassifier), (tagger, finalTagger)] {
            #expect(largestDifference(got.weights.values, want.weights.values) < Tolerance.replayWeight)
            #expect(largestDifference(got.bias, want.bias) < Tolerance.replayWeight)
        }
    }

    @Test("gradients of both heads, also of batches with labels for one task only")
    func gradients() throws {
        let replay = try TinyReplay()
        let (classifier, tagger) = try replay.heads("heads.safetensors")
        let file = try SafetensorsFile(path: Reference.fixture("tiny/gradients.safetensors").path)
        let batches = [
            ("step0", replay.batches.steps[0]), ("partial", replay.batches.steps[6]),
            ("no_ner_labels", replay.batches.noTagLabels), ("no_cls_labels", replay.batches.noClassLabels),
        ]
        for (name, batch) in batches {
            let features = replay.features(of: batch)
            var (a, b) = (HeadGradient(), HeadGradient())
            _ = a.compute(classifier, inputs: features.pooled, targets: batch.classTargets)
            _ = b.compute(tagger, inputs: features.hidden, targets: batch.tagTargets)
            for (tensor, got) in [
                ("classifier.weight", a.weights.values), ("classifier.bias", a.bias),
                ("ner.weight", b.weights.values), ("ner.bias", b.bias),
            ] {
                let want = try file.matrix("\(name)/\(tensor)").values
                #expect(got.count == want.count)
                for (x, y) in zip(got, want) {
                    #expect(abs(x - y) <= Tolerance.hidden + Tolerance.gradientRelative * abs(y), "\(name)/\(tensor)")
                }
            }
        }
    }

    private func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
        a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
    }
}

/// The tiny model with its batches; features come from our own encoder.
private struct TinyReplay {
    struct Training: Decodable {
        struct Optimizer: Decodable {
            let beta1, beta2, eps, weightDecay: Double
            var rule: AdamW { AdamW(beta1: beta1, beta2: beta2, epsilon: eps, weightDecay: weightDecay) }
            enum CodingKeys: String, CodingKey {
                case beta1, beta2, eps
                case weightDecay = "weight_decay"
            }
        }
        struct Step: Decodable {
            let step: Int
            let classLoss, tagLoss, rateFactor: Double
            let gradientNorm: Double
            enum CodingKeys: String, CodingKey {
                case step
                case classLoss = "loss_cls"
                case tagLoss = "loss_ner"
                case rateFactor = "lr_factor"
                case gradientNorm = "grad_norm_before_clip"
            }
        }
        struct After: Decodable {
            let classLoss, tagLoss: Double
            enum CodingKeys: String, CodingKey {
                case classLoss = "loss_cls"
                case tagLoss = "loss_ner"
            }
        }
        struct Strategy: Decodable {
            let baseRate, clipping: Double
            let steps: [Step]
            let after: After
            enum CodingKeys: String, CodingKey {
                case baseRate = "base_lr"
                case clipping = "grad_clip"
                case steps
                case after = "after_last_step_on_steps0"
            }
        }
        let optimizer: Optimizer
        let strategies: [String: Strategy]

        enum CodingKeys: CodingKey { case optimizer, strategies }
        init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            optimizer = try values.decode(Optimizer.self, forKey: .optimizer)
            // Only one strategy leaves the backbone alone and moves both heads; others lack some of the keys.
            let all = try values.nestedContainer(keyedBy: Name.self, forKey: .strategies)
            let name = Name("backbone_frozen")
            strategies = [name.stringValue: try all.decode(Strategy.self, forKey: name)]
        }
        struct Name: CodingKey {
            let stringValue: String
            let intValue: Int? = nil
            init(_ name: String) { stringValue = name }
            init?(stringValue: String) { self.stringValue = stringValue }
            init?(intValue: Int) { nil }
        }
    }

    struct Batch: Decodable {
        let ids, mask: [[Int32]]
        let classLabels: [Int32]
        let tagLabels: [[Int32]]
        enum CodingKeys: String, CodingKey {
            case ids = "input_ids"
            case mask = "attention_mask"
            case classLabels = "cls_labels"
            case tagLabels = "ner_labels"
        }

        /// Our sign for "no label" is -1, theirs -100.
        var classTargets: [Int32] { classLabels.map { max($0, -1) } }
        /// Of the tokens that are no padding, end to end.
        var tagTargets: [Int32] {
            zip(tagLabels, mask).flatMap { labels, mask in zip(labels, mask).filter { $1 == 1 }.map { max($0.0, -1) } }
        }
    }

    struct Batches: Decodable {
        let steps: [Batch]
        let noTagLabels, noClassLabels: Batch
        enum CodingKeys: String, CodingKey {
            case steps
            case noTagLabels = "no_ner_labels"
            case noClassLabels = "no_cls_labels"
        }
    }

    let training: Training
    let batches: Batches
    let encoder: Encoder

    init() throws {
        func bytes(_ name: String) throws -> Data { try Data(contentsOf: Reference.fixture("tiny/\(name)")) }
        training = try JSONDecoder().decode(Training.self, from: bytes("training.json"))
        batches = try JSONDecoder().decode(Batches.self, from: bytes("batches.json"))
        let configuration = try EncoderConfiguration(json: [UInt8](bytes("config.json")))
        let file = try SafetensorsFile(path: Reference.fixture("tiny/model.safetensors").path)
        encoder = try Encoder(configuration: configuration, file: file)
    }

    func heads(_ name: String) throws -> (classifier: HeadParameters, tagger: HeadParameters) {
        let file = try SafetensorsFile(path: Reference.fixture("tiny/\(name)").path)
        func head(_ name: String) throws -> HeadParameters {
            try HeadParameters(weights: file.matrix("\(name).weight"), bias: file.vector("\(name).bias"))
        }
        return try (head("classifier"), head("ner"))
    }

    /// Un-normalised means `[texts, hidden]`, and the hidden states of all tokens end to end.
    func features(of batch: Batch) -> (pooled: Matrix, hidden: Matrix) {
        let texts = zip(batch.ids, batch.mask).map { ids, mask in zip(ids, mask).filter { $1 == 1 }.map(\.0) }
        let ragged = RaggedBatch(texts)
        var workspace = EncoderWorkspace()
        encoder.encode(ragged, workspace: &workspace)
        let hidden = workspace.hidden
        let pooled = texts.indices.flatMap { text in
            var pooling = Pooling(.mean, dimensions: hidden.columns)
            pooling.add(hidden, rows: ragged.range(of: text))
            return pooling.pooled()
        }
        return (Matrix(rows: texts.count, columns: hidden.columns, values: pooled), hidden)
    }
}
