/// What annotating consists of, from left to right (docs/architecture.md).
package enum Stage: String, Sendable, CaseIterable {
    // On every compute thread.
    case tokenize, plan, encode, decode
    // On one connection each.
    case claim, write

    /// Whether every compute thread spends time in it.
    package var isComputed: Bool { self != .claim && self != .write }
}

/// Time spent in each stage, all threads together.
package struct StageTimes: Sendable, Hashable {
    /// Cutting into sentences and word pieces.
    package var tokenize = Duration.zero
    /// Windows, batches, and finding texts that are there twice.
    package var plan = Duration.zero
    /// The encoder.
    package var encode = Duration.zero
    /// Pooling, heads and decoding.
    package var decode = Duration.zero
    /// Waiting for the database to hand out documents.
    package var claim = Duration.zero
    /// Waiting for the database to take results.
    package var write = Duration.zero

    package init() {}

    package subscript(stage: Stage) -> Duration {
        get {
            switch stage {
            case .tokenize: tokenize
            case .plan: plan
            case .encode: encode
            case .decode: decode
            case .claim: claim
            case .write: write
            }
        }
        set {
            switch stage {
            case .tokenize: tokenize = newValue
            case .plan: plan = newValue
            case .encode: encode = newValue
            case .decode: decode = newValue
            case .claim: claim = newValue
            case .write: write = newValue
            }
        }
    }

    /// What the compute threads were busy with.
    package var computed: Duration { tokenize + plan + encode + decode }

    package static func += (times: inout StageTimes, more: StageTimes) {
        for stage in Stage.allCases { times[stage] += more[stage] }
    }

    package static func - (times: StageTimes, earlier: StageTimes) -> StageTimes {
        var rest = times
        for stage in Stage.allCases { rest[stage] -= earlier[stage] }
        return rest
    }
}

/// How busy the stages were: shares of the compute threads' time for what they do, of one connection's for `claim` and
/// `write`.
package struct StageShares: Sendable, Hashable, Codable {
    package var tokenize = 0.0
    package var plan = 0.0
    package var encode = 0.0
    package var decode = 0.0
    /// Of the compute threads' time, what went into none of their stages.
    package var idle = 0.0
    package var claim = 0.0
    package var write = 0.0

    package init() {}

    /// - Parameters:
    ///   - wall: how long it took; nothing has shares of no time.
    ///   - threads: that computed.
    package init(of times: StageTimes, in wall: Duration, threads: Int) {
        guard wall > .zero, threads > 0 else { return }
        let lane = wall * threads
        tokenize = times.tokenize / lane
        plan = times.plan / lane
        encode = times.encode / lane
        decode = times.decode / lane
        // What ends within the period may have begun before it.
        idle = max(0, 1 - times.computed / lane)
        claim = times.claim / wall
        write = times.write / wall
    }

    /// In the order of the work.
    package var named: [(name: String, share: Double)] {
        [
            ("tokenize", tokenize), ("plan", plan), ("encode", encode), ("decode", decode), ("idle", idle),
            ("claim", claim), ("write", write),
        ]
    }
}

/// Cuts a thread's time into stages: every `lap` ends one. The clock is the caller's; without one nothing is measured.
package struct StageMeter: Sendable {
    package private(set) var times = StageTimes()
    private let now: (@Sendable () -> ContinuousClock.Instant)?
    private var mark: ContinuousClock.Instant?

    package init(now: (@Sendable () -> ContinuousClock.Instant)? = nil) { self.now = now }

    package mutating func begin() { mark = now?() }

    /// The time since `begin` or the last lap went into `stage`.
    package mutating func lap(_ stage: Stage) {
        guard let mark, let end = now?() else { return }
        times[stage] += end - mark
        self.mark = end
    }

    /// What was measured since the last call.
    package mutating func take() -> StageTimes {
        defer { times = StageTimes() }
        return times
    }
}
