import Annotations
import Model
import Training

/// Measures training steps: forward, back, optimiser, over windows of made-up labels. What it learns means nothing.
///
/// Every token carries a tag, as in a corpus whose words are single pieces: the most that an entity head can have to do.
final class TrainingBench {
    private let trainer: JointTrainer
    private let batchSize: Int
    private let windows: [JointExample]

    private static let labels = AnnotationTask(
        name: "label", kind: .classification, labels: (0..<4).map { "class \($0)" })
    private static let names = AnnotationTask(
        name: "names", kind: .entities, labels: (0..<4).map { "type \($0)" })

    /// - Parameters:
    ///   - lengths: tokens of each window, `[CLS]` and `[SEP]` included; as many as there are to be different ones.
    ///   - threads: that compute.
    init(
        backbone: Backbone, options: JointOptions, lengths: [Int], threads: Int
    ) throws(Fault) {
        let vocabulary = backbone.configuration.vocabularySize
        windows = lengths.enumerated().map { index, length in
            let length = min(max(length, 3), backbone.maximumTokens)
            let ids = (0..<length).map { place in
                Int32(1000 % vocabulary + (index * 7919 + place * 104_729) % max(vocabulary - 1000, 1))
            }
            return JointExample(
                window: TrainingWindow(ids: ids, words: (1..<length - 1).map { (index: $0 - 1, row: $0) }), share: 1,
                labels: [Self.labels.name: index % 4],
                tags: [Self.names.name: (1..<length - 1).map { ($0 * 31 + index) % Self.names.outputCount }])
        }
        batchSize = options.batchSize
        let hidden = backbone.configuration.hiddenSize
        trainer = try JointTrainer(
            windows,
            heads: [Self.labels, Self.names].map { task in
                (task: task, parameters: .zeros(outputs: task.outputCount, hidden: hidden), inputScale: 1)
            },
            backbone: backbone, options: options, workers: threads)
    }

    struct Round {
        let reading: MachineMeter.Reading
        let steps: Int
    }

    var tokensPerStep: Double {
        Double(windows.reduce(0) { $0 + $1.window.ids.count }) / Double(windows.count) * Double(batchSize)
    }

    var parameters: Int { trainer.trainableCount }

    func steps(_ count: Int) throws(Fault) -> Round {
        let meter = MachineMeter()
        for _ in 0..<count { try trainer.takeStep() }
        return Round(reading: meter.read(), steps: count)
    }
}
