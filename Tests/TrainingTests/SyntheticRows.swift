import Annotations
import Tensors
import Training

/// Labelled documents made of numbers: what a frozen backbone might say about texts whose labels can be learned.
struct SyntheticRows {
    let hidden: Int
    /// How far noise drowns the classes' directions.
    var noise: Float = 1
    var seed: UInt64 = 7

    static let topic = AnnotationTask(name: "topic", kind: .classification, labels: ["bug", "praise", "question"])
    static let people = AnnotationTask(name: "people", kind: .entities, labels: ["person", "place"])

    /// Stands for a sha256.
    static func hash(_ index: Int) -> [UInt8] {
        let random = CounterRandom(seed: 99, stream: 0)
        return (0..<8).flatMap { word in
            withUnsafeBytes(of: random.word(step: index, element: word).littleEndian) { Array($0) }
        }
    }

    /// Document `index` has the topic `index % labels`; of its words every fourth begins a person of two words, or a
    /// place of one.
    func examples(
        _ indices: Range<Int>, labels: [String] = topic.labels, withWords: Bool = true
    ) -> [TrainingExample] {
        indices.map { index in
            let label = index % labels.count
            let tags = withWords ? (0..<8).map { tag(document: index, word: $0) } : []
            let words = tags.enumerated().flatMap { features($1, document: index, word: $0 + 1) }
            return TrainingExample(
                id: Int64(index), bodyHash: Self.hash(index),
                embedding: features(labels[label], document: index, word: 0), labels: ["topic": labels[label]],
                words: Matrix(rows: tags.count, columns: hidden, values: words),
                wordIndices: Array(tags.indices), tags: withWords ? ["people": tags] : [:])
        }
    }

    private func tag(document: Int, word: Int) -> String {
        let isPlace = document % 3 == 0
        switch word % 4 {
        case 1: return isPlace ? "B-place" : "B-person"
        case 2: return isPlace ? "O" : "I-person"
        default: return "O"
        }
    }

    /// The class' own direction plus noise, of length 1.
    private func features(_ name: String, document: Int, word: Int) -> [Float] {
        let own = name.utf8.reduce(UInt32(17)) { $0 &* 31 &+ UInt32($1) }
        let direction = CounterRandom(seed: 1, stream: own)
        let random = CounterRandom(seed: seed, stream: UInt32(word))
        var values = (0..<hidden).map { index in
            direction.uniform(step: 0, element: index) - 0.5
                + noise * (random.uniform(step: document, element: index) - 0.5)
        }
        normalizeL2(&values)
        return values
    }
}

extension HeadTrainingOptions {
    /// Few epochs, fast.
    static func quick(epochs: Int = 8) -> HeadTrainingOptions {
        var options = HeadTrainingOptions()
        options.epochs = epochs
        options.minimumSteps = 0
        options.learningRate = 0.01
        return options
    }
}
