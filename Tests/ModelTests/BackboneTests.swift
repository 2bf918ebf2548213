import Annotations
import Foundation
import Model
import TestSupport
import Tensors
import Testing

/// What a model directory says, and what is said about one that cannot be used.
@Suite struct BackboneTests {
    private func write(_ text: String, _ name: String, in directory: URL) throws {
        try Data(text.utf8).write(to: directory.appendingPathComponent(name))
    }

    /// The fault of loading a tiny model after `damage` was done to its directory.
    private func fault(_ model: TinyModel = TinyModel(), after damage: (URL) throws -> Void) throws -> Fault? {
        try model.withDirectory { directory in
            try damage(directory)
            do throws(Fault) {
                _ = try Backbone.load(directory: directory.path)
                return nil
            } catch { return error }
        }
    }

    @Test func aPlainBERTDirectoryIsMeanPooledAndNotNormalised() throws {
        let backbone = try TinyModel().withDirectory { try Backbone.load(directory: $0.path) }
        #expect(backbone.space.pooling == .mean && backbone.space.normalization == .none)
        #expect(backbone.space.dimensions == 32 && backbone.maximumTokens == 64)
        #expect(backbone.sourceFiles == ["config.json", "model.safetensors", "tokenizer_config.json", "vocab.txt"])
        #expect(backbone.contentHash.count == 64)
    }

    @Test func sentenceTransformersFilesAreHonoured() throws {
        var model = TinyModel()
        (model.pooling, model.normalizes, model.maximumSequenceLength) = (.cls, true, 40)
        try model.withDirectory { directory in
            let backbone = try Backbone.load(directory: directory.path)
            #expect(backbone.space.pooling == .cls && backbone.space.normalization == .l2)
            #expect(backbone.maximumTokens == 40)
            #expect(backbone.sourceFiles.contains("1_Pooling/config.json"))
            #expect(backbone.sourceFiles.contains("modules.json"))
            #expect(backbone.sourceFiles.contains("sentence_bert_config.json"))
            let other = try Backbone.load(directory: directory.path, normalization: .layernorm)
            #expect(other.space.normalization == .layernorm && other.contentHash == backbone.contentHash)
        }
        model.maximumSequenceLength = 4_000
        #expect(try model.withDirectory { try Backbone.load(directory: $0.path) }.maximumTokens == 64)
    }

    @Test func theNewerWayToNameAPoolingIsUnderstood() throws {
        var model = TinyModel()
        model.pooling = .mean
        try model.withDirectory { directory in
            try write(#"{"embedding_dimension": 32, "pooling_mode": "cls"}"#, "1_Pooling/config.json", in: directory)
            #expect(try Backbone.load(directory: directory.path).space.pooling == .cls)
        }
    }

    @Test func theHashNamesTheContentAndNotThePlace() throws {
        let first = try TinyModel().withDirectory { try Backbone.load(directory: $0.path).contentHash }
        #expect(try TinyModel().withDirectory { try Backbone.load(directory: $0.path).contentHash } == first)
        let withReadme = try TinyModel().withDirectory { directory in
            try write("notes", "README.md", in: directory)
            return try Backbone.load(directory: directory.path).contentHash
        }
        #expect(withReadme == first)
        var other = TinyModel()
        other.seed += 1
        #expect(try other.withDirectory { try Backbone.load(directory: $0.path).contentHash } != first)
    }

    @Test func everyMissingFileIsNamed() throws {
        for name in ["config.json", "model.safetensors", "vocab.txt"] {
            let fault = try fault { try FileManager.default.removeItem(at: $0.appendingPathComponent(name)) }
            #expect(fault?.blame == .model && fault?.message.contains(name) == true, "\(name)")
            #expect(fault?.hint != nil)
        }
        var sentence = TinyModel()
        sentence.pooling = .mean
        let pooling = try fault(sentence) {
            try FileManager.default.removeItem(at: $0.appendingPathComponent("1_Pooling/config.json"))
        }
        #expect(pooling?.code == "file-missing" && pooling?.message.contains("1_Pooling/config.json") == true)
        let pickle = try fault {
            try FileManager.default.moveItem(
                at: $0.appendingPathComponent("model.safetensors"), to: $0.appendingPathComponent("pytorch_model.bin"))
        }
        #expect(pickle?.hint?.contains("safe_serialization") == true)
        let nowhere = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString).path
        #expect(throws: Fault.self) { try Backbone.load(directory: nowhere) }
    }

    @Test(arguments: [
        ("\"hidden_act\": \"gelu\"", "\"hidden_act\": \"gelu_new\"", "encoder-unsupported", "gelu_new"),
        ("\"model_type\": \"bert\"", "\"model_type\": \"roberta\"", "encoder-unsupported", "roberta"),
        ("\"absolute\"", "\"relative_key\"", "encoder-unsupported", "relative_key"),
        ("\"hidden_size\": 32", "\"hidden_size\": 30", "encoder-unsupported", "hidden_size 30"),
        ("\"hidden_size\": 32", "\"hidden_size\": 64", "tensor-shape", "embeddings.word_embeddings.weight"),
        ("\"hidden_size\": 32", "\"hidden_size\": -32", "encoder-unsupported", "-32"),
        ("\"hidden_size\": 32", "\"hidden_size\": \"32\"", "encoder-config", "hidden_size"),
        ("\"hidden_size\": 32,", "", "encoder-config", "hidden_size"),
        ("\"num_attention_heads\": 4", "\"num_attention_heads\": 0", "encoder-unsupported", "num_attention_heads"),
        ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 3", "tensor-missing", "encoder.layer.2."),
        ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 1e30", "encoder-config", ""),
        ("\"intermediate_size\": 64", "\"intermediate_size\": 65", "tensor-shape", "intermediate.dense"),
        ("\"max_position_embeddings\": 64", "\"max_position_embeddings\": 2", "encoder-unsupported", "2"),
        ("\"type_vocab_size\": 2", "\"type_vocab_size\": 0", "encoder-unsupported", "type_vocab_size"),
        ("\"layer_norm_eps\": 1e-12", "\"layer_norm_eps\": -1", "encoder-unsupported", "layer_norm_eps"),
        ("{", "[", "encoder-config", "JSON"),
    ])
    func aConfigurationThatCannotBeRunIsRefused(_ old: String, _ new: String, _ code: String, _ names: String) throws {
        let text = TinyModel().configurationJSON.replacingOccurrences(of: old, with: new)
        #expect(text != TinyModel().configurationJSON)
        let fault = try fault { try write(text, "config.json", in: $0) }
        #expect(fault?.code == code, "\(fault.map(String.init(describing:)) ?? "it was accepted")")
        #expect(names.isEmpty || fault?.message.contains(names) == true, "\(fault?.message ?? "")")
    }

    @Test(arguments: [
        (#"[{"path": "", "type": "x.Transformer"}]"#, "modules-unsupported"),
        (
            #"[{"path": "0_BERT", "type": "x.Transformer"}, {"path": "1_Pooling", "type": "x.Pooling"}]"#,
            "modules-unsupported"
        ),
        (#"[]"#, "modules-unsupported"),
        (#"{}"#, "modules-unreadable"),
        (#"[{"path": "", "type": "x.Transformer"}, {"path": "../x", "type": "x.Pooling"}]"#, "modules-unsupported"),
        (#"[{"path": "", "type": "x.Transformer"}, {"path": "/x", "type": "x.Pooling"}]"#, "modules-unsupported"),
        (
            #"[{"path": "", "type": "T.Transformer"}, {"path": "1_Pooling", "type": "P.Pooling"}, {"path": "2", "type": "D.Dense"}]"#,
            "modules-unsupported"
        ),
    ])
    func modulesThatCannotBeRunAreRefused(_ modules: String, _ code: String) throws {
        var model = TinyModel()
        model.pooling = .mean
        #expect(try fault(model) { try write(modules, "modules.json", in: $0) }?.code == code)
    }

    @Test(arguments: [
        #"{"word_embedding_dimension": 32, "pooling_mode_max_tokens": true}"#,
        #"{"word_embedding_dimension": 32, "pooling_mode_mean_tokens": true, "pooling_mode_cls_token": true}"#,
        #"{"word_embedding_dimension": 32}"#, #"{"word_embedding_dimension": 16, "pooling_mode_mean_tokens": true}"#,
        #"{"pooling_mode": "lasttoken"}"#,
    ])
    func poolingsThatDoNotExistHereAreRefused(_ settings: String) throws {
        var model = TinyModel()
        model.pooling = .mean
        let fault = try fault(model) { try write(settings, "1_Pooling/config.json", in: $0) }
        #expect(fault?.code == "modules-unsupported" && fault?.hint != nil)
    }

    @Test func aWindowTooShortForATokenIsRefused() throws {
        var model = TinyModel()
        model.maximumSequenceLength = 2
        #expect(try fault(model) { _ in }?.code == "modules-unsupported")
    }

    @Test func moreTokensThanTheEncoderKnowsAreRefused() throws {
        let words = TinyModel().vocabulary + ["onemore"]
        let fault = try fault { try write(words.joined(separator: "\n") + "\n", "vocab.txt", in: $0) }
        #expect(fault?.code == "vocabulary-too-large")
    }

    @Test func aTensorOfTheWrongTypeIsRefused() throws {
        let fault = try fault { directory in
            let url = directory.appendingPathComponent("model.safetensors")
            // I32 has F32's size, so only the type is wrong. Every F32 of the header; the data has none.
            let bytes = [UInt8](try Data(contentsOf: url))
            let headerCount = Int(bytes[0]) | Int(bytes[1]) << 8 | Int(bytes[2]) << 16
            let header = String(decoding: bytes[8..<8 + headerCount], as: UTF8.self)
            let changed = Array(header.replacingOccurrences(of: "F32", with: "I32").utf8)
            try Data(bytes[..<8] + changed + bytes[(8 + headerCount)...]).write(to: url)
        }
        #expect(fault?.code == "tensor-dtype" && fault?.message.contains("I32") == true)
    }
}
