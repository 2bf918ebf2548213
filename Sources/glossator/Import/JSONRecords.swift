import Annotations

/// Records of a jsonl file: one object a line; blank lines are skipped.
///
///     {"id": "7", "text": "…", "labels": {"topic": "sports"}}
///     {"text": "…", "entities": {"names": [{"type": "person", "start": 0, "end": 4}]}}
///     {"text": "…", "entities": [{"task": "names", "type": "person", "start": 0, "end": 4, "text": "Anna"}]}
///     {"words": ["Anna", "left"], "tags": ["B-person", "O"]}
///
/// Other keys with a string, number or truth value become metadata; other arrays, objects and nulls are left out.
struct JSONRecords: RecordSource {
    private var lines: ByteLines
    private let stem: String
    private let options: ImportOptions

    var bytesRead: Int { lines.bytesRead }

    init(lines: ByteLines, stem: String, options: ImportOptions) {
        self.lines = lines
        self.stem = stem
        self.options = options
    }

    mutating func next() throws(Fault) -> ImportOutcome? {
        while let line = try lines.next() {
            if line.isBlank { continue }
            if line.isTooLong { return .refused([.tooLong(line: line.number, limit: options.maximumRecordBytes)]) }
            return outcome(of: line)
        }
        return nil
    }

    private func outcome(of line: ByteLine) -> ImportOutcome {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: line.bytes)
        } catch {
            let place = "at byte offset \(error.offset) of the line"
            let message =
                error.code == "invalid-json" ? "not JSON \(place): \(error.message)" : "\(error.message) \(place)"
            return .refused([ImportProblem(line: line.number, code: error.code, message: message)])
        }
        guard let object = value.object else {
            return .refused([
                ImportProblem(line: line.number, code: "not-an-object", message: "the line is JSON, but no object")
            ])
        }
        var reading = JSONRecordReading(object: object, line: line.number, options: options)
        let record = reading.record(generatedID: "\(stem):\(line.number)")
        guard let record, reading.problems.isEmpty else { return .refused(reading.problems) }
        return .record(record)
    }
}

/// Takes one object apart and collects everything that is wrong with it.
private struct JSONRecordReading {
    let object: JSONObject
    let line: Int
    let options: ImportOptions
    private(set) var problems: [ImportProblem] = []
    private var used: Set<String> = []
    /// What entities say their surfaces are, to be compared once the body is known.
    private var surfaces: [(entity: GoldEntity, surface: String)] = []

    init(object: JSONObject, line: Int, options: ImportOptions) {
        self.object = object
        self.line = line
        self.options = options
    }

    mutating func record(generatedID: String) -> ImportRecord? {
        let id = identifier()
        var (entities, complete) = self.entities()
        let text = self.text()
        var body = text
        if let tagged = taggedWords(hasText: text != nil) {
            if let text, text != tagged.text {
                report("words-and-text", "the text is not the words joined by one space")
            }
            body = tagged.text
            if isGiven("tags") {
                if complete.contains(options.entityTask) {
                    report("entities-twice", "tags and entities both mark the task \(options.entityTask)")
                }
                entities += tagged.entities
                complete.insert(options.entityTask)
            }
        }
        guard let body else {
            if problems.isEmpty {
                let tried = options.textColumn ?? (ImportOptions.textNames + ["words"]).joined(separator: ", ")
                report("missing-text", "the object has no key \(tried.shortened)")
            }
            return nil
        }
        checkSurfaces(in: body)
        return ImportRecord(
            line: line, externalID: id ?? generatedID, body: body, labels: labels(), entities: entities,
            completeTasks: complete, metadata: metadata())
    }

    private mutating func report(_ code: String, _ message: String) {
        problems.append(ImportProblem(line: line, code: code, message: message))
    }

    private func isGiven(_ key: String) -> Bool {
        guard let value = object[key] else { return false }
        return value != .null
    }

    /// The value of a key that is present and not null.
    private mutating func take(_ key: String) -> JSONValue? {
        guard let value = object[key] else { return nil }
        used.insert(key)
        return value == .null ? nil : value
    }

    private mutating func identifier() -> String? {
        let candidates = options.idColumn.map { [$0] } ?? ImportOptions.idNames
        guard let key = candidates.first(where: isGiven), let value = take(key) else { return nil }
        switch value {
        case .string(let id), .number(let id): return id.isEmpty ? nil : id
        default:
            report("wrong-kind", "the value of \(key.shortened) is neither a string nor a number")
            return nil
        }
    }

    private mutating func text() -> String? {
        let candidates = options.textColumn.map { [$0] } ?? ImportOptions.textNames
        guard let key = candidates.first(where: isGiven), let value = take(key) else { return nil }
        if value.string == nil { report("wrong-kind", "the value of \(key.shortened) is not a string") }
        return value.string
    }

    private mutating func strings(_ key: String) -> [String]? {
        guard let value = take(key) else { return nil }
        let strings = value.array?.compactMap(\.string)
        guard let strings, strings.count == value.array?.count else {
            report("wrong-kind", "the value of \(key) is not an array of strings")
            return nil
        }
        return strings
    }

    /// Beside a text, only a list of `words` together with `tags` is meant so; else they are other people's keys.
    private mutating func taggedWords(hasText: Bool) -> TaggedWords? {
        guard let value = object["words"], value != .null else { return nil }
        if hasText && (value.array == nil || !isGiven("tags")) { return nil }
        guard let words = strings("words") else { return nil }
        let tags = strings("tags")
        if let tags, tags.isEmpty, !words.isEmpty {
            report("words-and-tags", "\(counted(words.count, "word")), but no tags")
        }
        let tagged = TaggedWords(
            words: words, tags: tags ?? [], task: options.entityTask, repairs: options.repairsTags)
        for problem in tagged.problems {
            report(problem.code, "\(problem.message) (word \(problem.word + 1))")
        }
        return tagged
    }

    // MARK: Labels

    private mutating func labels() -> [ImportRecord.Label] {
        var labels: [ImportRecord.Label] = []
        if let value = take("labels") {
            if let byTask = value.object {
                for member in byTask.members { add(member.value, task: member.key, to: &labels) }
            } else {
                report("wrong-kind", "the value of labels is not an object of task and label")
            }
        }
        for column in options.labelColumns {
            if let value = take(column.column) { add(value, task: column.task, to: &labels) }
        }
        if let task = options.task, let value = take(ImportOptions.labelName) { add(value, task: task, to: &labels) }
        return labels
    }

    private mutating func add(_ value: JSONValue, task: String, to labels: inout [ImportRecord.Label]) {
        if value == .null { return }
        guard let label = value.scalar else {
            return report("wrong-kind", "the label of \(task.shortened) is not a string")
        }
        if labels.contains(where: { $0.task == task }) {
            return report("label-twice", "the task \(task.shortened) has two labels")
        }
        labels.append(.init(task: task, label: label))
    }

    // MARK: Entities

    private mutating func entities() -> ([GoldEntity], complete: Set<String>) {
        guard let value = take("entities") else { return ([], []) }
        var found: [GoldEntity] = []
        var complete: Set<String> = []
        switch value {
        case .array(let list):
            for element in list {
                let task = element.object?["task"]?.string ?? options.entityTask
                complete.insert(task)
                if let entity = entity(element, task: task) { found.append(entity) }
            }
            if list.isEmpty { complete.insert(options.entityTask) }
        case .object(let byTask):
            for member in byTask.members where member.value != .null {
                guard let list = member.value.array else {
                    report("wrong-kind", "the entities of \(member.key.shortened) are not an array")
                    continue
                }
                complete.insert(member.key)
                found += list.compactMap { entity($0, task: member.key) }
            }
        default: report("wrong-kind", "the value of entities is neither an array nor an object")
        }
        return (found, complete)
    }

    private mutating func entity(_ value: JSONValue, task: String) -> GoldEntity? {
        guard let object = value.object, let type = object["type"]?.string, let start = object["start"]?.integer,
            let end = object["end"]?.integer
        else {
            report("wrong-kind", "an entity needs type (a string), start and end (whole numbers)")
            return nil
        }
        let entity = GoldEntity(task: task, type: type, start: start, end: end)
        if let surface = object["text"]?.string { surfaces.append((entity, surface)) }
        return entity
    }

    /// Offsets counted in UTF-16 units or bytes are the usual mistake; a surface beside them betrays it.
    private mutating func checkSurfaces(in body: String) {
        guard !surfaces.isEmpty else { return }
        let scalars = Array(body.unicodeScalars)
        for (entity, surface) in surfaces
        where entity.start >= 0 && entity.start <= entity.end && entity.end <= scalars.count {
            if !surface.unicodeScalars.elementsEqual(scalars[entity.start..<entity.end]) {
                let place = "the entity \(entity.start)..<\(entity.end)"
                report("entity-text", "\(place) has another text than the body there; offsets are code points")
            }
        }
    }

    // MARK: The rest

    private func metadata() -> [String: String] {
        var metadata: [String: String] = [:]
        for member in object.members where !used.contains(member.key) {
            metadata[member.key] = member.value.scalar
        }
        return metadata
    }
}
