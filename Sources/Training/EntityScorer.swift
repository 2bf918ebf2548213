package import Annotations

/// Precision, recall and F1 of one entity type or of an average over types.
package struct PrecisionRecall: Sendable, Hashable, Codable {
    package let precision: Double
    package let recall: Double
    package let f1: Double
    /// Entities in the gold annotation.
    package let support: Int

    package init(precision: Double, recall: Double, f1: Double, support: Int) {
        self.precision = precision
        self.recall = recall
        self.f1 = f1
        self.support = support
    }

    /// From counts; a ratio without a denominator is 0, as in the reference (`zero_division=0`).
    package init(correct: Int, predicted: Int, gold: Int) {
        precision = ratio(correct, predicted)
        recall = ratio(correct, gold)
        f1 = harmonicMean(precision, recall)
        support = gold
    }
}

/// Entity-level scores of one task: an entity counts as found when type, first word and last word are all right.
package struct EntityMetrics: Sendable, Hashable, Codable {
    package struct Counts: Sendable, Hashable, Codable {
        package let gold: Int
        package let predicted: Int
        package let correct: Int

        package init(gold: Int, predicted: Int, correct: Int) {
            self.gold = gold
            self.predicted = predicted
            self.correct = correct
        }

        package var score: PrecisionRecall { PrecisionRecall(correct: correct, predicted: predicted, gold: gold) }
    }

    package let mode: EntityScorer.Mode
    package let sentences: Int
    package let tokens: Int
    /// Share of tokens whose tag is right; 0 when there are none.
    package let tokenAccuracy: Double
    /// Over all entities of all types. What "entity F1" means without another word.
    package let micro: PrecisionRecall
    /// Plain mean over the types in gold or prediction; nil when there is no entity at all (seqeval says NaN, which JSON
    /// cannot carry).
    package let macro: PrecisionRecall?
    /// Mean over types weighted by their gold entities; zeros when gold has none.
    package let weighted: PrecisionRecall
    /// By type, for every type that occurs in gold or prediction.
    package let counts: [String: Counts]

    package var perType: [String: PrecisionRecall] { counts.mapValues(\.score) }
}

/// Compares tag sequences as conlleval and seqeval 1.2.2 do.
package enum EntityScorer {
    /// How tags become entities. The modes differ only on malformed sequences: an `I-` without its `B-`.
    package enum Mode: String, Sendable, Hashable, Codable, CaseIterable {
        /// An `I-` after `O` or after another type starts an entity (conlleval; seqeval without a scheme).
        case conlleval
        /// An `I-` without a `B-` of its type before it belongs to no entity (seqeval `mode='strict', scheme=IOB2`).
        case strictIOB2
    }

    /// One entity in words of its sentence; `last` is included.
    package struct Span: Sendable, Hashable {
        package let type: String
        package let first: Int
        package let last: Int

        package init(type: String, first: Int, last: Int) {
            self.type = type
            self.first = first
            self.last = last
        }
    }

    /// The entities of one sentence, in order.
    ///
    /// - Throws: `tag-unknown` for a tag that is not `O`, `B-<type>` or `I-<type>`.
    package static func spans(of tags: [String], mode: Mode) throws(Fault) -> [Span] {
        var spans: [Span] = []
        var open: (type: String, first: Int)?
        for (index, name) in tags.enumerated() {
            let tag = try Tag(name)
            if case .inside(let type) = tag, open?.type == type { continue }
            if let entity = open { spans.append(Span(type: entity.type, first: entity.first, last: index - 1)) }
            switch tag {
            case .outside: open = nil
            case .begin(let type): open = (type, index)
            case .inside(let type): open = mode == .conlleval ? (type, index) : nil
            }
        }
        if let entity = open { spans.append(Span(type: entity.type, first: entity.first, last: tags.count - 1)) }
        return spans
    }

    /// Scores `predicted` against `gold`: a list of tags a sentence, sentences in the same order.
    ///
    /// - Throws: `tag-unknown`; `tag-count-mismatch` when sentences or their tags differ in number.
    package static func score(
        gold: [[String]], predicted: [[String]], mode: Mode = .conlleval
    ) throws(Fault) -> EntityMetrics {
        guard gold.count == predicted.count else { throw countMismatch(gold.count, predicted.count, "sentences") }
        var (tokens, right) = (0, 0)
        var tallies: [String: Tally] = [:]
        for (sentence, (gold, predicted)) in zip(gold, predicted).enumerated() {
            guard gold.count == predicted.count else {
                throw countMismatch(gold.count, predicted.count, "tags in sentence \(sentence)")
            }
            tokens += gold.count
            for (a, b) in zip(gold, predicted) where a == b { right += 1 }
            let goldSpans = try spans(of: gold, mode: mode)
            let known = Set(goldSpans)
            for span in goldSpans { tallies[span.type, default: Tally()].gold += 1 }
            for span in try spans(of: predicted, mode: mode) {
                tallies[span.type, default: Tally()].predicted += 1
                if known.contains(span) { tallies[span.type, default: Tally()].correct += 1 }
            }
        }
        return metrics(of: tallies, mode: mode, sentences: gold.count, tokens: tokens, right: right)
    }

    private enum Tag {
        case outside
        case begin(String)
        case inside(String)

        init(_ name: String) throws(Fault) {
            if name == "O" {
                self = .outside
            } else if name.hasPrefix("B-") {
                self = .begin(String(name.dropFirst(2)))
            } else if name.hasPrefix("I-") {
                self = .inside(String(name.dropFirst(2)))
            } else {
                throw Fault(
                    .input, "tag-unknown", "a tag is none of O, B-<type>, I-<type>",
                    hint: "Write entity tags in IOB2.")
            }
        }
    }

    private struct Tally {
        var gold = 0
        var predicted = 0
        var correct = 0
    }

    private static func metrics(
        of tallies: [String: Tally], mode: Mode, sentences: Int, tokens: Int, right: Int
    ) -> EntityMetrics {
        let counts = tallies.mapValues {
            EntityMetrics.Counts(gold: $0.gold, predicted: $0.predicted, correct: $0.correct)
        }
        // Types in a fixed order: a sum of doubles depends on it.
        let perType = counts.sorted { $0.key < $1.key }.map(\.value.score)
        let all = counts.values.reduce((0, 0, 0)) { ($0.0 + $1.correct, $0.1 + $1.predicted, $0.2 + $1.gold) }
        let support = all.2
        func mean(_ weight: (PrecisionRecall) -> Double, _ total: Double) -> PrecisionRecall {
            func average(_ value: (PrecisionRecall) -> Double) -> Double {
                total == 0 ? 0 : perType.reduce(0) { $0 + weight($1) * value($1) } / total
            }
            return PrecisionRecall(
                precision: average(\.precision), recall: average(\.recall), f1: average(\.f1), support: support)
        }
        return EntityMetrics(
            mode: mode, sentences: sentences, tokens: tokens, tokenAccuracy: ratio(right, tokens),
            micro: PrecisionRecall(correct: all.0, predicted: all.1, gold: all.2),
            macro: perType.isEmpty ? nil : mean({ _ in 1 }, Double(perType.count)),
            weighted: mean({ Double($0.support) }, Double(support)), counts: counts)
    }

    private static func countMismatch(_ gold: Int, _ predicted: Int, _ what: String) -> Fault {
        Fault(.input, "tag-count-mismatch", "gold has \(gold) \(what), the prediction \(predicted)")
    }
}

func ratio(_ part: Int, _ whole: Int) -> Double { whole == 0 ? 0 : Double(part) / Double(whole) }

func harmonicMean(_ a: Double, _ b: Double) -> Double { a + b == 0 ? 0 : 2 * a * b / (a + b) }
