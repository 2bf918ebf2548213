import Annotations
import Model
import Tensors

/// A part of a batch as the encoder reads it, and where each task's inputs are in its states.
struct JointBatch: Sendable {
    let ragged: RaggedBatch
    private let examples: [JointExample]

    init(_ examples: [JointExample]) {
        self.examples = examples
        ragged = RaggedBatch(examples.map(\.window.ids))
    }

    var windows: [TrainingWindow] { examples.map(\.window) }

    /// What one task learns from in these windows.
    struct Inputs: Sendable {
        /// Classification: windows. Entities: rows of the states.
        var rows: [Int] = []
        var targets: [Int32] = []
        var weights: [Float] = []
    }

    func inputs(of task: AnnotationTask) -> Inputs {
        var inputs = Inputs()
        for (index, example) in examples.enumerated() {
            switch task.kind {
            case .classification:
                guard let label = example.labels[task.name] else { continue }
                inputs.rows.append(index)
                inputs.targets.append(Int32(label))
                inputs.weights.append(example.share)
            case .entities:
                guard let tags = example.tags[task.name] else { continue }
                let start = ragged.range(of: index).lowerBound
                for (word, tag) in zip(example.window.words, tags) {
                    inputs.rows.append(start + word.row)
                    inputs.targets.append(Int32(tag))
                    inputs.weights.append(1)
                }
            }
        }
        return inputs
    }

    /// Cuts a batch into parts of at most `tokens` tokens, one window at the least.
    static func parts(_ examples: [JointExample], tokens: Int) -> [JointBatch] {
        var parts: [JointBatch] = []
        var open: [JointExample] = []
        var count = 0
        for example in examples {
            if !open.isEmpty, count + example.window.ids.count > tokens {
                parts.append(JointBatch(open))
                (open, count) = ([], 0)
            }
            open.append(example)
            count += example.window.ids.count
        }
        return open.isEmpty ? parts : parts + [JointBatch(open)]
    }
}
