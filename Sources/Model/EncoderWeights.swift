package import Annotations
package import Tensors

/// A linear layer as PyTorch stores it: `weights` `[out, in]`, `bias` `[out]`.
package struct LinearWeights: Sendable {
    package let weights: Matrix
    package let bias: [Float]
}

/// One encoder layer's weights.
package struct LayerWeights: Sendable {
    /// Query, key and value stacked, `[3 * hidden, hidden]`: one product instead of three.
    package let queryKeyValue: LinearWeights
    package let attentionOutput: LinearWeights
    package let attentionNorm: LayerNorm
    package let intermediate: LinearWeights
    package let output: LinearWeights
    package let outputNorm: LayerNorm
}

/// All weights of an encoder in memory, in fp32.
package struct EncoderWeights: Sendable {
    let embedding: EmbeddingLayer
    package let layers: [LayerWeights]

    /// Reads the tensors that `configuration` asks for, under Hugging Face's names with or without `bert.` before them.
    /// Other tensors (a pooler, heads of pre-training) are ignored.
    ///
    /// - Throws: `tensor-missing`, `tensor-dtype`, `tensor-shape`, each naming the tensor.
    package init(from file: SafetensorsFile, configuration: EncoderConfiguration) throws(Fault) {
        let reader = EncoderWeightReader(file: file, configuration: configuration)
        embedding = try reader.embedding()
        var layers: [LayerWeights] = []
        for index in 0..<configuration.layers { layers.append(try reader.layer(index)) }
        self.layers = layers
    }
}

/// Reads an encoder's tensors piece by piece and insists on their shapes.
struct EncoderWeightReader {
    private let file: SafetensorsFile
    private let configuration: EncoderConfiguration
    private let prefix: String

    init(file: SafetensorsFile, configuration: EncoderConfiguration) {
        self.file = file
        self.configuration = configuration
        prefix = file.names.contains { $0.hasPrefix("bert.e") } ? "bert." : ""
    }

    func embedding() throws(Fault) -> EmbeddingLayer {
        let hidden = configuration.hiddenSize
        let words = try table(
            "embeddings.word_embeddings.weight", rows: configuration.vocabularySize, columns: hidden)
        let positions = try table(
            "embeddings.position_embeddings.weight", rows: configuration.maximumPositions, columns: hidden)
        let segments = try matrix(
            "embeddings.token_type_embeddings.weight", rows: configuration.tokenTypes, columns: hidden)
        return EmbeddingLayer(
            tables: EmbeddingTables(words: words, positions: positions, segment: Array(segments.row(0))),
            norm: try norm("embeddings.LayerNorm", columns: hidden))
    }

    func layer(_ index: Int) throws(Fault) -> LayerWeights {
        let (hidden, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        let name = "encoder.layer.\(index)"
        let query = try linear("\(name).attention.self.query", from: hidden, to: hidden)
        let key = try linear("\(name).attention.self.key", from: hidden, to: hidden)
        let value = try linear("\(name).attention.self.value", from: hidden, to: hidden)
        let fused = LinearWeights(
            weights: Matrix(
                rows: 3 * hidden, columns: hidden,
                values: query.weights.values + key.weights.values + value.weights.values),
            bias: query.bias + key.bias + value.bias)
        return LayerWeights(
            queryKeyValue: fused,
            attentionOutput: try linear("\(name).attention.output.dense", from: hidden, to: hidden),
            attentionNorm: try norm("\(name).attention.output.LayerNorm", columns: hidden),
            intermediate: try linear("\(name).intermediate.dense", from: hidden, to: inner),
            output: try linear("\(name).output.dense", from: inner, to: hidden),
            outputNorm: try norm("\(name).output.LayerNorm", columns: hidden))
    }

    private func table(_ name: String, rows: Int, columns: Int) throws(Fault) -> Table {
        try expect([rows, columns], of: name)
        return try file.table(prefix + name)
    }

    private func matrix(_ name: String, rows: Int, columns: Int) throws(Fault) -> Matrix {
        try expect([rows, columns], of: name)
        return try file.matrix(prefix + name)
    }

    private func vector(_ name: String, count: Int) throws(Fault) -> [Float] {
        try expect([count], of: name)
        return try file.vector(prefix + name)
    }

    private func linear(_ name: String, from columns: Int, to rows: Int) throws(Fault) -> LinearWeights {
        LinearWeights(
            weights: try matrix("\(name).weight", rows: rows, columns: columns),
            bias: try vector("\(name).bias", count: rows))
    }

    /// Models converted from TensorFlow, bert-base-uncased among them, say gamma and beta.
    private func norm(_ name: String, columns: Int) throws(Fault) -> LayerNorm {
        let isConverted = file.contains("\(prefix)\(name).gamma")
        return LayerNorm(
            gamma: try vector(isConverted ? "\(name).gamma" : "\(name).weight", count: columns),
            beta: try vector(isConverted ? "\(name).beta" : "\(name).bias", count: columns),
            epsilon: configuration.layerNormEpsilon)
    }

    private func expect(_ shape: [Int], of name: String) throws(Fault) {
        guard let actual = file.shape(of: prefix + name) else {
            throw Fault(
                .model, "tensor-missing", "model.safetensors has no tensor '\(prefix + name)'",
                hint: "It must hold the BERT encoder that config.json describes.")
        }
        guard actual == shape else {
            throw Fault(
                .model, "tensor-shape",
                "tensor '\(prefix + name)' has the shape \(actual), config.json asks for \(shape)",
                hint: "config.json and model.safetensors belong to different models.")
        }
    }
}
