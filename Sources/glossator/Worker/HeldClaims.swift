import Store
import Synchronization

/// The claims that the daemon is working on, and whether it may hold one that it never heard of: the answer to a claim
/// can be lost with the connection after the server has made it.
final class HeldClaims: Sendable {
    private struct State {
        var numbers: Set<Int64> = []
        var isUncertain = false
    }

    private let state = Mutex(State())

    /// Claims through `queue`. After a claim whose answer was lost, first gives back what is held beside the known ones.
    func claim(
        with queue: Queue, daemon: Int64, _ claim: () async throws -> [ClaimedDocument]
    ) async throws -> [ClaimedDocument] {
        let (isUncertain, known) = state.withLock { ($0.isUncertain, Array($0.numbers)) }
        if isUncertain { try await queue.handBackOthers(daemon: daemon, than: known) }
        state.withLock { $0.isUncertain = true }
        let documents = try await claim()
        state.withLock { state in
            state.isUncertain = false
            state.numbers.formUnion(documents.map(\.lease.number))
        }
        return documents
    }

    /// The claim has been written or given back.
    func release(_ documents: [ClaimedDocument]) {
        state.withLock { $0.numbers.subtract(documents.map(\.lease.number)) }
    }
}
