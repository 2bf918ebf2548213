import Annotations
import Store
import Testing

@Suite struct RetryPolicyTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let blame: Fault.Blame
        let isTransient: Bool
        let attempt: Int
        var failuresInARow = 0
        let decision: RetryPolicy.Decision
        var testDescription: String { "\(blame) transient=\(isTransient) attempt=\(attempt) row=\(failuresInARow)" }
    }

    @Test(arguments: [
        Case(blame: .document, isTransient: false, attempt: 1, decision: .giveUp),
        Case(blame: .document, isTransient: true, attempt: 1, decision: .retry(after: .seconds(5))),
        Case(blame: .document, isTransient: true, attempt: 2, decision: .retry(after: .seconds(10))),
        Case(blame: .document, isTransient: true, attempt: 3, decision: .giveUp),
        Case(blame: .input, isTransient: false, attempt: 1, decision: .giveUp),
        Case(blame: .defect, isTransient: false, attempt: 2, decision: .retry(after: .seconds(10))),
        Case(blame: .defect, isTransient: false, attempt: 3, decision: .giveUp),
        Case(blame: .database, isTransient: true, attempt: 9, decision: .handBack(after: .seconds(5))),
        Case(
            blame: .database, isTransient: false, attempt: 1, failuresInARow: 2,
            decision: .handBack(after: .seconds(20))),
        Case(
            blame: .model, isTransient: false, attempt: 1, failuresInARow: 50, decision: .handBack(after: .seconds(300))
        ),
        Case(blame: .configuration, isTransient: false, attempt: 3, decision: .handBack(after: .seconds(5))),
        Case(
            blame: .system, isTransient: true, attempt: 3, failuresInARow: 1, decision: .handBack(after: .seconds(10))),
    ])
    func blameAndAttemptDecide(_ row: Case) {
        let fault = Fault(row.blame, "code", "message", isTransient: row.isTransient)
        // Half-way jitter changes nothing.
        #expect(
            RetryPolicy().decide(fault, attempt: row.attempt, failuresInARow: row.failuresInARow, jitter: 0.5)
                == row.decision)
    }

    @Test func jitterSpreadsWaitsByAQuarter() {
        let policy = RetryPolicy()
        #expect(policy.delay(exponent: 0, jitter: 0) == .milliseconds(3750))
        #expect(policy.delay(exponent: 0, jitter: 1) == .milliseconds(6250))
        #expect(policy.delay(exponent: -3, jitter: 7) == .milliseconds(6250))
        #expect(policy.delay(exponent: .max, jitter: 1) == .seconds(375))
    }
}
