import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Training

/// Written documents with topics and names that a tiny encoder can learn, and the encoder.
struct LabelledTexts {
    static let topic = AnnotationTask(name: "topic", kind: .classification, labels: ["bill", "parcel"])
    static let names = AnnotationTask(name: "names", kind: .entities, labels: ["person", "place"])
    static let tasks = [topic, names]

    let backbone: Backbone
    let documents: [LabelledDocument]
    let examples: [TrainingExample]

    /// - Parameters:
    ///   - longEvery: every so manieth text needs several windows.
    ///   - namesEvery: one in so many has its names marked.
    init(_ count: Int, longEvery: Int = 7, namesEvery: Int = 2, prefix: String = "") throws {
        var model = TinyModel()
        (model.pooling, model.normalizes, model.layers, model.prefix) = (.mean, true, 3, prefix)
        // As a trained model's: the factory's weights are made large so that mistakes show.
        backbone = try model.withDirectory { try Backbone.load(directory: $0.path) }
        documents = (0..<count).map { Self.document($0, isLong: $0 % longEvery == 0, hasNames: $0 % namesEvery == 0) }
        examples = try ExampleBuilder(backbone: backbone, tasks: Self.tasks).build(documents).examples
    }

    private static func document(_ index: Int, isLong: Bool, hasNames: Bool) -> LabelledDocument {
        let isBill = index % 2 == 0 ? index % 4 == 0 : index % 3 == 0
        let name = ["anna", "bert", "carla"][index % 3] + " x\(index)"
        let opening = isBill ? "invoice \(index) from " : "package \(index) for "
        let start = opening.unicodeScalars.count
        let tail = isLong ? String(repeating: " it went wrong, and then again late.", count: 6) : " is wrong."
        return LabelledDocument(
            id: Int64(index), body: opening + name + tail, bodyHash: SyntheticRows.hash(index),
            labels: index % 5 == 4 ? [:] : ["topic": isBill ? "bill" : "parcel"],
            completeTasks: hasNames ? ["names"] : [],
            entities: hasNames
                ? [GoldEntity(task: "names", type: "person", start: start, end: start + name.unicodeScalars.count)]
                : [])
    }

    func windows() throws -> [JointExample] {
        let cutter = try TextCutter(backbone: backbone)
        return try examples.flatMap { example in
            try JointExample.windows(
                of: example, text: cutter.cut(AnnotationRequest(text: documents[Int(example.id)].body)),
                tasks: Self.tasks)
        }
    }

    func trainer(_ options: JointOptions, threads: Int = 2, cache: FeatureCache = .none) throws -> JointTrainer {
        let heads = Self.tasks.map { task in
            let outputs = task.kind == .classification ? task.labels.count : TagSet(types: task.labels).count
            let hidden = backbone.configuration.hiddenSize
            return (
                task: task,
                parameters: HeadParameters(
                    weights: .init(
                        rows: outputs, columns: hidden,
                        values: (0..<outputs * hidden).map { Float($0 * 37 % 19 - 9) * 0.01 }),
                    bias: [Float](repeating: 0, count: outputs)),
                inputScale: Float(task.kind == .classification ? 2 : 1)
            )
        }
        return try JointTrainer(
            windows(), heads: heads,
            backbone: backbone, options: options, cache: cache, workers: threads)
    }
}

extension JointTrainer {
    /// Every number that learns.
    var numbers: [[Float]] {
        parameters.tensors.map { parameters.view($0).copyValues() }
            + foundHeads.flatMap { [$0.parameters.weights.values, $0.parameters.bias] }
    }
}
