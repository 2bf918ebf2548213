import Annotations
import Model
import Store
import Tokenization

/// Measures the engine as the daemon uses it, without a database: text in, labels, entities and embedding out,
/// tokenising included, a whole claim of texts at a time on threads of its own.
struct InferenceBench: Sendable {
    let annotator: Annotator
    /// Whether the model directory had no heads, so that made-up ones are measured.
    let hasMadeUpHeads: Bool
    private let threads: AnnotatorThreads

    /// Loads everything; afterwards the first text can be read.
    /// - Parameters:
    ///   - plan: in which precision the encoder computes; nobody asks for a certificate here.
    ///   - batchTokens: as the setting `worker.batch-tokens`.
    init(model directory: String, plan: PrecisionPlan, threads: Int, batchTokens: Int) throws(Fault) {
        var bundle = try ModelBundle.load(directory: directory, plan: plan)
        hasMadeUpHeads = bundle.heads.tasks.isEmpty
        if hasMadeUpHeads {
            let hidden = bundle.backbone.configuration.hiddenSize
            bundle = try ModelBundle(backbone: bundle.backbone, heads: .forMeasuring(hidden: hidden))
        }
        annotator = try Annotator(bundle: bundle, tokenBudget: batchTokens)
        self.threads = AnnotatorThreads(count: threads) { AnnotatorWorkspace() }
    }

    struct Round: Sendable {
        let reading: MachineMeter.Reading
        /// In the texts' order.
        let annotations: [DocumentAnnotation]
    }

    /// Reads all texts once.
    func round(_ texts: [String]) async throws -> Round {
        let claim = texts.enumerated().map { index, text in
            ClaimedDocument(
                lease: Lease(documentID: Int64(index), number: 1), attempt: 1, collection: "bench", modelID: 1,
                segmentation: .document, body: text, bodyHash: [])
        }
        let meter = MachineMeter()
        let (documents, results) = try await threads.annotate(claim, with: annotator, isCancelled: { false })
        let reading = meter.read()
        var annotations = [DocumentAnnotation?](repeating: nil, count: texts.count)
        for (document, result) in zip(documents, results) { annotations[Int(document.documentID)] = try result.get() }
        return Round(reading: reading, annotations: annotations.compactMap { $0 })
    }

    /// The shortest, the middle and the longest texts once, so that no round pays for pages that are touched first.
    func warmUp(_ texts: [String]) async throws {
        let sorted = texts.sorted { $0.utf8.count < $1.utf8.count }
        let middle = sorted[(sorted.count / 2)...].prefix(32)
        for part in [sorted.suffix(8), middle, sorted.prefix(16)] { _ = try await round(Array(part)) }
    }

    /// Tokens of each text as one piece, special tokens included: what has to be read, however the engine goes about it.
    func usefulTokens(_ texts: [String]) -> [Int] {
        texts.map { annotator.bundle.backbone.tokenizer.tokenize($0).count }
    }

    func report(_ rounds: [Round], texts: [String]) -> BenchReport {
        let backbone = annotator.bundle.backbone
        let lengths = usefulTokens(texts)
        let tokens = lengths.reduce(0, +)
        let operations = lengths.reduce(0) {
            $0 + backbone.configuration.usefulOperations(tokens: $1, window: backbone.maximumTokens)
        }
        let seconds = rounds.map(\.reading.seconds)
        let annotations = rounds.last?.annotations ?? []
        return BenchReport(
            facts: [
                ("precision", .string(backbone.plan.description)), ("threads", .integer(threads.count)),
                ("heads", .string(hasMadeUpHeads ? "made up" : "the model's")),
                ("texts", .integer(texts.count)), ("tokens", .integer(tokens)),
                ("encoded_tokens", .integer(annotations.reduce(0) { $0 + $1.tokenCount })),
                ("labels", .integer(annotations.reduce(0) { $0 + $1.segments.reduce(0) { $0 + $1.labels.count } })),
                ("entities", .integer(annotations.reduce(0) { $0 + $1.entities.count })),
            ],
            figures: [
                .init(key: "texts_per_second", title: "texts/s", values: seconds.map { Double(texts.count) / $0 }),
                .init(
                    key: "tokens_per_second", title: "tokens/s", values: seconds.map { Double(tokens) / $0 },
                    decimals: 0),
                .init(key: "gflops", title: "useful GFLOP/s", values: seconds.map { operations / $0 / 1e9 }),
                .init(key: "seconds", title: "seconds a round", values: seconds, decimals: 3),
                .init(
                    key: "own_processors", title: "processors used", values: rounds.map(\.reading.ownProcessors),
                    decimals: 2),
                .init(
                    key: "other_processors", title: "processors used by others",
                    values: rounds.compactMap(\.reading.otherProcessors), decimals: 2),
            ])
    }
}
