import Annotations
import Store
import Synchronization

/// What the daemon's stages tell each other, and its heartbeat tells the world: whether it works, and what pauses.
final class DaemonWatch: Sendable {
    private struct State {
        var faults = OutsideFaults()
        var isIdle = true
        var lastReturn: ContinuousClock.Instant?
    }

    private let state = Mutex(State())

    /// Begins a pause, or finds the one that lasts; returns how long it still is.
    func failed(_ fault: Fault, model: Int64) -> Duration {
        state.withLock { $0.faults.failed(fault, model: model, now: .now, jitter: .random(in: 0..<1)).pause }
    }

    func succeeded(model: Int64) { state.withLock { $0.faults.succeeded(model: model) } }

    /// The heartbeat reached the database again after it could not.
    func databaseReturned() { state.withLock { $0.lastReturn = .now } }

    func cameBack(after instant: ContinuousClock.Instant) -> Bool {
        state.withLock { state in state.lastReturn.map { $0 > instant } ?? false }
    }

    func setIdle(_ isIdle: Bool) { state.withLock { $0.isIdle = isIdle } }

    /// How long nothing is to be claimed; nil when something may be.
    var pause: Duration? { state.withLock { $0.faults.pause(at: .now) } }

    /// Models of which nothing is to be claimed.
    var avoided: [Int64] { state.withLock { $0.faults.avoided(at: .now) } }

    /// `working`, `idle`, or `paused: ` and the code of what is wrong.
    var summary: String {
        state.withLock { state in
            if let reason = state.faults.reason(at: .now) { return "paused: \(reason)" }
            return state.isIdle ? "idle" : "working"
        }
    }
}
