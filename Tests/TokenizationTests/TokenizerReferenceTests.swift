import Foundation
import TestSupport
import Testing
import Tokenization

/// Against the reference tokeniser's results, id for id and offset for offset.
@Suite(.enabled(if: Reference.hasEncoder)) struct TokenizerReferenceTests {
    private func tokenizer(lowercase: Bool) throws -> Tokenizer {
        let directory = try #require(Reference.encoder)
        let vocabulary = try Vocabulary(file: [UInt8](Data(contentsOf: directory.appendingPathComponent("vocab.txt"))))
        return try Tokenizer(vocabulary: vocabulary, configuration: TokenizerConfiguration(lowercase: lowercase))
    }

    private struct Expected: Decodable {
        let ids: [Int32]
        let tokens: [String]
        let offsets: [[Int32]]
        let byteOffsets: [[Int32]]?
        let wordIds: [Int32?]?

        enum CodingKeys: String, CodingKey {
            case ids, tokens, offsets
            case byteOffsets = "byte_offsets"
            case wordIds = "word_ids"
        }
    }

    private func expect(_ found: TokenizedText, _ expected: Expected, _ tokenizer: Tokenizer, _ id: String) {
        #expect(found.ids == expected.ids, "\(id)")
        #expect(found.ids.map { tokenizer.vocabulary.token($0) ?? "" } == expected.tokens, "\(id)")
        #expect(found.scalarOffsets == expected.offsets, "\(id)")
        if let bytes = expected.byteOffsets { #expect(found.byteOffsets == bytes, "\(id)") }
        if let words = expected.wordIds { #expect(found.wordIDs == words.map { $0 ?? -1 }, "\(id)") }
    }

    @Test func strings() throws {
        struct Line: Decodable {
            let id: String
            let text: String
            let uncased: Expected
            let cased: Expected
        }
        let (uncased, cased) = (try tokenizer(lowercase: true), try tokenizer(lowercase: false))
        let lines = try Reference.lines(of: "tokenizer_strings.jsonl", as: Line.self)
        #expect(!lines.isEmpty)
        for line in lines {
            expect(uncased.tokenize(line.text), line.uncased, uncased, "\(line.id) uncased")
            expect(cased.tokenize(line.text), line.cased, cased, "\(line.id) cased")
        }
    }

    @Test func givenWords() throws {
        struct Line: Decodable {
            let id: String
            let words: [String]
            let labels: [String]
            let uncased: Result
            let cased: Result
            struct Result: Decodable {
                let firstSubwordLabels: [String?]
                let wordsWithoutTokens: [Int]

                enum CodingKeys: String, CodingKey {
                    case firstSubwordLabels = "first_subword_labels"
                    case wordsWithoutTokens = "words_without_tokens"
                }
            }
        }
        struct Offsets: Decodable {
            let uncased: Expected
            let cased: Expected
        }
        let (uncased, cased) = (try tokenizer(lowercase: true), try tokenizer(lowercase: false))
        let lines = try Reference.lines(of: "tokenizer_pretokenized.jsonl", as: Line.self)
        let offsets = try Reference.lines(of: "tokenizer_pretokenized.jsonl", as: Offsets.self)
        #expect(!lines.isEmpty)
        for (line, expected) in zip(lines, offsets) {
            for (tokenizer, expected, result) in [
                (uncased, expected.uncased, line.uncased), (cased, expected.cased, line.cased),
            ] {
                let found = tokenizer.tokenize(words: line.words)
                expect(found, expected, tokenizer, line.id)
                var labels: [String?] = []
                for (index, word) in found.wordIDs.enumerated() {
                    let isFirst = word >= 0 && found.wordIDs[index - 1] != word
                    labels.append(isFirst ? line.labels[Int(word)] : nil)
                }
                #expect(labels == result.firstSubwordLabels, "\(line.id)")
                let present = Set(found.wordIDs.map(Int.init))
                #expect(
                    line.words.indices.filter { !present.contains($0) } == result.wordsWithoutTokens, "\(line.id)")
            }
        }
    }

    @Test func windows() throws {
        struct Line: Decodable {
            let id: String
            let text: String
            let lower: Bool
            let maxLength: Int
            let stride: Int
            let fullLength: Int
            let windows: [Window]
            struct Window: Decodable {
                let ids: [Int32]
                let offsets: [[Int32]]
                let byteOffsets: [[Int32]]

                enum CodingKeys: String, CodingKey {
                    case ids, offsets
                    case byteOffsets = "byte_offsets"
                }
            }

            enum CodingKeys: String, CodingKey {
                case id, text, lower, stride, windows
                case maxLength = "max_length"
                case fullLength = "full_length"
            }
        }
        let (uncased, cased) = (try tokenizer(lowercase: true), try tokenizer(lowercase: false))
        let lines = try Reference.lines(of: "tokenizer_windows.jsonl", as: Line.self)
        #expect(!lines.isEmpty)
        for line in lines {
            let whole = (line.lower ? uncased : cased).tokenize(line.text)
            #expect(whole.count == line.fullLength, "\(line.id)")
            let windows = try #require(whole.windows(maximumTokens: line.maxLength, stride: line.stride), "\(line.id)")
            #expect(windows.map(\.ids) == line.windows.map(\.ids), "\(line.id)")
            #expect(windows.map(\.scalarOffsets) == line.windows.map(\.offsets), "\(line.id)")
            #expect(windows.map(\.byteOffsets) == line.windows.map(\.byteOffsets), "\(line.id)")
            #expect(whole.prefix(maximumTokens: line.maxLength) == windows[0], "\(line.id)")
            let ranges = whole.windowRanges(maximumTokens: line.maxLength, stride: line.stride)
            #expect(ranges.map { whole.window($0) } == windows, "\(line.id)")
        }
    }

    @Test func paddedBatch() throws {
        struct Batch: Decodable {
            let settings: Settings
            let texts: [String]
            let inputIds: [[Int32]]
            let attentionMask: [[Int]]
            struct Settings: Decodable {
                let maxLength: Int
                let lower: Bool

                enum CodingKeys: String, CodingKey {
                    case lower
                    case maxLength = "max_length"
                }
            }

            enum CodingKeys: String, CodingKey {
                case settings, texts
                case inputIds = "input_ids"
                case attentionMask = "attention_mask"
            }
        }
        let batch = try JSONDecoder().decode(
            Batch.self, from: Data(contentsOf: Reference.fixture("tokenizer_batch.json")))
        let tokenizer = try tokenizer(lowercase: batch.settings.lower)
        let padding = try #require(tokenizer.paddingID)
        for (index, text) in batch.texts.enumerated() {
            let ids = tokenizer.tokenize(text).prefix(maximumTokens: batch.settings.maxLength).ids
            let length = batch.attentionMask[index].reduce(0, +)
            #expect(ids == Array(batch.inputIds[index].prefix(length)))
            #expect(batch.inputIds[index].dropFirst(length).allSatisfy { $0 == padding })
        }
    }

    @Test func theModelsTwoFormsOfFilesAgree() throws {
        let directory = try #require(Reference.encoder)
        let fromVocabulary = try Tokenizer(directory: directory.path)
        let alone = FileManager.default.temporaryDirectory.appendingPathComponent("tokenizer-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: alone, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: alone) }
        try FileManager.default.copyItem(
            at: directory.appendingPathComponent("tokenizer.json"), to: alone.appendingPathComponent("tokenizer.json"))
        let fromJSON = try Tokenizer(directory: alone.path)
        #expect(fromJSON.vocabulary.count == fromVocabulary.vocabulary.count)
        let text = "The caf\u{E9} [MASK] of unaffable \u{4E2D}\u{6587} \u{1F600}"
        #expect(fromJSON.tokenize(text) == fromVocabulary.tokenize(text))
    }
}
