internal import Annotations
internal import Foundation

/// What a sentence-transformers directory says beyond the encoder: `modules.json`, the pooling's `config.json` and
/// `sentence_bert_config.json`. Without `modules.json`: mean pooling, no normalisation, as sentence-transformers does.
struct SentenceModules {
    private(set) var pooling = EmbeddingSpace.Pooling.mean
    private(set) var normalization = EmbeddingSpace.Normalization.none
    /// `max_seq_length`, special tokens included.
    private(set) var maximumTokens: Int?
    /// The files these settings came from, relative to the directory.
    private(set) var files: [String] = []

    private let directory: String

    /// - Throws: `modules-unreadable` when a file is damaged; `modules-unsupported` when the model needs a module or a
    ///   pooling that Glossator does not have.
    init(directory: String, hiddenSize: Int) throws(Fault) {
        self.directory = directory
        if let modules = try json("modules.json", as: [Module].self) {
            try apply(modules, hiddenSize: hiddenSize)
        }
        if let settings = try json("sentence_bert_config.json", as: TransformerSettings.self) {
            maximumTokens = settings.max_seq_length
            if let maximumTokens, maximumTokens < 3 {
                throw Self.unsupported("max_seq_length \(maximumTokens) leaves no room for [CLS], [SEP] and a token")
            }
        }
    }

    private mutating func apply(_ modules: [Module], hiddenSize: Int) throws(Fault) {
        let kinds = modules.map { $0.type.split(separator: ".").last.map(String.init) ?? "" }
        guard kinds.first == "Transformer", modules[0].path.isEmpty else {
            throw Self.unsupported("the first module must be a Transformer in the directory itself")
        }
        guard kinds.count >= 2, kinds[1] == "Pooling" else {
            throw Self.unsupported("the second module must be a Pooling, not \(kinds.dropFirst().first ?? "missing")")
        }
        guard kinds.count == 2 || kinds[2...].elementsEqual(["Normalize"]) else {
            throw Self.unsupported("the modules after Pooling are \(kinds[2...].joined(separator: ", "))")
        }
        if kinds.count == 3 { normalization = .l2 }

        let path = modules[1].path
        // The path comes from a file: it must stay inside the directory.
        guard !path.hasPrefix("/"), !path.split(separator: "/").contains("..") else {
            throw Self.unsupported("the pooling's path '\(path)' leaves the model directory")
        }
        let name = path.isEmpty ? "config.json" : "\(path)/config.json"
        guard let settings = try json(name, as: PoolingSettings.self) else {
            throw Fault(
                .model, "file-missing", "\(directory) has no \(name), which modules.json names",
                hint: "Copy the model directory with its subdirectories.")
        }
        pooling = try settings.pooling()
        if let dimension = settings.word_embedding_dimension ?? settings.embedding_dimension, dimension != hiddenSize {
            throw Self.unsupported("\(name) pools \(dimension) dimensions, the encoder has \(hiddenSize)")
        }
    }

    /// Nil when there is no such file.
    private mutating func json<T: Decodable>(_ name: String, as type: T.Type) throws(Fault) -> T? {
        let path = directory + "/" + name
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        files.append(name)
        do {
            return try JSONDecoder().decode(type, from: Data(contentsOf: URL(fileURLWithPath: path)))
        } catch {
            throw Fault(
                .model, "modules-unreadable", "\(path) cannot be read as what sentence-transformers writes there")
        }
    }

    fileprivate static func unsupported(_ what: String) -> Fault {
        Fault(
            .model, "modules-unsupported", "this sentence-transformers model cannot be run: \(what)",
            hint: "Glossator runs Transformer, Pooling (mean or cls) and, optionally, Normalize.")
    }

    private struct Module: Decodable {
        let path: String
        let type: String
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct TransformerSettings: Decodable {
        let max_seq_length: Int?
    }

    // swift-format-ignore: AlwaysUseLowerCamelCase
    private struct PoolingSettings: Decodable {
        let word_embedding_dimension: Int?
        let embedding_dimension: Int?
        /// Newer files name the mode; older ones have a flag for each.
        let pooling_mode: String?
        let pooling_mode_cls_token: Bool?
        let pooling_mode_mean_tokens: Bool?
        let pooling_mode_max_tokens: Bool?
        let pooling_mode_mean_sqrt_len_tokens: Bool?
        let pooling_mode_weightedmean_tokens: Bool?
        let pooling_mode_lasttoken: Bool?

        func pooling() throws(Fault) -> EmbeddingSpace.Pooling {
            var modes: [String] = []
            if let pooling_mode { modes.append(pooling_mode) }
            if pooling_mode_cls_token == true { modes.append("cls") }
            if pooling_mode_mean_tokens == true { modes.append("mean") }
            if pooling_mode_max_tokens == true { modes.append("max") }
            if pooling_mode_mean_sqrt_len_tokens == true { modes.append("mean_sqrt_len_tokens") }
            if pooling_mode_weightedmean_tokens == true { modes.append("weightedmean") }
            if pooling_mode_lasttoken == true { modes.append("lasttoken") }
            guard Set(modes).count == 1, let pooling = EmbeddingSpace.Pooling(rawValue: modes[0]) else {
                throw SentenceModules.unsupported(
                    modes.isEmpty ? "its pooling has no mode" : "its pooling is \(modes.joined(separator: " + "))")
            }
            return pooling
        }
    }
}
