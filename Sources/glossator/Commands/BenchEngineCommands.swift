import Annotations
import ArgumentParser
import Foundation
import Model
import Tokenization

/// What the measurements that need no database have in common.
struct BenchOptions: ParsableArguments {
    @Option(name: .long, help: "Directory of a Hugging Face BERT model.")
    var model: String

    @Option(name: .long, help: "File with a text a line, or jsonl. Default: texts that the program carries.")
    var texts: String?

    @Option(name: .long, help: "Read only so many of the texts, short and long ones in proportion; 0: all.")
    var limit: Int = 0

    @Option(name: .long, help: "Measurements, of which the median counts.")
    var rounds: Int = 3

    @Option(name: .long, help: "table or json.")
    var format: BenchReport.Format = .table

    func check() throws(Fault) {
        try Self.check(rounds, "--rounds", 1...10_000)
        try Self.check(limit, "--limit", 0...Int.max)
    }

    func loadTexts() throws(Fault) -> [String] { try BenchTexts.load(texts, limit: limit) }

    static func check(_ value: Int, _ option: String, _ range: ClosedRange<Int>) throws(Fault) {
        guard !range.contains(value) else { return }
        let allowed =
            range.upperBound == .max ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
        throw Fault(.input, "bench-option", "\(option) \(value) is out of range", hint: "give \(allowed)")
    }

    /// Reads a list of numbers, separated by commas.
    static func numbers(
        _ list: String, _ option: String, _ range: ClosedRange<Int>
    ) throws(Fault) -> [Int] {
        let numbers = list.split(separator: ",").map { Int($0.trimmingCharacters(in: .whitespaces)) ?? 0 }
        guard !numbers.isEmpty, numbers.allSatisfy({ range.contains($0) }) else {
            throw Fault(
                .input, "bench-option",
                "\(option) \(list) is no list of numbers from \(range.lowerBound) to \(range.upperBound)",
                hint: "write them with commas: 1,4,16")
        }
        return numbers
    }
}

extension BenchReport.Format: ExpressibleByArgument {}

struct BenchInferenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inference",
        abstract: "The engine without a database: text to embedding, labels and entities.",
        discussion: """
            Reads the texts once a round, as the daemon reads a claim: tokenising, encoding, heads and decoding on \
            threads of its own. A model without heads gets made-up ones, so that the whole path runs; their answers \
            mean nothing.

            Tokens and GFLOP/s are useful ones: of the texts themselves, two operations a weight of the linear layers \
            and token, and attention over each text's own length. Ready is the time from the start of the process until \
            a text could be read, first text until one had been.
            """)

    @OptionGroup var options: BenchOptions

    @Option(name: .long, help: "Threads that compute; 0: one a processor.")
    var threads: Int = 0

    @OptionGroup var precision: FilterPrecision

    @Option(name: .long, help: "Word pieces that one thread encodes in one pass.")
    var batchTokens: Int = BatchPlanner.defaultTokenBudget

    @Option(
        name: .long,
        help: "Write the embeddings of the last round to this file: fp32, little-endian, one text after another.")
    var embeddingsOut: String?

    func run() async throws {
        try options.check()
        try BenchOptions.check(threads, "--threads", 0...1024)
        try BenchOptions.check(batchTokens, "--batch-tokens", 64...65_536)
        let loading = ContinuousClock.now
        let bench = try InferenceBench(
            model: options.model, plan: precision.precision,
            threads: threads > 0 ? threads : ProcessInfo.processInfo.activeProcessorCount,
            batchTokens: batchTokens)
        let loaded = (ContinuousClock.now - loading) / .seconds(1)
        let ready = ProcessFacts.age
        _ = try await bench.round(["The first text."])
        let first = ProcessFacts.age

        let texts = try options.loadTexts()
        try await bench.warmUp(texts)
        var rounds: [InferenceBench.Round] = []
        for _ in 0..<options.rounds { rounds.append(try await bench.round(texts)) }
        // Before the report, whose own counting is none of the engine's.
        let memory = ProcessFacts.peakMemory
        if let embeddingsOut, let last = rounds.last { try Self.write(last.annotations, to: embeddingsOut) }
        var report = bench.report(rounds, texts: texts)
        report.facts += [
            ("peak_memory_mib", .measured(memory)), ("load_seconds", .measured(loaded)),
            ("ready_seconds", .measured(ready)), ("first_text_seconds", .measured(first)),
        ]
        Terminal.show(report.text(options.format))
    }

    private static func write(_ annotations: [DocumentAnnotation], to path: String) throws(Fault) {
        var data = Data()
        for annotation in annotations {
            for value in annotation.segments.first?.embedding ?? [] {
                withUnsafeBytes(of: value.bitPattern.littleEndian) { data.append(contentsOf: $0) }
            }
        }
        guard FileManager.default.createFile(atPath: path, contents: data) else {
            throw Fault(.system, "bench-file", "cannot write \(path)", hint: "look at the disk, or name another file")
        }
    }
}

struct BenchTokenizerCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenizer",
        abstract: "The tokenizer on one thread: ids, words and offsets of whole texts.")

    @OptionGroup var options: BenchOptions

    func run() async throws {
        try options.check()
        let bench = TokenizerBench(
            tokenizer: try Tokenizer(directory: options.model), texts: try options.loadTexts())
        let result = try await bench.run(rounds: options.rounds)
        Terminal.show(bench.report(result).text(options.format))
    }
}
