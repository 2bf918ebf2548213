/// Which of the documents that earlier runs have learned from are learned from again, beside those that are new.
///
/// A run that goes on from the model in force forgets old rows when it learns from new ones alone, and takes longer every
/// night when it learns from all of them. So old documents fill a reservoir of fixed size. No class goes empty-handed: half
/// of the places are dealt out to all alike, until they run out; the others go to documents as they come, so that common
/// classes stay common. The text's hash decides which: the same documents every night, whose features are known.
package struct ReplayRule: Sendable, Hashable {
    /// A labelled document.
    package struct Row: Sendable {
        package let bodyHash: [UInt8]
        /// What it is an example of: classes of all its tasks, "no entity" among them; at least one.
        package let classes: Set<String>
        package let isNew: Bool

        package init(bodyHash: [UInt8], classes: Set<String>, isNew: Bool) {
            self.bodyHash = bodyHash
            self.classes = classes
            self.isNew = isNew
        }
    }

    /// Old documents, at the most.
    package let limit: Int

    package init(limit: Int) { self.limit = limit }

    /// Whether each row is learned from: all that are new, and old ones up to the limit.
    package func choose(_ rows: [Row]) -> [Bool] {
        var chosen = rows.map(\.isNew)
        let old = rows.indices.filter { !rows[$0].isNew }
        guard old.count > limit else { return rows.map { _ in true } }
        let ordered = old.sorted { rows[$0].bodyHash.lexicographicallyPrecedes(rows[$1].bodyHash) }
        var queues = Dictionary(grouping: ordered.flatMap { row in rows[row].classes.map { ($0, row) } }, by: \.0)
            .mapValues { Array($0.map(\.1).reversed()) }
        let names = queues.keys.sorted { (queues[$0]?.count ?? 0, $0) < (queues[$1]?.count ?? 0, $1) }
        // Rounds deal every class one document more, rarest first; a document of several classes counts for all of them.
        var (dealt, taken, round) = ((limit + 1) / 2, [String: Int](), 1)
        while dealt > 0, names.contains(where: { queues[$0]?.isEmpty == false }) {
            for name in names where dealt > 0 {
                while taken[name, default: 0] < round, let row = queues[name]?.popLast() {
                    guard !chosen[row] else { continue }
                    chosen[row] = true
                    dealt -= 1
                    for other in rows[row].classes { taken[other, default: 0] += 1 }
                    break
                }
            }
            round += 1
        }
        for row in ordered.filter({ !chosen[$0] }).prefix(limit / 2 + dealt) { chosen[row] = true }
        return chosen
    }
}
