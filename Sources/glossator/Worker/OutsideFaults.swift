package import Annotations
package import Store

/// Decides for how long a daemon leaves work alone that failed for no document's fault: a model that is not on this
/// machine, a disk that is full, a database that refuses. 5 s, doubled with every further failure up to 5 minutes.
///
/// What a model is to blame for pauses that model's documents, everything else pauses the daemon. Documents do not wait:
/// another daemon may be able to do them at once.
package struct OutsideFaults: Sendable {
    package enum Scope: Sendable, Hashable {
        case everything
        case model(Int64)
    }

    private struct Pause: Sendable {
        var failures = 0
        var end: ContinuousClock.Instant
        var code: String
    }

    private var pauses: [Scope: Pause] = [:]
    private let backoff: Backoff

    package init(backoff: Backoff = Backoff()) { self.backoff = backoff }

    /// - Parameter jitter: 0..<1, at random.
    /// - Returns: the pause that begins now. One that has not ended yet is not prolonged: claims that were under way when
    ///   it began fail for the same reason.
    @discardableResult
    package mutating func failed(
        _ fault: Fault, model: Int64, now: ContinuousClock.Instant, jitter: Double
    ) -> (scope: Scope, pause: Duration) {
        let scope: Scope = fault.blame == .model ? .model(model) : .everything
        var pause = pauses[scope] ?? Pause(end: now, code: fault.code)
        if pause.end <= now {
            pause.failures += 1
            pause.end = now + backoff.delay(failures: pause.failures, jitter: jitter)
        }
        pause.code = fault.code
        pauses[scope] = pause
        return (scope, now.duration(to: pause.end))
    }

    /// Results of this model were written: whatever was wrong is right again.
    package mutating func succeeded(model: Int64) {
        pauses[.everything] = nil
        pauses[.model(model)] = nil
    }

    /// How long nothing at all is to be claimed; nil when something may be.
    package func pause(at now: ContinuousClock.Instant) -> Duration? {
        guard let end = pauses[.everything]?.end, end > now else { return nil }
        return now.duration(to: end)
    }

    /// Models of which nothing is to be claimed.
    package func avoided(at now: ContinuousClock.Instant) -> [Int64] {
        pauses.compactMap { scope, pause in
            guard case .model(let id) = scope, pause.end > now else { return nil }
            return id
        }.sorted()
    }

    /// Why the daemon, or a model, pauses; nil when nothing does.
    package func reason(at now: ContinuousClock.Instant) -> String? {
        pauses.values.filter { $0.end > now }.map(\.code).min()
    }
}
