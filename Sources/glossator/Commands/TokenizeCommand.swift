import Annotations
import ArgumentParser
import Tokenization

struct TokenizeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tokenize",
        abstract: "Word pieces of each text: ids, tokens, offsets in code points.",
        discussion: """
            Reads a text a line, or jsonl with "text" (or "words": already split), and writes a JSON object a line, in \
            order, with the input's other keys kept. Nothing is truncated unless --maximum-tokens is given.

              echo "Anja lives in Porto." | glossator tokenize --model DIR
            """)

    @Option(
        name: .long,
        help: "Directory of a Hugging Face BERT model (tokenizer.json, or vocab.txt and tokenizer_config.json).")
    var model: String

    @Option(name: .long, help: "Cut each text to this many tokens, [CLS] and [SEP] included.")
    var maximumTokens: Int?

    @OptionGroup var filter: FilterOptions
    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let settings = try await options.load()
        if let maximumTokens, maximumTokens < 2 {
            throw Fault(
                .input, "maximum-tokens", "--maximum-tokens \(maximumTokens) leaves no room for [CLS] and [SEP]",
                hint: "give at least 2")
        }
        let tokenizer = try Tokenizer(directory: model)
        let limit = maximumTokens
        let runner = FilterRunner<Void>(threads: ComputeThreads(count: settings.workerThreads) {})
        try await runner.run(filter.input()) { requests, _ in
            requests.map { request in .success(Self.answer(request, tokenizer, limit: limit)) }
        }
    }

    private static func answer(_ request: FilterRequest, _ tokenizer: Tokenizer, limit: Int?) -> [UInt8] {
        var tokens = request.words.map(tokenizer.tokenize(words:)) ?? tokenizer.tokenize(request.text)
        if let limit { tokens = tokens.prefix(maximumTokens: limit) }
        let offsets = tokens.places.map { JSONValue.integers([$0.scalarStart, $0.scalarEnd]) }
        let pieces = tokens.ids.map { JSONValue.string(tokenizer.vocabulary.token($0) ?? "") }
        var members: [JSONObject.Member] = [
            .init(key: "ids", value: .integers(tokens.ids)), .init(key: "tokens", value: .array(pieces)),
            .init(key: "offsets", value: .array(offsets)),
        ]
        if request.words != nil {
            let words = tokens.places.map { $0.word < 0 ? JSONValue.null : .integer($0.word) }
            members.append(.init(key: "word_ids", value: .array(words)))
        }
        return request.answer(members)
    }
}
