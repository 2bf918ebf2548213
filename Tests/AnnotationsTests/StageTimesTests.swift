import Annotations
import Synchronization
import Testing

@Suite("Stage times")
struct StageTimesTests {
    @Test("shares of the threads' time, and of one connection's")
    func shares() {
        var times = StageTimes()
        times.tokenize = .seconds(1)
        times.plan = .milliseconds(500)
        times.encode = .seconds(15)
        times.decode = .milliseconds(500)
        times.claim = .seconds(2)
        times.write = .seconds(5)
        let shares = StageShares(of: times, in: .seconds(10), threads: 2)
        #expect(shares.named.map(\.name) == ["tokenize", "plan", "encode", "decode", "idle", "claim", "write"])
        #expect(shares.named.map { ($0.share * 1000).rounded() } == [50, 25, 750, 25, 150, 200, 500])
    }

    @Test("no time, no threads, more work than time: no share is absurd")
    func edges() {
        var times = StageTimes()
        times.encode = .seconds(3)
        #expect(StageShares(of: times, in: .zero, threads: 2) == StageShares())
        #expect(StageShares(of: times, in: .seconds(1), threads: 0) == StageShares())
        // A part that ends now may have begun before the window.
        #expect(StageShares(of: times, in: .seconds(1), threads: 2).idle == 0)
    }

    @Test("sums and differences go stage by stage")
    func arithmetic() {
        var first = StageTimes()
        for (index, stage) in Stage.allCases.enumerated() { first[stage] = .seconds(index + 1) }
        var sum = first
        sum += first
        #expect(sum[.write] == .seconds(12))
        #expect(sum - first == first)
        #expect(first.computed == .seconds(1 + 2 + 3 + 4))
    }

    @Test("a meter gives every moment to the stage that ends with it")
    func meter() {
        let clock = SteppingClock(.now)
        var meter = StageMeter(now: { clock.next() })
        meter.begin()
        meter.lap(.tokenize)
        meter.lap(.encode)
        meter.lap(.encode)
        let times = meter.take()
        #expect(times.tokenize == .seconds(1))
        #expect(times.encode == .seconds(2))
        #expect(times.computed == .seconds(3))
        #expect(meter.take() == StageTimes())
    }

    @Test("without a clock nothing is measured")
    func noClock() {
        var meter = StageMeter()
        meter.begin()
        meter.lap(.encode)
        #expect(meter.take() == StageTimes())
    }
}

/// A second later every time it is asked.
private final class SteppingClock: Sendable {
    private let instant: Mutex<ContinuousClock.Instant>

    init(_ start: ContinuousClock.Instant) { instant = Mutex(start) }

    func next() -> ContinuousClock.Instant {
        instant.withLock { instant in
            instant += .seconds(1)
            return instant
        }
    }
}
