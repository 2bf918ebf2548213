package import Annotations
import Tensors

extension HeadSet {
    /// Heads whose answers mean nothing, for measuring what heads cost: that does not depend on what they say. No model
    /// that annotates anybody's documents ever gets them.
    ///
    /// - Parameter hidden: the backbone's width.
    package static func meaningless(hidden: Int) throws(Fault) -> HeadSet {
        let topic = AnnotationTask(name: "topic", kind: .classification, labels: ["a", "b", "c", "d"])
        let names = AnnotationTask(name: "names", kind: .entities, labels: ["LOC", "MISC", "ORG", "PER"])
        // Without a bias for `O` every other word would be an entity, which no text is made of.
        let outside: [Float] = [4.5]
        return try HeadSet(
            tasks: [topic, names],
            classification: [
                ClassificationHead(
                    task: topic, weights: noise(topic.outputCount, hidden, scale: 2),
                    bias: [Float](repeating: 0, count: topic.outputCount))
            ],
            entities: [
                EntityHead(
                    task: names, weights: noise(names.outputCount, hidden, scale: 0.8),
                    bias: outside + [Float](repeating: 0, count: names.outputCount - 1))
            ])
    }

    private static func noise(_ rows: Int, _ columns: Int, scale: Float) -> Matrix {
        Matrix(
            rows: rows, columns: columns,
            values: (0..<rows * columns).map { scale * (Float(($0 &* 7919 &+ $0 / 997) % 997) / 997 - 0.5) })
    }
}
