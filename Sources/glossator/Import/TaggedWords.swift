package import Annotations

/// A sentence given as words with a tag each: its text and the spans that the tags mark.
package struct TaggedWords: Sendable, Equatable {
    package struct TagProblem: Sendable, Equatable {
        /// Index of the word.
        package let word: Int
        package let code: String
        package let message: String
    }

    /// The words, joined by one space.
    package let text: String
    package let entities: [GoldEntity]
    package let problems: [TagProblem]

    /// Reads IOB2: `O`, `B-type` begins, `I-type` continues an entity of the same type.
    ///
    /// An `I-` that continues nothing is a problem, or, when `repairs`, begins an entity, as conlleval reads it.
    /// `tags` may be empty: no entities then. Otherwise there must be one for each word.
    package init(words: [String], tags: [String], task: String, repairs: Bool) {
        text = words.joined(separator: " ")
        var problems = words.indices.filter { words[$0].isEmpty }.map {
            TagProblem(word: $0, code: "empty-word", message: "a word is empty")
        }
        guard !tags.isEmpty else {
            (entities, self.problems) = ([], problems)
            return
        }
        guard tags.count == words.count else {
            let counts = "\(counted(words.count, "word")), but \(counted(tags.count, "tag"))"
            problems.append(TagProblem(word: 0, code: "words-and-tags", message: counts))
            (entities, self.problems) = ([], problems)
            return
        }
        var runs: [(type: String, words: ClosedRange<Int>)] = []
        var open: String?
        for (index, tag) in tags.enumerated() {
            guard let parsed = Tag(tag) else {
                let message = "a tag is none of O, B-type and I-type\(Self.shown(tag))"
                problems.append(TagProblem(word: index, code: "unknown-tag", message: message))
                open = nil
                continue
            }
            switch parsed {
            case .outside: open = nil
            case .inside(let type) where open == type:
                runs[runs.count - 1].words = runs[runs.count - 1].words.lowerBound...index
            case .inside where !repairs:
                let message = "an I- tag continues no entity of its type"
                problems.append(TagProblem(word: index, code: "tag-sequence", message: message))
                open = nil
            case .begin(let type), .inside(let type):
                runs.append((type, index...index))
                open = type
            }
        }
        self.problems = problems
        entities = runs.isEmpty ? [] : Self.entities(of: runs, words: words, text: text, task: task)
    }

    /// Runs of words as scalar ranges of the text. Tokens of real files have white space at their ends; entities never.
    private static func entities(
        of runs: [(type: String, words: ClosedRange<Int>)], words: [String], text: String, task: String
    ) -> [GoldEntity] {
        var starts: [Int] = []
        var next = 0
        for word in words {
            starts.append(next)
            next += word.unicodeScalars.count + 1
        }
        let scalars = Array(text.unicodeScalars)
        return runs.map { run in
            var start = starts[run.words.lowerBound]
            var end = starts[run.words.upperBound] + words[run.words.upperBound].unicodeScalars.count
            while start < end, scalars[start].properties.isWhitespace { start += 1 }
            while end > start, scalars[end - 1].properties.isWhitespace { end -= 1 }
            return GoldEntity(task: task, type: run.type, start: start, end: end)
        }
    }

    /// Other schemes' prefixes are worth naming (`S-`, `E-`, `L-`, `U-`); anything else may be a piece of the text.
    private static func shown(_ tag: String) -> String {
        let head = tag.utf8.prefix(2)
        guard head.count == 2, head.last == UInt8(ascii: "-"), let first = head.first,
            (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first)
        else { return "" }
        return ", it begins with \(String(decoding: head, as: UTF8.self))"
    }

    private enum Tag {
        case outside, begin(String), inside(String)

        init?(_ name: String) {
            if name == "O" {
                self = .outside
                return
            }
            let type = String(name.dropFirst(2))
            guard !type.isEmpty else { return nil }
            if name.hasPrefix("B-") {
                self = .begin(type)
            } else if name.hasPrefix("I-") {
                self = .inside(type)
            } else {
                return nil
            }
        }
    }
}
