import Annotations
import ArgumentParser
import Model

struct EmbedCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "embed",
        abstract: "The embedding of each text.",
        discussion: """
            Reads a text a line, or jsonl with "text" (or "words"), and writes a JSON object a line, in order, with \
            "embedding" added and the input's other keys kept. A text longer than the encoder's window is read in \
            overlapping windows.

              echo "Anja lives in Porto." | glossator embed --model DIR
            """)

    @Option(name: .long, help: "Directory of a Hugging Face BERT model, or the name of a model in the database.")
    var model: String

    @Option(name: .long, help: "none, l2 or layernorm. Default: what the model directory says.")
    var normalize: EmbeddingSpace.Normalization?

    @OptionGroup var precision: FilterPrecision
    @OptionGroup var filter: FilterOptions
    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await options.load()
        let bundle = try await ModelSource(settings: settings).bundle(
            named: model, normalization: normalize, plan: precision.precision)
        let annotator = try Annotator(bundle: bundle, tokenBudget: settings.integer("worker.batch-tokens"))
        let runner = FilterRunner(threads: AnnotatorThreads(count: settings.workerThreads) { AnnotatorWorkspace() })
        try await runner.run(filter.input()) { requests, workspace in
            let texts = requests.map(\.annotationRequest)
            return zip(requests, annotator.embed(texts, workspace: &workspace)).map { request, result in
                result.map {
                    request.answer([.init(key: "embedding", value: .floats($0.segments.first?.embedding ?? []))])
                }
                .mapError { $0.atLine(request.line) }
            }
        }
    }
}

typealias AnnotatorThreads = ComputeThreads<AnnotatorWorkspace>

extension EmbeddingSpace.Normalization: ExpressibleByArgument {}

extension FilterRequest {
    var annotationRequest: AnnotationRequest {
        words.map(AnnotationRequest.init(words:)) ?? AnnotationRequest(text: text)
    }
}

extension Fault {
    /// The same fault, saying which line of a filter's input it is about.
    func atLine(_ line: Int) -> Fault { with(message: "line \(line): \(message)") }
}
