/// "Did you mean …": the candidate nearest to what was typed, or nil when none is near.
package enum Suggestion {
    package static func nearest(to typed: String, among candidates: [String]) -> String? {
        let scored = candidates.map { ($0, distance(Array(typed.lowercased().utf8), Array($0.lowercased().utf8))) }
        guard let best = scored.min(by: { $0.1 < $1.1 }), best.1 <= max(2, typed.utf8.count / 3) else { return nil }
        return best.0
    }

    /// Levenshtein distance over bytes.
    private static func distance(_ a: [UInt8], _ b: [UInt8]) -> Int {
        var previous = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var current = [i + 1]
            current.reserveCapacity(b.count + 1)
            for (j, y) in b.enumerated() {
                current.append(min(previous[j + 1] + 1, current[j] + 1, previous[j] + (x == y ? 0 : 1)))
            }
            previous = current
        }
        return previous[b.count]
    }
}
