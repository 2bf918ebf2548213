import Annotations
import Store
import Synchronization

/// Says every twenty seconds that a training run is alive, on a connection of its own, and notices when the run was
/// closed as dead meanwhile: then another one may be learning, and this one stops.
final class TrainingHeartbeat: Sendable {
    private let lost = Mutex(false)

    var isLost: Bool { lost.withLock { $0 } }

    /// Until the task is cancelled or the run is lost. A database that is away for a while is tried again.
    func keep(_ run: Int64, database: ConnectionSettings) async {
        var runs: TrainingRunStore?
        while !Task.isCancelled, !isLost {
            do {
                let store =
                    if let runs { runs } else { TrainingRunStore(connection: try await Connection.open(database)) }
                runs = store
                try await store.beat(run: run)
            } catch {
                if !error.isTransient { lost.withLock { $0 = error.code == "training-lost" } }
            }
            try? await Task.sleep(for: .seconds(20))
        }
    }
}
