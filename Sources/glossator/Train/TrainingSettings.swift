import Annotations
import Model
import Training

extension Settings {
    var headTrainingOptions: HeadTrainingOptions {
        var options = HeadTrainingOptions()
        options.start = text("train.start") == "fresh" ? .fresh : .modelInForce
        options.entityHead = EntityHead.Kind(rawValue: text("train.entity-head")) ?? .linear
        options.epochs = integer("train.epochs")
        options.minimumSteps = integer("train.minimum-steps")
        options.patience = integer("train.patience")
        options.batchSize = integer("train.batch-size")
        options.learningRate = number("train.learning-rate")
        options.weightDecay = number("train.weight-decay")
        options.dropout = number("train.dropout")
        options.classWeights = .init(rawValue: text("train.class-weights")) ?? .none
        options.labelSmoothing = number("train.label-smoothing")
        options.holdout = number("train.holdout")
        options.validation = number("train.validation")
        options.seed = UInt64(integer("train.seed"))
        return options
    }

    /// A run that starts afresh knows only what it is given: it is given all.
    var replay: Int? { text("train.start") == "fresh" ? nil : integer("train.replay") }

    var featureCaching: BackboneTrainer.Caching {
        let limit = integer("train.cache-mib") << 20
        return .init(
            folder: limit > 0 ? trainingDirectory : nil,
            precision: FeatureCache.Precision(rawValue: text("train.cache-precision")) ?? .f32, limit: limit,
            version: Version.withBuild)
    }

    var promotionRule: PromotionRule {
        var rule = PromotionRule()
        rule.margin = number("train.gate-margin")
        rule.confidence = number("train.gate-confidence")
        rule.gainConfidence = number("train.gate-gain-confidence")
        rule.classFall = number("train.gate-class-fall")
        rule.calibrationRise = number("train.gate-calibration-rise")
        rule.flipRate = number("train.gate-flip-rate")
        rule.seed = UInt64(integer("train.seed"))
        return rule
    }

    /// - Throws: `setting-invalid`.
    var jointOptions: JointOptions {
        get throws(Fault) {
            var options = JointOptions()
            options.freeze = text("train.freeze")
            let headRate = number("train.layer-head-rate")
            options.rates = LayerRates(
                base: number("train.layer-learning-rate"), decay: number("train.layer-decay"),
                heads: headRate > 0 ? headRate : nil)
            options.precision = .init(rawValue: text("train.precision")) ?? .fp32
            options.epochs = integer("train.layer-epochs")
            options.batchSize = integer("train.layer-batch-size")
            options.patience = integer("train.layer-patience")
            options.weightDecay = number("train.weight-decay")
            options.decay = .init(rawValue: text("train.decay")) ?? .linear
            options.dropout = number("train.dropout")
            options.sampling = .init(rawValue: text("train.sampling")) ?? .proportional
            options.lossWeights = try lossWeights()
            options.classWeights = .init(rawValue: text("train.class-weights")) ?? .none
            options.labelSmoothing = number("train.label-smoothing")
            options.probesFirst = flag("train.probe-first")
            options.seed = UInt64(integer("train.seed"))
            options.memory = integer("train.memory-mib") << 20
            return options
        }
    }

    private func lossWeights() throws(Fault) -> [String: Double] {
        var weights: [String: Double] = [:]
        for item in text("train.loss-weights").split(separator: ",") {
            let parts = item.split(separator: "=", omittingEmptySubsequences: false)
            guard parts.count == 2, !parts[0].isEmpty, let weight = Double(parts[1]), (0...1000).contains(weight) else {
                throw Fault(
                    .configuration, "setting-invalid",
                    "train.loss-weights is \"\(text("train.loss-weights"))\": \"\(item)\" is no task with its weight",
                    hint: "write it as topic=2,names=0.5")
            }
            weights[String(parts[0])] = weight
        }
        return weights
    }
}
