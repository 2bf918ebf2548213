import Annotations
import Testing
import Training

@Suite("Split")
struct SplitTests {
    /// Stands for the sha256 of text number `index`.
    private func hash(_ index: Int) -> [UInt8] {
        (0..<32).map { UInt8(truncatingIfNeeded: (index &* 2_654_435_761 &+ $0 &* 40_503) >> ($0 % 4 * 8)) }
    }

    private func rows(_ count: Int, task: String = "topic", label: (Int) -> String) -> [Split.Row] {
        (0..<count).map { .init(bodyHash: hash($0), classes: [task: [label($0)]]) }
    }

    @Test("shares come out as asked")
    func shares() {
        let split = Split(holdout: 0.2, validation: 0.1)
        let parts = (0..<20_000).map { split.part(of: hash($0)) }
        let heldOut = Double(parts.count { $0 == .heldOut }) / 20_000
        let validation = Double(parts.count { $0 == .validation }) / 20_000
        #expect(abs(heldOut - 0.2) < 0.01)
        #expect(abs(validation - 0.08) < 0.01)
    }

    @Test("a text stays on its side when rows join, leave or change places")
    func stability() throws {
        let all = rows(600) { ["bug", "praise"][$0 % 2] }
        let split = Split()
        let parts = try split.partition(all)
        #expect(try split.partition(all.reversed()) == parts.reversed())
        #expect(try split.partition(Array(all.prefix(300))) == Array(parts.prefix(300)))
        #expect(parts == all.map { split.part(of: $0.bodyHash) })
    }

    @Test("the salt draws another split")
    func salt() {
        let (a, b) = (Split(salt: 1), Split(salt: 2))
        #expect((0..<200).contains { a.part(of: hash($0)) != b.part(of: hash($0)) })
    }

    @Test("copies of a text share its side")
    func copies() throws {
        let originals = rows(50) { ["bug", "praise"][$0 % 2] }
        let parts = try Split().partition(originals + originals)
        #expect(Array(parts.prefix(50)) == Array(parts.suffix(50)))
    }

    @Test("few rows still leave one to learn from in every class and one to judge by", arguments: 3...12)
    func smallSets(count: Int) throws {
        for salt in 0..<UInt64(40) {
            let set = rows(count) { $0 == 0 ? "rare" : "common" }
            let parts = try Split(salt: salt).partition(set)
            #expect(parts.contains(.heldOut))
            #expect(parts[0] == .training)
            #expect(parts.dropFirst().contains(.training))
        }
    }

    @Test("every task keeps a held-out text of its own")
    func everyTask() throws {
        for salt in 0..<UInt64(40) {
            var set = rows(300) { ["bug", "praise"][$0 % 2] }
            set += (300..<304).map { .init(bodyHash: hash($0), classes: ["people": $0 == 300 ? ["person"] : []]) }
            let parts = try Split(salt: salt).partition(set)
            #expect(parts[300] == .training)
            #expect(parts[301...].contains(.heldOut))
        }
    }

    @Test("too few texts to hold one out is a fault that names the task")
    func tooFew() {
        let lonely = fault { _ = try Split().partition(rows(1) { _ in "bug" }) }
        #expect(lonely?.code == "training-too-few-rows")
        #expect(lonely?.message.contains("topic") == true)
        #expect(lonely?.hint != nil)
        let oneEach = fault { _ = try Split().partition(rows(2) { ["bug", "praise"][$0] }) }
        #expect(oneEach?.code == "training-too-few-rows")
    }

    @Test("without a holdout nothing is held out")
    func noHoldout() throws {
        let parts = try Split(holdout: 0, validation: 0).partition(rows(30) { ["bug", "praise"][$0 % 2] })
        #expect(parts.allSatisfy { $0 == .training })
    }
}
