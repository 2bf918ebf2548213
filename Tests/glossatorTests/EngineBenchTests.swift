import Foundation
import Model
import TestSupport
import Testing
import glossator

@Suite("What the measurements of the engine count, and what they refuse")
struct EngineBenchTests {
    private let folder: URL
    private let program: Program
    private let encoder: String

    init() throws {
        folder = try Workplace.newFolder()
        program = Program(folder: folder)
        encoder = try Workplace.encoder.get().path
    }

    @Test("useful operations of MiniLM-L6: two a weight and token, four a pair of tokens, layer and hidden value")
    func operations() throws {
        let shape = try EncoderConfiguration(
            hiddenSize: 384, layers: 6, heads: 12, intermediateSize: 1536, maximumPositions: 512, vocabularySize: 30_522
        )
        // 6 layers of 4 · 384² + 2 · 384 · 1536 weights, as the model has them.
        let weights = 10_616_832.0
        #expect(shape.usefulOperations(tokens: 1, window: 256) == 2 * weights + 4 * 6 * 384)
        #expect(shape.usefulOperations(tokens: 100, window: 256) == 200 * weights + 4 * 6 * 384 * 100 * 100)
        #expect(shape.usefulOperations(tokens: 0, window: 256) == 0)
        // A token of a text that needs several windows reaches no farther than one.
        #expect(shape.usefulOperations(tokens: 300, window: 256) == 600 * weights + 4 * 6 * 384 * 300 * 256)
    }

    @Test("few texts are picked evenly from short to long and keep their order")
    func evenly() {
        let texts = (1...100).map { String(repeating: "x", count: ($0 * 37) % 101) }
        let few = BenchTexts.evenly(texts, limit: 10)
        #expect(few.map(\.count).sorted() == Array(stride(from: 6, through: 96, by: 10)))
        #expect(few == texts.filter { few.contains($0) })
        #expect(BenchTexts.evenly(texts, limit: 0) == texts)
        #expect(BenchTexts.evenly(texts, limit: 100) == texts)
        #expect(BenchTexts.evenly(texts, limit: 1000) == texts)
        // By scalars, not by bytes or characters: what another program's length of a string is.
        #expect(BenchTexts.evenly(["ééé", "zzzz", "e\u{301}"], limit: 1) == ["ééé"])
    }

    @Test("the median of an even number of rounds lies between the two in the middle")
    func median() {
        #expect(BenchReport.Figure.median(of: [5, 1, 3]) == 3)
        #expect(BenchReport.Figure.median(of: [4, 1, 3, 2]) == 2.5)
        #expect(BenchReport.Figure.median(of: [7]) == 7)
    }

    @Test("heads for measuring are the same every time and fit the model")
    func heads() throws {
        let heads = try HeadSet.forMeasuring(hidden: 32)
        #expect(heads == (try HeadSet.forMeasuring(hidden: 32)))
        #expect(heads.hidden == 32)
        #expect(heads.classification.map(\.task.labels.count) == [4])
        #expect(heads.entities.map(\.task.labels.count) == [4])
    }

    @Test(
        "options out of range are refused by name",
        arguments: [
            ["--rounds", "0"], ["--limit", "-1"], ["--threads", "1025"], ["--batch-tokens", "1"],
        ])
    func refusals(option: [String]) async throws {
        // With = in between: a negative value is none for ArgumentParser otherwise.
        let outcome = try await program.run(
            "bench", "inference", "--model", encoder, option.joined(separator: "="))
        #expect(outcome.code == 65, "\(outcome)")
        #expect(outcome.errors.contains("[bench-option]") && outcome.errors.contains(option[0]), "\(outcome)")
    }

    @Test("bench kernels: every product and length, speeds and their shares of the peak")
    func kernels() async throws {
        struct Report: Decodable {
            struct Line: Decodable {
                let kernel: String
                let rows: Int
                let gflops, shareOfPeak: [String: Double]
                let blasFp32Gflops: Double?
            }
            let hidden, heads: Int
            let peakGflops: [String: Double]
            let lines: [Line]
        }
        let outcome = try await program.run(
            "bench", "kernels", "--model", encoder, "--rows", "3,7", "--lengths", "5", "--rounds", "1", "--format",
            "json")
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        let reports = try decoder.decode([Report].self, from: Data(outcome.output.utf8))
        let report = try #require(reports.first)
        #expect(report.hidden == 32 && report.heads == 4)
        let products = ["query, key, value", "attention output", "up", "down"]
        #expect(report.lines.map(\.kernel) == products + products + ["attention"])
        #expect(report.lines.map(\.rows) == [3, 3, 3, 3, 7, 7, 7, 7, 5])
        for line in report.lines {
            let isProduct = line.kernel != "attention"
            #expect(Set(line.gflops.keys) == (isProduct ? ["fp32", "bf16", "int8"] : ["fp32"]))
            #expect((line.blasFp32Gflops ?? 0 > 0) == isProduct)
            for (precision, speed) in line.gflops {
                let peak = try #require(report.peakGflops[precision]),
                    share = try #require(line.shareOfPeak[precision])
                #expect(speed > 0 && abs(share - speed / peak) < 0.01)
            }
        }
        let refused = try await program.run("bench", "kernels", "--rows", "0")
        #expect(refused.code == 65 && refused.errors.contains("[bench-option]"), "\(refused)")
    }

    @Test("a file without texts is refused")
    func nothing() async throws {
        let file = folder.appendingPathComponent("empty.txt")
        try Data().write(to: file)
        let outcome = try await program.run("bench", "tokenizer", "--model", encoder, "--texts", file.path)
        #expect(outcome.code == 65 && outcome.errors.contains("[bench-texts]"), "\(outcome)")
    }

    @Test("the report counts what was read, and the embeddings are those of the filter")
    func inference() async throws {
        let lines = (0..<40).map { "parcel number \($0) " + String(repeating: "late ", count: $0 % 7) }
        let file = folder.appendingPathComponent("texts.txt")
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: file)
        let embeddings = folder.appendingPathComponent("embeddings.bin")
        let outcome = try await program.run(
            "bench", "inference", "--model", encoder, "--texts", file.path, "--threads", "2", "--rounds", "2",
            "--format", "json", "--embeddings-out", embeddings.path)
        try #require(outcome.code == 0, "\(outcome)")
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        #expect(report["texts"] as? Int == 40 && report["labels"] as? Int == 40)
        #expect(report["heads"] as? String == "made up")
        #expect((report["texts_per_second"] as? [String: Any])?["median"] as? Double ?? 0 > 0)

        let filter = try await program.run("embed", "--model", encoder, file.path)
        try #require(filter.code == 0, "\(filter)")
        let expected = try filter.lines.flatMap { line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return (object?["embedding"] as? [Double] ?? []).map { Float($0) }
        }
        let bytes = try [UInt8](Data(contentsOf: embeddings))
        let written = stride(from: 0, to: bytes.count, by: 4).map { start in
            Float(bitPattern: bytes[start..<start + 4].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        }
        #expect(written.count == expected.count)
        #expect(zip(written, expected).allSatisfy { abs($0 - $1) <= Tolerance.batching })
    }

    @Test("the tokenizer's report counts the tokens that the filter shows")
    func tokenizer() async throws {
        let file = folder.appendingPathComponent("texts.txt")
        try Data("one parcel\n\nlate, late\n".utf8).write(to: file)
        let outcome = try await program.run(
            "bench", "tokenizer", "--model", encoder, "--texts", file.path, "--rounds", "1", "--format", "json")
        try #require(outcome.code == 0, "\(outcome)")
        let report = try #require(
            try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
        let filter = try await program.run("tokenize", "--model", encoder, file.path)
        let tokens = try filter.lines.reduce(0) { sum, line in
            let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
            return sum + ((object?["ids"] as? [Int])?.count ?? 0)
        }
        #expect(report["texts"] as? Int == 3)
        #expect(report["tokens"] as? Int == tokens)
        #expect(report["bytes"] as? Int == 20)
    }
}
