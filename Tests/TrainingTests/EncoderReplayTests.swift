import Foundation
import Model
import Tensors
import TestSupport
import Testing
import Training

/// The whole tiny BERT learns as it did in PyTorch: gradients of single batches, and ten steps of every strategy.
@Suite("Fine-tuning equals the reference's", .enabled(if: Reference.isAvailable))
struct EncoderReplayTests {
    struct Strategy: Sendable, CustomTestStringConvertible {
        let name: String
        let plan: String
        /// Of final weights.
        let tolerance: Float
        var testDescription: String { name }
    }

    static let strategies = [
        Strategy(name: "none", plan: "none", tolerance: Tolerance.replayWeight),
        Strategy(name: "backbone_frozen", plan: "backbone-frozen", tolerance: Tolerance.replayWeight),
        Strategy(name: "layers_1_2_frozen", plan: "layers:1-2", tolerance: Tolerance.replayWeight),
        Strategy(
            name: "embeddings_and_layers_0_1_frozen", plan: "layers:embeddings,0-1",
            tolerance: Tolerance.replayWeight),
        Strategy(name: "head_a_frozen", plan: "head-frozen:classifier", tolerance: Tolerance.replayWeight),
        Strategy(name: "head_b_frozen", plan: "head-frozen:ner", tolerance: Tolerance.replayWeight),
        Strategy(name: "all_frozen", plan: "all-frozen", tolerance: 0),
        Strategy(name: "none_high_lr", plan: "none", tolerance: Tolerance.replayFastWeight),
        Strategy(name: "none_high_lr_clip", plan: "none", tolerance: Tolerance.replayFastWeight),
    ]

    @Test("the list of strategies is the reference's")
    func complete() throws {
        let replay = try TinyReplay()
        #expect(Set(replay.training.strategies.keys) == Set(Self.strategies.map(\.name)))
    }

    @Test("ten steps: losses, gradient norms and final weights", arguments: strategies)
    func tenSteps(_ strategy: Strategy) throws {
        let replay = try TinyReplay()
        let expected = try #require(replay.training.strategies[strategy.name])
        let plan = try FreezePlan(parsing: strategy.plan)
        let run = try twoHeads(replay)
        let trainable = plan.trainable(epoch: 1, layers: replay.configuration.layers)
        let rates = LayerRates(base: expected.baseRate, decay: 0.95)
        let schedule = LearningRateSchedule(warmupSteps: 2, totalSteps: expected.steps.count)
        var largest = (loss: 0.0, norm: 0.0)
        for step in expected.steps {
            let losses = gradients(run, replay.batches.steps[step.step], trainable)
            largest.loss = max(largest.loss, abs(losses.0 - step.classLoss), abs(losses.1 - step.tagLoss))
            let norm = run.step(
                plan, trainable: trainable, rates: rates, factor: schedule.factor(step: step.step),
                clipping: expected.clipping)
            largest.norm = max(largest.norm, abs(norm - (step.gradientNorm ?? 0)) / max(norm, 1))
        }
        let after = gradients(run, replay.batches.steps[0], trainable)
        largest.loss = max(
            largest.loss, abs(after.0 - expected.after.classLoss), abs(after.1 - expected.after.tagLoss))
        #expect(largest.loss < Tolerance.replayLoss, "losses differ by \(largest.loss)")
        #expect(largest.norm < Tolerance.replayRelativeNorm, "norms differ by \(largest.norm)")
        guard plan != .allFrozen else { return }
        try compareFinalWeights(run, strategy, trainable: trainable)
    }

    private func compareFinalWeights(_ run: TwoHeadStep, _ strategy: Strategy, trainable: TrainableLayers) throws {
        let file = try SafetensorsFile(path: Reference.fixture("tiny/final_\(strategy.name).safetensors").path)
        var compared = 0
        func compare(_ name: String, _ values: [Float]) throws {
            compared += 1
            guard !name.hasSuffix("self.key.bias") else { return }
            let difference = largestDifference(values, try file.floats(name))
            #expect(difference <= strategy.tolerance, "\(name)")
        }
        let parameters = run.encoder.parameters
        for tensor in parameters.tensors where trainable.contains(tensor.layer) {
            try compare(tensor.name, parameters.view(tensor).copyValues())
        }
        for (name, head) in [("classifier", run.classifier), ("ner", run.tagger)]
        where file.contains("\(name).weight") {
            try compare("\(name).weight", head.weights.values)
            try compare("\(name).bias", head.bias)
        }
        #expect(compared == file.names.count)

    }

    @Test("gradients of every tensor, also of batches with labels for one task only", arguments: [1, 2])
    func everyGradient(threads: Int) throws {
        let replay = try TinyReplay()
        let file = try SafetensorsFile(path: Reference.fixture("tiny/gradients.safetensors").path)
        let run = try twoHeads(replay, threads: threads)
        var compared = 0
        for (name, batch) in [
            ("step0", replay.batches.steps[0]), ("partial", replay.batches.steps[6]),
            ("no_ner_labels", replay.batches.noTagLabels), ("no_cls_labels", replay.batches.noClassLabels),
        ] {
            _ = gradients(run, batch, .all(of: replay.configuration.layers))
            let parameters = run.encoder.parameters
            let encoder = parameters.tensors.map { ($0.name, parameters.gradient($0).copyValues()) }
            for (tensor, got) in encoder + [
                ("classifier.weight", run.classGradient.weights.values), ("classifier.bias", run.classGradient.bias),
                ("ner.weight", run.tagGradient.weights.values), ("ner.bias", run.tagGradient.bias),
            ] {
                let want = try file.floats("\(name)/\(tensor)")
                compared += 1
                #expect(got.count == want.count)
                let excess = zip(got, want).map { abs($0 - $1) - Tolerance.gradientRelative * abs($1) }.max() ?? 0
                #expect(excess <= Tolerance.hidden, "\(name)/\(tensor)")
            }
        }
        #expect(compared == file.names.count)
    }

    private func twoHeads(_ replay: TinyReplay, threads: Int = 2) throws -> TwoHeadStep {
        let (classifier, tagger) = try replay.heads("heads.safetensors")
        let parameters = try EncoderParameters(from: replay.file, configuration: replay.configuration)
        return TwoHeadStep(
            parameters: parameters, classifier: classifier, tagger: tagger, rule: replay.training.optimizer.rule,
            threads: threads)
    }

    private func gradients(
        _ run: TwoHeadStep, _ batch: TinyReplay.Batch, _ trainable: TrainableLayers
    ) -> (Double, Double) {
        run.gradients(
            RaggedBatch(batch.texts), classes: batch.classTargets, tags: batch.tagTargets, trainable: trainable)
    }

    private func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
        a.count == b.count ? zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } : .infinity
    }
}
