import Annotations
import Store
import Testing
import glossator

@Suite("Faults that are no document's")
struct OutsideFaultsTests {
    private let start = ContinuousClock.now

    private func fault(_ blame: Fault.Blame) -> Fault { Fault(blame, "\(blame)-away", "x") }

    @Test(
        "a model's fault pauses that model, any other the daemon",
        arguments: [Fault.Blame.database, .system, .configuration, .model])
    func scope(blame: Fault.Blame) {
        var faults = OutsideFaults()
        let begun = faults.failed(fault(blame), model: 7, now: start, jitter: 0.5)
        #expect(begun.pause == .seconds(5))
        #expect(begun.scope == (blame == .model ? .model(7) : .everything))
        #expect(faults.avoided(at: start) == (blame == .model ? [7] : []))
        #expect(faults.pause(at: start) == (blame == .model ? nil : .seconds(5)))
        #expect(faults.reason(at: start) == "\(blame)-away")
        let later = start + .seconds(5)
        #expect(faults.avoided(at: later).isEmpty && faults.pause(at: later) == nil && faults.reason(at: later) == nil)
    }

    @Test("pauses double from 5 s to 5 minutes while the fault lasts, and begin anew after a success")
    func doubling() {
        var faults = OutsideFaults()
        var now = start
        var pauses: [Duration] = []
        for _ in 0..<8 {
            let pause = faults.failed(fault(.model), model: 7, now: now, jitter: 0.5).pause
            pauses.append(pause)
            now += pause
        }
        #expect(pauses == [5, 10, 20, 40, 80, 160, 300, 300].map { Duration.seconds($0) })
        faults.succeeded(model: 8)
        let longest = faults.failed(fault(.model), model: 7, now: now, jitter: 0.5).pause
        faults.succeeded(model: 7)
        let first = faults.failed(fault(.model), model: 7, now: now, jitter: 0.5).pause
        #expect([longest, first] == [.seconds(300), .seconds(5)])
    }

    @Test("claims that were under way when a pause began do not prolong it")
    func underWay() {
        var faults = OutsideFaults()
        faults.failed(fault(.system), model: 1, now: start, jitter: 0.5)
        let second = faults.failed(fault(.system), model: 2, now: start + .seconds(1), jitter: 0.5)
        #expect(second.pause == .seconds(4))
        #expect(faults.pause(at: start + .seconds(4)) == .seconds(1))
    }

    @Test("a daemon that was cut off itself lets the others come back before it declares them dead")
    func rescue() {
        var rule = RescueRule(silence: .seconds(45))
        let atOnce = rule.mayRescue(afterBeatAt: start)
        rule.beatFailed(at: start + .seconds(10))
        rule.beatFailed(at: start + .seconds(20))
        let back = start + .seconds(30)
        let later = [0, 44, 45, 55].map { rule.mayRescue(afterBeatAt: back + .seconds($0)) }
        #expect([atOnce] + later == [true, false, false, true, true])
    }

    @Test("the first failure is tried again at once, further ones from 5 s on")
    func patience() {
        #expect(Patience.pause(failures: 1, jitter: 1) == .milliseconds(500))
        #expect(Patience.pause(failures: 2, jitter: 0.5) == .seconds(5))
        #expect(Patience.pause(failures: 3, jitter: 0.5) == .seconds(10))
        #expect(Patience.pause(failures: 99, jitter: 0.5) == .seconds(300))
    }

    @Test("of a claim each text is read once; copies and twins get what was read")
    func plan() {
        let claim = [
            document(1, "a"), document(2, "b"), document(3, "a"), document(4, "c", twin: 99), document(5, "a"),
        ]
        let plan = ClaimPlan(claim)
        #expect(plan.originals.map(\.documentID) == [1, 2])
        #expect(plan.copies.map(\.document.documentID) == [3, 5])
        #expect(plan.copies.map(\.originalID) == [1, 1])
        #expect(plan.twins.map(\.documentID) == [4])
    }

    @Test("what was read a moment ago is not read again, for so many claims, by the same model and segmentation")
    func recent() {
        let nothing = DocumentAnnotation(segments: [], entities: [], tokenCount: 3, windowCount: 1)
        var recent = RecentResults(claims: 3)
        recent.remember([CompletedDocument(document(1, "a"), spaceID: 5, annotation: nothing)])
        let plan = ClaimPlan([document(2, "a"), document(3, "b"), document(4, "a", model: 2)], recent: recent)
        #expect(plan.originals.map(\.documentID) == [3, 4])
        #expect(plan.remembered.map(\.lease.documentID) == [2])
        #expect(plan.remembered.map(\.copiedFrom) == [1] && plan.remembered.map(\.spaceID) == [5])
        // A copy is remembered as what it is.
        recent.remember(plan.remembered)
        #expect(ClaimPlan([document(6, "a")], recent: recent).remembered.map(\.copiedFrom) == [1])
        for _ in 0..<3 { recent.remember([]) }
        #expect(ClaimPlan([document(7, "a")], recent: recent).originals.count == 1)
    }

    @Test("a wait for a release that is given up does not end those that follow")
    func release() async {
        let held = HeldClaims()
        for _ in 0..<3 {
            let given = Task { await held.waitForRelease() }
            try? await Task.sleep(for: .milliseconds(5))
            given.cancel()
            await given.value
        }
        held.release([document(1, "a")])
        await held.waitForRelease()
        let next = Task { () -> ContinuousClock.Instant in
            await held.waitForRelease()
            return .now
        }
        try? await Task.sleep(for: .milliseconds(50))
        let released = ContinuousClock.now
        held.release([])
        #expect(await next.value >= released, "it waited for the second release")
    }

    private func document(_ id: Int64, _ text: String, twin: Int64? = nil, model: Int64 = 1) -> ClaimedDocument {
        ClaimedDocument(
            lease: Lease(documentID: id, number: 1), attempt: 1, collection: "c", modelID: model,
            segmentation: .document,
            body: text, bodyHash: Array(text.utf8), twinID: twin)
    }
}
