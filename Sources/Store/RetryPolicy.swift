package import Annotations

/// Decides what happens to a document whose annotation failed (docs/queue.md, "Attempts and blame").
package struct RetryPolicy: Sendable, Hashable {
    /// Claims that may fail before a document is given up.
    package var maximumAttempts: Int
    /// Waits between the attempts.
    package var backoff: Backoff

    package init(
        maximumAttempts: Int = 3, backoff: Backoff = Backoff()
    ) {
        self.maximumAttempts = maximumAttempts
        self.backoff = backoff
    }

    package enum Decision: Sendable, Hashable {
        /// The attempt counts; the document waits this long.
        case retry(after: Duration)
        /// The document is not to blame: the attempt is given back. Who claimed it pauses (`OutsideFaults`), the
        /// document does not: another daemon may be able to do it at once.
        case handBack
        /// The document moves to `glossator.failures`.
        case giveUp
    }

    /// - Parameters:
    ///   - attempt: claims of this document so far, this one included; from 1.
    ///   - jitter: 0..<1, at random.
    package func decide(_ fault: Fault, attempt: Int, jitter: Double) -> Decision {
        switch fault.blame {
        case .document, .input:
            // The text will not change: only what may pass by itself is tried again.
            guard fault.isTransient, attempt < maximumAttempts else { return .giveUp }
            return .retry(after: backoff.delay(failures: attempt, jitter: jitter))
        case .defect:
            // Ours, but this document brings it out: tried again, not for ever.
            guard attempt < maximumAttempts else { return .giveUp }
            return .retry(after: backoff.delay(failures: attempt, jitter: jitter))
        case .database, .model, .configuration, .system:
            return .handBack
        }
    }
}

/// How long to wait after something failed: 5 s, 10 s, … up to 5 minutes, spread by a quarter each way so that what
/// failed together does not come back together.
package struct Backoff: Sendable, Hashable {
    package var first: Duration
    package var longest: Duration

    package init(first: Duration = .seconds(5), longest: Duration = .seconds(300)) {
        self.first = first
        self.longest = longest
    }

    /// - Parameters:
    ///   - failures: in a row, this one included; from 1.
    ///   - jitter: 0..<1, at random.
    package func delay(failures: Int, jitter: Double) -> Duration {
        let doubled = first * (1 << min(max(failures - 1, 0), 20))
        let spread = 0.75 + 0.5 * min(max(jitter, 0), 1)
        return min(doubled, longest) * spread
    }
}
