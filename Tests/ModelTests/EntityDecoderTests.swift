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
        var sequences: [(tags: [Int], logWeight: Double)] = []

        init(logits: Matrix, tagSet: TagSet) {
            self.logits = logits
            self.tagSet = tagSet
            extend([], weight: 0)
        }

        private mutating func extend(_ prefix: [Int], weight: Double) {
            guard prefix.count < logits.rows else {
                sequences.append((prefix, weight))
                return
            }
            for tag in 0..<tagSet.count where tagSet.allows(tag, after: prefix.last) {
                extend(prefix + [tag], weight: weight + Double(logits[prefix.count, tag]))
            }
        }

        var best: (tags: [Int], logWeight: Double) { sequences.max { $0.logWeight < $1.logWeight }! }

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
