package import Annotations

/// A document of an imported file, checked: it can be stored as it is.
package struct ImportRecord: Sendable, Equatable {
    package struct Label: Sendable, Hashable {
        package let task: String
        package let label: String

        package init(task: String, label: String) {
            self.task = task
            self.label = label
        }
    }

    /// Line on which the record begins, counted from 1.
    package let line: Int
    /// The file's own id, or one that the record has on every run: `<file stem>:<line>`, conll `<file stem>-<n>`.
    package let externalID: String
    package let body: String
    package var labels: [Label] = []
    /// Ordered by task, then start; entities of one task do not overlap.
    package var entities: [GoldEntity] = []
    /// Entity tasks that are completely marked here, those without a single entity included.
    package var completeTasks: Set<String> = []
    /// The other columns, or the other keys with a text, number or truth value.
    package var metadata: [String: String] = [:]

    package init(
        line: Int, externalID: String, body: String, labels: [Label] = [], entities: [GoldEntity] = [],
        completeTasks: Set<String> = [], metadata: [String: String] = [:]
    ) {
        self.line = line
        self.externalID = externalID
        self.body = body
        self.labels = labels
        self.entities = entities
        self.completeTasks = completeTasks
        self.metadata = metadata
    }
}

/// Why a record cannot be imported.
package struct ImportProblem: Sendable, Hashable, CustomStringConvertible {
    package let line: Int
    /// Stable, kebab-case: `invalid-utf8`.
    package let code: String
    /// One sentence with names and numbers, never the document's text.
    package let message: String

    package init(line: Int, code: String, message: String) {
        self.line = line
        self.code = code
        self.message = message
    }

    package var description: String { "line \(line): \(message) [\(code)]" }
}

/// What became of one record of the file.
package enum ImportOutcome: Sendable, Equatable {
    case record(ImportRecord)
    /// All that was found wrong with one record.
    case refused([ImportProblem])
}

/// A format's records, before the checks that all formats share.
protocol RecordSource {
    /// Bytes of the file passed so far.
    var bytesRead: Int { get }
    mutating func next() throws(Fault) -> ImportOutcome?
}

extension ImportProblem {
    static func tooLong(line: Int, limit: Int) -> ImportProblem {
        ImportProblem(line: line, code: "record-too-long", message: "the record is longer than \(limit) bytes")
    }

    static func invalidUTF8(line: Int, offset: Int) -> ImportProblem {
        ImportProblem(line: line, code: "invalid-utf8", message: "invalid UTF-8 at byte offset \(offset) of the line")
    }
}
