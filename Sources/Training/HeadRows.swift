import Annotations
import Tensors

/// What one head learns from: the labelled documents of one task, each with one row (its embedding) or one a word.
struct HeadRows: Sendable {
    struct Document: Sendable {
        /// `[rows, hidden]`; shares the example's storage.
        let features: Matrix
        /// The right output of each row.
        let targets: [Int32]
    }

    private(set) var documents: [Document] = []

    /// - Throws: `label-unknown` for a label or tag that the task does not have; `features-mismatch` for features of
    ///   another width or tags that do not fit the words.
    init(_ examples: [TrainingExample], task: AnnotationTask, hidden: Int) throws(Fault) {
        let tagSet = TagSet(types: task.labels)
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
                document = Document(features: example.words, targets: targets)
            }
            guard document.features.rows == document.targets.count,
                document.features.columns == hidden || document.targets.isEmpty
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

    /// Cross-entropy summed over all rows, and their number.
    ///
    /// - Parameter parameters: for inputs as they lie here.
    func loss(of parameters: HeadParameters) -> (sum: Double, count: Int) {
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
