/// Which of the documents that earlier runs have learned from are learned from again, beside those that are new.
///
/// Learning from new rows alone forgets the old ones; learning from all of them takes longer every night. So old documents
/// fill a reservoir of fixed size, in which rare classes have as many documents as common ones until they run out. Inside a
/// class the text's hash decides: the same documents every night, whose features are known.
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
        var (places, taken) = (limit, [String: Int]())
        // Rounds deal every class one document more, rarest first; a document of several classes counts for all of them.
        var queues = Dictionary(grouping: ordered.flatMap { row in rows[row].classes.map { ($0, row) } }, by: \.0)
            .mapValues { Array($0.map(\.1).reversed()) }
        let names = queues.keys.sorted { (queues[$0]?.count ?? 0, $0) < (queues[$1]?.count ?? 0, $1) }
        var round = 1
        while places > 0 {
            var isDry = true
            for name in names where places > 0 {
                while taken[name, default: 0] < round, let row = queues[name]?.popLast() {
                    isDry = false
                    guard !chosen[row] else { continue }
                    chosen[row] = true
                    places -= 1
                    for other in rows[row].classes { taken[other, default: 0] += 1 }
                    break
                }
            }
            if isDry, names.allSatisfy({ queues[$0]?.isEmpty ?? true }) { break }
            round += 1
        }
        return chosen
    }
}
