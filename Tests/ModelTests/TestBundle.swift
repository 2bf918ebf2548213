import Annotations
import Foundation
import Model
import Tensors
import TestSupport

/// A tiny BERT with random heads: what it says is arbitrary, that it says it consistently is what tests look at.
enum TestBundle {
    static let topic = AnnotationTask(name: "topic", kind: .classification, labels: ["billing", "delivery", "other"])
    static let tone = AnnotationTask(name: "tone", kind: .classification, labels: ["good", "bad"])
    static let names = AnnotationTask(name: "names", kind: .entities, labels: ["PER", "LOC", "ORG"])
    static let places = AnnotationTask(name: "places", kind: .entities, labels: ["CITY", "RIVER"])

    /// Normalised, as the tolerances for embeddings mean it.
    static var model: TinyModel {
        var model = TinyModel()
        (model.pooling, model.normalizes) = (.mean, true)
        return model
    }

    static func make(_ model: TinyModel = Self.model, heads: HeadSet? = nil) throws -> ModelBundle {
        let backbone = try model.withDirectory { try Backbone.load(directory: $0.path) }
        return try ModelBundle(backbone: backbone, heads: heads ?? randomHeads(hidden: model.hidden))
    }

    static func randomHeads(hidden: Int = 32, seed: UInt64 = 11) throws -> HeadSet {
        var random = SeededGenerator(seed: seed)
        func values(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1...1, using: &random) } }
        func weights(_ task: AnnotationTask) -> Matrix {
            Matrix(rows: task.outputCount, columns: hidden, values: values(task.outputCount * hidden))
        }
        return try HeadSet(
            tasks: [topic, names, tone],
            classification: [
                ClassificationHead(task: topic, weights: weights(topic), bias: values(3), temperature: 1.5),
                ClassificationHead(task: tone, weights: weights(tone), bias: values(2)),
            ],
            entities: [EntityHead(task: names, weights: weights(names), bias: values(7))])
    }

    /// A classification head, a linear entity head and one of kind `crf` that sees `radius` words on either side. Its
    /// transitions like to go on with an entity, so that there are long ones.
    static func contextHeads(
        hidden: Int = 32, layers: Int = 2, radius: Int = 2, width: Int = 12, seed: UInt64 = 11
    ) throws -> HeadSet {
        var random = SeededGenerator(seed: seed)
        func matrix(_ rows: Int, _ columns: Int, spread: Float = 1) -> Matrix {
            Matrix(
                rows: rows, columns: columns,
                values: (0..<rows * columns).map { _ in Float.random(in: -spread...spread, using: &random) })
        }
        var transitions = matrix(5, 5)
        for tag in 1..<5 { transitions[tag, (tag + 1) / 2 * 2] += 1.5 }
        let context = try EntityContext(
            mix: matrix(1, layers + 1).values, weights: matrix(width, (2 * radius + 1) * hidden, spread: 0.3),
            bias: matrix(1, width).values, transitions: TagTransitions(scores: transitions), hidden: hidden)
        return try HeadSet(
            tasks: [topic, names, places, tone],
            classification: randomHeads(hidden: hidden, seed: seed).classification,
            entities: randomHeads(hidden: hidden, seed: seed).entities + [
                EntityHead(
                    task: places, weights: matrix(5, width), bias: matrix(1, 5).values, context: context)
            ])
    }

    /// English words and punctuation with a sentence's end every now and then.
    static func prose(words count: Int, seed: UInt64) -> String {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            let word = TinyModel.words.filter { !$0.hasPrefix("##") }.randomElement(using: &random) ?? "a"
            return word + (Int.random(in: 0..<9, using: &random) == 0 ? "." : "")
        }.joined(separator: " ")
    }
}

/// What PostgreSQL's `substr(text, start + 1, end - start)` gives, counted the slow way.
func substring(_ text: String, _ start: Int, _ end: Int) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: text.unicodeScalars.dropFirst(start).prefix(end - start))
    return String(view)
}

extension Array where Element == Float {
    func largestDifference(from other: [Float]) -> Float {
        guard count == other.count else { return .infinity }
        return zip(self, other).reduce(0) { Swift.max($0, abs($1.0 - $1.1)) }
    }
}
