import Annotations

/// A `tokenizer.json`: what it must say to be BERT WordPiece, and what it says.
///
/// Every section that changes the tokens is read and anything unknown in it refused; a tokeniser that almost fits would
/// give almost the right tokens. `truncation`, `padding` and `decoder` change none.
struct SerializedTokenizer {
    private let path: String
    private let root: JSONValue

    init(_ bytes: [UInt8], path: String) throws(Fault) {
        self.path = path
        root = try JSONReader.read(bytes, named: path)
    }

    /// - Throws: `tokenizer-kind` when it is of another kind, else what `Vocabulary` and `Tokenizer` throw.
    func tokenizer() throws(Fault) -> Tokenizer {
        var configuration = TokenizerConfiguration()
        let normalizer = try section("normalizer", ofType: "BertNormalizer", onlyOf: "normalizers")
        configuration.cleansText = try flag(normalizer, "clean_text")
        configuration.splitsChineseCharacters = try flag(normalizer, "handle_chinese_chars")
        configuration.lowercase = try flag(normalizer, "lowercase")
        configuration.stripAccents = normalizer["strip_accents"]?.bool
        _ = try section("pre_tokenizer", ofType: "BertPreTokenizer", onlyOf: "pretokenizers")

        guard let model = root["model"], let vocabulary = model["vocab"]?.members, model["merges"] == nil,
            (model["type"]?.string ?? "WordPiece") == "WordPiece"
        else { throw otherKind("its model is not a WordPiece") }
        guard let unknown = model["unk_token"]?.string, let prefix = model["continuing_subword_prefix"]?.string,
            let maximum = model["max_input_chars_per_word"]?.integer, maximum >= 0
        else { throw otherKind("its model lacks a setting of WordPiece") }
        configuration.unknownToken = unknown
        configuration.continuationPrefix = prefix
        configuration.maximumWordLength = Int(maximum)
        (configuration.classToken, configuration.separatorToken) = try enclosingTokens()
        configuration.paddingToken = root["padding"]?["pad_token"]?.string ?? configuration.paddingToken
        configuration.addedTokens = try addedTokens()
        return try Tokenizer(
            vocabulary: try Vocabulary(tokens: try tokens(vocabulary), continuationPrefix: prefix),
            configuration: configuration)
    }

    private func otherKind(_ reason: String) -> Fault {
        Fault(
            .model, "tokenizer-kind", "\(path) is not a BERT WordPiece tokenizer: \(reason)",
            hint: "Use a model whose tokenizer is a BertTokenizer.")
    }

    /// A section of this type, also when it is the only one of a sequence.
    private func section(
        _ name: StaticString, ofType type: String, onlyOf list: StaticString
    ) throws(Fault) -> JSONValue {
        var found = root[name]
        if found?["type"]?.string == "Sequence", let parts = found?[list]?.array, parts.count == 1 { found = parts[0] }
        guard let found, found["type"]?.string == type else { throw otherKind("its \(name) is not a \(type)") }
        return found
    }

    private func flag(_ section: JSONValue, _ name: StaticString) throws(Fault) -> Bool {
        guard let value = section[name]?.bool else { throw otherKind("its normalizer does not say \(name)") }
        return value
    }

    /// Tokens by id. Ids without a token may be filled by added tokens, or stay empty.
    private func tokens(_ members: [(key: [UInt8], value: JSONValue)]) throws(Fault) -> [[UInt8]] {
        var byID: [Int32: [UInt8]] = [:]
        for (token, value) in members {
            // Ids far beyond the number of tokens would be a damaged file, and a table full of holes.
            guard let id = value.integer, id >= 0, id < 2 * members.count + 10_000 else {
                throw otherKind("its vocabulary has an id that is none")
            }
            if let other = byID.updateValue(token, forKey: id) {
                throw Fault(
                    .model, "vocabulary-duplicate",
                    "\(path) gives id \(id) to '\(String(decoding: other, as: UTF8.self))' and to "
                        + "'\(String(decoding: token, as: UTF8.self))'",
                    hint: "Every token needs an id of its own; fetch the file again.")
            }
        }
        var tokens = [[UInt8]](repeating: [], count: Int(byID.keys.max() ?? -1) + 1)
        for (id, token) in byID { tokens[Int(id)] = token }
        return tokens
    }

    private func addedTokens() throws(Fault) -> [AddedToken] {
        var tokens: [AddedToken] = []
        for value in root["added_tokens"]?.array ?? [] {
            guard let token = AddedToken(json: value) else { throw otherKind("one of its added tokens has no content") }
            tokens.append(token)
        }
        return tokens
    }

    /// The spelling of the tokens that the post-processor puts around a text.
    private func enclosingTokens() throws(Fault) -> (first: String, last: String) {
        let section = root["post_processor"]
        switch section?["type"]?.string {
        case "BertProcessing":
            if let first = section?["cls"]?.array?.first?.string, let last = section?["sep"]?.array?.first?.string {
                return (first, last)
            }
        case "TemplateProcessing":
            if let parts = section?["single"]?.array, parts.count == 3, parts[1]["Sequence"]?["id"]?.string == "A",
                let first = parts[0]["SpecialToken"]?["id"]?.string, let last = parts[2]["SpecialToken"]?["id"]?.string
            {
                return (first, last)
            }
        default: break
        }
        throw otherKind("its post-processor does not put one token before a text and one behind it")
    }
}
