import Annotations
import ArgumentParser
import Model

struct AnnotateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "annotate",
        abstract: "Labels and entities of each text.",
        discussion: """
            Reads a text a line, or jsonl with "text" (or "words"), and writes a JSON object a line, in order, with \
            "labels" and "entities" added and the input's other keys kept. Offsets count code points of the text.

              glossator model export MODEL DIR && glossator annotate --model DIR < texts.txt
            """)

    @Option(name: .long, help: "Directory of a model with heads (`model export`), or the name of one in the database.")
    var model: String

    @Flag(name: .long, help: "Add the embedding as well.")
    var embedding = false

    @OptionGroup var precision: FilterPrecision
    @OptionGroup var filter: FilterOptions
    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await options.load()
        let bundle = try await ModelSource(settings: settings).bundle(named: model, plan: precision.precision)
        guard !bundle.heads.classification.isEmpty || !bundle.heads.entities.isEmpty else {
            throw Fault(
                .model, "no-trained-heads", "\(model) has no trained head: there is nothing to annotate with",
                hint: "train one (`glossator train`) and export it (`glossator model export`); `embed` needs no head")
        }
        let annotator = try Annotator(bundle: bundle, tokenBudget: settings.integer("worker.batch-tokens"))
        let runner = FilterRunner(threads: AnnotatorThreads(count: settings.workerThreads) { AnnotatorWorkspace() })
        let withEmbedding = embedding
        try await runner.run(filter.input()) { requests, workspace in
            let texts = requests.map(\.annotationRequest)
            return zip(requests, annotator.annotate(texts, workspace: &workspace)).map { request, result in
                result.map { Self.answer(request, $0, withEmbedding: withEmbedding) }
                    .mapError { $0.atLine(request.line) }
            }
        }
    }

    private static func answer(
        _ request: FilterRequest, _ annotation: DocumentAnnotation, withEmbedding: Bool
    ) -> [UInt8] {
        let segment = annotation.segments.first
        let labels = (segment?.labels ?? []).map { label in
            JSONObject.Member(
                key: label.task, value: .object(["label": .string(label.label), "score": .float(label.score)]))
        }
        let entities = annotation.entities.map { entity in
            JSONValue.object([
                "task": .string(entity.task), "type": .string(entity.type), "start": .integer(entity.start),
                "end": .integer(entity.end), "text": .string(entity.surface), "score": .float(entity.score),
            ])
        }
        var members: [JSONObject.Member] = [
            .init(key: "labels", value: .object(JSONObject(labels))), .init(key: "entities", value: .array(entities)),
        ]
        if withEmbedding { members.append(.init(key: "embedding", value: .floats(segment?.embedding ?? []))) }
        return request.answer(members)
    }
}
