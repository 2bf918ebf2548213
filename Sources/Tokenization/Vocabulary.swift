package import Annotations

/// The word pieces of a model and their ids.
///
/// Keyed by UTF-8 bytes: Swift's `String ==` is canonical equivalence, under which composed and decomposed spellings
/// of a piece would be one entry. A byte trie finds the longest piece in one pass, without making a string.
package struct Vocabulary: Sendable {
    /// One more than the largest id. Ids without a token are possible (an empty line, a hole in `tokenizer.json`).
    package private(set) var count: Int
    package let continuationPrefix: String

    /// All tokens' UTF-8 end to end; token `id` is `bounds[id]..<bounds[id + 1]`.
    private let spellings: [UInt8]
    private let bounds: [Int32]
    let trie: ByteTrie
    let words: WordTable
    /// Tokens that were added to the model's own, by id. No word is ever split into one of them.
    private var additional: [Int32: [UInt8]] = [:]

    /// - Parameters:
    ///   - tokens: UTF-8 spellings by id; an empty one is an id without a token.
    ///   - continuationPrefix: what marks a piece that continues a word.
    /// - Throws: `vocabulary-duplicate` when two ids have one spelling, `vocabulary-empty`, `vocabulary-too-large`,
    ///   `vocabulary-not-utf8`.
    package init(tokens: [[UInt8]], continuationPrefix: String = "##") throws(Fault) {
        if let id = tokens.firstIndex(where: { String(validating: $0, as: UTF8.self) == nil }) {
            throw Self.notUTF8("token \(id)")
        }
        try self.init(valid: tokens, continuationPrefix: continuationPrefix)
    }

    /// A `vocab.txt`: a token a line, the first has id 0.
    /// - Throws: as `init(tokens:)`; `vocabulary-not-utf8` names the line.
    package init(file bytes: [UInt8], continuationPrefix: String = "##") throws(Fault) {
        var lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if String(validating: bytes, as: UTF8.self) == nil,
            let index = lines.firstIndex(where: { String(validating: $0, as: UTF8.self) == nil })
        {
            throw Self.notUTF8("line \(index + 1)")
        }
        while let last = lines.last, last.isEmpty || last == [UInt8(ascii: "\r")] { lines.removeLast() }
        var tokens: [[UInt8]] = []
        tokens.reserveCapacity(lines.count)
        for (index, line) in lines.enumerated() {
            var token = line.last == UInt8(ascii: "\r") ? line.dropLast() : line
            if index == 0, token.starts(with: [0xEF, 0xBB, 0xBF]) { token = token.dropFirst(3) }
            tokens.append(Array(token))
        }
        try self.init(valid: tokens, continuationPrefix: continuationPrefix)
    }

    private init(valid tokens: [[UInt8]], continuationPrefix: String) throws(Fault) {
        let prefix = Array(continuationPrefix.utf8)
        let byteCount = tokens.reduce(0) { $0 + $1.count }
        guard byteCount > 0 else {
            throw Fault(
                .model, "vocabulary-empty", "the vocabulary has no token",
                hint: "the file is empty or was cut short: copy it again")
        }
        // A trie has at most a node a byte, and every token lies in it once or twice.
        guard byteCount < ByteTrie.maximumNodeCount / 2 else {
            throw Fault(.model, "vocabulary-too-large", "the vocabulary is too large: \(tokens.count) tokens")
        }
        let trie = ByteTrie(keyBytes: byteCount)
        var spellings: [UInt8] = []
        var bounds: [Int32] = [0]
        spellings.reserveCapacity(byteCount)
        bounds.reserveCapacity(tokens.count + 1)
        for (id, token) in tokens.enumerated() {
            spellings.append(contentsOf: token)
            bounds.append(Int32(spellings.count))
            guard !token.isEmpty else { continue }
            if let other = trie.insert(token, below: ByteTrie.wordStart, value: Int32(id)) {
                throw Fault(
                    .model, "vocabulary-duplicate",
                    "the vocabulary has '\(String(decoding: token, as: UTF8.self))' twice, as \(other) and \(id)",
                    hint: "Every token needs an id of its own; fetch the vocabulary again.")
            }
            if token.count > prefix.count, token.starts(with: prefix) {
                _ = trie.insert(token[prefix.count...], below: ByteTrie.continuation, value: Int32(id))
            }
        }
        self.count = tokens.count
        self.continuationPrefix = continuationPrefix
        self.spellings = spellings
        self.bounds = bounds
        self.trie = trie
        words = WordTable(tokens)
    }

    private static func notUTF8(_ place: String) -> Fault {
        Fault(
            .model, "vocabulary-not-utf8", "\(place) of the vocabulary is not valid UTF-8",
            hint: "Convert the file to UTF-8 or fetch it again.")
    }

    /// The spelling of an id, or nil when there is none.
    package func token(_ id: Int32) -> String? {
        if let added = additional[id] { return String(decoding: added, as: UTF8.self) }
        guard id >= 0, Int(id) < bounds.count - 1, bounds[Int(id)] < bounds[Int(id) + 1] else { return nil }
        return String(decoding: spellings[Int(bounds[Int(id)])..<Int(bounds[Int(id) + 1])], as: UTF8.self)
    }

    /// The id of a spelling, byte for byte, or nil.
    package func id(of token: String) -> Int32? {
        let bytes = Array(token.utf8)
        let found = trie.longestPrefix(from: 0, to: bytes.count, below: ByteTrie.wordStart) { bytes[$0] }
        if let found, found.end == bytes.count { return found.value }
        return additional.first { $0.value == bytes }?.key
    }

    /// The same with one more token that is only ever found as a literal.
    func adding(_ spelling: String, id: Int32) throws(Fault) -> Vocabulary {
        if let other = token(id) {
            throw Fault(
                .model, "tokenizer-added-token", "added token '\(spelling)' has id \(id), which is '\(other)' already",
                hint: "Save the tokenizer again with the library that made it.")
        }
        var copy = self
        copy.additional[id] = Array(spelling.utf8)
        copy.count = max(count, Int(id) + 1)
        return copy
    }
}
