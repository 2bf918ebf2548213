package import Annotations

/// Decides what happens to a document whose annotation failed (docs/queue.md, "Attempts and blame").
package struct RetryPolicy: Sendable, Hashable {
    /// Claims that may fail before a document is given up.
    package var maximumAttempts: Int
    /// Wait after the first failure; doubled after each further one.
    package var firstDelay: Duration
    package var maximumDelay: Duration

    package init(
        maximumAttempts: Int = 3, firstDelay: Duration = .seconds(5), maximumDelay: Duration = .seconds(300)
    ) {
        self.maximumAttempts = maximumAttempts
        self.firstDelay = firstDelay
        self.maximumDelay = maximumDelay
    }

    package enum Decision: Sendable, Hashable {
        /// The attempt counts; the document waits this long.
        case retry(after: Duration)
        /// The document is not to blame: the attempt is given back; it waits this long.
        case handBack(after: Duration)
        /// The document moves to `glossator.failures`.
        case giveUp
    }

    /// - Parameters:
    ///   - attempt: claims of this document so far, this one included; from 1.
    ///   - failuresInARow: how often the caller failed for the same outside reason before; decides the wait when the
    ///     document is not to blame.
    ///   - jitter: 0..<1, at random. Spreads waits by a quarter each way, so that what failed together does not come
    ///     back together.
    package func decide(_ fault: Fault, attempt: Int, failuresInARow: Int = 0, jitter: Double) -> Decision {
        switch fault.blame {
        case .document, .input:
            // The text will not change: only what may pass by itself is tried again.
            guard fault.isTransient, attempt < maximumAttempts else { return .giveUp }
            return .retry(after: delay(exponent: attempt - 1, jitter: jitter))
        case .defect:
            // Ours, but this document brings it out: tried again, not for ever.
            guard attempt < maximumAttempts else { return .giveUp }
            return .retry(after: delay(exponent: attempt - 1, jitter: jitter))
        case .database, .model, .configuration, .system:
            return .handBack(after: delay(exponent: failuresInARow, jitter: jitter))
        }
    }

    /// `firstDelay` · 2^exponent, at most `maximumDelay`, ± a quarter.
    package func delay(exponent: Int, jitter: Double) -> Duration {
        let doubled = firstDelay * (1 << min(max(exponent, 0), 20))
        let spread = 0.75 + 0.5 * min(max(jitter, 0), 1)
        return min(doubled, maximumDelay) * spread
    }
}
