package import Annotations
import Foundation

extension Tokenizer {
    /// The tokeniser of a Hugging Face model directory: `vocab.txt` with `tokenizer_config.json`, or `tokenizer.json`.
    ///
    /// The first pair decides where it is there. Truncation and padding that `tokenizer.json` carries are not the
    /// tokeniser's business and are ignored.
    /// - Throws: `tokenizer-missing`, `tokenizer-unreadable`, `tokenizer-kind`, and what the files' contents throw.
    package init(directory: String) throws(Fault) {
        let files = TokenizerFiles(directory: directory)
        let settings = try files.settings()
        let vocabulary = try files.contents("vocab.txt")
        if let vocabulary, let settings, settings.isBert {
            let configuration = try settings.configuration()
            self = try Tokenizer(
                vocabulary: Vocabulary(file: vocabulary, continuationPrefix: configuration.continuationPrefix),
                configuration: configuration)
        } else if let serialized = try files.contents("tokenizer.json") {
            self = try SerializedTokenizer(serialized, path: files.path("tokenizer.json")).tokenizer()
        } else if let settings, !settings.isBert {
            throw Fault(
                .model, "tokenizer-kind",
                "\(settings.path) asks for a \(settings.className ?? ""), which is not BERT WordPiece",
                hint: "Use a model with a BertTokenizer.")
        } else {
            let missing = vocabulary == nil ? "vocab.txt" : "tokenizer_config.json"
            throw Fault(
                .model, "tokenizer-missing", "\(directory) has no \(missing), and no tokenizer.json instead",
                hint: "Copy the model's tokenizer files into the directory: vocab.txt with tokenizer_config.json, "
                    + "or tokenizer.json.")
        }
    }
}

/// The files of a directory that a tokeniser may be made of.
private struct TokenizerFiles {
    let directory: String

    func path(_ name: String) -> String { directory.hasSuffix("/") ? directory + name : directory + "/" + name }

    /// The bytes of a file, or nil when there is none.
    func contents(_ name: String) throws(Fault) -> [UInt8]? {
        guard FileManager.default.fileExists(atPath: path(name)) else { return nil }
        guard let data = FileManager.default.contents(atPath: path(name)) else {
            throw Fault(
                .model, "tokenizer-unreadable", "\(path(name)) cannot be read",
                hint: "Check that it is a file and that this user may read it.")
        }
        return [UInt8](data)
    }

    func settings() throws(Fault) -> TokenizerSettings? {
        guard let bytes = try contents("tokenizer_config.json") else { return nil }
        var others: [JSONValue] = []
        for name in ["special_tokens_map.json", "added_tokens.json"] {
            others.append(
                try contents(name).map { bytes throws(Fault) in try JSONReader.read(bytes, named: path(name)) } ?? .null
            )
        }
        return TokenizerSettings(
            path: path("tokenizer_config.json"),
            main: try JSONReader.read(bytes, named: path("tokenizer_config.json")),
            specialTokens: others[0], addedTokens: others[1])
    }
}

/// `tokenizer_config.json` and the two older files beside it.
struct TokenizerSettings {
    let path: String
    let main: JSONValue
    let specialTokens: JSONValue
    let addedTokens: JSONValue

    /// Classes whose fast form is BERT's normaliser, splitter and WordPiece with `[CLS]` and `[SEP]` around.
    private static let bertClasses: Set<String> = [
        "Bert", "DistilBert", "Electra", "MobileBert", "ConvBert", "Lxmert", "LayoutLM", "Retribert", "SqueezeBert",
    ]

    var className: String? { main["tokenizer_class"]?.string }

    var isBert: Bool {
        guard var name = className else { return true }
        for suffix in ["Fast", "Tokenizer"] where name.hasSuffix(suffix) { name.removeLast(suffix.count) }
        return Self.bertClasses.contains(name)
    }

    /// - Throws: `tokenizer-setting` when a value has the wrong type.
    func configuration() throws(Fault) -> TokenizerConfiguration {
        var configuration = TokenizerConfiguration()
        configuration.lowercase = try bool("do_lower_case") ?? true
        configuration.stripAccents = try bool("strip_accents")
        configuration.splitsChineseCharacters = try bool("tokenize_chinese_chars") ?? true
        var special: [AddedToken] = []
        configuration.unknownToken = try token("unk_token", "[UNK]", into: &special)
        configuration.separatorToken = try token("sep_token", "[SEP]", into: &special)
        configuration.paddingToken = try token("pad_token", "[PAD]", into: &special)
        configuration.classToken = try token("cls_token", "[CLS]", into: &special)
        configuration.maskToken = try token("mask_token", "[MASK]", into: &special)
        for value in (main["additional_special_tokens"] ?? specialTokens["additional_special_tokens"])?.array ?? [] {
            special.append(try addedToken(value, "additional_special_tokens"))
        }
        for value in main["extra_special_tokens"]?.array ?? [] {
            special.append(try addedToken(value, "extra_special_tokens"))
        }
        // The first of two with one spelling decides: the fuller form is the one with flags.
        configuration.addedTokens = try laterTokens() + special
        return configuration
    }

    private func fault(_ key: StaticString) -> Fault {
        Fault(
            .model, "tokenizer-setting", "\(path): the value of '\(key)' is not of the kind that belongs there",
            hint: "Fetch the file again, or compare it with that of another BERT model.")
    }

    private func bool(_ key: StaticString) throws(Fault) -> Bool? {
        guard let value = main[key] else { return nil }
        guard let bool = value.bool else { throw fault(key) }
        return bool
    }

    /// A special token's spelling, as a string or as an object with flags.
    private func token(
        _ key: StaticString, _ usual: String, into special: inout [AddedToken]
    ) throws(Fault) -> String {
        let token = try (main[key] ?? specialTokens[key]).map { value throws(Fault) in try addedToken(value, key) }
        special.append(token ?? AddedToken(usual))
        return special[special.count - 1].content
    }

    private func addedToken(_ value: JSONValue, _ key: StaticString) throws(Fault) -> AddedToken {
        if let content = value.string { return AddedToken(content) }
        guard let token = AddedToken(json: value) else { throw fault(key) }
        return token
    }

    /// Tokens that were added to the model after it was made, special or not.
    private func laterTokens() throws(Fault) -> [AddedToken] {
        var tokens: [AddedToken] = []
        for (key, value) in main["added_tokens_decoder"]?.members ?? [] {
            guard var token = AddedToken(json: value), let id = Int32(String(decoding: key, as: UTF8.self)) else {
                throw fault("added_tokens_decoder")
            }
            token.id = id
            tokens.append(token)
        }
        if main["added_tokens_decoder"] == nil {
            for (key, value) in addedTokens.members ?? [] {
                guard let id = value.integer else { throw fault("added_tokens.json") }
                var token = AddedToken(String(decoding: key, as: UTF8.self), id: id)
                token.isNormalized = true
                tokens.append(token)
            }
        }
        return tokens
    }
}

extension AddedToken {
    /// An object with `content` and flags, as `tokenizer.json` and `tokenizer_config.json` write it.
    init?(json value: JSONValue) {
        guard let content = value["content"]?.string else { return nil }
        self.init(content, id: value["id"]?.integer)
        isWholeWord = value["single_word"]?.bool ?? false
        stripsLeft = value["lstrip"]?.bool ?? false
        stripsRight = value["rstrip"]?.bool ?? false
        isNormalized = value["normalized"]?.bool ?? false
    }
}
