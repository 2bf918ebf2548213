package import Annotations

/// What a file holds, found by reading all of it before anything is loaded.
package struct ImportSurvey: Sendable, Equatable {
    /// Records that can be loaded.
    package private(set) var records = 0
    /// Records that cannot.
    package private(set) var refused = 0
    /// The first problems, as many as were asked for.
    package private(set) var problems: [ImportProblem] = []
    package private(set) var problemCount = 0
    /// How many records have each label, by classification task.
    package private(set) var labels: [String: [String: Int]] = [:]
    /// How many entities of each type there are, by task. A task whose records hold none is here, too.
    package private(set) var entities: [String: [String: Int]] = [:]
    /// Records with a label or a completely marked entity task.
    package private(set) var goldRecords = 0
    package private(set) var bytes = 0

    /// More labels than this are no labels: the column is another one.
    package static let maximumLabels = 10_000

    private init() {}

    /// Reads `reader` to its end. Keeps the first `problemLimit` problems and counts the rest. `progress` is told the
    /// bytes read after every record; what it throws (a cancellation) ends the survey.
    package static func of(
        _ reader: inout ImportReader, problemLimit: Int = 20, progress: (Int) throws(Fault) -> Void = { _ in }
    ) throws(Fault) -> ImportSurvey {
        var survey = ImportSurvey()
        while let outcome = try reader.next() {
            switch outcome {
            case .record(let record): try survey.count(record)
            case .refused(let problems):
                survey.refused += 1
                survey.problemCount += problems.count
                survey.problems += problems.prefix(max(0, problemLimit - survey.problems.count))
            }
            try progress(reader.bytesRead)
        }
        survey.bytes = reader.bytesRead
        return survey
    }

    private mutating func count(_ record: ImportRecord) throws(Fault) {
        records += 1
        if !record.labels.isEmpty || !record.completeTasks.isEmpty { goldRecords += 1 }
        for label in record.labels {
            labels[label.task, default: [:]][label.label, default: 0] += 1
            try refuseTooMany(labels[label.task], task: label.task, what: "labels")
        }
        for task in record.completeTasks where entities[task] == nil { entities[task] = [:] }
        for entity in record.entities {
            entities[entity.task, default: [:]][entity.type, default: 0] += 1
            try refuseTooMany(entities[entity.task], task: entity.task, what: "entity types")
        }
    }

    private func refuseTooMany(_ counts: [String: Int]?, task: String, what: String) throws(Fault) {
        guard let counts, counts.count > Self.maximumLabels else { return }
        throw Fault(
            .input, "too-many-labels",
            "the task \(task.shortened) has more than \(Self.maximumLabels) different \(what)",
            hint: "Look whether the column or key is the right one.")
    }

    /// The fault that refuses the whole file, or nil when nothing is wrong with it.
    package func refusal(of file: String) -> Fault? {
        guard problemCount > 0 else { return nil }
        let rest = problemCount - problems.count
        let list = problems.map { "\n  \($0)" }.joined() + (rest > 0 ? "\n  and \(counted(rest, "problem")) more" : "")
        return Fault(
            .input, "import-refused",
            "\(refused) of \(counted(records + refused, "record")) in \(file) cannot be imported, so none was:\(list)",
            hint: "Correct the file, or load the other records with --skip-invalid.")
    }
}
