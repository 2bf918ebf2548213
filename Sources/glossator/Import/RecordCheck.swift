import Annotations

/// The rules that every record keeps, whatever format it came in.
struct RecordCheck {
    /// PostgreSQL indexes ids; an entry of an index must fit a third of a page.
    static let maximumIDBytes = 1024
    /// A label of the length of a text is a text: the wrong column.
    static let maximumLabelBytes = 200

    let knownLabels: [String: Set<String>]
    /// Tasks that are not among `knownLabels` are refused.
    var refusesOtherTasks = false

    func problems(of record: ImportRecord) -> [ImportProblem] {
        var found: [ImportProblem] = []
        func report(_ code: String, _ message: String) {
            found.append(ImportProblem(line: record.line, code: code, message: message))
        }
        if record.body.isBlank { report("empty-text", "the text is empty or only white space") }
        if record.body.containsNUL { report("nul-character", "the text contains U+0000") }
        if record.externalID.containsNUL { report("nul-character", "the id contains U+0000") }
        if record.externalID.utf8.count > Self.maximumIDBytes {
            report("id-too-long", "the id is longer than \(Self.maximumIDBytes) bytes")
        }
        if record.metadata.contains(where: { $0.key.containsNUL || $0.value.containsNUL }) {
            report("nul-character", "a field beside the text contains U+0000")
        }
        for label in record.labels {
            checkName(label.task, "a task", report)
            checkName(label.label, "a label of \(label.task.shortened)", report)
            if let known = knownLabels[label.task], !known.contains(label.label) {
                report("unknown-label", "the label is none of \(label.task.shortened)'s \(known.count)")
            }
        }
        for task in record.completeTasks { checkName(task, "a task", report) }
        if refusesOtherTasks {
            let tasks = record.completeTasks.union(record.labels.map(\.task)).union(record.entities.map(\.task))
            for task in tasks.sorted() where knownLabels[task] == nil {
                report("unknown-label", "the task \(task.shortened) is none that the collection declares")
            }
        }
        checkEntities(of: record, report)
        return found
    }

    private func checkName(_ name: String, _ what: String, _ report: (String, String) -> Void) {
        if name.isBlank { report("empty-label", "\(what) is empty") }
        if name.containsNUL { report("nul-character", "\(what) contains U+0000") }
        if name.utf8.count > Self.maximumLabelBytes {
            report("label-too-long", "\(what) is longer than \(Self.maximumLabelBytes) bytes: is it the right column?")
        }
    }

    private func checkEntities(of record: ImportRecord, _ report: (String, String) -> Void) {
        guard !record.entities.isEmpty else { return }
        let length = record.body.unicodeScalars.count
        // Where the last entity of a task ended; the reader has put them in order.
        var ends: [String: Int] = [:]
        for entity in record.entities {
            let place = "the entity \(entity.start)..<\(entity.end)"
            checkName(entity.type, "the type of \(place)", report)
            if let known = knownLabels[entity.task], !known.contains(entity.type) {
                report("unknown-label", "the type of \(place) is none of \(entity.task.shortened)'s \(known.count)")
            }
            guard entity.start >= 0, entity.end <= length, entity.start <= length, entity.end >= 0 else {
                report("offsets-outside-text", "\(place) is outside the text of \(length) code points")
                continue
            }
            guard entity.start < entity.end else {
                report("empty-span", "\(place) is empty")
                continue
            }
            if let end = ends[entity.task], entity.start < end {
                report("overlapping-entities", "\(place) overlaps another of the task \(entity.task.shortened)")
            }
            ends[entity.task] = max(ends[entity.task] ?? 0, entity.end)
        }
    }
}
