package import Foundation
package import Tensors

/// A BERT directory with random weights that a test makes for itself: small, always there, the same every time.
///
/// Weights are several times larger than a trained model's, so that a mistake shows in the results.
package struct TinyModel: Sendable {
    package enum Pooling: String, Sendable { case mean, cls, max }

    package var hidden = 32
    package var layers = 2
    package var heads = 4
    package var intermediate = 64
    package var positions = 64
    package var seed: UInt64 = 7
    /// Before every tensor's name: `""` or `"bert."`.
    package var prefix = ""
    /// As converted TensorFlow checkpoints have it: `LayerNorm.gamma` and `.beta`.
    package var namesNormsGammaBeta = false
    package var dtype = SafetensorsFile.DataType.float32
    /// Nil: no `modules.json`.
    package var pooling: Pooling?
    /// A `Normalize` module after the pooling.
    package var normalizes = false
    /// `sentence_bert_config.json`'s `max_seq_length`; nil: no such file.
    package var maximumSequenceLength: Int?
    /// Products (`1.down`, `0.attended`) whose weights have a giant in every row, which meets only zeros and so changes
    /// nothing in fp32. In int8 there is nothing left of the others.
    package var outliers: Set<String> = []
    /// Words after the special tokens, letters and digits (alone and as `##` pieces) and punctuation.
    package var words: [String] = TinyModel.words

    package init() {}

    /// `[PAD] [UNK] [CLS] [SEP] [MASK]`, then single characters and their continuations, punctuation, and `words`: any
    /// lower-case ASCII text has pieces.
    package var vocabulary: [String] {
        let characters = "abcdefghijklmnopqrstuvwxyz0123456789".map(String.init)
        let punctuation = ".,:;!?'\"()-/@#$%&*+=<>[]_".map(String.init)
        var seen: Set<String> = []
        return
            (["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + characters + characters.map { "##" + $0 }
            + punctuation + words).filter { seen.insert($0).inserted }
    }

    /// Writes the directory's files; the directory is made when it is missing.
    package func write(to directory: URL) throws {
        let files = FileManager.default
        try files.createDirectory(at: directory, withIntermediateDirectories: true)
        func write(_ text: String, _ name: String) throws {
            try Data(text.utf8).write(to: directory.appendingPathComponent(name))
        }
        try write(configurationJSON, "config.json")
        try write(vocabulary.joined(separator: "\n") + "\n", "vocab.txt")
        try write(
            #"{"do_lower_case": true, "strip_accents": null, "tokenize_chinese_chars": true}"#, "tokenizer_config.json")
        try Data(SafetensorsWriter.encode(tensors: tensors(), metadata: ["format": "pt"]))
            .write(to: directory.appendingPathComponent("model.safetensors"))
        if let maximumSequenceLength {
            try write(
                "{\"max_seq_length\": \(maximumSequenceLength), \"do_lower_case\": false}", "sentence_bert_config.json")
        }
        guard let pooling else { return }
        var modules = [("", "Transformer"), ("1_Pooling", "Pooling")]
        if normalizes { modules.append(("2_Normalize", "Normalize")) }
        let list = modules.enumerated().map { index, module in
            """
            {"idx": \(index), "name": "\(index)", "path": "\(module.0)", \
            "type": "sentence_transformers.models.\(module.1)"}
            """
        }
        try write("[\(list.joined(separator: ", "))]", "modules.json")
        try files.createDirectory(
            at: directory.appendingPathComponent("1_Pooling"), withIntermediateDirectories: true)
        try write(
            """
            {"word_embedding_dimension": \(hidden), "pooling_mode_cls_token": \(pooling == .cls), \
            "pooling_mode_mean_tokens": \(pooling == .mean), "pooling_mode_max_tokens": \(pooling == .max)}
            """, "1_Pooling/config.json")
    }

    /// Writes the model into a new temporary directory, hands it to `body` and removes it afterwards.
    package func withDirectory<R>(_ body: (URL) throws -> R) throws -> R {
        let directory = FileManager.default.temporaryDirectory
            .appendingPathComponent("glossator-tiny-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: directory) }
        try write(to: directory)
        return try body(directory)
    }

    package var configurationJSON: String {
        """
        {"architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": \(hidden),
         "num_hidden_layers": \(layers), "num_attention_heads": \(heads), "intermediate_size": \(intermediate),
         "max_position_embeddings": \(positions), "vocab_size": \(vocabulary.count), "type_vocab_size": 2,
         "layer_norm_eps": 1e-12, "pad_token_id": 0, "position_embedding_type": "absolute"}
        """
    }

    /// The weights, in the order in which their random numbers are taken.
    package func tensors() -> [SafetensorsWriter.Tensor] {
        var stream: UInt32 = 0
        var result: [SafetensorsWriter.Tensor] = []
        // Uniform around `center`; a stream of its own for every tensor.
        func add(_ name: String, _ shape: [Int], spread: Float, center: Float = 0) {
            var values = [Float](repeating: 0, count: shape.reduce(1, *))
            CounterRandom(seed: seed, stream: stream).fill(&values, step: 0)
            stream += 1
            for index in values.indices { values[index] = center + spread * (2 * values[index] - 1) }
            result.append(.init(name: prefix + name, shape: shape, values: values, dtype: dtype))
        }
        func addNorm(_ name: String) {
            add("\(name).\(namesNormsGammaBeta ? "gamma" : "weight")", [hidden], spread: 0.3, center: 1)
            add("\(name).\(namesNormsGammaBeta ? "beta" : "bias")", [hidden], spread: 0.2)
        }
        func addLinear(_ name: String, from columns: Int, to rows: Int) {
            add("\(name).weight", [rows, columns], spread: 2 / Float(columns).squareRoot())
            add("\(name).bias", [rows], spread: 0.2)
        }
        add("embeddings.word_embeddings.weight", [vocabulary.count, hidden], spread: 1)
        add("embeddings.position_embeddings.weight", [positions, hidden], spread: 0.3)
        add("embeddings.token_type_embeddings.weight", [2, hidden], spread: 0.3)
        addNorm("embeddings.LayerNorm")
        for layer in 0..<layers {
            let name = "encoder.layer.\(layer)"
            for part in ["query", "key", "value"] {
                addLinear("\(name).attention.self.\(part)", from: hidden, to: hidden)
            }
            addLinear("\(name).attention.output.dense", from: hidden, to: hidden)
            addNorm("\(name).attention.output.LayerNorm")
            addLinear("\(name).intermediate.dense", from: hidden, to: intermediate)
            addLinear("\(name).output.dense", from: intermediate, to: hidden)
            addNorm("\(name).output.LayerNorm")
        }
        addLinear("pooler.dense", from: hidden, to: hidden)
        for outlier in outliers { addOutliers(outlier, to: &result) }
        return result
    }

    private func addOutliers(_ product: String, to tensors: inout [SafetensorsWriter.Tensor]) {
        let parts = product.split(separator: ".")
        let layer = "\(prefix)encoder.layer.\(parts[0])"
        func change(_ name: String, _ body: (inout [Float], _ columns: Int) -> Void) {
            guard let index = tensors.firstIndex(where: { $0.name == "\(layer).\(name)" }) else { return }
            let tensor = tensors[index]
            var values = tensor.values
            body(&values, tensor.shape.last ?? 1)
            tensors[index] = .init(name: tensor.name, shape: tensor.shape, values: values, dtype: tensor.dtype)
        }
        // The first input of the product is always zero: GELU of a very small number, or a value that is none.
        let source = parts[1] == "down" ? "intermediate.dense" : "attention.self.value"
        let target = parts[1] == "down" ? "output.dense" : "attention.output.dense"
        change("\(source).weight") { values, columns in
            for column in 0..<columns { values[column] = 0 }
        }
        change("\(source).bias") { values, _ in values[0] = parts[1] == "down" ? -20 : 0 }
        change("\(target).weight") { values, columns in
            for start in stride(from: 0, to: values.count, by: columns) { values[start] = 200 }
        }
    }

    /// Enough whole words that short English texts are not all single letters.
    package static let words = """
        the a an and or but of to in on at for with from by is are was were be been it this that they we you he she not
        no yes very good bad great poor terrible excellent love hate happy angry broken works fast slow late early
        delivery parcel invoice refund payment account password login order price service support product phone laptop
        screen battery cable printer shop store bank city london paris berlin york maria anna john smith peter company
        yesterday today tomorrow monday week month year first second new old my your our their ##s ##ed ##ing ##er ##ly
        """.split(whereSeparator: \.isWhitespace).map(String.init)
}
