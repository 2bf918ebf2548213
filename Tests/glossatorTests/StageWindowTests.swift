import Annotations
import Testing
import glossator

@Suite("Stage window")
struct StageWindowTests {
    @Test("shares are those of the last minute, once there is one")
    func window() {
        let start = ContinuousClock.now
        var window = StageWindow()
        var times = StageTimes()
        #expect(window.shares(of: times, at: start, threads: 1) == StageShares())
        // A minute of work, then idleness; a beat every ten seconds.
        for beat in 1...6 {
            times.encode += .seconds(10)
            let shares = window.shares(of: times, at: start + .seconds(10 * beat), threads: 1)
            #expect(shares.encode == 1 && shares.idle == 0)
        }
        let half = (7...9).map { window.shares(of: times, at: start + .seconds(10 * $0), threads: 1) }.last
        #expect(half?.encode == 0.5 && half?.idle == 0.5)
        let none = (10...12).map { window.shares(of: times, at: start + .seconds(10 * $0), threads: 1) }.last
        #expect(none?.encode == 0 && none?.idle == 1)
    }

    @Test("a beat that came late, after the machine slept, counts its whole time")
    func late() {
        let start = ContinuousClock.now
        var window = StageWindow()
        var times = StageTimes()
        _ = window.shares(of: times, at: start, threads: 2)
        times.encode = .seconds(100)
        #expect(window.shares(of: times, at: start + .seconds(200), threads: 2).encode == 0.25)
    }
}
