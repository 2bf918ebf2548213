package import Annotations

/// Which rows are learned from, which steer the run, and which only judge it.
///
/// The side of a row is a function of its text's sha256 and a salt: the same text lies on the same side tonight and in
/// a year, in every collection it occurs in, whatever rows join it and whatever the seed. `partition(_:)` departs from
/// that only where a class or a task would be left empty-handed, which takes classes or tasks of a few texts.
package struct Split: Sendable, Hashable {
    package enum Part: String, Sendable, Hashable, Codable, CaseIterable {
        /// Gradients come from these.
        case training
        /// Not learned from: chooses the epoch to keep and the temperature.
        case validation
        /// Neither learned from nor chosen by: every reported figure comes from these.
        case heldOut
    }

    /// What the split needs to know about a row.
    package struct Row: Sendable {
        package let bodyHash: [UInt8]
        /// By task, the classes (labels, entity types) that the row is an example of. A task with no class still counts
        /// the row as its own.
        package let classes: [String: Set<String>]

        package init(bodyHash: [UInt8], classes: [String: Set<String>]) {
            self.bodyHash = bodyHash
            self.classes = classes
        }
    }

    /// Share of all texts that is held out, 0..<1.
    package let holdout: Double
    /// Share of the other texts that validates, 0..<1.
    package let validation: Double
    package let salt: UInt64

    package init(holdout: Double = 0.2, validation: Double = 0.1, salt: UInt64 = 0) {
        self.holdout = holdout.clamped(to: 0...0.9)
        self.validation = validation.clamped(to: 0...0.9)
        self.salt = salt
    }

    /// The part a text belongs to by its hash alone.
    package func part(of bodyHash: [UInt8]) -> Part {
        if fraction(of: bodyHash, stream: 0) < holdout { return .heldOut }
        return fraction(of: bodyHash, stream: 1) < validation ? .validation : .training
    }

    /// A part for every row, in the rows' order; rows of one text always share it.
    ///
    /// Starts from `part(of:)`. A class without any training text then takes one from validation, else from the
    /// held-out side (the one furthest from the border). A task without a held-out text takes the nearest one whose
    /// classes all keep another training text.
    ///
    /// - Throws: `training-too-few-rows` when a task has fewer than two different texts, or when no text of it can be
    ///   held out without leaving one of its classes without any.
    package func partition(_ rows: [Row]) throws(Fault) -> [Part] {
        var draft = Draft(rows: rows, split: self)
        draft.giveEveryClassATrainingText()
        if holdout > 0 { try draft.giveEveryTaskAHeldOutText() }
        return rows.map { draft.parts[$0.bodyHash] ?? .training }
    }

    /// Evenly spread over 0..<1, from all bytes of the hash, the salt and the stream.
    fileprivate func fraction(of bodyHash: [UInt8], stream: UInt64) -> Double {
        var state = mix(salt &+ 0x9e37_79b9_7f4a_7c15 &* (stream &+ 1))
        var word: UInt64 = 0
        for (index, byte) in bodyHash.enumerated() {
            word = word << 8 | UInt64(byte)
            if index % 8 == 7 {
                state = mix(state ^ word)
                word = 0
            }
        }
        state = mix(state ^ word ^ UInt64(bodyHash.count))
        return Double(state >> 11) * 0x1p-53
    }
}

/// SplitMix64's finaliser (Steele, Lea, Flood 2014): every input bit reaches every output bit.
func mix(_ value: UInt64) -> UInt64 {
    var z = value &+ 0x9e37_79b9_7f4a_7c15
    z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
    return z ^ z >> 31
}

/// The partition while it is being repaired.
private struct Draft {
    struct Class: Hashable, Comparable {
        let task: String
        let name: String
        static func < (a: Class, b: Class) -> Bool { (a.task, a.name) < (b.task, b.name) }
    }

    let split: Split
    var parts: [[UInt8]: Split.Part] = [:]
    var textsOfClass: [Class: Set<[UInt8]>] = [:]
    var textsOfTask: [String: Set<[UInt8]>] = [:]
    var classesOfText: [[UInt8]: Set<Class>] = [:]

    init(rows: [Split.Row], split: Split) {
        self.split = split
        for row in rows {
            parts[row.bodyHash] = split.part(of: row.bodyHash)
            for (task, classes) in row.classes {
                textsOfTask[task, default: []].insert(row.bodyHash)
                for name in classes {
                    textsOfClass[Class(task: task, name: name), default: []].insert(row.bodyHash)
                    classesOfText[row.bodyHash, default: []].insert(Class(task: task, name: name))
                }
            }
        }
    }

    mutating func giveEveryClassATrainingText() {
        for (_, texts) in textsOfClass.sorted(by: { $0.key < $1.key }) {
            guard !texts.contains(where: { parts[$0] == .training }) else { continue }
            let validating = ordered(texts.filter { parts[$0] == .validation }, stream: 1)
            if let text = validating.last ?? ordered(texts, stream: 0).last { parts[text] = .training }
        }
    }

    mutating func giveEveryTaskAHeldOutText() throws(Fault) {
        for (task, texts) in textsOfTask.sorted(by: { $0.key < $1.key }) {
            guard !texts.contains(where: { parts[$0] == .heldOut }) else { continue }
            guard texts.count > 1, let text = ordered(texts, stream: 0).first(where: isSpare) else {
                throw Fault(
                    .input, "training-too-few-rows",
                    "task \"\(task)\" has \(texts.count) different labelled texts; none can be held out for evaluation",
                    hint: "Label more texts: at least two different ones of every class.")
            }
            parts[text] = .heldOut
        }
    }

    /// Whether every class of the text keeps a training text without it.
    private func isSpare(_ text: [UInt8]) -> Bool {
        classesOfText[text, default: []].allSatisfy { key in
            textsOfClass[key, default: []].contains { $0 != text && parts[$0] == .training }
        }
    }

    private func ordered(_ texts: Set<[UInt8]>, stream: UInt64) -> [[UInt8]] {
        texts.map { (split.fraction(of: $0, stream: stream), $0) }
            .sorted { $0.0 != $1.0 ? $0.0 < $1.0 : $0.1.lexicographicallyPrecedes($1.1) }.map(\.1)
    }
}
