import Annotations
import Foundation

/// What `glossator bench pipeline` found.
struct PipelineReport: Sendable, Encodable {
    /// Of the runs of one kind, that of the median speed, and how far the others lie apart.
    struct Kind: Sendable, Encodable {
        let documentsPerSecond: Double
        let slowest: Double
        let fastest: Double
        let median: PipelineBench.Measure

        init(_ measures: [PipelineBench.Measure]) {
            let sorted = measures.sorted { $0.documentsPerSecond < $1.documentsPerSecond }
            median = sorted[sorted.count / 2]
            documentsPerSecond = median.documentsPerSecond
            slowest = sorted[0].documentsPerSecond
            fastest = sorted[sorted.count - 1].documentsPerSecond
        }
    }

    let documents: Int
    let threads: Int
    let engine: Kind
    let daemon: Kind
    /// Of each round's two runs, ascending.
    let ratios: [Double]
    let ratio: Double
    /// What the ratio would be if nothing ever waited: processor time a document of the engine alone, over that of the
    /// daemon and the server together. Other programs on the machine disturb it less.
    let processorRatio: Double

    init(_ rounds: [PipelineBench.Round], documents: Int, threads: Int) {
        self.documents = documents
        self.threads = threads
        engine = Kind(rounds.map(\.engine))
        daemon = Kind(rounds.map(\.daemon))
        ratios = rounds.map(\.ratio).sorted()
        ratio = ratios[ratios.count / 2]
        let shares = rounds.map { $0.engine.ownProcessor / ($0.daemon.ownProcessor + $0.daemon.serverProcessor) }
            .sorted()
        processorRatio = shares[shares.count / 2]
    }

    func json() throws(Fault) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
        encoder.keyEncodingStrategy = .convertToSnakeCase
        do { return String(decoding: try encoder.encode(self), as: UTF8.self) } catch {
            throw Fault(.defect, "json", "a report cannot be written as JSON")
        }
    }

    var table: String {
        let rows = [("engine alone", engine), ("database to database", daemon)].map { name, kind in
            let median = kind.median
            func perDocument(_ seconds: Double) -> String { Self.format(1000 * seconds / Double(documents), 3) }
            return [
                name, Self.format(kind.documentsPerSecond), Self.format(kind.slowest), Self.format(kind.fastest),
                Self.format(median.tokensPerSecond, 0), perDocument(median.ownProcessor),
                perDocument(median.serverProcessor),
            ]
        }
        let speed = Terminal.table(
            ["\(threads) threads", "documents/s", "slowest", "fastest", "tokens/s", "own CPU ms", "server CPU ms"],
            rows,
            indent: "")
        let stages = Terminal.table(
            ["% of the threads' time"] + engine.median.stages.named.map(\.name),
            [("engine alone", engine), ("database to database", daemon)].map { name, kind in
                [name] + kind.median.stages.named.map { Self.format(100 * $0.share) }
            }, indent: "")
        let ratio = String(
            format: "database to database / engine alone: %.3f (%.3f to %.3f); by processor time: %.3f", ratio,
            ratios[0], ratios[ratios.count - 1], processorRatio)
        return [speed, stages, ratio].joined(separator: "\n\n")
    }

    private static func format(_ value: Double, _ digits: Int = 1) -> String { String(format: "%.\(digits)f", value) }
}
