package import Annotations
package import Model

/// One window of a labelled document: what a joint run learns from.
///
/// A document that needs several windows is learned from window by window. Each says the document's label, for its share
/// of the document; entities are those of the words that the window owns.
package struct JointExample: Sendable {
    package let window: TrainingWindow
    /// Of the document's weight: 1 for a document of one window.
    package let share: Float
    /// Index of the label by classification task.
    package let labels: [String: Int]
    /// Index of the tag of each of `window.words`, by entity task.
    package let tags: [String: [Int]]

    package init(window: TrainingWindow, share: Float, labels: [String: Int], tags: [String: [Int]]) {
        self.window = window
        self.share = share
        self.labels = labels
        self.tags = tags
    }

    func says(_ task: AnnotationTask) -> Bool {
        task.kind == .classification ? labels[task.name] != nil : tags[task.name] != nil
    }

    /// The windows of a document.
    ///
    /// - Parameters:
    ///   - example: what people said.
    ///   - text: of the same document.
    /// - Throws: `label-unknown`; `features-mismatch` for tags that do not fit the text's words.
    package static func windows(
        of example: TrainingExample, text: TrainingText, tasks: [AnnotationTask]
    ) throws(Fault) -> [JointExample] {
        var labels: [String: Int] = [:]
        var tags: [String: [Int]] = [:]
        for task in tasks {
            switch task.kind {
            case .classification:
                guard let label = example.labels[task.name] else { continue }
                guard let index = task.labels.firstIndex(of: label) else {
                    throw Fault.unknownLabel(label, task: task, document: example.id)
                }
                labels[task.name] = index
            case .entities:
                guard let names = example.tags[task.name] else { continue }
                let tagSet = TagSet(types: task.labels)
                var indices: [Int] = []
                for name in names {
                    guard let tag = tagSet.tag(named: name) else {
                        throw Fault.unknownLabel(name, task: task, document: example.id)
                    }
                    indices.append(tag)
                }
                tags[task.name] = indices
            }
        }
        guard tags.isEmpty || example.wordIndices.count == text.windows.reduce(0, { $0 + $1.words.count }),
            example.wordIndices.allSatisfy({ index in tags.values.allSatisfy { $0.indices.contains(index) } })
        else { throw HeadRows.mismatch(example) }
        let share = 1 / Float(text.windows.count)
        return text.windows.map { window in
            JointExample(
                window: window, share: share, labels: labels,
                tags: tags.mapValues { tags in
                    window.words.map { tags[example.wordIndices[$0.index]] }
                })
        }
    }
}
