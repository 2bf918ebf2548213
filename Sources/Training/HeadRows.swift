import Annotations
import Tensors

/// What one head learns from: the labelled documents of one task, each with one row (its embedding) or one a word.
struct HeadRows: Sendable {
    struct Document: Sendable {
        /// `[rows, hidden]`; shares the example's storage.
        let features: Matrix
        /// The rows' states in every layer; empty unless the head looks at them, or without rows.
        var layers: [Matrix] = []
        /// The right output of each row.
        let targets: [Int32]
    }

    private(set) var documents: [Document] = []
    private let tagSet: TagSet

    /// - Throws: `label-unknown` for a label or tag that the task does not have; `features-mismatch` for features of
    ///   another width, tags that do not fit the words, or layers that are not there.
    ///
    /// - Parameter layers: how many states of each word the head looks at; 0 for a linear one.
    init(_ examples: [TrainingExample], task: AnnotationTask, hidden: Int, layers: Int = 0) throws(Fault) {
        tagSet = TagSet(types: task.labels)
        let outputs = Dictionary(task.labels.enumerated().map { ($1, $0) }, uniquingKeysWith: { first, _ in first })
        for example in examples where example.isLabelled(for: task) {
            let document: Document
            switch task.kind {
            case .classification:
                let label = example.labels[task.name] ?? ""
                guard let output = outputs[label] else {
                    throw Fault.unknownLabel(label, task: task, document: example.id)
                }
                document = Document(
                    features: Matrix(rows: 1, columns: example.embedding.count, values: example.embedding),
                    targets: [Int32(output)])
            case .entities:
                let tags = example.tags[task.name] ?? []
                var targets: [Int32] = []
                for index in example.wordIndices {
                    guard tags.indices.contains(index) else { throw Self.mismatch(example) }
                    guard let tag = tagSet.tag(named: tags[index]) else {
                        throw Fault.unknownLabel(tags[index], task: task, document: example.id)
                    }
                    targets.append(Int32(tag))
                }
                document = Document(features: example.words, layers: example.layers, targets: targets)
            }
            guard document.features.rows == document.targets.count,
                document.features.columns == hidden || document.targets.isEmpty
            else { throw Self.mismatch(example) }
            guard
                layers == 0 || document.targets.isEmpty
                    || document.layers.count == layers
                        && document.layers.allSatisfy({ $0.rows == document.targets.count && $0.columns == hidden })
            else { throw Self.mismatch(example) }
            documents.append(document)
        }
    }

    /// Root of the mean square of all features; 1 without any, or with numbers that are not finite.
    var meanSquareRoot: Float {
        let count = documents.reduce(0) { $0 + $1.features.values.count }
        let norm = globalNorm(documents.map(\.features.values))
        return count > 0 && norm > 0 && norm.isFinite ? Float(norm / Double(count).squareRoot()) : 1
    }

    /// The same of each layer.
    func meanSquareRoots(layers: Int) -> [Float] {
        (0..<layers).map { layer in
            let values = documents.filter { !$0.layers.isEmpty }.map { $0.layers[layer].values }
            let (count, norm) = (values.reduce(0) { $0 + $1.count }, globalNorm(values))
            return count > 0 && norm > 0 && norm.isFinite ? Float(norm / Double(count).squareRoot()) : 1
        }
    }

    /// Cross-entropy summed over all rows, and their number; of a head with a context, minus the log of the sequences'
    /// probabilities.
    ///
    /// - Parameter parameters: for inputs as they lie here.
    func loss(of parameters: HeadParameters) -> (sum: Double, count: Int) {
        if let context = parameters.context { return loss(of: parameters, context) }
        var (total, count) = (0.0, 0)
        var logits = Matrix(rows: 0, columns: 0)
        var gradient = Matrix(rows: 0, columns: 0)
        for document in documents where document.features.rows > 0 {
            parameters.logits(of: document.features, into: &logits)
            let sum = softmaxCrossEntropy(logits: logits, targets: document.targets, into: &gradient)
            total += sum.loss
            count += sum.count
        }
        return (total, count)
    }

    private func loss(of parameters: HeadParameters, _ context: ContextParameters) -> (sum: Double, count: Int) {
        var (total, count) = (0.0, 0)
        var gradient = ContextGradient()
        let ones = [Float](repeating: 1, count: context.mix.count)
        for document in documents where document.features.rows > 0 {
            let batch = ContextBatch(
                layers: document.layers, scales: ones, lengths: [document.targets.count],
                targets: ChainLoss.legal(document.targets, tagSet: tagSet))
            total += gradient.loss(parameters, context, tagSet: tagSet, batch: batch)
            count += document.targets.count
        }
        return (total, count)
    }

    static func mismatch(_ example: TrainingExample) -> Fault {
        Fault(.defect, "features-mismatch", "features and labels of document \(example.id) do not fit together")
    }
}

extension Fault {
    static func unknownLabel(_ name: String, task: AnnotationTask, document: Int64) -> Fault {
        Fault(
            .input, "label-unknown",
            "document \(document) has \"\(name)\" for task \"\(task.name)\", which has no such label",
            hint: "Add the label to the task, or correct the gold row.")
    }
}
