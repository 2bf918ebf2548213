import Annotations
import Logging
import Store

/// Does what some daemon has to do from time to time: announces finished batches, keeps tallies few, reads tables that
/// are newly watched, forgets old batches, removes old models.
struct Housekeeper: Sendable {
    let housekeeping: Housekeeping
    let options: Worker.Options
    let grace: ShutdownGrace
    let logger: Logger

    private static let interval = Duration.seconds(5)

    /// Until the task is cancelled.
    func run() async {
        let patience = Patience(logger: logger, grace: grace)
        var nextForgetting = ContinuousClock.now
        while !Task.isCancelled {
            do {
                try await patience.keepTrying("housekeeping") {
                    try await housekeeping.finishBatches()
                    try await housekeeping.rollUpTallies()
                }
                if ContinuousClock.now >= nextForgetting {
                    let forgotten = try await patience.keepTrying("forgetting old batches") {
                        try await housekeeping.forgetBatches(afterDays: options.batchDays)
                    }
                    let removed = try await patience.keepTrying("removing old models") {
                        try await ModelRegistry(connection: housekeeping.connection)
                            .prune(keep: options.keepModels, days: options.modelDays)
                    }
                    if removed > 0 { logger.info("old models were removed", metadata: ["models": "\(removed)"]) }
                    // A thousand at a time: there may be more.
                    nextForgetting = .now + (forgotten > 0 ? Self.interval : .seconds(3600))
                }
                try await readWatchedTables(patience)
                try await Task.sleep(for: Self.interval)
            } catch is CancellationError {
                return
            } catch {
                // A right that is missing, for example. The documents need none of this, so the daemon goes on.
                logger.error("housekeeping failed, trying again in a minute: \(error)")
                try? await Task.sleep(for: .seconds(60))
            }
        }
    }

    private func readWatchedTables(_ patience: Patience) async throws {
        while true {
            let rows = try await patience.keepTrying("reading a watched table") { try await housekeeping.backfill() }
            if rows == 0 { return }
            try Task.checkCancellation()
        }
    }
}
