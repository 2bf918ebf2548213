import Annotations
import Foundation
import Tensors
import TestSupport
import Testing
import Training

/// The slow twin of the chain's recursions: every legal sequence, one after the other.
enum ChainEnumeration {
    static func sequences(words: Int, tagSet: TagSet) -> [[Int32]] {
        var result: [[Int32]] = [[]]
        for _ in 0..<words {
            result = result.flatMap { prefix in
                (0..<tagSet.count).filter { tagSet.allows($0, after: prefix.last.map(Int.init)) }
                    .map { prefix + [Int32($0)] }
            }
        }
        return result
    }

    static func weight(_ tags: [Int32], logits: [[Double]], transitions: [[Double]]) -> Double {
        var (total, before) = (0.0, TagSet.outside)
        for (word, tag) in tags.enumerated() {
            total += logits[word][Int(tag)] + transitions[before][Int(tag)]
            before = Int(tag)
        }
        return total
    }

    static func loss(_ gold: [Int32], logits: [[Double]], transitions: [[Double]], tagSet: TagSet) -> Double {
        guard !gold.isEmpty else { return 0 }
        let weights = sequences(words: gold.count, tagSet: tagSet)
            .map { weight($0, logits: logits, transitions: transitions) }
        let largest = weights.max() ?? 0
        return largest + log(weights.reduce(0) { $0 + exp($1 - largest) })
            - weight(gold, logits: logits, transitions: transitions)
    }
}

extension Matrix {
    var doubles: [[Double]] { (0..<rows).map { row($0).map(Double.init) } }
}

@Suite("Loss of a chain of tags")
struct ChainLossTests {
    /// Some text between others: rows before and after it belong to nobody.
    private struct Case {
        let tagSet: TagSet
        let logits: Matrix
        let transitions: Matrix
        let rows: Range<Int>
        var targets: [Int32]

        init(seed: UInt64) {
            var random = SeededGenerator(seed: seed)
            tagSet = TagSet(types: (0..<Int.random(in: 1...3, using: &random)).map { "T\($0)" })
            let tags = tagSet.count
            let words = Int.random(in: 1...(tags > 5 ? 4 : 5), using: &random)
            let scale: Float = [0.1, 1, 4][Int.random(in: 0..<3, using: &random)]
            logits = Matrix(
                rows: words + 3, columns: tags,
                values: (0..<(words + 3) * tags).map { _ in Float.random(in: -1...1, using: &random) * scale })
            transitions = Matrix(
                rows: tags, columns: tags,
                values: (0..<tags * tags).map { _ in Float.random(in: -1...1, using: &random) * scale })
            rows = 2..<words + 2
            let legal = ChainEnumeration.sequences(words: words, tagSet: tagSet)
            targets = [Int32](repeating: 0, count: words + 3)
            let gold = legal.randomElement(using: &random) ?? []
            targets.replaceSubrange(rows, with: gold)
        }

        func naiveLoss(logits: [[Double]], transitions: [[Double]]) -> Double {
            ChainEnumeration.loss(
                Array(targets[rows]), logits: Array(logits[rows]), transitions: transitions, tagSet: tagSet)
        }
    }

    @Test("is minus the log of the gold sequence's share of all legal ones, and its gradient is its slope")
    func equalsEnumeration() {
        for seed: UInt64 in 0..<40 { compare(Case(seed: seed), "seed \(seed)") }
    }

    private func compare(_ example: Case, _ comment: Comment) {
        let tags = example.tagSet.count
        var chain = ChainLoss(transitions: example.transitions, tagSet: example.tagSet)
        var gradient = Matrix(rows: example.logits.rows, columns: tags)
        var transitionGradient = [Double](repeating: 0.5, count: tags * tags)
        let loss = chain.add(
            logits: example.logits, rows: example.rows, targets: example.targets, scale: 2, gradient: &gradient,
            transitionGradient: &transitionGradient)
        let (logits, transitions) = (example.logits.doubles, example.transitions.doubles)
        let naive = example.naiveLoss(logits: logits, transitions: transitions)
        #expect(abs(loss - naive) < Tolerance.chainLoss, comment)
        let alone = chain.loss(logits: example.logits, rows: example.rows, targets: example.targets)
        #expect(abs(alone - naive) < Tolerance.chainLoss, comment)

        let step = 1e-4
        for row in 0..<example.logits.rows {
            for tag in 0..<tags {
                func moved(_ step: Double) -> Double {
                    var logits = logits
                    logits[row][tag] += step
                    return example.naiveLoss(logits: logits, transitions: transitions)
                }
                let slope = 2 * (moved(step) - moved(-step)) / (2 * step)
                #expect(abs(Double(gradient[row, tag]) - slope) < Tolerance.chainGradient, comment)
            }
        }
        for from in 0..<tags {
            for to in 0..<tags {
                func moved(_ step: Double) -> Double {
                    var transitions = transitions
                    transitions[from][to] += step
                    return example.naiveLoss(logits: logits, transitions: transitions)
                }
                let slope = 2 * (moved(step) - moved(-step)) / (2 * step)
                // Gradients are added to what is there.
                #expect(abs(transitionGradient[from * tags + to] - 0.5 - slope) < Tolerance.chainGradient, comment)
            }
        }
    }

    @Test("no words: no loss, no gradient")
    func empty() {
        var chain = ChainLoss(transitions: Matrix(rows: 3, columns: 3), tagSet: TagSet(types: ["X"]))
        var gradient = Matrix(rows: 0, columns: 3)
        var transitionGradient = [Double](repeating: 0, count: 9)
        let loss = chain.add(
            logits: Matrix(rows: 0, columns: 3), rows: 0..<0, targets: [], scale: 1, gradient: &gradient,
            transitionGradient: &transitionGradient)
        #expect(loss == 0)
        #expect(transitionGradient.allSatisfy { $0 == 0 })
        #expect(chain.loss(logits: Matrix(rows: 0, columns: 3), rows: 0..<0, targets: []) == 0)
    }

    @Test("ten thousand words and logits of a thousand neither overflow nor lose the loss")
    func longAndExtreme() {
        let words = 10_000
        var values: [Float] = []
        for _ in 0..<words { values += [1000, -1000, 500] }
        let logits = Matrix(rows: words, columns: 3, values: values)
        var chain = ChainLoss(transitions: Matrix(rows: 3, columns: 3), tagSet: TagSet(types: ["X"]))
        var gold = [Int32](repeating: 0, count: words)
        #expect(chain.loss(logits: logits, rows: 0..<words, targets: gold) == 0)
        gold[words / 2] = 1
        #expect(chain.loss(logits: logits, rows: 0..<words, targets: gold) == 2000)
        var gradient = Matrix(rows: words, columns: 3)
        var transitionGradient = [Double](repeating: 0, count: 9)
        _ = chain.add(
            logits: logits, rows: 0..<words, targets: gold, scale: 1, gradient: &gradient,
            transitionGradient: &transitionGradient)
        let isFinite = gradient.values.allSatisfy(\.isFinite) && transitionGradient.allSatisfy(\.isFinite)
        #expect(isFinite)
        #expect(gradient[words / 2, 0] == 1 && gradient[words / 2, 1] == -1)
    }

    @Test("an I- that may not stand where it stands is learned as the B- it must be")
    func legal() {
        let tagSet = TagSet(types: ["A", "B"])
        let (beginA, insideA, beginB, insideB): (Int32, Int32, Int32, Int32) = (1, 2, 3, 4)
        #expect(ChainLoss.legal([insideA, insideA], tagSet: tagSet) == [beginA, insideA])
        #expect(ChainLoss.legal([beginA, insideB, insideB], tagSet: tagSet) == [beginA, beginB, insideB])
        #expect(ChainLoss.legal([0, insideB, 0, insideA], tagSet: tagSet) == [0, beginB, 0, beginA])
        #expect(ChainLoss.legal([beginB, insideB, 0], tagSet: tagSet) == [beginB, insideB, 0])
        #expect(ChainLoss.legal([], tagSet: tagSet).isEmpty)
    }
}
