import Annotations
import ArgumentParser
import Foundation
import Model
import Tokenization
import Training

struct BenchTrainingCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "training",
        abstract: "Steps in which encoder layers and two heads learn.",
        discussion: """
            A classification head and an entity head, every token with a tag; AdamW, dropout and clipping as in a real \
            run. Batches of windows of equal length, or of the lengths of real texts with --texts. Nothing is kept.
            """)

    @Option(name: .long, help: "Directory of a Hugging Face BERT model.")
    var model: String

    @Option(name: .long, help: "What stays as it is: none, gradual, layers:SPEC.")
    var freeze: String = "none"

    @Option(name: .long, help: "Numbers that layers multiply: fp32, bf16.")
    var precision: TrainingPrecision = .fp32

    @Option(name: .long, help: "Windows a step.")
    var batch: Int = 16

    @Option(name: .long, help: "Tokens a window, where no texts are given.")
    var tokens: Int = 64

    @Option(name: .long, help: "File with a text a line, or jsonl, whose lengths the windows shall have.")
    var texts: String?

    @Option(name: .long, help: "Take only so many of the texts, short and long ones in proportion; 0: all.")
    var limit: Int = 0

    @Option(name: .long, help: "Threads that compute; 0: one a processor.")
    var threads: Int = 0

    @Option(name: .long, help: "Seconds a measurement, about.")
    var seconds: Int = 3

    @Option(name: .long, help: "Measurements, of which the median counts.")
    var rounds: Int = 3

    @Option(name: .long, help: "table or json.")
    var format: BenchReport.Format = .table

    func run() async throws {
        for (value, option, range) in [
            (batch, "--batch", 1...4096), (tokens, "--tokens", 3...65_536), (threads, "--threads", 0...1024),
            (seconds, "--seconds", 1...3600), (rounds, "--rounds", 1...1000), (limit, "--limit", 0...Int.max),
        ] {
            try BenchOptions.check(value, option, range)
        }
        try precision.check(multipliesBFloat16: Backbone.gainsFromBFloat16)
        let backbone = try Backbone.load(directory: model)
        var options = JointOptions()
        (options.freeze, options.batchSize, options.epochs) = (freeze, batch, 10_000)
        options.precision = precision
        var lengths = [Int](repeating: tokens, count: 8 * batch)
        if let texts {
            lengths = try BenchTexts.load(texts, limit: limit).map { backbone.tokenizer.tokenize($0).count }
        }
        let threads = threads > 0 ? threads : ProcessInfo.processInfo.activeProcessorCount
        let (seconds, rounds, format) = (seconds, rounds, format)
        let own = ComputeThreads<Void>(count: 1) {}
        let text = try await own.run { [options, lengths] _ in
            let bench = try TrainingBench(backbone: backbone, options: options, lengths: lengths, threads: threads)
            _ = try bench.steps(2)
            let once = try bench.steps(2).reading.seconds / 2
            let count = max(3, Int(Double(seconds) / once))
            var measured: [TrainingBench.Round] = []
            for _ in 0..<rounds { measured.append(try bench.steps(count)) }
            let memory = ProcessFacts.peakMemory
            return report(bench, measured, threads: threads, memory: memory).text(format)
        }
        Terminal.show(text)
    }

    private func report(
        _ bench: TrainingBench, _ rounds: [TrainingBench.Round], threads: Int, memory: Double?
    ) -> BenchReport {
        let seconds = rounds.map { $0.reading.seconds / Double($0.steps) }
        return BenchReport(
            facts: [
                ("freeze", .string(freeze)), ("precision", .string(precision.rawValue)),
                ("threads", .integer(threads)), ("windows_a_step", .integer(batch)),
                ("tokens_a_step", .measured(bench.tokensPerStep)), ("parameters", .integer(bench.parameters)),
                ("peak_memory_mib", .measured(memory)),
            ],
            figures: [
                .init(key: "step_ms", title: "ms a step", values: seconds.map { $0 * 1000 }),
                .init(
                    key: "tokens_per_second", title: "tokens/s", values: seconds.map { bench.tokensPerStep / $0 },
                    decimals: 0),
                .init(
                    key: "own_processors", title: "processors used", values: rounds.map(\.reading.ownProcessors),
                    decimals: 2),
                .init(
                    key: "other_processors", title: "processors used by others",
                    values: rounds.compactMap(\.reading.otherProcessors), decimals: 2),
            ])
    }
}

extension TrainingPrecision: ExpressibleByArgument {}
