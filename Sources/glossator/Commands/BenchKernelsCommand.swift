import Annotations
import ArgumentParser
import Foundation
import Model

struct BenchKernelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "kernels",
        abstract: "The encoder's kernels one by one on one thread, as a share of what the processor can do.",
        discussion: """
            Speeds are 10⁹ operations a second of the thread's own time, medians of the rounds, in which all kernels take \
            turns. What ends a product (bias, GELU, residual and LayerNorm) and attention's softmax take time but count \
            for nothing. "At most" is a loop that multiplies and adds registers as the product's tiles do. BLAS is the \
            system's, in fp32 and without any ending; attention is fp32 always.
            """)

    @Option(name: .long, help: "Directory of a Hugging Face BERT model: its shape instead of MiniLM's and BERT-base's.")
    var model: String?

    @Option(name: .long, help: "Rows (tokens) of a product, separated by commas.")
    var rows: String = "32,512"

    @Option(name: .long, help: "Tokens of a text, for attention, separated by commas.")
    var lengths: String = "16,64,256"

    @Option(name: .long, help: "Measurements, of which the median counts.")
    var rounds: Int = 5

    @Option(name: .long, help: "table or json.")
    var format: BenchReport.Format = .table

    func run() async throws {
        try BenchOptions.check(rounds, "--rounds", 1...10_000)
        let rows = try BenchOptions.numbers(rows, "--rows", 1...65_536)
        let lengths = try BenchOptions.numbers(lengths, "--lengths", 1...65_536)
        var reports: [KernelReport] = []
        for shape in try shapes() {
            let bench = KernelBench(shape: shape, rows: rows, lengths: lengths, rounds: rounds)
            let bar = ProgressBar(shape.name, total: 0, unit: "measurements")
            let found = try await ComputeThreads<Void>(count: 1) {}.run { _ in
                bench.run { bar.update(done: $0, total: $1) }
            }
            bar.finish()
            reports.append(KernelReport(shape: shape, peak: found.peak, lines: found.lines))
        }
        switch format {
        case .table:
            Terminal.show("kernels: \(Backbone.kernelFamily)\n\n" + reports.map(\.table).joined(separator: "\n\n"))
        case .json: Terminal.show(String(decoding: JSONValue.array(reports.map(\.json)).encoded, as: UTF8.self))
        }
    }

    private func shapes() throws(Fault) -> [LayerShape] {
        guard let model else { return [.miniLM, .bertBase] }
        let backbone = try Backbone.load(directory: model)
        return [LayerShape(name: model, backbone.configuration)]
    }
}
