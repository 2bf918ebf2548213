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
            #expect(abs(norm - (step.gradientNorm ?? 0)) < Tolerance.replayNorm, "step \(step.step)")
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
