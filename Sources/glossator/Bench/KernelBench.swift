import Annotations
import Foundation
import Model

/// Measures the encoder's kernels one by one on one thread, beside the most that the processor can do.
struct KernelBench: Sendable {
    let shape: LayerShape
    /// Rows (tokens) of a product.
    let rows: [Int]
    /// Tokens of a text, for attention.
    let lengths: [Int]
    let rounds: Int

    /// What one thread does at most, in 10⁹ operations a second.
    typealias Peak = [Precision: Double]

    /// A kernel's speeds in 10⁹ operations a second: medians over the rounds.
    struct Line: Sendable {
        let kernel: String
        /// Rows of a product, or tokens of each text.
        let size: Int
        var speeds: [Precision: Double] = [:]
        /// The system's BLAS in fp32, without the ending; products only.
        var library: Double?
    }

    /// A measurement runs its kernel as often as this takes.
    private static let seconds = 0.03
    /// Tokens of a measurement of attention.
    private static let attentionTokens = 1024

    /// Takes every kernel in turn, round by round.
    ///
    /// - Parameter progress: kernels measured, of how many.
    func run(progress: (Int, Int) -> Void) -> (peak: Peak, lines: [Line]) {
        var lines: [Line] = []
        var (kernels, peaks): ([[LayerKernel]], [Precision: [Double]]) = ([], [:])
        for size in rows {
            for product in LayerKernel.Product.allCases {
                lines.append(Line(kernel: product.rawValue, size: size))
                kernels.append(
                    Precision.allCases.map { LayerKernel(product, of: shape, rows: size, precision: $0) }
                        + [LayerKernel(library: product, of: shape, rows: size)])
            }
        }
        for length in lengths {
            lines.append(Line(kernel: "attention", size: length))
            kernels.append([LayerKernel(attentionOver: length, of: shape, rows: Self.attentionTokens)])
        }
        var found = kernels.map { $0.map { _ in [Double]() } }
        for round in 0..<rounds {
            for precision in Precision.allCases {
                peaks[precision, default: []].append(Self.peak(precision))
            }
            for line in kernels.indices {
                for kernel in kernels[line].indices {
                    found[line][kernel].append(Self.speed(of: &kernels[line][kernel]))
                }
                progress(round * kernels.count + line + 1, rounds * kernels.count)
            }
        }
        for line in lines.indices {
            let medians = found[line].map(BenchReport.Figure.median)
            for (precision, speed) in zip(Precision.allCases, medians) { lines[line].speeds[precision] = speed }
            if medians.count > Precision.allCases.count { lines[line].library = medians.last }
        }
        return (peaks.mapValues(BenchReport.Figure.median), lines)
    }

    private static func speed(of kernel: inout LayerKernel) -> Double {
        kernel.run()
        var runs = 0
        let start = threadSeconds
        var end = start
        repeat {
            kernel.run()
            runs += 1
            end = threadSeconds
        } while end - start < seconds
        return Double(runs) * kernel.operations / (end - start) / 1e9
    }

    private static func peak(_ precision: Precision) -> Double {
        var operations = 0.0
        let start = threadSeconds
        var end = start
        repeat {
            operations += LayerKernel.multiplyRegisters(precision, rounds: 20_000)
            end = threadSeconds
        } while end - start < seconds
        return operations / (end - start) / 1e9
    }

    /// Time that this thread has computed: what others do on the machine disturbs it less than the time that passes.
    private static var threadSeconds: Double {
        var time = timespec()
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}

/// What `glossator bench kernels` found about one shape.
struct KernelReport {
    let shape: LayerShape
    let peak: KernelBench.Peak
    let lines: [KernelBench.Line]

    var table: String {
        let header =
            ["\(shape.name): kernel", "rows"] + Precision.allCases.flatMap { [$0.rawValue, "% of peak"] }
            + ["BLAS fp32", "ours / BLAS"]
        let most =
            ["at most", "-"] + Precision.allCases.flatMap { [Self.format(peak[$0]), peak[$0] == nil ? "-" : "100"] }
            + ["-", "-"]
        let rows = lines.map { line in
            [line.kernel, String(line.size)]
                + Precision.allCases.flatMap { precision in
                    [Self.format(line.speeds[precision]), Self.format(share(of: line, precision).map { 100 * $0 })]
                } + [Self.format(line.library), Self.format(ratio(of: line), 2)]
        }
        return Terminal.table(header, [most] + rows, indent: "")
    }

    var json: JSONValue {
        .object([
            "shape": .string(shape.name), "hidden": .integer(shape.hidden),
            "intermediate": .integer(shape.intermediate), "heads": .integer(shape.heads),
            "kernels": .string(Backbone.kernelFamily), "peak_gflops": Self.byPrecision { peak[$0] },
            "lines": .array(
                lines.map { line in
                    .object([
                        "kernel": .string(line.kernel), "rows": .integer(line.size),
                        "gflops": Self.byPrecision { line.speeds[$0] },
                        "share_of_peak": Self.byPrecision { share(of: line, $0) },
                        "blas_fp32_gflops": .measured(line.library), "fp32_to_blas": .measured(ratio(of: line)),
                    ])
                }),
        ])
    }

    private func share(of line: KernelBench.Line, _ precision: Precision) -> Double? {
        guard let speed = line.speeds[precision], let peak = peak[precision] else { return nil }
        return speed / peak
    }

    private func ratio(of line: KernelBench.Line) -> Double? {
        line.library.flatMap { library in line.speeds[.fp32].map { $0 / library } }
    }

    private static func byPrecision(_ value: (Precision) -> Double?) -> JSONValue {
        .object(
            JSONObject(
                Precision.allCases.compactMap { precision in
                    value(precision).map { .init(key: precision.rawValue, value: .measured($0)) }
                }))
    }

    private static func format(_ value: Double?, _ digits: Int = 1) -> String {
        value.map { String(format: "%.\(digits)f", $0) } ?? "-"
    }
}
