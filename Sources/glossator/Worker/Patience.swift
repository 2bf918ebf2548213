import Annotations
import Logging
import ServiceLifecycle
import Store

/// Repeats what failed for a passing reason (the database is away) until it works, with growing pauses. What can never
/// work by itself is thrown at once.
package struct Patience: Sendable {
    let logger: Logger
    /// The tasks that hold results go on trying after a shutdown began, until this is over; those that only fetch work
    /// have none, and do not.
    let grace: ShutdownGrace?
    /// Knows when the database can be reached again before a pause is over.
    var watch: DaemonWatch?

    func keepTrying<Result: Sendable>(
        _ what: String, _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        var failures = 0
        while true {
            do {
                let result = try await body()
                if failures > 0 { logger.notice("\(what) works again") }
                return result
            } catch let fault as Fault where fault.isTransient {
                failures += 1
                let pause = Self.pause(failures: failures, jitter: .random(in: 0..<1))
                logger.warning(
                    "\(what) failed, trying again",
                    metadata: [
                        "code": "\(fault.code)", "reason": "\(fault.message)",
                        "pause": "\(pause)",
                    ])
                if let grace {
                    guard await wait(pause, unless: grace) else { throw fault }
                    try Task.checkCancellation()
                } else {
                    try await cancelWhenGracefulShutdown {
                        _ = await wait(pause, unless: nil)
                        try Task.checkCancellation()
                    }
                }
            }
        }
    }

    /// Waits for `pause`, less when the task is cancelled or the heartbeat reaches the database again; false, at once, when
    /// the grace ends before. In short steps: a shutdown may begin in the middle.
    private func wait(_ pause: Duration, unless grace: ShutdownGrace?) async -> Bool {
        let began = ContinuousClock.now
        let end = began + pause
        while ContinuousClock.now < end, !Task.isCancelled {
            if let grace, grace.ends(before: end) { return false }
            if let watch, watch.cameBack(after: began) { return true }
            try? await Task.sleep(for: min(.milliseconds(250), ContinuousClock.now.duration(to: end)))
        }
        return true
    }

    /// Up to half a second after the first failure: a session that was ended, or a server that restarts, is most often
    /// there again. Then as everything else that is outside: 5 s up to 5 minutes.
    package static func pause(failures: Int, jitter: Double) -> Duration {
        failures == 1 ? .milliseconds(500) * jitter : Backoff().delay(failures: failures - 1, jitter: jitter)
    }
}
