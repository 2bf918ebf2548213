import Foundation
import TestSupport
import Testing

@Suite("Filters, with the built program and no database")
struct FilterTests {
    private let folder: URL
    private let program: Program
    private let encoder: String

    init() throws {
        folder = try Workplace.newFolder()
        program = Program(folder: folder)
        encoder = try Workplace.encoder.get().path
    }

    @Test("thousands of lines come back in order, by several threads")
    func order() async throws {
        let lines = (0..<3000).map { "parcel number \($0) " + String(repeating: "late ", count: $0 % 23) }
        let outcome = try await program.run(
            "tokenize", "--model", encoder, "--threads", "4", input: (lines.joined(separator: "\n") + "\n").utf8)
        try #require(outcome.code == 0, "\(outcome)")
        #expect(outcome.lines.count == lines.count)
        for (index, line) in outcome.lines.enumerated() {
            let tokens = try #require(object(line)["tokens"] as? [String])
            // [CLS] parcel n ##u ##m ##b ##er … the digits of the number … late … [SEP]
            let digits = tokens.map { $0.replacing("##", with: "") }.filter { $0.allSatisfy(\.isNumber) }.joined()
            #expect(digits == "\(index)")
            #expect(tokens.count(where: { $0 == "late" }) == index % 23)
        }
    }

    @Test("a blank line of plain text is a text; a blank line of jsonl is nothing")
    func blankLines() async throws {
        let text = try await program.run("embed", "--model", encoder, input: "one\n\n  \ntwo".utf8)
        #expect(text.lines.count == 4)
        let jsonl = try await program.run(
            "embed", "--model", encoder, input: "\n{\"text\": \"one\"}\n\n   \n{\"text\": \"\"}\n".utf8)
        #expect(jsonl.lines.count == 2)
        let none = try await program.run("embed", "--model", encoder, input: "".utf8)
        #expect(none.code == 0 && none.output.isEmpty)
    }

    @Test("the other keys of an object stay, in their order, and what it had under the answer's name is replaced")
    func keys() async throws {
        let input =
            #"{"z": [1, {"q": null}], "text": "late \"parcel\"\t\\ é \ud83d\ude00", "ids": "old", "a": 1.50, "n": 12345678901234567890}"#
        let outcome = try await program.run("tokenize", "--model", encoder, input: input.utf8)
        try #require(outcome.code == 0, "\(outcome)")
        let answer = try object(outcome.output)
        #expect(answer["text"] as? String == "late \"parcel\"\t\\ é 😀")
        #expect((answer["ids"] as? [Int])?.count == (answer["tokens"] as? [String])?.count)
        #expect(outcome.output.contains("12345678901234567890"))
        let places = ["\"z\"", "\"text\"", "\"ids\"", "\"a\"", "\"n\"", "\"tokens\"", "\"offsets\""].map {
            outcome.output.range(of: $0)?.lowerBound
        }
        #expect(places.allSatisfy { $0 != nil })
        #expect(places.compactMap { $0 } == places.compactMap { $0 }.sorted())
    }

    @Test("words that are split already keep their numbers, and offsets count inside each word")
    func words() async throws {
        let input = #"{"words": ["Maria", "paid", "", "twice!"]}"#
        let outcome = try await program.run("tokenize", "--model", encoder, input: input.utf8)
        try #require(outcome.code == 0, "\(outcome)")
        let answer = try object(outcome.output)
        let ids = try #require(answer["word_ids"] as? [Any])
        #expect(ids.first is NSNull && ids.last is NSNull)
        #expect(Set(ids.compactMap { ($0 as? NSNumber)?.intValue }) == [0, 1, 3])
        let embedded = try await program.run("embed", "--model", encoder, input: input.utf8)
        #expect(try (object(embedded.output)["embedding"] as? [Double])?.count == Workplace.tiny.hidden)
    }

    @Test("every script, and every character that programs trip over, is answered line for line")
    func scripts() async throws {
        let texts = ManyScripts.texts.values.sorted()
        let input = try texts.map {
            try String(decoding: JSONSerialization.data(withJSONObject: ["text": $0]), as: UTF8.self)
        }
        .joined(separator: "\n")
        let outcome = try await program.run("embed", "--model", encoder, "--threads", "2", input: input.utf8)
        try #require(outcome.code == 0, "\(outcome)")
        #expect(outcome.lines.count == texts.count)
        for (text, line) in zip(texts, outcome.lines) {
            let answer = try object(line)
            let returned = try #require(answer["text"] as? String)
            #expect(Array(returned.utf8) == Array(text.utf8))
            let embedding = try #require(answer["embedding"] as? [Double])
            #expect(abs(embedding.reduce(0) { $0 + $1 * $1 } - 1) < 1e-4)
        }
    }

    @Test("a text is embedded the same alone and among others")
    func neighbours() async throws {
        let lines = (0..<50).map { "the parcel \($0) from berlin" + String(repeating: " and more", count: $0 % 7) }
        let together = try await program.run("embed", "--model", encoder, input: lines.joined(separator: "\n").utf8)
        for index in [0, 17, 49] {
            let alone = try await program.run("embed", "--model", encoder, input: lines[index].utf8)
            let first = try #require(object(alone.lines[0])["embedding"] as? [Double])
            let second = try #require(object(together.lines[index])["embedding"] as? [Double])
            #expect(zip(first, second).allSatisfy { abs($0 - $1) <= 1e-6 })
        }
    }

    @Test("--normalize and --maximum-tokens do what they say")
    func options() async throws {
        let plain = try await program.run("embed", "--model", encoder, "--normalize", "none", input: "late parcel".utf8)
        let vector = try #require(object(plain.output)["embedding"] as? [Double])
        #expect(abs(vector.reduce(0) { $0 + $1 * $1 } - 1) > 0.01)
        let cut = try await program.run(
            "tokenize", "--model", encoder, "--maximum-tokens", "4", input: "one two three four five".utf8)
        #expect(try (object(cut.output)["tokens"] as? [String])?.count == 4)
        let none = try await program.run("tokenize", "--model", encoder, "--maximum-tokens", "1", input: "one".utf8)
        expectRefusal(none, 65, "maximum-tokens")
    }

    @Test("a text of 10 MB and a word of 1 MB are embedded and tokenised")
    func large() async throws {
        let long = String(repeating: "parcel refund, ", count: (10 << 20) / 15)
        let word = String(repeating: "x", count: 1 << 20)
        for (name, input) in [("10 MB", long), ("1 MB word", word)] {
            let outcome = try await program.run("embed", "--model", encoder, "--threads", "2", input: input.utf8)
            #expect(outcome.code == 0 && outcome.lines.count == 1, "\(name): \(outcome)")
        }
        let tokens = try await program.run("tokenize", "--model", encoder, input: word.utf8)
        #expect(try object(tokens.output)["tokens"] as? [String] == ["[CLS]", "[UNK]", "[SEP]"])
    }

    @Test(
        "a line that cannot be read is named, and the lines before it have been answered",
        arguments: [
            (bytes: Array("good\nbad \u{0}".utf8) + [0xFF, 0x0A], code: "invalid-utf8", format: "text"),
            (bytes: Array("{\"text\": \"good\"}\n{\"text\": 7}\n".utf8), code: "wrong-kind", format: "jsonl"),
            (
                bytes: Array("{\"text\": \"good\"}\n{\"body\": \"secret\"}\n".utf8), code: "missing-text",
                format: "jsonl"
            ),
            (bytes: Array("{\"text\": \"good\"}\n[\"secret\"]\n".utf8), code: "not-an-object", format: "jsonl"),
            (bytes: Array("{\"text\": \"good\"}\n{\"text\": \"secret\n".utf8), code: "invalid-json", format: "jsonl"),
            (
                bytes: Array("{\"text\": \"good\"}\n{\"words\": [\"secret\", 1]}\n".utf8), code: "wrong-kind",
                format: "auto"
            ),
        ] as [(bytes: [UInt8], code: String, format: String)])
    func badLines(bytes: [UInt8], code: String, format: String) async throws {
        let outcome = try await program.run(
            "embed", "--model", encoder, "--input-format", format, input: bytes)
        #expect(outcome.code == 65, "\(outcome)")
        #expect(outcome.errors.contains("[\(code)]") && outcome.errors.contains("line 2"), "\(outcome)")
        #expect(!outcome.errors.contains("secret"))
        #expect(outcome.lines.count == 1)
    }

    @Test("what cannot be filtered is refused: no such file, a folder, no such model, no heads")
    func refusals() async throws {
        let missing = try await program.run("embed", "--model", encoder, "/nonexistent/texts.txt")
        expectRefusal(missing, 65, "file-unreadable", naming: "/nonexistent/texts.txt")
        let directory = try await program.run("embed", "--model", encoder, folder.path)
        expectRefusal(directory, 65, "file-unreadable")
        let noModel = try await program.run("embed", "--model", "/nonexistent/model", input: "x".utf8)
        expectRefusal(noModel, 75, "model-missing", naming: "/nonexistent/model")
        let noHeads = try await program.run("annotate", "--model", encoder, input: "x".utf8)
        expectRefusal(noHeads, 75, "no-trained-heads")
        var away = program
        away.environment["DATABASE_URL"] = "host=\(folder.path) dbname=nothing"
        let noDatabase = try await away.run("embed", "--model", "minilm", input: "x".utf8)
        expectRefusal(noDatabase, 75, "model-missing", naming: "minilm")
    }

    private func object(_ line: String) throws -> [String: Any] {
        try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }
}
