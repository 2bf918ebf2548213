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

/// All weights of an encoder, in fp32.
package struct EncoderWeights: Sendable {
    package let embeddings: EmbeddingTables
    package let embeddingNorm: LayerNorm
    package let layers: [LayerWeights]

    /// Reads the tensors that `configuration` asks for, under Hugging Face's names with or without `bert.` before them.
    /// Other tensors (a pooler, heads of pre-training) are ignored.
    ///
    /// - Throws: `tensor-missing`, `tensor-dtype`, `tensor-shape`, each naming the tensor.
    package init(from file: SafetensorsFile, configuration: EncoderConfiguration) throws(Fault) {
        let reader = WeightReader(file: file, epsilon: configuration.layerNormEpsilon)
        let hidden = configuration.hiddenSize
        let words = try reader.matrix(
            "embeddings.word_embeddings.weight", rows: configuration.vocabularySize, columns: hidden)
        let positions = try reader.matrix(
            "embeddings.position_embeddings.weight", rows: configuration.maximumPositions, columns: hidden)
        let segments = try reader.matrix(
            "embeddings.token_type_embeddings.weight", rows: configuration.tokenTypes, columns: hidden)
        embeddings = EmbeddingTables(words: words, positions: positions, segment: Array(segments.row(0)))
        embeddingNorm = try reader.norm("embeddings.LayerNorm", columns: hidden)
        var layers: [LayerWeights] = []
        for index in 0..<configuration.layers {
            layers.append(try Self.layer(index, from: reader, configuration: configuration))
        }
        self.layers = layers
    }

    private static func layer(
        _ index: Int, from reader: WeightReader, configuration: EncoderConfiguration
    ) throws(Fault) -> LayerWeights {
        let (hidden, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        let name = "encoder.layer.\(index)"
        let query = try reader.linear("\(name).attention.self.query", from: hidden, to: hidden)
        let key = try reader.linear("\(name).attention.self.key", from: hidden, to: hidden)
        let value = try reader.linear("\(name).attention.self.value", from: hidden, to: hidden)
        let fused = LinearWeights(
            weights: Matrix(
                rows: 3 * hidden, columns: hidden,
                values: query.weights.values + key.weights.values + value.weights.values),
            bias: query.bias + key.bias + value.bias)
        return LayerWeights(
            queryKeyValue: fused,
            attentionOutput: try reader.linear("\(name).attention.output.dense", from: hidden, to: hidden),
            attentionNorm: try reader.norm("\(name).attention.output.LayerNorm", columns: hidden),
            intermediate: try reader.linear("\(name).intermediate.dense", from: hidden, to: inner),
            output: try reader.linear("\(name).output.dense", from: inner, to: hidden),
            outputNorm: try reader.norm("\(name).output.LayerNorm", columns: hidden))
    }
}

/// Reads tensors and insists on their shapes.
private struct WeightReader {
    let file: SafetensorsFile
    let epsilon: Float
    private let prefix: String

    init(file: SafetensorsFile, epsilon: Float) {
        self.file = file
        self.epsilon = epsilon
        prefix = file.contains("bert.embeddings.word_embeddings.weight") ? "bert." : ""
    }

    func matrix(_ name: String, rows: Int, columns: Int) throws(Fault) -> Matrix {
        try expect([rows, columns], of: name)
        return try file.matrix(prefix + name)
    }

    func vector(_ name: String, count: Int) throws(Fault) -> [Float] {
        try expect([count], of: name)
        return try file.vector(prefix + name)
    }

    func linear(_ name: String, from columns: Int, to rows: Int) throws(Fault) -> LinearWeights {
        LinearWeights(
            weights: try matrix("\(name).weight", rows: rows, columns: columns),
            bias: try vector("\(name).bias", count: rows))
    }

    /// Models converted from TensorFlow, bert-base-uncased among them, say gamma and beta.
    func norm(_ name: String, columns: Int) throws(Fault) -> LayerNorm {
        let isConverted = file.contains("\(prefix)\(name).gamma")
        return LayerNorm(
            gamma: try vector(isConverted ? "\(name).gamma" : "\(name).weight", count: columns),
            beta: try vector(isConverted ? "\(name).beta" : "\(name).bias", count: columns), epsilon: epsilon)
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

extension EncoderWeights {
    /// Rounded as the packed kernels round them; activations stay fp32.
    func rounded(to plan: PrecisionPlan) -> EncoderWeights {
        func round(_ linear: LinearWeights, _ precision: Precision) -> LinearWeights {
            var weights = linear.weights
            switch precision {
            case .fp32: break
            case .bf16:
                for index in weights.values.indices {
                    weights.values[index] = Float(
                        bitPattern: (weights.values[index].bitPattern &+ 0x8000) & 0xFFFF_0000)
                }
            case .int8:
                for row in 0..<weights.rows {
                    let scale = max(weights.row(row).reduce(0) { max($0, abs($1)) }, 1e-30) / 127
                    for column in 0..<weights.columns {
                        weights[row, column] = (weights[row, column] / scale).rounded() * scale
                    }
                }
            }
            return LinearWeights(weights: weights, bias: linear.bias)
        }
        let rounded = layers.enumerated().map { index, layer in
            LayerWeights(
                queryKeyValue: round(layer.queryKeyValue, plan[index, .queryKeyValue]),
                attentionOutput: round(layer.attentionOutput, plan[index, .attentionOutput]),
                attentionNorm: layer.attentionNorm,
                intermediate: round(layer.intermediate, plan[index, .intermediate]),
                output: round(layer.output, plan[index, .output]), outputNorm: layer.outputNorm)
        }
        return EncoderWeights(embeddings: embeddings, embeddingNorm: embeddingNorm, layers: rounded)
    }

    private init(embeddings: EmbeddingTables, embeddingNorm: LayerNorm, layers: [LayerWeights]) {
        self.embeddings = embeddings
        self.embeddingNorm = embeddingNorm
        self.layers = layers
    }
}
