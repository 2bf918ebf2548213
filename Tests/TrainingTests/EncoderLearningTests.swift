import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Testing
import Training

/// Full fine-tuning of the real encoder on the reference's protocol. Takes minutes a run, so it is asked for:
///
///     GLOSSATOR_LEARNING="btc 2 5e-5 1,2,3" swift test -c release --filter EncoderLearningTests
///
/// sets, epochs, learning rate of the heads, seeds, and fp32 or bf16 if one likes. docs/training.md and
/// docs/fine-tuning.md have the figures.
@Suite(
    "A fine-tuned encoder learns as well as the reference's",
    .enabled(if: Reference.hasEncoder && ProcessInfo.processInfo.environment["GLOSSATOR_LEARNING"] != nil), .serialized)
struct EncoderLearningTests {
    private let sentiment = AnnotationTask(name: "sentiment", kind: .classification, labels: ["negative", "positive"])

    private func entitySet(_ name: String, _ reference: LearningReference) throws -> (
        task: AnnotationTask, training: Sentences, test: Sentences
    ) {
        let types =
            name == "btc"
            ? ["LOC", "ORG", "PER"] : ["corporation", "creative-work", "group", "location", "person", "product"]
        let task = AnnotationTask(name: "names", kind: .entities, labels: types)
        let subset = name == "btc" ? reference.subsets.btc : reference.subsets.wnut17
        return (
            task, try Sentences.entities("\(name)/train.conll", task: task.name, subset: subset),
            try Sentences.entities("\(name)/test.conll", task: task.name)
        )
    }

    @Test("both tasks at once, from first weights to the last step")
    func protocolOfReference() throws {
        let words = try #require(ProcessInfo.processInfo.environment["GLOSSATOR_LEARNING"]).split(separator: " ")
        let reference = try LearningReference.load()
        let backbone = try Backbone.load(directory: #require(Reference.encoder).path)
        let epochs = try #require(Int(words[1]))
        let entities = try entitySet(String(words[0]), reference)
        let sentences = try Sentences.classification(
            "sst2/train.tsv", task: sentiment.name, subset: reference.subsets.sst2)
        let dev = try Sentences.classification("sst2/dev.tsv", task: sentiment.name)
        var options = JointOptions()
        // All of its epochs as one: its entity batches do not know where an epoch of the other set ends.
        options.epochs = 1
        options.batchSize = 32
        options.rates.heads = Double(words[2])
        if words.count > 4 { options.precision = try #require(TrainingPrecision(rawValue: String(words[4]))) }
        let tasks = [sentiment, entities.task]
        let (sentenceWindows, entityWindows) = (
            try sentences.windows(backbone, tasks), try entities.training.windows(backbone, tasks)
        )
        for seed in words[3].split(separator: ",").compactMap({ UInt64($0) }) {
            options.seed = seed
            let trainer = try JointTrainer(
                sentenceWindows + entityWindows, heads: heads(tasks, backbone, seed), backbone: backbone,
                options: options,
                order: order(sentenceWindows.count, entityWindows.count, epochs: epochs, seed: seed), workers: 2)
            let clock = ContinuousClock.now
            while !trainer.isFinished {
                guard try trainer.takeStep() else { continue }
                let learned = try backbone.replacing(
                    trainer.parameters.files(
                        of: .all(of: backbone.configuration.layers), namedAsIn: backbone.files.imported))
                let heads = try HeadSet(trained: trainer.foundHeads)
                let test = try entities.test.examples(learned)
                let result = try Evaluation(of: heads, on: dev.examples(learned) + test)
                print(
                    "seed \(seed) accuracy \(result.scores[0].value) F1 \(result.scores[1].value)",
                    "F1 of each word's most probable tag \(try wordwise(heads.entities[0], test))",
                    "losses \(trainer.meanLosses) \((ContinuousClock.now - clock) / .seconds(1)) s")
            }
        }
    }

    /// Sixteen of each set a step. Each set is shuffled, used up, and shuffled again: what comes a second time has always
    /// been seen. Repeats that are shuffled among first sights cost 0.03 of F1, PyTorch as well.
    private func order(_ sentences: Int, _ entities: Int, epochs: Int, seed: UInt64) -> [Int] {
        var generator = SeededGenerator(seed: seed)
        func shuffles(_ count: Int, from first: Int) -> [Int] {
            var drawn: [Int] = []
            while drawn.count < epochs * sentences { drawn += (first..<first + count).shuffled(using: &generator) }
            return drawn
        }
        let (one, other) = (shuffles(sentences, from: 0), shuffles(entities, from: sentences))
        return stride(from: 0, to: epochs * sentences, by: 16).flatMap { step in
            one[step..<min(step + 16, epochs * sentences)] + other[step..<min(step + 16, epochs * sentences)]
        }
    }

    /// As the reference decodes: every word by itself, and an `I-` after `O` begins an entity.
    private func wordwise(_ head: EntityHead, _ rows: [TrainingExample]) throws -> Double {
        let names = ["O"] + head.task.labels.flatMap { ["B-" + $0, "I-" + $0] }
        return try EntityScorer.score(
            gold: rows.map { $0.tags[head.task.name] ?? [] },
            predicted: rows.map { row in
                var tags = [String](repeating: "O", count: row.tags[head.task.name]?.count ?? 0)
                let logits = head.logits(of: row.words)
                for (index, word) in row.wordIndices.enumerated() {
                    let values = logits.row(index)
                    let best = values.indices.max { values[$0] < values[$1] }
                    tags[word] = names[(best ?? values.startIndex) - values.startIndex]
                }
                return tags
            }
        ).micro.f1
    }

    /// First weights from N(0, 0.02) on features of the working size, as the reference has them.
    private func heads(
        _ tasks: [AnnotationTask], _ backbone: Backbone, _ seed: UInt64
    ) throws -> [(task: AnnotationTask, parameters: HeadParameters, inputScale: Float)] {
        let scales: [Float] = [0.3 * Float(backbone.configuration.hiddenSize).squareRoot(), 1]
        return zip(tasks, scales).enumerated().map { index, pair in
            let outputs = pair.0.outputCount
            var generator = SeededGenerator(seed: seed * 31 + UInt64(index))
            let weights = (0..<outputs * backbone.configuration.hiddenSize).map { _ in
                // The sum of twelve evenly spread numbers.
                Float((0..<12).reduce(-6.0) { sum, _ in sum + Double.random(in: 0..<1, using: &generator) }) * 0.02
            }
            let drawn = HeadParameters(
                weights: Matrix(
                    rows: outputs, columns: backbone.configuration.hiddenSize, values: weights.map { $0 * pair.1 }),
                bias: [Float](repeating: 0, count: outputs))
            return (pair.0, drawn, pair.1)
        }
    }
}

extension Sentences {
    func windows(_ backbone: Backbone, _ tasks: [AnnotationTask]) throws -> [JointExample] {
        let cutter = try TextCutter(backbone: backbone)
        return try zip(try examples(backbone), requests).flatMap {
            try JointExample.windows(of: $0, text: cutter.cut($1), tasks: tasks)
        }
    }
}

extension HeadSet {
    init(trained heads: [(task: AnnotationTask, parameters: HeadParameters)]) throws {
        try self.init(
            tasks: heads.map(\.task),
            classification: heads.filter { $0.task.kind == .classification }.map {
                try ClassificationHead(task: $0.task, weights: $0.parameters.weights, bias: $0.parameters.bias)
            },
            entities: heads.filter { $0.task.kind == .entities }.map {
                try EntityHead(task: $0.task, weights: $0.parameters.weights, bias: $0.parameters.bias)
            })
    }
}
