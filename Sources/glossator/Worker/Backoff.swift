/// How long to wait before trying again something that failed for nobody's fault: 1 s, 2 s, 4 s … up to a minute, each
/// with up to a quarter more so that a fleet does not come back in step.
package struct Backoff: Sendable {
    /// Failures since the last success.
    package private(set) var failures = 0
    private let first = Duration.seconds(1)
    private let longest = Duration.seconds(60)

    package init() {}

    package mutating func reset() { failures = 0 }

    /// - Parameter jitter: 0..<1.
    package mutating func next(jitter: Double) -> Duration {
        let doubled = first * (1 << min(failures, 16))
        failures += 1
        return min(doubled, longest) * (1 + 0.25 * jitter)
    }
}
