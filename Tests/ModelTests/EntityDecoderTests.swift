import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Testing

@Suite("Entity decoding")
struct EntityDecoderTests {
    /// Every legal sequence, one after the other: the slow twin of both recursions.
    struct Enumeration {
        let logits: Matrix
        let tagSet: TagSet
        let transitions: TagTransitions?
        var sequences: [(tags: [Int], logWeight: Double)] = []

        init(logits: Matrix, tagSet: TagSet, transitions: TagTransitions? = nil) {
            self.logits = logits
            self.tagSet = tagSet
            self.transitions = transitions
            extend([], weight: 0)
        }

        private mutating func extend(_ prefix: [Int], weight: Double) {
            guard prefix.count < logits.rows else {
                sequences.append((prefix, weight))
                return
            }
            for tag in 0..<tagSet.count where tagSet.allows(tag, after: prefix.last) {
                // Nothing stands before the first word: an O.
                let transition = transitions.map { Double($0.scores[prefix.last ?? TagSet.outside, tag]) } ?? 0
                extend(prefix + [tag], weight: weight + Double(logits[prefix.count, tag]) + transition)
            }
        }

        var best: (tags: [Int], logWeight: Double) { sequences.max { $0.logWeight < $1.logWeight }! }

        /// Log of the best sequence's share of all of them.
        var logProbability: Double {
            -log(sequences.reduce(0) { $0 + exp($1.logWeight - best.logWeight) })
        }

        func probability(of span: DecodedSpan) -> Double {
            let largest = best.logWeight
            var all = 0.0
            var having = 0.0
            for (tags, logWeight) in sequences {
                let weight = exp(logWeight - largest)
                all += weight
                if contains(span, in: tags) { having += weight }
            }
            return having / all
        }

        /// Type, first and last word of the best sequence's entities.
        var spans: [[Int]] {
            var spans: [[Int]] = []
            for (word, tag) in best.tags.enumerated() {
                if tagSet.isBegin(tag) { spans.append([tagSet.type(of: tag) ?? -1, word, word]) }
                if tagSet.isInside(tag) { spans[spans.count - 1][2] = word }
            }
            return spans
        }

        private func contains(_ span: DecodedSpan, in tags: [Int]) -> Bool {
            guard tags[span.firstWord] == tagSet.begin(span.type) else { return false }
            for word in span.firstWord..<span.lastWord where tags[word + 1] != tagSet.inside(span.type) { return false }
            return span.lastWord + 1 == tags.count || tags[span.lastWord + 1] != tagSet.inside(span.type)
        }
    }

    @Test("Viterbi finds the heaviest legal sequence, and a span's score is its share of all of them")
    func equalsEnumeration() {
        for seed: UInt64 in 0..<60 { compareWithEnumeration(seed: seed) }
    }

    private func compareWithEnumeration(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let tagSet = TagSet(types: (0..<Int.random(in: 1...3, using: &random)).map { "T\($0)" })
        let words = Int.random(in: 1...(tagSet.types.count == 3 ? 5 : 7), using: &random)
        let scale: Float = [0.1, 2, 30, 300][Int.random(in: 0..<4, using: &random)]
        let logits = Matrix(
            rows: words, columns: tagSet.count,
            values: (0..<words * tagSet.count).map { _ in Float.random(in: -1...1, using: &random) * scale })

        let twin = Enumeration(logits: logits, tagSet: tagSet)
        #expect(EntityDecoder.bestSequence(logits: logits, tagSet: tagSet) == twin.best.tags, "seed \(seed)")
        for span in EntityDecoder.decode(logits: logits, tagSet: tagSet) {
            #expect(abs(Double(span.score) - twin.probability(of: span)) < Tolerance.spanProbability, "seed \(seed)")
        }
        let decoded = EntityDecoder.sequence(logits: logits, tagSet: tagSet)
        #expect(decoded.spans == EntityDecoder.decode(logits: logits, tagSet: tagSet))
        #expect(abs(decoded.logProbability - twin.logProbability) < Tolerance.chainLoss, "seed \(seed)")
    }

    @Test("the same with learned transitions, whose entries for what IOB2 forbids count for nothing")
    func transitionsEqualEnumeration() {
        for seed: UInt64 in 0..<80 { compareTransitions(seed: seed) }
    }

    private func compareTransitions(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let tagSet = TagSet(types: (0..<Int.random(in: 1...3, using: &random)).map { "T\($0)" })
        let words = Int.random(in: 1...(tagSet.types.count == 3 ? 5 : 7), using: &random)
        let scale: Float = [0.1, 2, 30, 300][Int.random(in: 0..<4, using: &random)]
        func matrix(_ rows: Int) -> Matrix {
            Matrix(
                rows: rows, columns: tagSet.count,
                values: (0..<rows * tagSet.count).map { _ in Float.random(in: -1...1, using: &random) * scale })
        }
        let logits = matrix(words)
        var scores = matrix(tagSet.count)
        for from in 0..<tagSet.count {
            for to in 0..<tagSet.count where !tagSet.allows(to, after: from) { scores[from, to] = 1e6 }
        }
        let transitions = TagTransitions(scores: scores)
        let twin = Enumeration(logits: logits, tagSet: tagSet, transitions: transitions)
        let spans = EntityDecoder.decode(logits: logits, tagSet: tagSet, transitions: transitions)
        #expect(spans.map { [$0.type, $0.firstWord, $0.lastWord] } == twin.spans, "seed \(seed)")
        for span in spans {
            #expect(abs(Double(span.score) - twin.probability(of: span)) < Tolerance.spanProbability, "seed \(seed)")
        }
        let decoded = EntityDecoder.sequence(logits: logits, tagSet: tagSet, transitions: transitions)
        #expect(decoded.spans == spans)
        #expect(abs(decoded.logProbability - twin.logProbability) < Tolerance.chainLoss, "seed \(seed)")
    }

    @Test("transitions that weigh nothing change nothing")
    func idleTransitions() {
        var random = SeededGenerator(seed: 2)
        let tagSet = TagSet(types: ["PER", "LOC", "ORG"])
        let logits = Matrix(
            rows: 60, columns: 7, values: (0..<420).map { _ in Float.random(in: -3...3, using: &random) })
        let plain = EntityDecoder.decode(logits: logits, tagSet: tagSet)
        let idle = EntityDecoder.decode(
            logits: logits, tagSet: tagSet, transitions: TagTransitions(scores: Matrix(rows: 7, columns: 7)))
        #expect(
            idle.map { [$0.type, $0.firstWord, $0.lastWord] } == plain.map { [$0.type, $0.firstWord, $0.lastWord] })
        for (a, b) in zip(idle, plain) { #expect(abs(Double(a.score - b.score)) < Tolerance.spanProbability) }
        #expect(plain.count > 5)
    }

    @Test("words without tokens are O between the others, with transitions as without")
    func missingWords() {
        let tagSet = TagSet(types: ["PER"])
        // B, I, O in the words that have tokens; word 1 and word 4 have none.
        let logits = Matrix(rows: 3, columns: 3, values: [0, 9, 0, 0, 0, 9, 9, 0, 0])
        var scores = Matrix(rows: 3, columns: 3)
        scores[1, 2] = 5
        for transitions in [nil, TagTransitions(scores: scores)] {
            let spans = EntityDecoder.decode(
                logits: logits, wordIndices: [0, 2, 3], wordCount: 5, tagSet: tagSet, transitions: transitions)
            #expect(spans.map { [$0.firstWord, $0.lastWord] } == [[0, 0]])
            let decoded = EntityDecoder.sequence(
                logits: logits, wordIndices: [0, 2, 3], wordCount: 5, tagSet: tagSet, transitions: transitions)
            #expect(decoded.spans == spans)
            // Word 2 may not go on with an entity after a word that is O: it is O or begins one, with equal weights.
            #expect((-0.71 ... -0.69).contains(decoded.logProbability))
        }
        #expect(
            EntityDecoder.sequence(logits: Matrix(rows: 0, columns: 3), tagSet: tagSet)
                == DecodedSequence(spans: [], logProbability: 0))
    }

    @Test("a million words with transitions lose no precision")
    func longTextsWithTransitions() throws {
        let tagSet = TagSet(types: ["PER", "ORG"])
        let row: [Float] = [8, 1, -2, 0.5, 0]
        let tail: [Float] = [0, 6, 1, 5, 2]
        var scores = Matrix(rows: 5, columns: 5)
        scores[0, 1] = 0.5
        let transitions = TagTransitions(scores: scores)
        func last(words count: Int) throws -> Float {
            var values: [Float] = []
            for _ in 0..<count { values += row }
            let spans = EntityDecoder.decode(
                logits: Matrix(rows: count + 1, columns: 5, values: values + tail), tagSet: tagSet,
                transitions: transitions)
            #expect(spans.count == 1)
            return try #require(spans.first).score
        }
        #expect(try abs(last(words: 1_000_000) - last(words: 2)) < 1e-6)
    }

    @Test("an I- tag that argmax would choose without a B- before it is never decoded as such")
    func illegalStartIsRepaired() {
        let tagSet = TagSet(types: ["PER", "LOC"])
        // Argmax: I-PER, I-LOC. Legal: B-PER then B-LOC, the next best.
        let logits = Matrix(rows: 2, columns: 5, values: [0, 3, 9, 0, 0, 0, 0, 0, 4, 9])
        let spans = EntityDecoder.decode(logits: logits, tagSet: tagSet)
        #expect(spans.map(\.type) == [1])
        #expect(spans.map(\.firstWord) == [0])
        #expect(spans.map(\.lastWord) == [1])
        #expect(EntityDecoder.bestSequence(logits: logits, tagSet: tagSet) == [3, 4])
    }

    @Test("two entities of one type side by side stay two")
    func adjacentEntities() {
        let logits = Matrix(rows: 3, columns: 3, values: [0, 9, 0, 0, 9, 0, 0, 0, 9])
        let spans = EntityDecoder.decode(logits: logits, tagSet: TagSet(types: ["PER"]))
        #expect(spans.map { [$0.firstWord, $0.lastWord] } == [[0, 0], [1, 2]])
    }

    @Test("no words, no types: no entities")
    func empty() {
        #expect(EntityDecoder.decode(logits: Matrix(rows: 0, columns: 3), tagSet: TagSet(types: ["PER"])).isEmpty)
        #expect(EntityDecoder.decode(logits: Matrix(rows: 2, columns: 1), tagSet: TagSet(types: [])).isEmpty)
        #expect(EntityDecoder.bestSequence(logits: Matrix(rows: 0, columns: 3), tagSet: TagSet(types: ["X"])).isEmpty)
    }

    @Test("a million words lose no precision: the last span scores as it would alone")
    func longTextsKeepPrecision() throws {
        let tagSet = TagSet(types: ["PER", "ORG"])
        let row: [Float] = [8, 1, -2, 0.5, 0]
        let tail: [Float] = [0, 6, 1, 5, 2]
        let count = 1_000_000
        var values: [Float] = []
        values.reserveCapacity((count + 1) * 5)
        for _ in 0..<count { values += row }
        values += tail
        let long = EntityDecoder.decode(logits: Matrix(rows: count + 1, columns: 5, values: values), tagSet: tagSet)
        let short = EntityDecoder.decode(logits: Matrix(rows: 3, columns: 5, values: row + row + tail), tagSet: tagSet)
        #expect(long.count == 1)
        #expect(short.count == 1)
        #expect(abs(try #require(long.first).score - (try #require(short.first).score)) < 1e-6)
    }

    @Test("logits a hundred thousand apart give scores of nought and one, not of nothing")
    func extremeLogits() throws {
        let logits = Matrix(rows: 2, columns: 3, values: [-1e5, 1e5, 1e5, -1e5, -1e5, 1e5])
        let span = try #require(EntityDecoder.decode(logits: logits, tagSet: TagSet(types: ["PER"])).first)
        #expect(span == DecodedSpan(type: 0, firstWord: 0, lastWord: 1, score: 1))
    }
}
