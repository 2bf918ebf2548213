import Annotations
import Foundation
package import Tensors

/// Learned weights of neighbouring tags: a linear chain's part of a conditional random field (Lafferty et al. 2001).
///
/// A legal sequence weighs `exp(sum of its logits + sum of scores[before, tag])`, where what stands before the first word
/// counts as `O`. What IOB2 forbids stays impossible, whatever its entry says.
package struct TagTransitions: Sendable, Equatable {
    /// `[tags, tags]`: `scores[from, to]`, in the order of `TagSet`.
    package let scores: Matrix

    /// - Parameter scores: `[tags, tags]`; who decodes or learns with it checks that it fits the tags.
    package init(scores: Matrix) { self.scores = scores }
}

/// All sequences of tags over some words, with learned transitions: heaviest sequence and shares of the whole, in log
/// space and `Double`. What `EntityDecoder` does in O(tags) a word where transitions weigh nothing, here in O(tags²).
struct TagLattice {
    let logits: Matrix
    let tagSet: TagSet
    /// `[to, from]`, -infinity where IOB2 forbids it.
    private let arriving: [[Double]]
    private var words: Int { logits.rows }
    private var tags: Int { logits.columns }

    init(logits: Matrix, tagSet: TagSet, transitions: TagTransitions) {
        self.logits = logits
        self.tagSet = tagSet
        arriving = (0..<tagSet.count).map { to in
            (0..<tagSet.count).map { from in
                tagSet.allows(to, after: from) ? Double(transitions.scores[from, to]) : -.infinity
            }
        }
    }

    /// The heaviest legal sequence, one tag a word. Of equally heavy ones, that with the lower tags.
    func bestSequence() -> [Int] {
        var before = [Int16](repeating: 0, count: words * tags)
        var weights = start
        var next = weights
        for word in 1..<max(words, 1) {
            for tag in 0..<tags {
                var best = 0
                for from in 1..<tags where weights[from] + arriving[tag][from] > weights[best] + arriving[tag][best] {
                    best = from
                }
                before[word * tags + tag] = Int16(truncatingIfNeeded: best)
                next[tag] = weights[best] + arriving[tag][best] + Double(logits[word, tag])
            }
            swap(&weights, &next)
        }
        var sequence = [Int](repeating: indexOfMaximum(weights), count: words)
        for word in stride(from: words - 1, to: 0, by: -1) {
            sequence[word - 1] = Int(before[word * tags + sequence[word]])
        }
        return sequence
    }

    /// The spans with their scores: `P(span) = forward(its first word) · what lies inside · backward(behind its last)`,
    /// each part divided by the same normalisers word by word; and the probability of the sequence that they are of.
    ///
    /// - Parameters:
    ///   - spans: in order, not overlapping.
    ///   - sequence: one tag a word.
    func scored(_ spans: [DecodedSpan], of sequence: [Int]) -> DecodedSequence {
        let (normalizers, openings) = forward(spans)
        var logProbability = 0.0
        for (word, tag) in sequence.enumerated() {
            let before = word == 0 ? TagSet.outside : sequence[word - 1]
            logProbability += arriving[tag][before] + Double(logits[word, tag]) - normalizers[word]
        }
        guard !spans.isEmpty else { return DecodedSequence(spans: [], logProbability: min(logProbability, 0)) }
        let behind = backward(spans, normalizers: normalizers)
        let scored = spans.indices.map { index in
            let span = spans[index]
            let inside = tagSet.inside(span.type)
            var logProbability = openings[index] + behind[index]
            for word in span.firstWord..<span.lastWord {
                let from = word == span.firstWord ? tagSet.begin(span.type) : inside
                logProbability += arriving[inside][from] + Double(logits[word + 1, inside]) - normalizers[word + 1]
            }
            let score = Float(min(max(exp(logProbability), 0), 1))
            return DecodedSpan(type: span.type, firstWord: span.firstWord, lastWord: span.lastWord, score: score)
        }
        return DecodedSequence(spans: scored, logProbability: min(logProbability, 0))
    }

    /// Log weights of the first word's tags.
    private var start: [Double] {
        (0..<tags).map { arriving[$0][TagSet.outside] + Double(logits[0, $0]) }
    }

    /// For each word the log of what its forward weights sum to once those of the word before sum to one; for each span
    /// the normalised log weight of its `B-`.
    private func forward(_ spans: [DecodedSpan]) -> (normalizers: [Double], openings: [Double]) {
        var normalizers = [Double](repeating: 0, count: words)
        var openings: [Double] = []
        var weights = start
        var next = weights
        var terms = weights
        for word in 0..<words {
            if word > 0 {
                for tag in 0..<tags {
                    for from in 0..<tags { terms[from] = weights[from] + arriving[tag][from] }
                    next[tag] = logSum(terms) + Double(logits[word, tag])
                }
                swap(&weights, &next)
            }
            normalizers[word] = logSum(weights)
            for tag in 0..<tags { weights[tag] -= normalizers[word] }
            if openings.count < spans.count, spans[openings.count].firstWord == word {
                openings.append(weights[tagSet.begin(spans[openings.count].type)])
            }
        }
        return (normalizers, openings)
    }

    /// For each span the log weight of everything behind its last word that does not continue it.
    private func backward(_ spans: [DecodedSpan], normalizers: [Double]) -> [Double] {
        var behind = [Double](repeating: 0, count: spans.count)
        var nextSpan = spans.count - 1
        // weights[tag]: everything behind `word`, given that `word` has this tag.
        var weights = [Double](repeating: 0, count: tags)
        var arrivals = weights
        var terms = weights
        for word in stride(from: words - 1, through: 0, by: -1) {
            let isLast = word == words - 1
            if !isLast {
                for tag in 0..<tags {
                    arrivals[tag] = weights[tag] + Double(logits[word + 1, tag]) - normalizers[word + 1]
                }
                for from in 0..<tags {
                    for tag in 0..<tags { terms[tag] = arriving[tag][from] + arrivals[tag] }
                    weights[from] = logSum(terms)
                }
            }
            while nextSpan >= 0, spans[nextSpan].lastWord == word {
                let span = spans[nextSpan]
                if !isLast {
                    let inside = tagSet.inside(span.type)
                    let last = span.firstWord == span.lastWord ? tagSet.begin(span.type) : inside
                    for tag in 0..<tags {
                        terms[tag] = tag == inside ? -.infinity : arriving[tag][last] + arrivals[tag]
                    }
                    behind[nextSpan] = logSum(terms)
                }
                nextSpan -= 1
            }
        }
        return behind
    }
}
