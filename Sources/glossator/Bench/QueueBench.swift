import Annotations
import Foundation
import Logging
import Store
import Synchronization

/// Measures the queue: daemons whose reading costs nothing take documents from claim to complete, beside a pgbench script
/// that does the same in bare SQL on the same server, in turns.
///
/// Not a benchmark of the encoder, and not for a database that anybody uses: it empties the documents.
struct QueueBench: Sendable {
    let settings: Settings
    let database: ConnectionSettings
    /// Nil where pgbench is not installed.
    let bare: BareSQL?

    struct Cell: Sendable {
        let daemons: Int
        let claim: Int
    }

    struct Measure: Sendable {
        var documentsPerSecond = 0.0
        var claimTimes: [Double] = []
        var logBytes = 0.0
        var deadRows = 0
        var bare: Double?

        var slowestClaim: Double { Stopwatch.slowest(claimTimes) }
    }

    /// Runs a cell `rounds` times, daemons and bare SQL in turn, and keeps the round of the median.
    func measure(_ cell: Cell, documents: Int, rounds: Int) async throws -> Measure {
        var measures: [Measure] = []
        for _ in 0..<rounds {
            var measure = try await daemons(cell, documents: documents)
            if let bare {
                let meter = QueueMeter(connection: try await Connection.open(database))
                try await meter.fill(documents)
                await meter.connection.close()
                measure.bare = try bare.run(documents: documents, clients: cell.daemons, claim: cell.claim)
            }
            measures.append(measure)
        }
        return measures.sorted { $0.documentsPerSecond < $1.documentsPerSecond }[measures.count / 2]
    }

    private func daemons(_ cell: Cell, documents: Int) async throws -> Measure {
        let meter = QueueMeter(connection: try await Connection.open(database))
        try await meter.fill(documents)
        let before = try await meter.logPosition()
        let writtenBefore = try await meter.leftovers().annotated
        let clock = Stopwatch()
        let spaceID = try await spaceID(meter.connection)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<cell.daemons {
                group.addTask { try await worker(cell, clock, ConstantReader(spaceID: spaceID)).run() }
            }
            try await group.waitForAll()
        }
        let after = try await meter.logPosition()
        let left = try await meter.leftovers()
        await meter.connection.close()
        guard left.spooled == 0, left.annotated - writtenBefore == documents else {
            throw Fault(
                .defect, "bench-incomplete",
                "of \(documents) documents \(left.annotated - writtenBefore) were annotated, \(left.spooled) still wait"
            )
        }
        return Measure(
            documentsPerSecond: Double(documents) / clock.seconds, claimTimes: clock.claimTimes,
            logBytes: Double(after - before) / Double(documents), deadRows: left.deadRows)
    }

    func worker(_ cell: Cell, _ clock: Stopwatch, _ reader: ConstantReader, drains: Bool = true) -> Worker {
        var options = settings.workerOptions(drains: drains)
        options.claimDocuments = cell.claim
        options.claimTokens = .max
        var logger = Logger(label: "glossator.bench")
        logger.logLevel = .error
        var worker = Worker(
            options: options, database: database, shelf: ModelShelf(directory: "/"), logger: logger, reader: reader)
        worker.claimed = { clock.claimed(in: $0) }
        worker.progress = { _ in clock.written() }
        return worker
    }

    func spaceID(_ connection: Connection) async throws -> Int32 {
        let registry = ModelRegistry(connection: connection)
        let space = EmbeddingSpace(
            backboneHash: String(repeating: "be", count: 32), pooling: .mean, normalization: .l2, dimensions: 384)
        try await registry.importBackbone(
            ModelRegistry.BackboneRow(
                sha256: space.backboneHash, name: "bench", hiddenSize: 384, layers: 6, maximumTokens: 512,
                vocabularySize: 30_522, files: []))
        if try await registry.models().isEmpty {
            _ = try await registry.insertModel(name: "bench", space: space, heads: [0], tasks: [], makeDefault: true)
        }
        return try await registry.spaceID(of: space)
    }
}

/// From the first claim to the last write: what daemons need to connect and to notice the end is not the queue's.
final class Stopwatch: Sendable {
    private struct State {
        var start: ContinuousClock.Instant?
        var end = ContinuousClock.now
        var claimTimes: [Double] = []
    }

    private let state = Mutex(State())

    func claimed(in duration: Duration) {
        state.withLock {
            $0.start = $0.start ?? .now - duration
            $0.claimTimes.append(duration / .seconds(1))
        }
    }

    func written() { state.withLock { $0.end = .now } }

    var seconds: Double {
        state.withLock { max(0.001, ($0.end - ($0.start ?? $0.end)) / .seconds(1)) }
    }

    /// Milliseconds below which 99 of 100 claims since the last call stayed.
    func takeSlowestClaim() -> Double {
        let times = state.withLock { state in
            defer { state.claimTimes = [] }
            return state.claimTimes
        }
        return Self.slowest(times)
    }

    static func slowest(_ times: [Double]) -> Double {
        let sorted = times.sorted()
        return sorted.isEmpty ? 0 : sorted[min(sorted.count - 1, sorted.count * 99 / 100)] * 1000
    }

    var claimTimes: [Double] { state.withLock { $0.claimTimes } }
}
