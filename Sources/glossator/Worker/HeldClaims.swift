package import Store
import Synchronization

/// The claims that the daemon is working on, and those that it may hold without having heard of them.
///
/// The answer to a claim can be lost with the connection after the server has made it, and a server process whose client
/// is gone can make it even later. So what is held beside the known claims is given back from time to time: nobody works
/// on it, and a daemon that beats would keep it until its deadline.
package final class HeldClaims: Sendable {
    private struct State {
        var numbers: Set<Int64> = []
        /// When strangers are to be looked for next.
        var nextSweep = ContinuousClock.now
        /// Something was released that nobody has waited for.
        var hasReleased = false
        var waiting: CheckedContinuation<Void, Never>?
    }

    private static let sweepInterval = Duration.seconds(10)

    private let state = Mutex(State())

    package init() {}

    package var isEmpty: Bool { state.withLock { $0.numbers.isEmpty } }

    /// Claims through `queue`. Called by one task only, so that every claim of this daemon is known when it looks for
    /// strangers.
    ///
    /// - Parameter claim: told whether nothing else is held.
    func claim(
        with queue: Queue, daemon: Int64, _ claim: (_ isEmptyHanded: Bool) async throws -> [ClaimedDocument]
    ) async throws -> [ClaimedDocument] {
        let (isDue, known, nextSweep) = state.withLock { ($0.nextSweep <= .now, Array($0.numbers), $0.nextSweep) }
        if isDue { try await queue.handBackOthers(daemon: daemon, than: known) }
        // Should the answer to this claim be lost, the next one looks at once.
        state.withLock { $0.nextSweep = .now }
        let documents = try await claim(known.isEmpty)
        state.withLock { state in
            state.nextSweep = isDue ? .now + Self.sweepInterval : nextSweep
            state.numbers.formUnion(documents.map(\.lease.number))
        }
        return documents
    }

    /// The claim has been written or given back.
    package func release(_ documents: [ClaimedDocument]) {
        let waiting = state.withLock { state in
            state.numbers.subtract(documents.map(\.lease.number))
            state.hasReleased = state.waiting == nil
            return state.waiting.take()
        }
        waiting?.resume()
    }

    /// Waits until something may have been released since the last call, or the task is cancelled. One task at a time. Not
    /// an AsyncStream: that ends for good when a task that reads it is cancelled, and here one of two waits always is.
    package func waitForRelease() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    guard !state.hasReleased, !Task.isCancelled else {
                        state.hasReleased = false
                        return true
                    }
                    state.waiting = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.waiting.take() }?.resume()
        }
    }
}
