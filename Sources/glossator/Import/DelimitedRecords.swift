import Annotations

/// What each column of a csv or tsv file is used for.
package struct ImportColumns: Sendable, Equatable {
    package let text: String
    package let id: String?
    package let labels: [LabelColumn]
    /// The rest.
    package let metadata: [String]
}

/// Records of a csv or tsv file: a header row, then a document a row.
struct DelimitedRecords: RecordSource {
    let columns: ImportColumns

    private var rows: DelimitedRows
    private let names: [String]
    private let roles: [Role]
    private let stem: String
    /// The first row of a file without a header, already read to count its columns.
    private var pending: DelimitedRow?

    private enum Role: Equatable { case text, id, label(String), metadata }

    var bytesRead: Int { rows.lines.bytesRead }

    init(lines: ByteLines, format: ImportFormat, stem: String, options: ImportOptions) throws(Fault) {
        let isCSV = format == .csv
        rows = DelimitedRows(
            lines: lines, delimiter: UInt8(ascii: isCSV ? "," : "\t"), quotes: isCSV,
            maximumBytes: options.maximumRecordBytes)
        self.stem = stem
        let file = lines.source.name
        guard let first = try rows.next() else {
            throw Fault(.input, "empty-file", "\(file) is empty", hint: "A \(format) file begins with a header row.")
        }
        let fields: [String]
        switch first {
        case .fields(_, let values): fields = values
        case .broken(let problem):
            throw Fault(.input, problem.code, "\(file): \(problem.message) (line \(problem.line), the header)")
        }
        if options.hasHeader {
            names = fields.enumerated().map { $1.isEmpty ? "column\($0 + 1)" : $1 }
        } else {
            names = fields.indices.map { "\($0 + 1)" }
            pending = first
        }
        let choice = ColumnChoice(names: names, file: file, format: format, options: options)
        columns = try choice.columns()
        var roles = [Role](repeating: .metadata, count: names.count)
        for (index, name) in names.enumerated() {
            if name == columns.text {
                roles[index] = .text
            } else if name == columns.id {
                roles[index] = .id
            } else if let label = columns.labels.first(where: { $0.column == name }) {
                roles[index] = .label(label.task)
            }
        }
        self.roles = roles
    }

    mutating func next() throws(Fault) -> ImportOutcome? {
        let row: DelimitedRow?
        if pending != nil {
            row = pending
            pending = nil
        } else {
            row = try rows.next()
        }
        switch row {
        case nil: return nil
        case .broken(let problem): return .refused([problem])
        case .fields(let line, let fields):
            guard fields.count == names.count else {
                let counts = "the row has \(counted(fields.count, "field")), the header \(names.count)"
                return .refused([ImportProblem(line: line, code: "ragged-row", message: counts)])
            }
            return .record(record(line: line, fields: fields))
        }
    }

    private func record(line: Int, fields: [String]) -> ImportRecord {
        var body = ""
        var id = "\(stem):\(line)"
        var labels: [ImportRecord.Label] = []
        var metadata: [String: String] = [:]
        for (index, value) in fields.enumerated() {
            switch roles[index] {
            case .text: body = value
            // An empty cell is how these formats say that there is no value.
            case .id where !value.isEmpty: id = value
            case .label(let task) where !value.isEmpty: labels.append(.init(task: task, label: value))
            case .metadata where !value.isEmpty: metadata[names[index]] = value
            default: break
            }
        }
        return ImportRecord(line: line, externalID: id, body: body, labels: labels, metadata: metadata)
    }
}

/// Decides which column is what.
private struct ColumnChoice {
    let names: [String]
    let file: String
    let format: ImportFormat
    let options: ImportOptions

    func columns() throws(Fault) -> ImportColumns {
        let id =
            try options.idColumn.map { name throws(Fault) in try named(name, option: "--id-column COLUMN") }
            ?? conventional(ImportOptions.idNames)
        let labels = try labelColumns()
        let text: String
        if let name = options.textColumn {
            text = try named(name, option: "--text-column COLUMN")
        } else if let name = conventional(ImportOptions.textNames) {
            text = name
        } else {
            let tried = ImportOptions.textNames.joined(separator: ", ")
            throw Fault(
                .input, "missing-column", "\(file) has no column called \(tried); it has \(present)",
                hint: "Name the column that holds the text with --text-column COLUMN.\(headerHint)")
        }
        for name in [text] + (id.map { [$0] } ?? []) + labels.map(\.column)
        where names.count(where: { $0 == name }) > 1 {
            throw Fault(
                .input, "duplicate-column", "\(file) has more than one column called \(name.shortened)",
                hint: "Rename one of them.")
        }
        let used = [text] + labels.map(\.column)
        for (index, name) in used.enumerated() where name == id || used[..<index].contains(name) {
            throw Fault(
                .input, "column-used-twice", "the column \(name.shortened) cannot be two things",
                hint: "Id, text and every label need a column each.")
        }
        let rest = names.filter { $0 != id && !used.contains($0) }
        if let twice = rest.first(where: { name in rest.count(where: { $0 == name }) > 1 }) {
            throw Fault(
                .input, "duplicate-column", "\(file) has more than one column called \(twice.shortened)",
                hint: "Rename one of them.")
        }
        return ImportColumns(text: text, id: id, labels: labels, metadata: rest)
    }

    private func labelColumns() throws(Fault) -> [LabelColumn] {
        var result: [LabelColumn] = []
        for label in options.labelColumns {
            let column = try named(label.column, option: "--label TASK=COLUMN")
            result.append(LabelColumn(task: label.task, column: column))
        }
        if let task = options.task {
            guard let column = conventional([ImportOptions.labelName]) else {
                throw Fault(
                    .input, "missing-column",
                    "\(file) has no column called \(ImportOptions.labelName); it has \(present)",
                    hint: "Name the column that holds the labels with --label \(task)=COLUMN instead of --task.")
            }
            result.append(LabelColumn(task: task, column: column))
        }
        if let twice = result.first(where: { label in result.count(where: { $0.task == label.task }) > 1 }) {
            throw Fault(
                .input, "task-given-twice", "two columns are given for the task \(twice.task)",
                hint: "A document has one label of a task.")
        }
        return result
    }

    private func named(_ name: String, option: String) throws(Fault) -> String {
        guard names.contains(name) else {
            throw Fault(
                .input, "missing-column", "\(file) has no column called \(name.shortened); it has \(present)",
                hint: "Name one of these with \(option).\(headerHint)")
        }
        return name
    }

    /// The first of `candidates` that is a column; `Text` will do for `text`.
    private func conventional(_ candidates: [String]) -> String? {
        for candidate in candidates {
            if names.contains(candidate) { return candidate }
            if let similar = names.first(where: { $0.lowercased() == candidate }) { return similar }
        }
        return nil
    }

    private var present: String {
        let shown = names.prefix(20).map(\.shortened).joined(separator: ", ")
        return names.count > 20 ? "\(shown) and \(names.count - 20) more" : shown
    }

    private var headerHint: String {
        options.hasHeader ? " If the first row is no header, say --no-header: the columns are 1, 2, 3 then." : ""
    }
}

/// `1 field`, `2 fields`.
func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }
