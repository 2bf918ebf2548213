import Annotations
import Store
import Testing

@Suite struct RetryPolicyTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let blame: Fault.Blame
        let isTransient: Bool
        let attempt: Int
        let decision: RetryPolicy.Decision
        var testDescription: String { "\(blame) transient=\(isTransient) attempt=\(attempt)" }
    }

    @Test(arguments: [
        Case(blame: .document, isTransient: false, attempt: 1, decision: .giveUp),
        Case(blame: .document, isTransient: true, attempt: 1, decision: .retry(after: .seconds(5))),
        Case(blame: .document, isTransient: true, attempt: 2, decision: .retry(after: .seconds(10))),
        Case(blame: .document, isTransient: true, attempt: 3, decision: .giveUp),
        Case(blame: .input, isTransient: false, attempt: 1, decision: .giveUp),
        Case(blame: .defect, isTransient: false, attempt: 2, decision: .retry(after: .seconds(10))),
        Case(blame: .defect, isTransient: false, attempt: 3, decision: .giveUp),
        Case(blame: .database, isTransient: true, attempt: 9, decision: .handBack),
        Case(blame: .database, isTransient: false, attempt: 1, decision: .handBack),
        Case(blame: .model, isTransient: false, attempt: 1, decision: .handBack),
        Case(blame: .configuration, isTransient: false, attempt: 3, decision: .handBack),
        Case(blame: .system, isTransient: true, attempt: 3, decision: .handBack),
    ])
    func blameAndAttemptDecide(_ row: Case) {
        let fault = Fault(row.blame, "code", "message", isTransient: row.isTransient)
        // Half-way jitter changes nothing.
        #expect(RetryPolicy().decide(fault, attempt: row.attempt, jitter: 0.5) == row.decision)
    }

    @Test func waitsDoubleUpToTheLongestAndAreSpreadByAQuarter() {
        let backoff = Backoff()
        #expect(backoff.delay(failures: 1, jitter: 0) == .milliseconds(3750))
        #expect(backoff.delay(failures: 1, jitter: 1) == .milliseconds(6250))
        #expect(backoff.delay(failures: 2, jitter: 0.5) == .seconds(10))
        #expect(backoff.delay(failures: 6, jitter: 0.5) == .seconds(160))
        #expect(backoff.delay(failures: 7, jitter: 0.5) == .seconds(300))
        #expect(backoff.delay(failures: -3, jitter: 7) == .milliseconds(6250))
        #expect(backoff.delay(failures: .max, jitter: 1) == .seconds(375))
    }
}
