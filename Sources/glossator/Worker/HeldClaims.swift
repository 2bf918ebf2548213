import Store
import Synchronization

/// The claims that the daemon is working on, and those that it may hold without having heard of them.
///
/// The answer to a claim can be lost with the connection after the server has made it, and a server process whose client
/// is gone can make it even later. So what is held beside the known claims is given back from time to time: nobody works
/// on it, and a daemon that beats would keep it until its deadline.
final class HeldClaims: Sendable {
    private struct State {
        var numbers: Set<Int64> = []
        /// When strangers are to be looked for next.
        var nextSweep = ContinuousClock.now
    }

    private static let sweepInterval = Duration.seconds(10)

    private let state = Mutex(State())
    private let released: AsyncStream<Void>
    private let release: AsyncStream<Void>.Continuation

    init() { (released, release) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1)) }

    var isEmpty: Bool { state.withLock { $0.numbers.isEmpty } }

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
    func release(_ documents: [ClaimedDocument]) {
        state.withLock { $0.numbers.subtract(documents.map(\.lease.number)) }
        release.yield()
    }

    /// Waits until something may have been released since the last call, or the task is cancelled.
    func waitForRelease() async {
        var releases = released.makeAsyncIterator()
        _ = await releases.next()
    }
}
