import Synchronization

/// How long something was being computed, however many claims at once.
final class BusyClock: Sendable {
    private struct State {
        var active = 0
        var mark = ContinuousClock.now
    }

    private let state = Mutex(State())

    func begin() {
        state.withLock { state in
            if state.active == 0 { state.mark = .now }
            state.active += 1
        }
    }

    /// The busy time since the last end, or since the beginning.
    func end() -> Duration {
        state.withLock { state in
            let now = ContinuousClock.now
            defer { state.mark = now }
            state.active -= 1
            return now - state.mark
        }
    }
}
