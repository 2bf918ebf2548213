import Annotations
import ArgumentParser
import Store

struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Load documents, with or without gold, from csv, tsv, jsonl, conll or plain text.",
        discussion: """
            The whole file is read and checked first: if anything in it cannot be loaded, nothing is, and every problem \
            is named with its line. Loading goes in steps and may be interrupted: run it again, what is there already is \
            left as it is.

              csv, tsv  columns text, id, and labels: --label topic=column
              jsonl     {"id": "1", "text": "Anja waits.",
                         "labels": {"topic": "delivery"}, "entities":
                         [{"type": "person", "start": 0, "end": 4}]}
              conll     token, tab, IOB2 tag; a blank line after each sentence
              text      a document a line

              glossator import mails.csv --collection mail --label topic=category
            """)

    @Argument(help: "File to read.")
    var file: String

    @Option(name: .long, help: "Collection to load into; it is created when it is new.")
    var collection: String = "default"

    @Option(name: .long, help: "csv, tsv, jsonl, conll or text. Default: by the file's name.")
    var format: ImportFormat?

    @Option(name: .long, help: "Column or key of the id. Default: id or external_id; without one, file name and line.")
    var idColumn: String?

    @Option(name: .long, help: "Column or key of the text. Default: text, body, content or sentence.")
    var textColumn: String?

    @Option(name: .long, help: ArgumentHelp("Gold labels of a task; may be repeated.", valueName: "task=column"))
    var label: [String] = []

    @Option(name: .long, help: "Task of the column or key label.")
    var task: String?

    @Option(name: .long, help: "Task of entities that name none.")
    var entityTask: String = "entities"

    @Flag(name: .long, help: "csv and tsv: the file has no header; columns are called 1, 2, 3 …")
    var noHeader = false

    @Flag(name: .long, help: "conll: an I- tag that continues nothing begins an entity.")
    var lenientTags = false

    @Option(
        name: .long,
        help: "Name to follow this load by (glossator status, glossator.batch_progress). Default: collection/file name."
    )
    var batch: String?

    @Option(
        name: .long, parsing: .unconditional,
        help: "-1000 to 1000: a step is ten minutes' lead over other documents. Default: the collection's, 0 at first.")
    var priority: Int?

    @Flag(name: .long, help: "Load the records that are right, and only report the others.")
    var skipInvalid = false

    @Flag(name: .long, help: "Accept labels and entity types that the collection's model does not declare.")
    var allowNewLabels = false

    @Option(name: .long, help: "Who says so; recorded with every gold row. Default: the database user.")
    var annotator: String?

    @Option(
        name: .long, help: "document or sentence: what is labelled and embedded. Default: as it is; document when new.")
    var segmentation: Segmentation?

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        try UsableName.check(collection, "the collection's name")
        if let annotator { try UsableName.check(annotator, "the annotator's name") }
        if let batch { try UsableName.check(batch, "the batch's name") }
        if let priority, !(-1000...1000).contains(priority) {
            throw Fault(
                .input, "priority-range", "--priority \(priority) is not from -1000 to 1000",
                hint: "a step is worth ten minutes of waiting; 1000 is a week")
        }
        let context = try await ModelContext(options, applicationName: "glossator import")
        var reading = ImportOptions()
        reading.format = format
        reading.idColumn = idColumn
        reading.textColumn = textColumn
        reading.labelColumns = try label.map { try LabelColumn(argument: $0) }
        reading.task = task
        reading.entityTask = entityTask
        reading.hasHeader = !noHeader
        reading.repairsTags = lenientTags
        let run = ImportRun(
            context: context, collection: collection, annotator: annotator, segmentation: segmentation,
            skipsInvalid: skipInvalid, allowsNewLabels: allowNewLabels, batch: batch, priority: priority)
        print(try await run.load(file, reading).text(collection: collection))
    }
}

extension ImportFormat: ExpressibleByArgument {}
extension Segmentation: ExpressibleByArgument {}
