import Annotations
import Logging
import ServiceLifecycle

/// Repeats what failed for a passing reason (the database is away, a backbone is not on this machine yet) until it
/// works, with growing pauses. What can never work by itself is thrown at once.
struct Patience: Sendable {
    let logger: Logger
    /// The tasks that hold results go on trying after a shutdown began, those that only fetch work do not.
    let survivesShutdown: Bool

    func keepTrying<Result: Sendable>(
        _ what: String, _ body: @Sendable () async throws -> Result
    ) async throws -> Result {
        var backoff = Backoff()
        while true {
            do {
                let result = try await body()
                if backoff.failures > 0 { logger.notice("\(what) works again") }
                return result
            } catch let fault as Fault where fault.isTransient {
                let pause = backoff.next(jitter: .random(in: 0..<1))
                logger.warning(
                    "\(what) failed, trying again",
                    metadata: [
                        "code": "\(fault.code)", "reason": "\(fault.message)",
                        "pause": "\(pause)",
                    ])
                if survivesShutdown {
                    try await Task.sleep(for: pause)
                } else {
                    try await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
                }
            }
        }
    }
}
