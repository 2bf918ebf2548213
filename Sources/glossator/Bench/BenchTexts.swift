import Annotations

/// The texts that a measurement reads.
package enum BenchTexts {
    /// A text a line, or jsonl, as the filters read it; without a file the demo's unlabelled texts, which the program
    /// carries and which are always the same.
    static func load(_ path: String?, limit: Int) throws(Fault) -> [String] {
        var input: FilterInput
        if let path {
            input = FilterInput(try ByteSource(path: path))
        } else {
            let bytes = DemoTexts.all.first { $0.name == "unlabelled.jsonl" }?.bytes ?? []
            input = FilterInput(ByteSource(name: "the program's own texts", bytes: bytes), format: .jsonl)
        }
        var texts: [String] = []
        while let request = try input.next() { texts.append(request.text) }
        guard !texts.isEmpty else {
            throw Fault(
                .input, "bench-texts", "\(path ?? "the program") has no texts", hint: "name a file with a text a line")
        }
        return evenly(texts, limit: limit)
    }

    /// `limit` of the texts in their order, picked at even steps from the shortest to the longest, so that few texts
    /// have the lengths of many; all of them when `limit` is 0 or not below their number.
    package static func evenly(_ texts: [String], limit: Int) -> [String] {
        guard limit > 0, limit < texts.count else { return texts }
        let lengths = texts.map(\.unicodeScalars.count)
        let order = texts.indices.sorted { (lengths[$0], $0) < (lengths[$1], $1) }
        let step = Double(texts.count) / Double(limit)
        return (0..<limit).map { order[Int((Double($0) + 0.5) * step)] }.sorted().map { texts[$0] }
    }
}
