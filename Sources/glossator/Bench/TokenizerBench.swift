import Annotations
import Tokenization

/// Measures the tokenizer on one thread: ids, words and offsets of whole texts.
struct TokenizerBench: Sendable {
    let tokenizer: Tokenizer
    let texts: [String]

    /// A round reads the texts as often as it takes to last this long.
    private static let leastSeconds = 0.5

    struct Result: Sendable {
        /// How often a round reads the texts.
        let passes: Int
        /// Of one pass.
        let tokens: Int
        let rounds: [MachineMeter.Reading]
    }

    /// On a thread of its own, as the daemon tokenises.
    func run(rounds: Int) async throws -> Result {
        try await ComputeThreads<Void>(count: 1) {}.run { [self] _ in
            _ = pass()
            let meter = MachineMeter()
            let tokens = pass()
            let passes = max(1, Int((Self.leastSeconds / meter.read().seconds).rounded(.up)))
            let readings = (0..<rounds).map { _ in
                let meter = MachineMeter()
                for _ in 0..<passes { precondition(pass() == tokens, "the same texts have other tokens") }
                return meter.read()
            }
            return Result(passes: passes, tokens: tokens, rounds: readings)
        }
    }

    /// The number of tokens, special ones included.
    private func pass() -> Int { texts.reduce(0) { $0 + tokenizer.tokenize($1).count } }

    func report(_ result: Result) -> BenchReport {
        let bytes = texts.reduce(0) { $0 + $1.utf8.count }
        func rates(_ amount: Int) -> [Double] {
            result.rounds.map { Double(amount) * Double(result.passes) / $0.seconds }
        }
        return BenchReport(
            facts: [
                ("threads", .integer(1)), ("texts", .integer(texts.count)), ("tokens", .integer(result.tokens)),
                ("bytes", .integer(bytes)), ("passes_a_round", .integer(result.passes)),
                ("peak_memory_mib", .measured(ProcessFacts.peakMemory)),
            ],
            figures: [
                .init(key: "texts_per_second", title: "texts/s", values: rates(texts.count), decimals: 0),
                .init(key: "tokens_per_second", title: "tokens/s", values: rates(result.tokens), decimals: 0),
                .init(
                    key: "megabytes_per_second", title: "MB/s", values: rates(bytes).map { $0 / 1e6 }, decimals: 2),
                .init(key: "seconds", title: "seconds a round", values: result.rounds.map(\.seconds), decimals: 3),
                .init(
                    key: "other_processors", title: "processors used by others",
                    values: result.rounds.compactMap(\.otherProcessors), decimals: 2),
            ])
    }
}
