import Logging
import Store

/// Looks whether labels are to be computed again, and does it beside the daemon's other work: half a processor for some
/// seconds a million documents.
struct RelabelKeeper: Sendable {
    let database: ConnectionSettings
    /// For looking; working has a connection of its own while it lasts.
    let keeping: Connection
    let interval: Duration
    let grace: ShutdownGrace
    let logger: Logger

    /// Until the task is cancelled.
    func run() async {
        let patience = Patience(logger: logger, grace: grace)
        let store = RelabelStore(connection: keeping, worker: "")
        while !Task.isCancelled {
            do {
                if try await patience.keepTrying(
                    "looking for labels to compute again", { try await store.isWaiting() })
                {
                    try await work(patience)
                }
                try await Task.sleep(for: interval)
            } catch is CancellationError {
                return
            } catch {
                // Recorded in its row, or a right is missing: documents go on being annotated.
                logger.error("relabelling failed: \(error)")
                try? await Task.sleep(for: .seconds(10))
            }
        }
    }

    private func work(_ patience: Patience) async throws {
        var settings = database
        settings.applicationName = "glossator relabel"
        let connection = try await patience.keepTrying("connecting") { [settings] in try await Connection.open(settings)
        }
        let relabeller = Relabeller(connection: connection, logger: logger)
        do {
            while !Task.isCancelled,
                try await patience.keepTrying(
                    "relabelling", { try await relabeller.work { Task.isCancelled } }) != nil
            {}
        } catch {
            await connection.close()
            throw error
        }
        await connection.close()
    }
}
