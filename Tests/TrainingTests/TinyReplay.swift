import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Training

/// The tiny model with its batches; features come from our own encoder.
struct TinyReplay {
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
            /// Nil where nothing learns.
            let gradientNorm: Double?
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

        /// Without padding.
        var texts: [[Int32]] { zip(ids, mask).map { ids, mask in zip(ids, mask).filter { $1 == 1 }.map(\.0) } }
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
    let configuration: EncoderConfiguration
    let file: SafetensorsFile

    init() throws {
        func bytes(_ name: String) throws -> Data { try Data(contentsOf: Reference.fixture("tiny/\(name)")) }
        training = try JSONDecoder().decode(Training.self, from: bytes("training.json"))
        batches = try JSONDecoder().decode(Batches.self, from: bytes("batches.json"))
        configuration = try EncoderConfiguration(json: [UInt8](bytes("config.json")))
        file = try SafetensorsFile(path: Reference.fixture("tiny/model.safetensors").path)
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
        let texts = batch.texts
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
