import Annotations
import Foundation
import Model
import Training

/// What `training_runs.options` holds: every setting that decides a run's result.
struct RunOptions: Codable, Sendable, Hashable {
    var heads = HeadTrainingOptions()
    var layers = JointOptions()
    var cache = FeatureCache.Precision.f32.rawValue
    /// Tasks that somebody asked for.
    var tasks: [String]?
    var storedEmbeddings: Bool?
    /// Nil: all old documents are learned from.
    var replay: Int?
}

/// What `training_runs.record` holds: everything that a person wants to know about a run later.
struct RunRecord: Codable, Sendable {
    struct Seconds: Codable, Sendable {
        /// Reading labelled documents through the encoder.
        let features: Double
        let learning: Double
    }

    struct Environment: Codable, Sendable {
        let processor: String
        let system: String
        let threads: Int
        /// Of the kernels that computed.
        let kernels: String
        let peakMemoryMiB: Double?
    }

    /// Layout of the record.
    var version = 1
    let freeze: String
    let tasks: [TaskTraining]
    let encoder: EncoderTraining?
    let worst: [WorstError]
    let seconds: Seconds
    let environment: Environment
    /// Why the new model came into force, or did not; nil in records from before there was a gate.
    let gate: PromotionRule.Decision?
    /// How stored embeddings that stood for texts compared with them; nil when all texts were read.
    let stored: StoredFeatures.Check?

    init(_ result: Learning.Result, gate: PromotionRule.Decision, settings: Settings) {
        self.gate = gate
        stored = result.stored
        freeze = settings.text("train.freeze")
        (tasks, encoder, worst) = (result.outcome.tasks, result.outcome.encoder, result.outcome.worst)
        seconds = result.seconds
        environment = Environment(
            processor: ProcessFacts.processor ?? "unknown",
            system: ProcessInfo.processInfo.operatingSystemVersionString,
            threads: settings.trainingThreads, kernels: Backbone.kernelFamily, peakMemoryMiB: ProcessFacts.peakMemory)
    }
}

extension ProcessFacts {
    /// As /proc/cpuinfo calls it.
    static var processor: String? {
        let text = try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8)
        let line = text?.split(separator: "\n").first { $0.hasPrefix("model name") }
        return line?.split(separator: ":").last.map { $0.trimmingCharacters(in: .whitespaces) }
    }
}
