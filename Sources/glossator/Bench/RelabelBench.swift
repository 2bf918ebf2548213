import Annotations
import Model
import Store

/// Measures on one thread what relabelling computes: stored embeddings decoded, a classification task's head, signatures.
/// Not measured: reading rows and writing labels, which is the server's work (docs/training.md has the whole).
struct RelabelBench: Sendable {
    let labeller: EmbeddingLabeller
    let segments: [RelabelStore.Batch.Segment]

    /// As `RelabelStore.batch` gives them.
    private static let batch = 2048

    /// Documents of one segment each, embeddings that point anywhere and have length 1, stored as the daemon stores them.
    init(documents: Int, dimensions: Int, labels: Int) throws(Fault) {
        labeller = EmbeddingLabeller(heads: try HeadSet.forMeasuring(hidden: dimensions, labels: labels))
        var random = UInt64(1)
        var segments: [RelabelStore.Batch.Segment] = []
        for document in 0..<documents {
            // The sum of uniform numbers, near enough to Gaussian ones, whose direction is uniform.
            let vector = (0..<dimensions).map { _ in
                (0..<6).reduce(Float(0)) { sum, _ in
                    // Knuth's generator (MMIX): good enough for what nothing depends on, and fast.
                    random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                    return sum + Float(random >> 40) / Float(1 << 23) - 1
                }
            }
            let length = max(vector.reduce(0) { $0 + $1 * $1 }.squareRoot(), .leastNormalMagnitude)
            segments.append(
                .init(
                    documentID: Int64(document), segment: 0,
                    data: try EmbeddingCodec.encode(vector.map { $0 / length })))
        }
        self.segments = segments
    }

    /// On a thread of its own, as a daemon relabels.
    func run(rounds: Int) async throws -> [MachineMeter.Reading] {
        try await ComputeThreads<Void>(count: 1) {}.run { [self] _ in
            try pass()
            return try (0..<rounds).map { _ in
                let meter = MachineMeter()
                try pass()
                return meter.read()
            }
        }
    }

    private func pass() throws(Fault) {
        for first in stride(from: 0, to: segments.count, by: Self.batch) {
            let batch = Array(segments[first..<min(first + Self.batch, segments.count)])
            let (pages, damaged) = try labeller.pages(of: batch)
            precondition(damaged.isEmpty && pages[0].choices.count == batch.count)
        }
    }

    func report(_ rounds: [MachineMeter.Reading]) -> BenchReport {
        BenchReport(
            facts: [
                ("threads", .integer(1)), ("documents", .integer(segments.count)),
                ("dimensions", .integer(labeller.heads.hidden ?? 0)),
                ("labels", .integer(labeller.heads.tasks[0].labels.count)),
                ("bytes_a_document", .integer(segments.reduce(0) { $0 + $1.data.count } / max(segments.count, 1))),
            ],
            figures: [
                .init(
                    key: "documents_per_processor_second", title: "documents/s of processor time",
                    values: rounds.map { Double(segments.count) / ($0.seconds * $0.ownProcessors) }, decimals: 0),
                .init(
                    key: "documents_per_second", title: "documents/s",
                    values: rounds.map { Double(segments.count) / $0.seconds }, decimals: 0),
                .init(
                    key: "other_processors", title: "processors used by others",
                    values: rounds.compactMap(\.otherProcessors), decimals: 2),
            ])
    }
}
