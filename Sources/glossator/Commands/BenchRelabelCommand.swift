import Annotations
import ArgumentParser

struct BenchRelabelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relabel",
        abstract:
            "Labels from stored embeddings on one thread: what is computed after a promotion that changed only heads.",
        discussion: """
            Made-up embeddings, stored as the daemon stores them, are decoded, given a label by a made-up head, and a \
            signature. The server's part, reading rows and writing labels, is not in it.
            """)

    @Option(name: .long, help: "Documents, of one segment each.")
    var documents: Int = 50_000

    @Option(name: .long, help: "Numbers an embedding.")
    var dimensions: Int = 384

    @Option(name: .long, help: "Labels of the task.")
    var labels: Int = 77

    @Option(name: .long, help: "Measurements, of which the median counts.")
    var rounds: Int = 5

    @Option(name: .long, help: "table or json.")
    var format: BenchReport.Format = .table

    func run() async throws {
        try BenchOptions.check(documents, "--documents", 1...10_000_000)
        try BenchOptions.check(dimensions, "--dimensions", 1...65_536)
        try BenchOptions.check(labels, "--labels", 2...10_000)
        try BenchOptions.check(rounds, "--rounds", 1...10_000)
        let bench = try RelabelBench(documents: documents, dimensions: dimensions, labels: labels)
        Terminal.show(bench.report(try await bench.run(rounds: rounds)).text(format))
    }
}
