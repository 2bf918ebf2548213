package import Annotations
internal import Foundation

/// The shape of a BERT encoder, as `config.json` of a Hugging Face directory gives it.
package struct EncoderConfiguration: Sendable, Hashable {
    package let hiddenSize: Int
    package let layers: Int
    package let heads: Int
    package let intermediateSize: Int
    /// Rows of the position table: the longest text in tokens, [CLS] and [SEP] included.
    package let maximumPositions: Int
    package let vocabularySize: Int
    package let tokenTypes: Int
    package let layerNormEpsilon: Float

    /// Refuses a shape that no encoder can have, and one whose sizes only a damaged file would claim.
    package init(
        hiddenSize: Int, layers: Int, heads: Int, intermediateSize: Int, maximumPositions: Int, vocabularySize: Int,
        tokenTypes: Int = 2, layerNormEpsilon: Float = 1e-12
    ) throws(Fault) {
        let sizes = [
            ("hidden_size", hiddenSize), ("num_hidden_layers", layers), ("num_attention_heads", heads),
            ("intermediate_size", intermediateSize), ("vocab_size", vocabularySize), ("type_vocab_size", tokenTypes),
        ]
        for (name, value) in sizes where !(1...10_000_000).contains(value) {
            throw Self.unsupported("\(name) is \(value)")
        }
        guard (3...10_000_000).contains(maximumPositions) else {
            throw Self.unsupported(
                "max_position_embeddings is \(maximumPositions): no room for [CLS], [SEP] and a token")
        }
        guard hiddenSize % heads == 0 else {
            throw Self.unsupported("hidden_size \(hiddenSize) cannot be divided among \(heads) attention heads")
        }
        guard layerNormEpsilon.isFinite, layerNormEpsilon >= 0 else {
            throw Self.unsupported("layer_norm_eps is \(layerNormEpsilon)")
        }
        self.hiddenSize = hiddenSize
        self.layers = layers
        self.heads = heads
        self.intermediateSize = intermediateSize
        self.maximumPositions = maximumPositions
        self.vocabularySize = vocabularySize
        self.tokenTypes = tokenTypes
        self.layerNormEpsilon = layerNormEpsilon
    }

    /// Reads the bytes of a `config.json`.
    ///
    /// - Throws: `encoder-config` when it is not JSON or lacks a size, `encoder-unsupported` when it describes something
    ///   else than a BERT encoder with absolute positions, post-LayerNorm and the exact GELU.
    package init(json: [UInt8]) throws(Fault) {
        let file: File
        do { file = try JSONDecoder().decode(File.self, from: Data(json)) } catch {
            throw Fault(
                .model, "encoder-config", "config.json cannot be read: \(Self.describe(error))",
                hint: "The directory must hold a BERT encoder as Hugging Face's transformers writes it.")
        }
        try Self.expect(file.model_type, "model_type", among: ["bert"])
        try Self.expect(file.hidden_act, "hidden_act", among: ["gelu"])
        try Self.expect(file.position_embedding_type, "position_embedding_type", among: ["absolute"])
        if file.is_decoder == true { throw Self.unsupported("is_decoder is true") }
        try self.init(
            hiddenSize: file.hidden_size, layers: file.num_hidden_layers, heads: file.num_attention_heads,
            intermediateSize: file.intermediate_size, maximumPositions: file.max_position_embeddings,
            vocabularySize: file.vocab_size, tokenTypes: file.type_vocab_size ?? 2,
            layerNormEpsilon: file.layer_norm_eps ?? 1e-12)
    }

    /// `config.json`'s own names. Absent keys have the defaults of transformers' `BertConfig`; sizes must be given.
    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct File: Decodable {
        let model_type: String?
        let hidden_act: String?
        let position_embedding_type: String?
        let is_decoder: Bool?
        let hidden_size: Int
        let num_hidden_layers: Int
        let num_attention_heads: Int
        let intermediate_size: Int
        let max_position_embeddings: Int
        let vocab_size: Int
        let type_vocab_size: Int?
        let layer_norm_eps: Float?
    }

    private static func expect(_ value: String?, _ key: String, among known: [String]) throws(Fault) {
        if let value, !known.contains(value) { throw unsupported("\(key) is '\(value)'") }
    }

    private static func unsupported(_ what: String) -> Fault {
        Fault(
            .model, "encoder-unsupported", "this encoder cannot be run: \(what)",
            hint: "Glossator runs BERT encoders: model_type bert, hidden_act gelu, absolute positions.")
    }

    private static func describe(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "'\(key.stringValue)' is missing"
        case DecodingError.typeMismatch(_, let context), DecodingError.valueNotFound(_, let context):
            "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' has the wrong type"
        default: "it is not valid JSON"
        }
    }
}
