package import Annotations
import Foundation
import Tensors

/// The stored form of a head set: one safetensors file, in the database (compressed there) or as
/// `glossator_heads.safetensors` beside a backbone.
///
/// Tensors `<task>.weight` `[outputs, hidden]` and `<task>.bias` `[outputs]`, F32, of the trained tasks; with an entity head
/// of kind `crf` also `<task>.mix` `[layers + 1]`, `<task>.window_weight` `[width, words * hidden]`, `<task>.window_bias`
/// `[width]` and `<task>.transitions` `[tags, tags]` (from, to), and `weight` is `[outputs, width]`. Metadata: `format` =
/// `pt`, as Hugging Face's libraries expect; `glossator_heads` = the version of this layout, 2 when there is a head that is
/// not linear, else 1; `tasks` = JSON, an array of `{"head"?, "hidden"?, "kind", "labels", "name", "temperature"?,
/// "trained"}` in the declared order, where a missing `head` is `linear` and `hidden` is the states' width of a `crf`.
extension HeadSet {
    package static let fileName = "glossator_heads.safetensors"

    /// A program that knows layout 1 alone refuses a `crf` head instead of taking it for a damaged linear one.
    private static let linearVersion = "1"
    private static let version = "2"

    private struct StoredTask: Codable {
        let name: String
        let kind: AnnotationTask.Kind
        let labels: [String]
        let trained: Bool
        let temperature: Float?
        let head: String?
        let hidden: Int?
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
            if let context = tagger?.context { tensors += Self.tensors(of: context, task: task.name) }
            stored.append(
                StoredTask(
                    name: task.name, kind: task.kind, labels: task.labels,
                    trained: classifier != nil || tagger != nil, temperature: classifier?.temperature,
                    head: tagger?.context == nil ? nil : EntityHead.Kind.crf.rawValue,
                    hidden: tagger?.context?.hidden))
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let json = try? encoder.encode(stored) else {
            throw Fault(.defect, "heads-encoding", "the tasks of a head set cannot be written as JSON")
        }
        return try SafetensorsWriter.encode(
            tensors: tensors,
            metadata: [
                "format": "pt", "glossator_heads": layers == nil ? Self.linearVersion : Self.version,
                "tasks": String(decoding: json, as: UTF8.self),
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
        guard version == Self.linearVersion || version == Self.version else {
            throw Fault(
                .model, "heads-version",
                "\(label) has heads of layout \(version); this program reads up to \(Self.version)",
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
            case .entities:
                let context = try Self.context(of: entry, in: file, label: label)
                if context != nil { expected.formUnion(Self.contextTensors.map { "\(entry.name).\($0)" }) }
                entities.append(try EntityHead(task: task, weights: weights, bias: bias, context: context))
            }
        }
        if let stray = file.names.first(where: { !expected.contains($0) }) {
            throw HeadValidation.fault("\(label) has a tensor \"\(stray)\" that belongs to no trained task")
        }
        try self.init(
            tasks: stored.map { AnnotationTask(name: $0.name, kind: $0.kind, labels: $0.labels) },
            classification: classification, entities: entities)
    }

    private static let contextTensors = ["mix", "window_weight", "window_bias", "transitions"]

    private static func tensors(of context: EntityContext, task: String) -> [SafetensorsWriter.Tensor] {
        [
            SafetensorsWriter.Tensor("\(task).mix", vector: context.mix),
            SafetensorsWriter.Tensor("\(task).window_weight", context.weights),
            SafetensorsWriter.Tensor("\(task).window_bias", vector: context.bias),
            SafetensorsWriter.Tensor("\(task).transitions", context.transitions.scores),
        ]
    }

    /// Nil for a linear head.
    private static func context(
        of entry: StoredTask, in file: SafetensorsFile, label: String
    ) throws(Fault) -> EntityContext? {
        guard let name = entry.head, name != EntityHead.Kind.linear.rawValue else { return nil }
        guard name == EntityHead.Kind.crf.rawValue, let hidden = entry.hidden else {
            throw HeadValidation.fault("\(label) has a head of a kind \"\(name)\" that this program does not know")
        }
        return try EntityContext(
            mix: file.vector("\(entry.name).mix"), weights: file.matrix("\(entry.name).window_weight"),
            bias: file.vector("\(entry.name).window_bias"),
            transitions: TagTransitions(scores: file.matrix("\(entry.name).transitions")), hidden: hidden)
    }

    private static func storedTasks(_ json: String, label: String) throws(Fault) -> [StoredTask] {
        do {
            return try JSONDecoder().decode([StoredTask].self, from: Data(json.utf8))
        } catch {
            throw HeadValidation.fault("\(label) does not say what its tasks are")
        }
    }
}
