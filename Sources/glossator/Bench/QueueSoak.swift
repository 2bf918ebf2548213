import Annotations
import Foundation
import Logging
import Store

/// Feeds daemons whose reading costs nothing at a steady rate, and reports what the spool looks like meanwhile: whether
/// dead rows, its size and the claims' times stay where they are.
struct QueueSoak: Sendable {
    let bench: QueueBench
    let daemons: Int
    /// Documents a second.
    let rate: Int
    let duration: Duration

    private static let step = Duration.milliseconds(250)

    func run(report: @escaping @Sendable (Sample) -> Void) async throws {
        let meter = QueueMeter(connection: try await Connection.open(bench.database))
        try await meter.fill(1)
        let clock = Stopwatch()
        let reader = ConstantReader(spaceID: try await bench.spaceID(meter.connection))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<daemons {
                let worker = bench.worker(QueueBench.Cell(daemons: daemons, claim: 256), clock, reader, drains: false)
                group.addTask { try await worker.run() }
            }
            group.addTask { try await feed(meter) }
            group.addTask { try await watch(clock, report) }
            try await Task.sleep(for: duration)
            group.cancelAll()
            while let result = await group.nextResult() {
                if case .failure(let error) = result, !(error is CancellationError) { throw error }
            }
        }
        await meter.connection.close()
    }

    private func feed(_ meter: QueueMeter) async throws {
        var next = ContinuousClock.now
        while true {
            try await meter.add(rate * 250 / 1000)
            next += Self.step
            try await Task.sleep(until: next)
        }
    }

    struct Sample: Sendable {
        let second: Int
        let written: Int
        let slowestClaim: Double
        let left: QueueMeter.Leftovers
    }

    private func watch(_ clock: Stopwatch, _ report: @Sendable (Sample) -> Void) async throws {
        let meter = QueueMeter(connection: try await Connection.open(bench.database))
        let start = ContinuousClock.now
        var written = 0
        while true {
            try await Task.sleep(for: .seconds(30))
            let left = try await meter.leftovers()
            report(
                Sample(
                    second: Int((ContinuousClock.now - start) / .seconds(1)), written: left.annotated - written,
                    slowestClaim: clock.takeSlowestClaim(), left: left))
            written = left.annotated
        }
    }
}
