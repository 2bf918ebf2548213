package import Annotations
import Foundation
import Tensors

/// The stored form of a head set: one safetensors file, in the database (compressed there) or as
/// `glossator_heads.safetensors` beside a backbone.
///
/// Tensors `<task>.weight` `[outputs, hidden]` and `<task>.bias` `[outputs]`, F32, of the trained tasks. Metadata:
/// `format` = `pt`, as Hugging Face's libraries expect; `glossator_heads` = the version of this layout;
/// `tasks` = JSON, an array of `{"kind", "labels", "name", "temperature"?, "trained"}` in the declared order.
extension HeadSet {
    package static let fileName = "glossator_heads.safetensors"

    private static let version = "1"

    private struct StoredTask: Codable {
        let name: String
        let kind: AnnotationTask.Kind
        let labels: [String]
        let trained: Bool
        let temperature: Float?
    }

    /// The same heads give the same bytes.
    package func encoded() throws(Fault) -> [UInt8] {
        var stored: [StoredTask] = []
        var tensors: [SafetensorsWriter.Tensor] = []
        func append(_ task: AnnotationTask, _ weights: Matrix, _ bias: [Float]) {
            tensors.append(SafetensorsWriter.Tensor("\(task.name).weight", weights))
            tensors.append(SafetensorsWriter.Tensor("\(task.name).bias", vector: bias))
        }
        for task in tasks {
            let classifier = classification.first { $0.task == task }
            let tagger = entities.first { $0.task == task }
            if let classifier { append(task, classifier.weights, classifier.bias) }
            if let tagger { append(task, tagger.weights, tagger.bias) }
            stored.append(
                StoredTask(
                    name: task.name, kind: task.kind, labels: task.labels,
                    trained: classifier != nil || tagger != nil, temperature: classifier?.temperature))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(stored) else {
            throw Fault(.defect, "heads-encoding", "the tasks of a head set cannot be written as JSON")
        }
        return try SafetensorsWriter.encode(
            tensors: tensors,
            metadata: [
                "format": "pt", "glossator_heads": Self.version, "tasks": String(decoding: json, as: UTF8.self),
            ])
    }

    /// Reads what `encoded()` wrote.
    ///
    /// - Parameter label: names the bytes in faults.
    /// - Throws: `.model` faults: `safetensors-*` and `tensor-*` for a damaged file; `heads-version` for a layout this
    ///   program does not know; `heads-invalid` for tasks and tensors that do not fit each other, tensors of no task,
    ///   and weights that are not finite.
    package init(encoded bytes: [UInt8], label: String = "the stored heads") throws(Fault) {
        try self.init(SafetensorsFile(bytes: bytes, label: label), label: label)
    }

    init(_ file: SafetensorsFile, label: String) throws(Fault) {
        guard let version = file.metadata["glossator_heads"] else {
            throw Fault(
                .model, "heads-invalid", "\(label) is a safetensors file but holds no heads of Glossator",
                hint: "Heads come from `glossator train` or `glossator model export`.")
        }
        guard version == Self.version else {
            throw Fault(
                .model, "heads-version", "\(label) has heads of layout \(version); this program reads \(Self.version)",
                hint: "Use the version of Glossator that wrote them, or a newer one.")
        }
        let stored = try Self.storedTasks(file.metadata["tasks"] ?? "", label: label)
        var classification: [ClassificationHead] = []
        var entities: [EntityHead] = []
        var expected: Set<String> = []
        for entry in stored where entry.trained {
            let task = AnnotationTask(name: entry.name, kind: entry.kind, labels: entry.labels)
            let weights = try file.matrix("\(entry.name).weight")
            let bias = try file.vector("\(entry.name).bias")
            expected.formUnion(["\(entry.name).weight", "\(entry.name).bias"])
            switch entry.kind {
            case .classification:
                classification.append(
                    try ClassificationHead(
                        task: task, weights: weights, bias: bias, temperature: entry.temperature ?? 1))
            case .entities: entities.append(try EntityHead(task: task, weights: weights, bias: bias))
            }
        }
        if let stray = file.names.first(where: { !expected.contains($0) }) {
            throw HeadValidation.fault("\(label) has a tensor \"\(stray)\" that belongs to no trained task")
        }
        try self.init(
            tasks: stored.map { AnnotationTask(name: $0.name, kind: $0.kind, labels: $0.labels) },
            classification: classification, entities: entities)
    }

    private static func storedTasks(_ json: String, label: String) throws(Fault) -> [StoredTask] {
        do {
            return try JSONDecoder().decode([StoredTask].self, from: Data(json.utf8))
        } catch {
            throw HeadValidation.fault("\(label) does not say what its tasks are")
        }
    }
}
