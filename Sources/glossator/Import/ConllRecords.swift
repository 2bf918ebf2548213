import Annotations

/// Records of a conll file: a token and its tag a line, a blank line behind every sentence.
///
/// The token is what stands before the first tab, the tag what stands behind the last one; spaces do when the line
/// has no tab. Lines that begin with `-DOCSTART-` are skipped, and so are comments (`# text = …`) where a sentence
/// begins; `# sent_id = …` names it.
struct ConllRecords: RecordSource {
    private var lines: ByteLines
    private let stem: String
    private let options: ImportOptions
    private var sentenceCount = 0

    var bytesRead: Int { lines.bytesRead }

    init(lines: ByteLines, stem: String, options: ImportOptions) {
        self.lines = lines
        self.stem = stem
        self.options = options
    }

    private struct Sentence {
        var firstLine = 0
        var id: String?
        var words: [String] = []
        var tags: [String] = []
        var byteCount = 0
        var problems: [ImportProblem] = []

        var isEmpty: Bool { words.isEmpty && problems.isEmpty }
    }

    mutating func next() throws(Fault) -> ImportOutcome? {
        var sentence = Sentence()
        while let line = try lines.next() {
            if line.isBlank || line.bytes.starts(with: Self.documentStart) {
                if !sentence.isEmpty { return finish(sentence) }
                // Comments that name nothing: the next sentence has its own.
                sentence = Sentence()
                continue
            }
            add(line, to: &sentence)
        }
        return sentence.isEmpty ? nil : finish(sentence)
    }

    private static let documentStart = Array("-DOCSTART-".utf8)

    private func add(_ line: ByteLine, to sentence: inout Sentence) {
        if sentence.isEmpty { sentence.firstLine = line.number }
        if line.isTooLong || sentence.byteCount + line.bytes.count > options.maximumRecordBytes {
            if sentence.problems.last?.code != "record-too-long" {
                sentence.problems.append(.tooLong(line: line.number, limit: options.maximumRecordBytes))
            }
            sentence.words = []
            sentence.tags = []
            return
        }
        sentence.byteCount += line.bytes.count + 1
        if let offset = firstInvalidUTF8(in: line.bytes) {
            sentence.problems.append(.invalidUTF8(line: line.number, offset: offset))
            return
        }
        let hasTab = line.bytes.contains(0x09)
        if sentence.isEmpty, !hasTab, let comment = Comment(line.bytes) {
            if comment.isIdentifier { sentence.id = comment.value }
            return
        }
        let columns = line.bytes.split(separator: hasTab ? 0x09 : 0x20, omittingEmptySubsequences: false)
        guard let token = columns.first, let tag = columns.last, columns.count > 1 else {
            sentence.problems.append(
                ImportProblem(line: line.number, code: "missing-tag", message: "the line has a token, but no tag"))
            return
        }
        // Problems of the words come out by index; those of a line that is left out would shift them.
        guard sentence.problems.isEmpty else { return }
        sentence.words.append(String(decoding: token, as: UTF8.self))
        sentence.tags.append(String(decoding: tag, as: UTF8.self))
    }

    private mutating func finish(_ sentence: Sentence) -> ImportOutcome {
        sentenceCount += 1
        let tagged = TaggedWords(
            words: sentence.words, tags: sentence.tags, task: options.entityTask, repairs: options.repairsTags)
        // Comments stand before the first token only, so a word's line follows from its index.
        let problems =
            tagged.problems.map {
                ImportProblem(line: sentence.firstLine + $0.word, code: $0.code, message: $0.message)
            } + sentence.problems
        guard problems.isEmpty else { return .refused(problems) }
        return .record(
            ImportRecord(
                line: sentence.firstLine, externalID: sentence.id ?? "\(stem)-\(sentenceCount)", body: tagged.text,
                entities: tagged.entities, completeTasks: [options.entityTask]))
    }

    /// `# key = value`. A token `#` has a tag in the last column, never `=` in the third.
    private struct Comment {
        let key: String
        let value: String

        var isIdentifier: Bool { ["sent_id", "id"].contains(key) && !value.isEmpty }

        init?(_ bytes: [UInt8]) {
            let parts = bytes.split(separator: 0x20, maxSplits: 3, omittingEmptySubsequences: false)
            guard parts.count >= 3, parts[0].elementsEqual("#".utf8), parts[2].elementsEqual("=".utf8) else {
                return nil
            }
            key = String(decoding: parts[1], as: UTF8.self)
            value = parts.count == 4 ? String(decoding: parts[3], as: UTF8.self) : ""
        }
    }
}
