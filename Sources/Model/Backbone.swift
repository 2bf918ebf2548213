package import Annotations
internal import Foundation
import Tensors
package import Tokenization

/// An imported encoder with its tokenizer: what a model directory holds besides heads. Immutable, loaded once, shared.
package struct Backbone: Sendable {
    package let configuration: EncoderConfiguration
    package let encoder: Encoder
    /// In which precision `encoder` computes.
    package let plan: PrecisionPlan
    package let tokenizer: Tokenizer
    /// What its embeddings are comparable with.
    package let space: EmbeddingSpace
    /// The window in tokens, [CLS] and [SEP] included: what the position table holds, or less where
    /// `sentence_bert_config.json` says so.
    package let maximumTokens: Int
    /// The files that belong to it, relative and sorted: those that can decide results.
    package let sourceFiles: [String]

    /// Lower-case hex SHA-256 over `sourceFiles` (see `ContentHash.ofFiles`): the backbone's name.
    package var contentHash: String { space.backboneHash }

    /// Where the weights are, for encoders of other precisions.
    package let files: EncoderFiles
    /// `contentHash` of the files that were imported; the same as that where nothing has been learned since.
    package let importedHash: String
    /// sha256 of the file of each part that has been learned since, lower-case hex.
    package private(set) var learnedHashes: [EncoderPart: String] = [:]

    /// The same backbone with an encoder of another precision. Weights are packed anew, well below a second for a
    /// BERT-base; nothing else is read again.
    package func computing(in plan: PrecisionPlan) throws(Fault) -> Backbone {
        plan == self.plan ? self : try made(of: files, learned: learnedHashes, space: space, plan: plan)
    }

    /// The same in all but the encoder's weights and how it computes.
    private func made(
        of files: EncoderFiles, learned: [EncoderPart: String], space: EmbeddingSpace, plan: PrecisionPlan
    ) throws(Fault) -> Backbone {
        Backbone(
            configuration: configuration,
            encoder: try Encoder(configuration: configuration, files: files, plan: plan), plan: plan,
            tokenizer: tokenizer, space: space, maximumTokens: maximumTokens, sourceFiles: sourceFiles, files: files,
            importedHash: importedHash, learnedHashes: learned)
    }

    private func space(of backboneHash: String) -> EmbeddingSpace {
        EmbeddingSpace(
            backboneHash: backboneHash, pooling: space.pooling, normalization: space.normalization,
            dimensions: space.dimensions)
    }

    /// The backbone as it was imported, without anything that has been learned since.
    package func asImported() throws(Fault) -> Backbone {
        guard !learnedHashes.isEmpty else { return self }
        return try made(
            of: EncoderFiles(files.imported), learned: [:], space: space(of: importedHash), plan: plan)
    }

    /// The same backbone with some parts of its encoder replaced, by what has been learned. Parts that were replaced before
    /// and are not among these stay as they are.
    ///
    /// It embeds in a space of its own, named by what was imported and by the content of every replaced part.
    ///
    /// - Parameters:
    ///   - parts: safetensors files of a part's tensors (`EncoderFiles`).
    ///   - plan: in which precision the encoder computes; nil: as this one.
    /// - Throws: `.model` faults: `safetensors-*`, `tensor-*`; `layer-misfit`.
    package func replacing(
        _ parts: [EncoderPart: [UInt8]], plan: PrecisionPlan? = nil
    ) throws(Fault) -> Backbone {
        let plan = plan ?? self.plan
        guard !parts.isEmpty else { return try computing(in: plan) }
        var (learned, hashes) = (files.learned, learnedHashes)
        for (part, bytes) in parts {
            learned[part] = try SafetensorsFile(bytes: bytes, label: "learned part \(part.number) of the encoder")
            hashes[part] = try ContentHash.of(bytes)
        }
        let files = EncoderFiles(files.imported, learned: learned)
        try files.check(configuration)
        let hash = try Self.hash(imported: importedHash, learned: hashes)
        return try made(of: files, learned: hashes, space: space(of: hash), plan: plan)
    }

    /// The name of a backbone with learned parts: sha256 over the text `learned 1`, the imported hash, and number and hash
    /// of each part, ascending, a line each.
    static func hash(imported: String, learned: [EncoderPart: String]) throws(Fault) -> String {
        let lines = learned.sorted { $0.key < $1.key }.map { "\($0.key.number) \($0.value)" }
        return try ContentHash.of(Array((["learned 1", imported] + lines).joined(separator: "\n").utf8))
    }

    /// Loads a Hugging Face BERT directory: `config.json`, `model.safetensors`, `vocab.txt` or `tokenizer.json`, and
    /// sentence-transformers' files where there are any.
    ///
    /// - Parameters:
    ///   - normalization: replaces what the directory says about normalising embeddings.
    ///   - plan: in which precision the encoder computes.
    /// - Throws: `.model` faults that name the file or tensor.
    package static func load(
        directory: String, normalization: EmbeddingSpace.Normalization? = nil, plan: PrecisionPlan = .fp32
    ) throws(Fault) -> Backbone {
        let present = try required(["config.json", "model.safetensors"], in: directory)
        let configuration = try EncoderConfiguration(json: try bytes(of: "config.json", in: directory))
        let modules = try SentenceModules(directory: directory, hiddenSize: configuration.hiddenSize)
        let tokenizer = try Tokenizer(directory: directory)
        guard tokenizer.vocabulary.count <= configuration.vocabularySize else {
            throw Fault(
                .model, "vocabulary-too-large",
                "the tokenizer of \(directory) knows \(tokenizer.vocabulary.count) tokens,"
                    + " the encoder \(configuration.vocabularySize)",
                hint: "vocab.txt and model.safetensors belong to different models.")
        }
        let file = try SafetensorsFile(path: directory + "/model.safetensors")
        let sourceFiles = Set(present + tokenizerFiles(in: directory) + modules.files).sorted()
        let hash = try ContentHash.ofFiles(sourceFiles, in: directory)
        let files = EncoderFiles(file)
        return Backbone(
            configuration: configuration,
            encoder: try Encoder(configuration: configuration, files: files, plan: plan), plan: plan,
            tokenizer: tokenizer,
            space: EmbeddingSpace(
                backboneHash: hash, pooling: modules.pooling,
                normalization: normalization ?? modules.normalization, dimensions: configuration.hiddenSize),
            maximumTokens: min(configuration.maximumPositions, modules.maximumTokens ?? .max), sourceFiles: sourceFiles,
            files: files, importedHash: hash)
    }

    private static func required(_ names: [String], in directory: String) throws(Fault) -> [String] {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: directory, isDirectory: &isDirectory), isDirectory.boolValue else {
            throw Fault(
                .model, "model-missing", "\(directory) is not a directory",
                hint: "Name a directory that holds config.json, model.safetensors and vocab.txt.")
        }
        for name in names where !exists(name, in: directory) {
            let hasPickle = name == "model.safetensors" && exists("pytorch_model.bin", in: directory)
            throw Fault(
                .model, "file-missing", "\(directory) has no \(name)",
                hint: hasPickle
                    ? "Only safetensors are read: save the model again with save_pretrained(..., safe_serialization=True)."
                    : "Copy all files of the Hugging Face model into the directory.")
        }
        return names
    }

    /// Every file that a tokenizer may be made of. Which of them decide depends on what they say, so all that are there
    /// belong to the backbone.
    private static func tokenizerFiles(in directory: String) -> [String] {
        ["vocab.txt", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"]
            .filter { exists($0, in: directory) }
    }

    private static func exists(_ name: String, in directory: String) -> Bool {
        FileManager.default.fileExists(atPath: directory + "/" + name)
    }

    private static func bytes(of name: String, in directory: String) throws(Fault) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: directory + "/" + name) else {
            throw Fault(.model, "file-unreadable", "cannot read \(directory)/\(name)")
        }
        return [UInt8](data)
    }
}
