import Tokenization

/// A vocabulary small enough to know by heart.
enum SmallVocabulary {
    static let tokens = [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "un", "##aff", "##able", "a", "b", "c", "##a", "##b", "##c",
        "the",
        "The", "cafe", "caf\u{E9}", "cafe\u{301}", ",", ".", "!", "[", "]", "mask", "##ing", "\u{4E2D}", "\u{6587}",
        "i", "##\u{307}", "\u{3C3}", "\u{1112}", "##\u{1161}", "##\u{11AB}", "word", "##s", "\u{437}", "##\u{434}",
    ]

    static func id(_ token: String) -> Int32 {
        // Byte for byte: two of the tokens are canonically equivalent.
        Int32(tokens.firstIndex { $0.utf8.elementsEqual(token.utf8) } ?? -1)
    }

    static func vocabulary() throws -> Vocabulary { try Vocabulary(tokens: tokens.map { Array($0.utf8) }) }

    static func tokenizer(_ change: (inout TokenizerConfiguration) -> Void = { _ in }) throws -> Tokenizer {
        var configuration = TokenizerConfiguration()
        change(&configuration)
        return try Tokenizer(vocabulary: vocabulary(), configuration: configuration)
    }
}

extension Tokenizer {
    /// Tokens without the two enclosing ones, as strings.
    func pieces(_ text: String) -> [String] {
        let tokenized = tokenize(text)
        return tokenized.ids[tokenized.contentRange].map { vocabulary.token($0) ?? "?" }
    }
}

extension TokenizedText {
    var scalarOffsets: [[Int32]] { places.map { [$0.scalarStart, $0.scalarEnd] } }
    var byteOffsets: [[Int32]] { places.map { [$0.byteStart, $0.byteEnd] } }
    var wordIDs: [Int32] { places.map(\.word) }
}
