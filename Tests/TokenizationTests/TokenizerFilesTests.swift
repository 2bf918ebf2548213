import Annotations
import Foundation
import Testing
import Tokenization

@Suite struct TokenizerFilesTests {
    /// A directory with these files, there while `body` runs.
    private func withDirectory<T>(_ files: [String: String], _ body: (String) throws -> T) throws -> T {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("tokenizer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        for (name, content) in files {
            try Data(content.utf8).write(to: directory.appendingPathComponent(name))
        }
        return try body(directory.path)
    }

    private static let vocabulary = SmallVocabulary.tokens.joined(separator: "\n") + "\n"

    /// A `tokenizer.json` over the small vocabulary; composed and decomposed spellings stay two keys.
    private static func serialized(
        normalizer: String =
            #"{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":true}"#,
        preTokenizer: String = #"{"type":"BertPreTokenizer"}"#, modelType: String = "WordPiece",
        added: String = #"{"id":4,"content":"[MASK]","special":true,"normalized":false,"lstrip":true}"#,
        postProcessor: String = #"{"type":"BertProcessing","sep":["[SEP]",3],"cls":["[CLS]",2]}"#,
        vocabulary: [(String, Int)]? = nil
    ) -> String {
        let entries = vocabulary ?? SmallVocabulary.tokens.enumerated().map { ($1, $0) }
        let members = entries.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ")
        return """
            {"version":"1.0","truncation":{"max_length":3},"padding":{"strategy":{"Fixed":9},"pad_token":"[PAD]"},
             "added_tokens":[\(added)],"normalizer":\(normalizer),"pre_tokenizer":\(preTokenizer),
             "post_processor":\(postProcessor),"decoder":{"type":"WordPiece"},
             "model":{"type":"\(modelType)","unk_token":"[UNK]","continuing_subword_prefix":"##",
                      "max_input_chars_per_word":100,"vocab":{\(members)}}}
            """
    }

    @Test(
        arguments: [
            (#"{}"#, "The caf\u{E9}", ["the", "cafe"]),
            (#"{"do_lower_case": false}"#, "The caf\u{E9}", ["The", "caf\u{E9}"]),
            (#"{"do_lower_case": true, "strip_accents": false}"#, "The caf\u{E9}", ["the", "caf\u{E9}"]),
            (#"{"strip_accents": null, "tokenize_chinese_chars": false}"#, "\u{4E2D}\u{6587}", ["[UNK]"]),
            (
                #"{"tokenizer_class": "BertTokenizerFast", "mask_token": {"content": "[MASK]", "lstrip": true}}"#,
                "a [MASK]", ["a", "[MASK]"]
            ),
            (#"{"unk_token": "[MASK]", "mask_token": "word"}"#, "zz word", ["[MASK]", "word"]),
            (#"{"additional_special_tokens": ["The"]}"#, "aThe", ["a", "The"]),
            (
                #"{"added_tokens_decoder": {"90": {"content": "<x>", "normalized": false}}}"#, "a<x>b",
                ["a", "<x>", "b"]
            ),
        ] as [(String, String, [String])])
    func vocabularyWithSettings(settings: String, text: String, expected: [String]) throws {
        let files = ["vocab.txt": Self.vocabulary, "tokenizer_config.json": settings]
        let pieces = try withDirectory(files) { try Tokenizer(directory: $0).pieces(text) }
        #expect(pieces.map { Array($0.utf8) } == expected.map { Array($0.utf8) })
    }

    @Test func olderFilesNameAddedAndSpecialTokens() throws {
        let files = [
            "vocab.txt": Self.vocabulary, "tokenizer_config.json": "{}", "added_tokens.json": #"{"<New>": 77}"#,
            "special_tokens_map.json": #"{"cls_token": "word", "sep_token": {"content": "mask"}}"#,
        ]
        try withDirectory(files) {
            let tokenizer = try Tokenizer(directory: $0)
            #expect(
                tokenizer.classID == SmallVocabulary.id("word") && tokenizer.separatorID == SmallVocabulary.id("mask"))
            #expect(tokenizer.tokenize("a <NEW>").ids == [34, 8, 77, 24])
        }
    }

    @Test func tokenizerJSONAlone() throws {
        try withDirectory(["tokenizer.json": Self.serialized()]) {
            let tokenizer = try Tokenizer(directory: $0)
            #expect(tokenizer.pieces("Unaffable CAF\u{C9}!") == ["un", "##aff", "##able", "cafe", "!"])
            #expect(tokenizer.tokenize("a  [MASK]").scalarOffsets == [[0, 0], [0, 1], [1, 9], [0, 0]])
            #expect(tokenizer.vocabulary.id(of: "cafe\u{301}") == 18 && tokenizer.vocabulary.id(of: "caf\u{E9}") == 17)
            // Only the listed tokens are literals.
            #expect(tokenizer.pieces("[SEP]") == ["[", "[UNK]", "]"])
        }
        let template = """
            {"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"[CLS]","type_id":0}},
            {"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"[SEP]","type_id":0}}]}
            """
        let cased =
            #"{"type":"Sequence","normalizers":[{"type":"BertNormalizer","clean_text":true,"handle_chinese_chars":true,"strip_accents":null,"lowercase":false}]}"#
        try withDirectory(["tokenizer.json": Self.serialized(normalizer: cased, postProcessor: template)]) {
            let tokenizer = try Tokenizer(directory: $0)
            #expect(tokenizer.tokenize("The").ids == [2, 15, 3])
        }
    }

    @Test func escapesInTokenizerJSONAreRead() throws {
        var entries = SmallVocabulary.tokens.enumerated().map { ($1, $0) }
        entries.append((#"\u00df\ud83d\ude00\/\"\\"#, entries.count))
        try withDirectory(["tokenizer.json": Self.serialized(vocabulary: entries)]) {
            let vocabulary = try Tokenizer(directory: $0).vocabulary
            #expect(vocabulary.id(of: "\u{DF}\u{1F600}/\"\\") == Int32(entries.count - 1))
        }
    }

    @Test(
        arguments: [
            ([:], "tokenizer-missing", "vocab.txt"),
            (["vocab.txt": Self.vocabulary], "tokenizer-missing", "tokenizer_config.json"),
            (["tokenizer_config.json": "{}"], "tokenizer-missing", "vocab.txt"),
            (["vocab.txt": Self.vocabulary, "tokenizer_config.json": "{"], "json-malformed", "tokenizer_config.json"),
            (
                ["vocab.txt": Self.vocabulary, "tokenizer_config.json": #"{"do_lower_case": "no"}"#],
                "tokenizer-setting",
                "do_lower_case"
            ),
            (
                ["vocab.txt": Self.vocabulary, "tokenizer_config.json": #"{"cls_token": 7}"#], "tokenizer-setting",
                "cls_token"
            ),
            (
                [
                    "vocab.txt": Self.vocabulary,
                    "tokenizer_config.json": #"{"tokenizer_class": "BertJapaneseTokenizer"}"#,
                ],
                "tokenizer-kind", "BertJapaneseTokenizer"
            ),
            (["vocab.txt": "a\nb\n", "tokenizer_config.json": "{}"], "vocabulary-special-token", "[UNK]"),
            (["vocab.txt": Self.vocabulary + "a\n", "tokenizer_config.json": "{}"], "vocabulary-duplicate", "'a'"),
            (
                [
                    "vocab.txt": Self.vocabulary,
                    "tokenizer_config.json": #"{"added_tokens_decoder": {"5": {"content": "<x>"}}}"#,
                ],
                "tokenizer-added-token", "<x>"
            ),
            (["tokenizer.json": "[1, 2"], "json-malformed", "tokenizer.json"),
            (["tokenizer.json": "{}"], "tokenizer-kind", "normalizer"),
            (["tokenizer.json": Self.serialized(modelType: "BPE")], "tokenizer-kind", "WordPiece"),
            (["tokenizer.json": Self.serialized(normalizer: #"{"type":"NFC"}"#)], "tokenizer-kind", "normalizer"),
            (
                ["tokenizer.json": Self.serialized(normalizer: #"{"type":"BertNormalizer"}"#)], "tokenizer-kind",
                "clean_text"
            ),
            (
                ["tokenizer.json": Self.serialized(preTokenizer: #"{"type":"Whitespace"}"#)], "tokenizer-kind",
                "pre_tokenizer"
            ),
            (["tokenizer.json": Self.serialized(postProcessor: "null")], "tokenizer-kind", "post-processor"),
            (["tokenizer.json": Self.serialized(added: "{}")], "tokenizer-kind", "added tokens"),
            (
                ["tokenizer.json": Self.serialized(vocabulary: [("[UNK]", 0), ("[CLS]", 1), ("[SEP]", 1)])],
                "vocabulary-duplicate", "id 1"
            ),
            (
                ["tokenizer.json": Self.serialized(vocabulary: [("[UNK]", 0), ("[UNK]", 1)])], "vocabulary-duplicate",
                "[UNK]"
            ),
            (["tokenizer.json": Self.serialized(vocabulary: [("[UNK]", 2_000_000_000)])], "tokenizer-kind", "id"),
        ] as [([String: String], String, String)])
    func whatIsNoTokenizerIsRefused(files: [String: String], code: String, mentions: String) throws {
        let fault = try withDirectory(files) { path in
            #expect(throws: Fault.self) { try Tokenizer(directory: path) }
        }
        #expect(fault?.code == code)
        #expect(fault?.blame == .model)
        #expect(fault?.message.contains(mentions) == true)
    }

    @Test(arguments: [
        #"{"a": tru}"#, #"{"a" 1}"#, #"{a: 1}"#, #"["\x"]"#, #"["\ud800"]"#, #"["\u12"]"#, #"["a]"#, "[1,]", "[1] 2",
        "[1e]",
        "[\"\u{1}\"]", "", String(repeating: "[", count: 100_000),
    ])
    func malformedJSONIsRefused(json: String) throws {
        let fault = try withDirectory(["tokenizer.json": json]) { path in
            #expect(throws: Fault.self) { try Tokenizer(directory: path) }
        }
        #expect(fault?.code == "json-malformed")
    }
}
