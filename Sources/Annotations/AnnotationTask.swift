/// What one head is for: its name and the answers it can give.
package struct AnnotationTask: Sendable, Hashable, Codable {
    package enum Kind: String, Sendable, Hashable, Codable {
        /// One label a segment.
        case classification
        /// IOB2 tags over the words of a segment.
        case entities
    }

    package let name: String
    package let kind: Kind
    /// Class labels (classification) or entity types (entities), in the order of the head's outputs, no duplicates.
    package let labels: [String]

    package init(name: String, kind: Kind, labels: [String]) {
        self.name = name
        self.kind = kind
        self.labels = labels
    }

    /// Rows of the head's weight matrix: a label each, or `O` and a `B-`/`I-` pair each.
    package var outputCount: Int {
        switch kind {
        case .classification: labels.count
        case .entities: TagSet(types: labels).count
        }
    }
}

/// The IOB2 tags of a list of entity types: `O` first, then `B-t`, `I-t` of every type in order.
package struct TagSet: Sendable, Hashable {
    package let types: [String]

    package init(types: [String]) { self.types = types }

    package static let outside = 0

    package var count: Int { 1 + 2 * types.count }
    package func begin(_ type: Int) -> Int { 1 + 2 * type }
    package func inside(_ type: Int) -> Int { 2 + 2 * type }
    /// The type of a tag, or nil for `O`.
    package func type(of tag: Int) -> Int? { tag == Self.outside ? nil : (tag - 1) / 2 }
    package func isBegin(_ tag: Int) -> Bool { tag > 0 && tag % 2 == 1 }
    package func isInside(_ tag: Int) -> Bool { tag > 0 && tag % 2 == 0 }

    /// IOB2's grammar: `I-t` only after `B-t` or `I-t`. `previous` nil is the start of the sequence.
    package func allows(_ tag: Int, after previous: Int?) -> Bool {
        guard isInside(tag) else { return true }
        guard let previous else { return false }
        return type(of: previous) == type(of: tag)
    }

    package func name(of tag: Int) -> String {
        guard let type = type(of: tag) else { return "O" }
        return (isBegin(tag) ? "B-" : "I-") + types[type]
    }

    /// The tag with this name, or nil when it is not one of the set's.
    package func tag(named name: String) -> Int? {
        if name == "O" { return Self.outside }
        // By scalars: a type that begins with a combining mark would make one `Character` of it and the hyphen.
        let scalars = name.unicodeScalars
        guard let type = types.firstIndex(of: String(scalars.dropFirst(2))) else { return nil }
        if scalars.starts(with: "B-".unicodeScalars) { return begin(type) }
        if scalars.starts(with: "I-".unicodeScalars) { return inside(type) }
        return nil
    }
}
