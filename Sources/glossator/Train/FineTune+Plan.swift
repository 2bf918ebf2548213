import Annotations
import Foundation
import Model
import Store
import Training

extension FineTune {
    /// What a run would do now, for a person: parts of the encoder and heads with their rates, steps and memory. Trains
    /// nothing and writes nothing.
    func plan() async throws -> String {
        let (parent, _, tasks) = try await begin()
        let (options, probe) = (try context.settings.jointOptions, context.settings.headTrainingOptions)
        let configuration = parent.bundle.backbone.configuration
        try options.check(configuration, tasks: tasks)
        let plan = try options.plan
        let table = PlanTable(
            options: options, plan: plan, probe: probe, configuration: configuration, tasks: tasks)
        var lines = [
            "collection \(collection), model in force \(parent.row.name); freeze plan \(plan)", "", table.text, "",
        ]
        guard plan.trainsEncoder(epochs: options.epochs, layers: configuration.layers) else {
            lines.append("the encoder is frozen: its features are computed once, and each head learns from them")
            return lines.joined(separator: "\n")
        }
        if probe.entityHead == .crf { lines.append("entity heads of kind crf learn when the encoder has learned") }
        if options.probesFirst { lines.append("heads learn on the frozen encoder first (train.probe-first)") }
        let tokens = JointTrainer.partTokens(options, plan: plan, configuration: configuration)
        lines.append(
            "\(options.epochs) epochs of steps of \(options.batchSize) windows, at most \(tokens) tokens at a time "
                + "(\((options.memory ?? 0) >> 20) MiB for activations); larger batches are learned from in parts")
        let bytes = 4 * 4 * configuration.tensors.reduce(0) { $0 + $1.count }
        lines.append("weights, gradients and moments take up to \(bytes >> 20) MiB")
        if options.precision == .bf16 {
            lines.append("layers multiply in bf16; copies of their weights for it take up to \(bytes >> 22) MiB")
        }
        return lines.joined(separator: "\n")
    }
}

extension JointOptions {
    /// Refuses, before anything is read, what would be refused after hours.
    func check(_ configuration: EncoderConfiguration, tasks: [AnnotationTask]) throws(Fault) {
        try validate(layers: configuration.layers, tasks: tasks.map(\.name))
        if let name = lossWeights.keys.sorted().first(where: { name in !tasks.contains { $0.name == name } }) {
            throw Fault(
                .configuration, "setting-invalid", "train.loss-weights names \"\(name)\", which is no task of this run",
                hint: "tasks: \(tasks.map(\.name).joined(separator: ", "))")
        }
        let plan = try self.plan
        if plan.trainsEncoder(epochs: epochs, layers: configuration.layers) {
            try precision.check(multipliesBFloat16: Backbone.gainsFromBFloat16)
        }
        let learning = plan.trainable(epoch: epochs, layers: configuration.layers)
        for layer in learning.layers.sorted() {
            let bytes = 4 * configuration.count(ofLayer: layer)
            guard bytes > LayerStore.maximumBytes else { continue }
            throw Fault(
                .configuration, "freeze-plan",
                "\(layer < 0 ? "the embeddings" : "layer \(layer)") of this encoder take \(bytes >> 20) MiB; a part of more "
                    + "than \(LayerStore.maximumBytes >> 20) MiB cannot be stored",
                hint: "keep it as it is: --freeze layers:\(layer < 0 ? "embeddings" : String(layer))")
        }
    }
}

extension EncoderConfiguration {
    /// Numbers of one layer; -1: of the embeddings.
    fileprivate func count(ofLayer layer: Int) -> Int {
        tensors.filter { $0.layer == layer }.reduce(0) { $0 + $1.count }
    }
}

/// A row a part of the model: how many numbers, from which epoch they learn, at which peak rate.
struct PlanTable {
    let options: JointOptions
    let plan: FreezePlan
    let probe: HeadTrainingOptions
    let configuration: EncoderConfiguration
    let tasks: [AnnotationTask]

    var text: String {
        let layers = configuration.layers
        let trainsEncoder = plan.trainsEncoder(epochs: options.epochs, layers: layers)
        var rows = (-1..<layers).map { layer -> [String] in
            let first = (1...options.epochs).first { plan.trainable(epoch: $0, layers: layers).contains(layer) }
            return [
                layer < 0 ? "embeddings" : "layer \(layer)", String(configuration.count(ofLayer: layer)),
                first.map { "from epoch \($0)" } ?? "frozen",
                first == nil ? "-" : Self.rate(options.rates.rate(layer: layer, of: layers)),
            ]
        }
        for task in tasks {
            let learns = plan.trainsHead(of: task.name)
            let rate = trainsEncoder ? options.rates.headRate : probe.learningRate
            rows.append([
                "head \(task.name)", String(task.outputCount * (configuration.hiddenSize + 1)),
                learns ? "from epoch 1" : "frozen", learns ? Self.rate(rate) : "-",
            ])
        }
        return Terminal.table(["part", "numbers", "learns", "peak rate"], rows)
    }

    private static func rate(_ rate: Double) -> String { String(format: "%.2e", rate) }
}
