package import Annotations
import Foundation
package import Tensors

/// An entity in words: what the decoder finds before anybody looks at characters.
package struct DecodedSpan: Sendable, Equatable {
    /// Index into the tag set's types.
    package let type: Int
    package let firstWord: Int
    /// The last word, included.
    package let lastWord: Int
    /// Probability of exactly this span with this type, 0...1.
    package let score: Float

    package init(type: Int, firstWord: Int, lastWord: Int, score: Float) {
        self.type = type
        self.firstWord = firstWord
        self.lastWord = lastWord
        self.score = score
    }
}

/// The best sequence of tags of some words: its entities, and how probable the whole of it is.
package struct DecodedSequence: Sendable, Equatable {
    /// In order, never overlapping.
    package let spans: [DecodedSpan]
    /// Log of the share of all legal sequences' weight that lies on this one; at most 0, and 0 of no words.
    package let logProbability: Double

    package init(spans: [DecodedSpan], logProbability: Double) {
        self.spans = spans
        self.logProbability = logProbability
    }
}

/// From tag logits to entities: the best *legal* IOB2 sequence, and how sure the model is of each span in it.
///
/// The sequence model gives every legal sequence the weight `exp(sum of its logits)` and every illegal one (`I-t` not
/// after `B-t` or `I-t`) nothing. Viterbi finds the heaviest sequence. A span's score is the share of all legal
/// sequences' weight that lies on sequences with exactly this span: `B-t` at its first word, `I-t` up to its last, and
/// no `I-t` behind it. It comes from a forward and a backward recursion in log space, in `Double`.
///
/// IOB2 has so few rules that each step costs O(tags), not O(tags²): `O` and every `B-t` may follow anything, `I-t`
/// only two tags. Both recursions keep their values only where a span that Viterbi found begins or ends, so the decoder
/// needs a few bytes a word beside the logits, however long the text.
package enum EntityDecoder {
    /// The entities of one segment, in order, never overlapping.
    ///
    /// - Parameters:
    ///   - logits: `[words, tags]`, finite; `tags` is `tagSet.count`.
    ///   - transitions: learned weights of neighbouring tags, which join the logits in a sequence's weight.
    package static func decode(
        logits: Matrix, tagSet: TagSet, transitions: TagTransitions? = nil
    ) -> [DecodedSpan] {
        let (sequence, spans) = best(logits: logits, tagSet: tagSet, transitions: transitions)
        // Normalisers are half of the work, and texts without entities many.
        return spans.isEmpty
            ? [] : score(spans, of: sequence, logits: logits, tagSet: tagSet, transitions: transitions).spans
    }

    /// The same for words of which some have no tokens, so nothing is known about them: they are `O`.
    ///
    /// - Parameters:
    ///   - logits: `[words that have tokens, tags]`.
    ///   - wordIndices: row by row, which word it is; ascending.
    ///   - wordCount: of all words; the spans' indices count these.
    package static func decode(
        logits: Matrix, wordIndices: [Int], wordCount: Int, tagSet: TagSet, transitions: TagTransitions? = nil
    ) -> [DecodedSpan] {
        decode(
            logits: spread(logits, over: wordIndices, of: wordCount), tagSet: tagSet, transitions: transitions)
    }

    /// The same entities, with the probability of the whole sequence of tags.
    package static func sequence(
        logits: Matrix, tagSet: TagSet, transitions: TagTransitions? = nil
    ) -> DecodedSequence {
        let (sequence, spans) = best(logits: logits, tagSet: tagSet, transitions: transitions)
        guard !sequence.isEmpty else { return DecodedSequence(spans: [], logProbability: 0) }
        return score(spans, of: sequence, logits: logits, tagSet: tagSet, transitions: transitions)
    }

    /// The same for words of which some have no tokens: they are `O` for certain.
    package static func sequence(
        logits: Matrix, wordIndices: [Int], wordCount: Int, tagSet: TagSet, transitions: TagTransitions? = nil
    ) -> DecodedSequence {
        sequence(logits: spread(logits, over: wordIndices, of: wordCount), tagSet: tagSet, transitions: transitions)
    }

    private static func spread(_ logits: Matrix, over wordIndices: [Int], of wordCount: Int) -> Matrix {
        guard wordIndices.count < wordCount else { return logits }
        var all = Matrix(rows: wordCount, columns: logits.columns)
        // Finite, as the recursions need it, and beyond what any head can outweigh.
        for word in 0..<wordCount {
            for tag in 1..<max(logits.columns, 1) { all[word, tag] = -1e30 }
        }
        for (row, word) in wordIndices.enumerated() {
            for tag in 0..<logits.columns { all[word, tag] = logits[row, tag] }
        }
        return all
    }

    /// The heaviest legal sequence, and its spans without scores.
    private static func best(
        logits: Matrix, tagSet: TagSet, transitions: TagTransitions?
    ) -> (sequence: [Int], spans: [DecodedSpan]) {
        precondition(logits.columns == tagSet.count, "\(logits.columns) logits a word for \(tagSet.count) tags")
        guard logits.rows > 0, !tagSet.types.isEmpty else { return ([], []) }
        let sequence =
            if let transitions {
                TagLattice(logits: logits, tagSet: tagSet, transitions: transitions).bestSequence()
            } else {
                bestSequence(logits: logits, tagSet: tagSet)
            }
        return (sequence, spans(in: sequence, tagSet: tagSet))
    }

    private static func score(
        _ spans: [DecodedSpan], of sequence: [Int], logits: Matrix, tagSet: TagSet, transitions: TagTransitions?
    ) -> DecodedSequence {
        if let transitions {
            return TagLattice(logits: logits, tagSet: tagSet, transitions: transitions).scored(spans, of: sequence)
        }
        return scored(spans, of: sequence, logits: logits)
    }

    /// The heaviest legal sequence of tags, one a row of `logits`. Of equally heavy ones, that with the lower tags.
    package static func bestSequence(logits: Matrix, tagSet: TagSet) -> [Int] {
        let (words, tags) = (logits.rows, logits.columns)
        guard words > 0 else { return [] }
        // The tag before a word's tag: `O` and `B-t` all share one predecessor (the best tag of the word before), so
        // a word needs one entry for them and one a type for `I-t`.
        let types = tagSet.types.count
        var bestBefore = [Int16](repeating: 0, count: words)
        var insideFromInside = [Bool](repeating: false, count: words * types)
        var weights = [Double](repeating: -.infinity, count: tags)
        var next = weights
        for tag in 0..<tags where !tagSet.isInside(tag) { weights[tag] = Double(logits[0, tag]) }
        for word in 1..<max(words, 1) {
            let best = indexOfMaximum(weights)
            bestBefore[word] = Int16(truncatingIfNeeded: best)
            next[TagSet.outside] = weights[best] + Double(logits[word, TagSet.outside])
            for type in 0..<types {
                let (begin, inside) = (tagSet.begin(type), tagSet.inside(type))
                next[begin] = weights[best] + Double(logits[word, begin])
                let continues = weights[inside] > weights[begin]
                insideFromInside[word * types + type] = continues
                next[inside] = max(weights[begin], weights[inside]) + Double(logits[word, inside])
            }
            swap(&weights, &next)
        }
        var sequence = [Int](repeating: TagSet.outside, count: words)
        sequence[words - 1] = indexOfMaximum(weights)
        for word in stride(from: words - 1, to: 0, by: -1) {
            let tag = sequence[word]
            if let type = tagSet.type(of: tag), tagSet.isInside(tag) {
                sequence[word - 1] =
                    insideFromInside[word * types + type] ? tagSet.inside(type) : tagSet.begin(type)
            } else {
                sequence[word - 1] = Int(bestBefore[word])
            }
        }
        return sequence
    }

    /// A legal tag sequence as spans, without scores.
    private static func spans(in sequence: [Int], tagSet: TagSet) -> [DecodedSpan] {
        var spans: [DecodedSpan] = []
        var open: (type: Int, first: Int)?
        for (word, tag) in sequence.enumerated() where !tagSet.isInside(tag) {
            if let entity = open {
                spans.append(DecodedSpan(type: entity.type, firstWord: entity.first, lastWord: word - 1, score: 0))
            }
            open = tagSet.type(of: tag).map { ($0, word) }
        }
        if let entity = open {
            spans.append(
                DecodedSpan(type: entity.type, firstWord: entity.first, lastWord: sequence.count - 1, score: 0))
        }
        return spans
    }

    /// `P(span) = forward(before its first word) · its own logits · backward(behind its last word)`, each part divided
    /// by the same normalisers word by word, so that no sum grows with the text and nothing is lost to cancellation.
    /// Divided so, the forward weights of a word sum to one, and that sum is what a `B-t` continues from: the first
    /// factor is 1.
    private static func scored(_ spans: [DecodedSpan], of sequence: [Int], logits: Matrix) -> DecodedSequence {
        let chain = TagChain(logits: logits)
        let normalizers = chain.forwardNormalizers()
        var logProbability = 0.0
        for (word, tag) in sequence.enumerated() { logProbability += Double(logits[word, tag]) - normalizers[word] }
        let behind = chain.backward(endingAt: spans.map(\.lastWord), normalizers: normalizers)
        let scored = zip(spans, behind).map { span, behind in
            var logProbability = behind
            for word in span.firstWord...span.lastWord {
                let tag = (word == span.firstWord ? 1 : 2) + 2 * span.type
                logProbability += Double(logits[word, tag]) - normalizers[word]
            }
            let score = Float(min(max(exp(logProbability), 0), 1))
            return DecodedSpan(type: span.type, firstWord: span.firstWord, lastWord: span.lastWord, score: score)
        }
        return DecodedSequence(spans: scored, logProbability: min(logProbability, 0))
    }
}

/// The forward and backward recursions over IOB2's chain of tags (`O`, `B-0`, `I-0`, `B-1`, `I-1`, …), in log space.
private struct TagChain {
    let logits: Matrix
    var words: Int { logits.rows }
    var tags: Int { logits.columns }

    /// For each word the log of what its forward weights sum to once those of the word before sum to one.
    func forwardNormalizers() -> [Double] {
        var normalizers = [Double](repeating: 0, count: words)
        var weights = [Double](repeating: -.infinity, count: tags)
        var next = weights
        for word in 0..<words {
            // `O` and every `B-t` continue from the sum over all tags of the word before: log 1.
            next[0] = Double(logits[word, 0])
            for begin in stride(from: 1, to: tags, by: 2) {
                next[begin] = Double(logits[word, begin])
                next[begin + 1] = logSum(weights[begin], weights[begin + 1]) + Double(logits[word, begin + 1])
            }
            let normalizer = logSum(next)
            normalizers[word] = normalizer
            for tag in 0..<tags { next[tag] -= normalizer }
            swap(&weights, &next)
        }
        return normalizers
    }

    /// - Parameter ends: words, ascending.
    /// - Returns: for each end, the log weight of everything behind that word that does not continue the span (0 at
    ///   the text's end), divided by the normalisers of the words behind it.
    func backward(endingAt ends: [Int], normalizers: [Double]) -> [Double] {
        guard !ends.isEmpty else { return [] }
        var behind = [Double](repeating: 0, count: ends.count)
        var nextEnd = ends.count - 1
        // weights[tag]: everything behind `word`, given that `word` has this tag.
        var weights = [Double](repeating: 0, count: tags)
        var arrivals = [Double](repeating: 0, count: tags)
        var fresh = [Double](repeating: 0, count: 1 + tags / 2)
        for word in stride(from: words - 1, through: 0, by: -1) {
            // The next word is `O` or some `B-t`: possible after any tag, and the end of every span.
            var notInside = 0.0
            if word < words - 1 {
                for tag in 0..<tags {
                    arrivals[tag] = weights[tag] + Double(logits[word + 1, tag]) - normalizers[word + 1]
                }
                fresh[0] = arrivals[0]
                for type in 0..<tags / 2 { fresh[1 + type] = arrivals[1 + 2 * type] }
                notInside = logSum(fresh)
                weights[0] = notInside
                for inside in stride(from: 2, to: tags, by: 2) {
                    weights[inside] = logSum(notInside, arrivals[inside])
                    weights[inside - 1] = weights[inside]
                }
            }
            while nextEnd >= 0, ends[nextEnd] == word {
                behind[nextEnd] = notInside
                nextEnd -= 1
            }
        }
        return behind
    }
}

func indexOfMaximum(_ values: [Double]) -> Int {
    var best = 0
    for index in 1..<max(values.count, 1) where values[index] > values[best] { best = index }
    return best
}

func logSum(_ a: Double, _ b: Double) -> Double {
    let larger = max(a, b)
    guard larger > -.infinity else { return -.infinity }
    return larger + log1p(exp(min(a, b) - larger))
}

func logSum(_ values: [Double]) -> Double {
    let larger = values.reduce(-.infinity, max)
    guard larger > -.infinity else { return -.infinity }
    return larger + log(values.reduce(0) { $0 + exp($1 - larger) })
}
