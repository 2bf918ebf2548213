import Foundation
import Model
import TestSupport
import Tensors

/// Encoders and expected tensors for the tests of this target.
enum EncoderFixtures {
    /// The encoder of a directory, without its tokenizer.
    static func encoder(at directory: URL, plan: PrecisionPlan = .fp32) throws -> Encoder {
        let (configuration, file) = try parts(of: directory)
        return try Encoder(configuration: configuration, file: file, plan: plan)
    }

    /// Its twin, which shows its stages.
    static func unfused(at directory: URL) throws -> UnfusedEncoder {
        let (configuration, file) = try parts(of: directory)
        return UnfusedEncoder(
            configuration: configuration, weights: try EncoderWeights(from: file, configuration: configuration))
    }

    private static func parts(of directory: URL) throws -> (EncoderConfiguration, SafetensorsFile) {
        let configuration = try EncoderConfiguration(
            json: [UInt8](Data(contentsOf: directory.appendingPathComponent("config.json"))))
        let file = try SafetensorsFile(path: directory.appendingPathComponent("model.safetensors").path)
        return (configuration, file)
    }

    /// The encoder of a tiny model, through its files.
    static func encoder(of model: TinyModel, plan: PrecisionPlan = .fp32) throws -> Encoder {
        try model.withDirectory { try encoder(at: $0, plan: plan) }
    }

    /// Ids of `lengths.count` texts, below `vocabulary`.
    static func batch(lengths: [Int], vocabulary: Int, seed: UInt64 = 1) -> RaggedBatch {
        let random = CounterRandom(seed: seed, stream: 99)
        return RaggedBatch(
            lengths.enumerated().map { text, length in
                (0..<length).map { Int32(random.word(step: text, element: $0) % UInt32(vocabulary)) }
            })
    }
}

/// The largest absolute difference; infinity when the counts differ or a value is not finite.
func largestDifference(_ a: some Collection<Float>, _ b: some Collection<Float>) -> Float {
    guard a.count == b.count else { return .infinity }
    return zip(a, b).reduce(0) { worst, pair in
        let difference = abs(pair.0 - pair.1)
        return difference.isFinite ? max(worst, difference) : .infinity
    }
}
