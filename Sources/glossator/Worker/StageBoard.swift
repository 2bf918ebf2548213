package import Annotations
import Synchronization

/// Where the stages write down their times, and the heartbeat and the log read how busy they are.
final class StageBoard: Sendable {
    private struct State {
        var times = StageTimes()
        var window = StageWindow()
    }

    let threads: Int
    private let state = Mutex(State())

    init(threads: Int) { self.threads = threads }

    func add(_ times: StageTimes) { state.withLock { $0.times += times } }

    func add(_ time: Duration, in stage: Stage) { state.withLock { $0.times[stage] += time } }

    /// Since the daemon's start.
    var total: StageTimes { state.withLock { $0.times } }

    /// Of the last minute. Called with every beat, by one thread.
    func recentShares() -> StageShares {
        state.withLock { $0.window.shares(of: $0.times, at: .now, threads: threads) }
    }
}

/// From ever growing sums to shares of the last minute.
package struct StageWindow: Sendable {
    private static let length = Duration.seconds(60)

    private var samples: [(instant: ContinuousClock.Instant, times: StageTimes)] = []

    package init() {}

    /// - Parameter times: since the beginning; of the first call too.
    package mutating func shares(of times: StageTimes, at now: ContinuousClock.Instant, threads: Int) -> StageShares {
        samples.append((now, times))
        // The oldest one that is kept is a window old, or the first there was.
        while samples.count > 2, now - samples[1].instant >= Self.length { samples.removeFirst() }
        let oldest = samples[0]
        return StageShares(of: times - oldest.times, in: now - oldest.instant, threads: threads)
    }
}
