package import Annotations
import Foundation
package import Tensors

/// The loss of a linear-chain conditional random field: minus the log of the gold sequence's share of the weight of all
/// legal ones (`TagTransitions`), and its gradients by forward and backward recursion in log space and `Double`.
package struct ChainLoss: Sendable {
    private let tags: Int
    /// `[from, to]`, -infinity where IOB2 forbids it.
    private let scores: [Double]
    private var forward: [Double] = []
    private var backward: [Double] = []
    private var terms: [Double]

    /// - Parameter transitions: `[tags, tags]`, from and to.
    package init(transitions: Matrix, tagSet: TagSet) {
        let tags = tagSet.count
        precondition(transitions.rows == tags && transitions.columns == tags)
        self.tags = tags
        scores = (0..<tags * tags).map { index in
            tagSet.allows(index % tags, after: index / tags) ? Double(transitions.values[index]) : -.infinity
        }
        terms = [Double](repeating: 0, count: tags)
    }

    /// The loss of one text.
    ///
    /// - Parameters:
    ///   - logits: `[any, tags]`.
    ///   - rows: the text's words.
    ///   - targets: a legal sequence, one tag a row of `logits`.
    ///   - scale: factor on the gradients, not on the loss.
    ///   - gradient: of the shape of `logits`; the text's rows are set.
    ///   - transitionGradient: `[tags, tags]`; added to.
    package mutating func add(
        logits: Matrix, rows: Range<Int>, targets: [Int32], scale: Double, gradient: inout Matrix,
        transitionGradient: inout [Double]
    ) -> Double {
        guard !rows.isEmpty else { return 0 }
        let total = run(logits, rows)
        var gold = 0.0
        for (word, row) in rows.enumerated() {
            let target = Int(targets[row])
            let before = word == 0 ? TagSet.outside : Int(targets[row - 1])
            gold += Double(logits[row, target]) + scores[before * tags + target]
            transitionGradient[before * tags + target] -= scale
            for tag in 0..<tags {
                let share = exp(forward[word * tags + tag] + backward[word * tags + tag] - total)
                gradient[row, tag] = Float(scale * (share - (tag == target ? 1 : 0)))
                // Of the pairs before the word and its own tag, all with the word's logit and what lies behind it.
                let arrival = Double(logits[row, tag]) + backward[word * tags + tag] - total
                for from in 0..<tags where scores[from * tags + tag] > -.infinity {
                    // Nothing but an `O` stands before the first word.
                    guard word > 0 || from == TagSet.outside else { continue }
                    let before = word == 0 ? 0 : forward[(word - 1) * tags + from]
                    transitionGradient[from * tags + tag] += scale * exp(before + scores[from * tags + tag] + arrival)
                }
            }
        }
        return total - gold
    }

    /// The loss alone.
    package mutating func loss(logits: Matrix, rows: Range<Int>, targets: [Int32]) -> Double {
        guard !rows.isEmpty else { return 0 }
        var loss = run(logits, rows)
        for row in rows {
            let before = row == rows.lowerBound ? TagSet.outside : Int(targets[row - 1])
            loss -= Double(logits[row, Int(targets[row])]) + scores[before * tags + Int(targets[row])]
        }
        return loss
    }

    /// The nearest legal sequence: an `I-t` that may not stand where it stands becomes `B-t`.
    package static func legal(_ targets: [Int32], tagSet: TagSet) -> [Int32] {
        var result = targets
        for word in result.indices where result[word] >= 0 {
            let before = word == 0 ? nil : Int(result[word - 1])
            if !tagSet.allows(Int(result[word]), after: before) { result[word] -= 1 }
        }
        return result
    }

    /// Fills both recursions, `[words, tags]`; the log of the weight of all legal sequences.
    private mutating func run(_ logits: Matrix, _ rows: Range<Int>) -> Double {
        let words = rows.count
        forward = [Double](repeating: 0, count: words * tags)
        backward = [Double](repeating: 0, count: words * tags)
        for (word, row) in rows.enumerated() {
            for tag in 0..<tags {
                if word == 0 {
                    forward[tag] = scores[TagSet.outside * tags + tag] + Double(logits[row, tag])
                } else {
                    for from in 0..<tags {
                        terms[from] = forward[(word - 1) * tags + from] + scores[from * tags + tag]
                    }
                    forward[word * tags + tag] = logSum(terms) + Double(logits[row, tag])
                }
            }
        }
        for word in stride(from: words - 2, through: 0, by: -1) {
            for from in 0..<tags {
                for tag in 0..<tags {
                    terms[tag] =
                        scores[from * tags + tag] + Double(logits[rows.lowerBound + word + 1, tag])
                        + backward[(word + 1) * tags + tag]
                }
                backward[word * tags + from] = logSum(terms)
            }
        }
        return logSum(Array(forward[((words - 1) * tags)...]))
    }

    private func logSum(_ values: [Double]) -> Double {
        var largest = -Double.infinity
        for value in values where value > largest { largest = value }
        guard largest > -.infinity else { return largest }
        var sum = 0.0
        for value in values where value > -.infinity { sum += exp(value - largest) }
        return largest + log(sum)
    }
}
