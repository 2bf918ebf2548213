import Testing
import Training

@Suite("Old documents that are learned from again")
struct ReplayRuleTests {
    private func row(_ number: Int, _ classes: Set<String>, isNew: Bool = false) -> ReplayRule.Row {
        // Hashes in an order of their own.
        let mixed = UInt32(truncatingIfNeeded: number &* 2_654_435_761)
        return .init(
            bodyHash: (0..<4).map { UInt8(truncatingIfNeeded: mixed >> (24 - 8 * $0)) }, classes: classes, isNew: isNew)
    }

    private func counts(_ rows: [ReplayRule.Row], limit: Int) -> [String: Int] {
        zip(rows, ReplayRule(limit: limit).choose(rows)).filter { $1 && !$0.isNew }
            .reduce(into: [:]) { counts, row in for name in row.0.classes { counts[name, default: 0] += 1 } }
    }

    @Test("all are taken while there is room; new ones take none of it")
    func room() {
        let rows = (0..<50).map { row($0, ["a"], isNew: $0 % 5 == 0) }
        #expect(ReplayRule(limit: 40).choose(rows) == [Bool](repeating: true, count: 50))
        let chosen = ReplayRule(limit: 39).choose(rows)
        #expect(chosen.count { $0 } == 49)
        #expect(zip(rows, chosen).allSatisfy { $1 || !$0.isNew })
        #expect(zip(rows, ReplayRule(limit: 0).choose(rows)).allSatisfy { $1 == $0.isNew })
    }

    @Test("no class goes empty-handed, and common ones stay common")
    func rareClasses() {
        let rows =
            (0..<1_000).map { row($0, ["common"]) } + (1_000..<1_500).map { row($0, ["other"]) }
            + (1_500..<1_510).map { row($0, ["rare"]) }
        let counts = counts(rows, limit: 210)
        #expect(counts.values.reduce(0, +) == 210)
        #expect(counts["rare"] == 10)
        // Of the first 105 places 47 or 48 each; the others as they come, about two to one.
        let (common, other) = (counts["common"] ?? 0, counts["other"] ?? 0)
        #expect((105...135).contains(common) && (65...95).contains(other))
    }

    @Test("a document of several classes counts for each of them")
    func severalClasses() {
        let rows = (0..<300).map { row($0, $0 % 3 == 0 ? ["a", "b"] : $0 % 3 == 1 ? ["a"] : ["b"]) }
        let chosen = ReplayRule(limit: 60).choose(rows)
        #expect(chosen.count { $0 } == 60)
        let counts = counts(rows, limit: 60)
        #expect(abs((counts["a"] ?? 0) - (counts["b"] ?? 0)) <= 12)
    }

    @Test("the same documents whatever the order, and all of them again when the reservoir grows")
    func stable() {
        let rows = (0..<400).map { row($0, [["a", "b", "c"][$0 % 3]]) }
        func chosen(_ rows: [ReplayRule.Row], _ limit: Int) -> Set<[UInt8]> {
            Set(zip(rows, ReplayRule(limit: limit).choose(rows)).filter { $1 }.map { $0.0.bodyHash })
        }
        #expect(chosen(rows, 90) == chosen(rows.reversed(), 90))
        #expect(chosen(rows, 90).isSubset(of: chosen(rows, 300)))
    }
}
