import Testing
import Training

@Suite("Learning-rate schedule")
struct LearningRateScheduleTests {
    @Test("warms up from 0, peaks, decays to 0")
    func shape() {
        let schedule = LearningRateSchedule(warmupSteps: 2, totalSteps: 10)
        let factors = (0..<11).map { schedule.factor(step: $0) }
        #expect(factors == [0, 0.5, 1, 0.875, 0.75, 0.625, 0.5, 0.375, 0.25, 0.125, 0])
    }

    @Test("a share of the steps warms up; none is allowed")
    func share() {
        #expect(LearningRateSchedule(warmup: 0.1, totalSteps: 1_880).warmupSteps == 188)
        #expect(LearningRateSchedule(warmup: 0, totalSteps: 4).factor(step: 0) == 1)
    }

    @Test("edges are finite", arguments: [(0, 0), (0, 1), (5, 3), (1, 1), (-3, -2)])
    func edges(warmup: Int, total: Int) {
        let schedule = LearningRateSchedule(warmupSteps: warmup, totalSteps: total)
        for step in -1...6 {
            #expect((0...1).contains(schedule.factor(step: step)))
        }
    }
}
