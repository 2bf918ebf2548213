package import Annotations

/// A classification task and the column (csv, tsv) or key (jsonl) that holds its labels.
package struct LabelColumn: Sendable, Hashable {
    package let task: String
    package let column: String

    package init(task: String, column: String) {
        self.task = task
        self.column = column
    }

    /// Reads the value of `--label`: `topic=column`.
    package init(argument: String) throws(Fault) {
        guard let equals = argument.firstIndex(of: "="), equals != argument.startIndex,
            argument.index(after: equals) != argument.endIndex
        else {
            throw Fault(
                .input, "label-option", "--label \(argument.shortened) does not name a task and a column",
                hint: "Write --label TASK=COLUMN.")
        }
        self.init(
            task: String(argument[..<equals]), column: String(argument[argument.index(after: equals)...]))
    }
}

/// What the person who imports a file says about it. Everything has a default that fits the common file.
package struct ImportOptions: Sendable {
    /// `--format`; nil: the file's name says it.
    package var format: ImportFormat?
    /// `--id-column`: column or key of the external id; nil: `id` or `external_id`, if there is one.
    package var idColumn: String?
    /// `--text-column`: nil: `text`, `body`, `content` or `sentence`.
    package var textColumn: String?
    /// `--label TASK=COLUMN`, as often as there are tasks.
    package var labelColumns: [LabelColumn] = []
    /// `--task`: the task of the column or key `label`.
    package var task: String?
    /// `--entity-task`: the task of entities that name none: conll's, `tags`, and a list under `entities`.
    package var entityTask = "entities"
    /// `--no-header`: csv and tsv without one; the columns are called 1, 2, 3 …
    package var hasHeader = true
    /// `--lenient-tags`: an `I-x` that continues nothing begins an entity, as conlleval reads it.
    package var repairsTags = false
    /// Labels (classification) or types (entities) that exist, by task; others are problems. A task that is absent
    /// here may have any.
    package var knownLabels: [String: Set<String>] = [:]
    /// Tasks that are not among `knownLabels` are refused as well.
    package var refusesOtherTasks = false
    /// A record longer than this is a problem. PostgreSQL's own limit is 1 GB a value.
    package var maximumRecordBytes = 256 << 20

    package init() {}

    static let textNames = ["text", "body", "content", "sentence"]
    static let idNames = ["id", "external_id"]
    static let labelName = "label"
}
