import Foundation
import TestSupport
import Testing

/// What must not be loaded. Every refusal names its cause, ends with the right exit code, and leaves the database as it
/// was.
@Suite("Bad input, with the built program")
struct BadInputTests {
    private let place: Workplace

    init() async throws { place = try await Workplace() }

    struct BadFile: Sendable, CustomTestStringConvertible {
        let what: String
        let name: String
        let bytes: [UInt8]
        let codes: [String]
        let line: Int
        var arguments: [String] = []
        var testDescription: String { what }

        init(_ what: String, _ name: String, _ text: String, _ codes: String..., line: Int, arguments: [String] = []) {
            self.init(what, name, bytes: Array(text.utf8), codes, line: line, arguments: arguments)
        }

        init(
            _ what: String, _ name: String, bytes: [UInt8], _ codes: [String], line: Int, arguments: [String] = []
        ) {
            (self.what, self.name, self.bytes, self.codes) = (what, name, bytes, codes)
            (self.line, self.arguments) = (line, arguments)
        }
    }

    static let badFiles: [BadFile] = [
        .init(
            "invalid UTF-8 in text", "a.txt", bytes: Array("good\n".utf8) + [0x61, 0xC3, 0x28, 0x0A], ["invalid-utf8"],
            line: 2),
        .init(
            "invalid UTF-8 in csv", "a.csv", bytes: Array("text\ngood\n".utf8) + [0xED, 0xA0, 0x80, 0x0A],
            ["invalid-utf8"], line: 3),
        .init(
            "invalid UTF-8 in jsonl", "a.jsonl",
            bytes: Array("{\"text\": \"good\"}\n{\"text\": \"".utf8) + [0xFF] + Array("\"}\n".utf8), ["invalid-utf8"],
            line: 2),
        .init("an empty text", "a.jsonl", "{\"text\": \"good\"}\n{\"text\": \"\"}\n", "empty-text", line: 2),
        .init("a text of white space", "a.csv", "id,text\n1,good\n2,\" \u{3000} \"\n", "empty-text", line: 3),
        .init("U+0000", "a.jsonl", "{\"text\": \"good\"}\n{\"text\": \"a\\u0000b\"}\n", "nul-character", line: 2),
        .init("a line that is not JSON", "a.jsonl", "{\"text\": \"good\"}\n{text: secret}\n", "invalid-json", line: 2),
        .init(
            "an object without text", "a.jsonl", "{\"text\": \"good\"}\n{\"body \": \"secret\"}\n", "missing-text",
            line: 2),
        .init("a ragged row", "a.csv", "id,text\n1,good\n2,secret,more\n", "ragged-row", line: 3),
        .init("a quote that is not closed", "a.csv", "id,text\n1,good\n2,\"secret\n", "unclosed-quote", line: 3),
        .init("the same id twice", "a.csv", "id,text\n1,good\n1,secret\n", "duplicate-id", line: 3),
        .init(
            "overlapping entities", "a.jsonl",
            #"{"text": "Maria Smith", "entities": {"names": [{"type": "person", "start": 0, "end": 5}, "#
                + #"{"type": "person", "start": 3, "end": 11}]}}"#, "overlapping-entities", line: 1),
        .init(
            "an entity that ends outside the text", "a.jsonl",
            #"{"text": "Maria 😀", "entities": [{"task": "names", "type": "person", "start": 0, "end": 8}]}"#,
            "offsets-outside-text", line: 1),
        .init(
            "an entity before the text", "a.jsonl",
            #"{"text": "Maria", "entities": [{"task": "names", "type": "person", "start": -1, "end": 2}]}"#,
            "offsets-outside-text", line: 1),
        .init(
            "an empty entity", "a.jsonl",
            #"{"text": "Maria", "entities": [{"task": "names", "type": "person", "start": 2, "end": 2}]}"#,
            "empty-span",
            line: 1),
        .init(
            "offsets beyond every integer", "a.jsonl",
            #"{"text": "Maria", "entities": [{"task": "names", "type": "person", "start": 0, "end": 1e300}]}"#,
            "wrong-kind", line: 1),
        .init("a tag that is none", "a.conll", "Maria\tB-person\nwaits\tX-person\n", "unknown-tag", line: 2),
        .init("a tag that continues nothing", "a.conll", "Maria\tI-person\n", "tag-sequence", line: 1),
        .init("a token without a tag", "a.conll", "Maria\tO\nwaits\n", "missing-tag", line: 2),
        .init(
            "several problems", "a.jsonl", "{\"text\": \" \"}\n[]\n{\"text\": \"good\"}\n{}\n", "empty-text",
            "not-an-object", "missing-text", line: 4),
    ]

    @Test("a file with one bad record is refused whole: the line is named, nothing is loaded", arguments: badFiles)
    func badFile(_ file: BadFile) async throws {
        let path = try place.write(file.name, file.bytes)
        let before = try place.contents()
        let outcome = try await place.program.start(["import", path, "--collection", "mail"] + file.arguments).wait()
        expectRefusal(
            outcome, 65, "import-refused", naming: "line \(file.line):", "--skip-invalid", notQuoting: "secret")
        for code in file.codes { #expect(outcome.errors.contains("[\(code)]"), "\(outcome)") }
        #expect(try place.contents() == before)
    }

    @Test("with --skip-invalid the good records are loaded and the others counted")
    func skipInvalid() async throws {
        let path = try place.write("a.txt", Array("good\n".utf8) + [0xFF, 0x0A] + Array("better\n".utf8))
        let outcome = try await place.succeed("import", path, "--skip-invalid")
        #expect(outcome.output.contains("2 documents loaded") && outcome.output.contains("1 records skipped"))
        #expect(outcome.errors.contains("line 2:"))
        #expect(try place.count("documents") == 2)
    }

    @Test("a file is refused when a column is missing, when its kind is unknown, when it cannot be read")
    func unreadableFiles() async throws {
        let before = try place.contents()
        let csv = try place.write("a.csv", "number,words\n1,good\n")
        expectRefusal(
            try await place.glossator("import", csv), 65, "missing-column", naming: "words")
        let labelled = try place.write("b.csv", "id,text\n1,good\n")
        expectRefusal(
            try await place.glossator("import", labelled, "--label", "topic=category"), 65, "missing-column",
            naming: "category")
        expectRefusal(try await place.glossator("import", labelled, "--label", "topic"), 65, "label-option")
        let unknown = try place.write("a.docx", "x")
        expectRefusal(try await place.glossator("import", unknown), 65, "unknown-format", naming: "--format")
        let missing = place.folder.path + "/none.csv"
        expectRefusal(try await place.glossator("import", missing), 65, "file-unreadable", naming: missing)
        let directory = place.folder.appendingPathComponent("d.csv")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        expectRefusal(try await place.glossator("import", directory.path), 65, "file-unreadable")
        let empty = try place.write("empty.csv", "")
        expectRefusal(try await place.glossator("import", empty), 65, "empty-file")
        #expect(try place.contents() == before)
    }

    @Test("an id that has another text already is a conflict, and nothing of the file is loaded")
    func conflict() async throws {
        try place.psql("INSERT INTO glossator.documents (collection, external_id, body) VALUES ('mail', '2', 'old')")
        let before = try place.contents()
        let path = try place.write("a.csv", "id,text\n1,new\n2,secret\n3,new too\n")
        let outcome = try await place.glossator("import", path, "--collection", "mail")
        expectRefusal(outcome, 65, "document-conflict", naming: "line 3", notQuoting: "secret")
        #expect(try place.contents() == before)
        #expect(try place.psql("SELECT body FROM glossator.documents") == "old")
        try await place.succeed("import", path, "--collection", "mail", "--skip-invalid")
        #expect(try place.count("documents") == 3)
    }

    @Test("a collection or an annotator without a usable name is refused before anything is loaded")
    func names() async throws {
        let before = try place.contents()
        let path = try place.write("a.jsonl", "{\"text\": \"late\", \"labels\": {\"topic\": \"delivery\"}}\n")
        for arguments in [
            ["--collection", ""], ["--collection", " "], ["--collection", String(repeating: "x", count: 201)],
            ["--annotator", ""],
        ] {
            let outcome = try await place.program.start(["import", path] + arguments).wait()
            expectRefusal(outcome, 65, "name-unusable")
        }
        let model = try await place.glossator(
            "model", "new", "n", "--task", "t=a,b", "--collection", String(repeating: "é", count: 101))
        expectRefusal(model, 65, "name-unusable")
        #expect(try place.contents() == before)
    }

    @Test("labels and tags that the collection's model does not declare are refused, unless they are allowed")
    func undeclared() async throws {
        try await place.succeed(
            "model", "new", "mail", "--task", "topic=billing,delivery", "--entities", "names=person", "--collection",
            "mail")
        let before = try place.contents()
        let labels = try place.write("a.csv", "text,topic\nA refund,biling\n")
        let arguments = ["import", labels, "--collection", "mail", "--label", "topic=topic"]
        let outcome = try await place.program.start(arguments).wait()
        expectRefusal(outcome, 65, "import-refused", naming: "[unknown-label]", "line 2:")
        let tags = try place.write("a.conll", "Berlin\tB-place\n")
        let tagged = try await place.glossator("import", tags, "--collection", "mail", "--entity-task", "names")
        expectRefusal(tagged, 65, "import-refused", naming: "[unknown-label]", "line 1:")
        #expect(try place.contents() == before)
        let allowed = try await place.program.start(arguments + ["--allow-new-labels"]).wait()
        #expect(allowed.code == 0, "\(allowed)")
        #expect(try place.psql("SELECT label FROM glossator.gold_labels") == "biling")
    }

    @Test("gold entities by SQL: outside the body, empty, overlapping, or with another surface are refused")
    func goldBySQL() throws {
        try place.psql(
            "INSERT INTO glossator.documents (collection, external_id, body) VALUES ('mail', '1', 'Zoë 😀 Smith')")
        func insert(_ columns: String, _ values: String) throws {
            try place.psql(
                """
                INSERT INTO glossator.gold_entities (document_id, task, type, \(columns))
                SELECT id, 'names', 'person', \(values) FROM glossator.documents
                """)
        }
        try insert("start_char, end_char", "0, 3")
        let before = try place.contents()
        for (columns, values, constraint) in [
            ("start_char, end_char", "6, 12", "outside"), ("start_char, end_char", "-1, 2", "not a span"),
            ("start_char, end_char", "4, 4", "not a span"), ("start_char, end_char", "2, 5", "overlaps"),
            ("start_char, end_char, surface", "6, 11, 'Smits'", "does not say"),
            ("surface", "'Jones'", "does not occur"),
        ] {
            let failure = #expect(throws: TemporaryCluster.Failure.self) { try insert(columns, values) }
            #expect(failure?.description.contains(constraint) == true, "\(failure?.description ?? "")")
        }
        #expect(try place.contents() == before)
        try insert("surface", "'Smith'")
        #expect(
            try place.psql("SELECT start_char, end_char FROM glossator.gold_entities WHERE surface = 'Smith'") == "6|11"
        )
    }

    @Test("a text of 10 MB and a word of 1 MB that were inserted by SQL are annotated like any other")
    func largeTexts() async throws {
        try place.psql(
            """
            INSERT INTO glossator.documents (external_id, body) VALUES
                ('10 MB', repeat('parcel refund, ', 700000)), ('1 MB word', repeat('x', 1048576)), ('short', 'late')
            """)
        try await place.succeed("run", "--drain")
        #expect(try place.count("annotations") == 3)
        #expect(
            try place.psql("SELECT end_char FROM glossator.embeddings ORDER BY end_char") == "4\n1048576\n10500000")
    }

    @Test(
        "train says what is missing: no gold, too little, one class, an unknown task or collection; nothing is stored")
    func training() async throws {
        expectRefusal(try await place.glossator("train", "--collection", "none"), 65, "no-gold", naming: "none")
        try place.addDocuments(40)
        expectRefusal(try await place.glossator("train", "--collection", "mail"), 65, "no-gold")
        func label(_ count: Int, _ label: String) throws {
            try place.psql(
                """
                INSERT INTO glossator.gold_labels (document_id, task, label)
                SELECT id, 'topic', '\(label)' FROM glossator.documents ORDER BY id LIMIT \(count)
                """)
        }
        try label(2, "billing")
        expectRefusal(
            try await place.glossator("train", "--collection", "mail"), 65, "training-too-few-rows", naming: "topic")
        try label(40, "delivery")
        expectRefusal(
            try await place.glossator("train", "--collection", "mail"), 65, "training-one-class", naming: "topic")
        expectRefusal(
            try await place.glossator("train", "--collection", "mail", "--task", "topics"), 65, "task-without-gold",
            naming: "topics", "topic")
        #expect(try place.count("models") == 1)
        #expect(try place.count("training_runs", "status <> 'failed'") == 0)
        #expect(try place.count("training_runs", "message IS NULL") == 0)
    }

    @Test("searches that can find nothing are refused: unknown collection, k of 0")
    func searching() async throws {
        try place.addDocuments(1)
        expectRefusal(
            try await place.glossator("search", "late", "--collection", "males"), 65, "collection-unknown",
            naming: "mail")
        expectRefusal(try await place.glossator("search", "late", "-k", "0"), 65, "search-k")
        let early = try await place.succeed("search", "late")
        #expect(early.output.isEmpty && early.errors.contains("nothing has been embedded yet"))
    }

    @Test("models that do not exist, and tasks that are written wrong, are refused")
    func models() async throws {
        let before = try place.contents()
        for arguments in [
            ["show", "mini"], ["promote", "mini"], ["export", "mini", place.folder.path + "/x"],
            ["new", "n", "--from", "mini", "--task", "t=a,b"],
        ] {
            let outcome = try await place.program.start(["model"] + arguments).wait()
            expectRefusal(outcome, 65, "not-found", naming: "mini")
        }
        for task in ["topic", "topic=", "topic=a", "=a,b", "topic=a,a", "topic=a,,a"] {
            expectRefusal(try await place.glossator("model", "new", "n", "--task", task), 65, "task-malformed")
        }
        expectRefusal(
            try await place.glossator("model", "new", "n", "--task", "t=a,b", "--entities", "t=a"), 65,
            "task-malformed",
            naming: "t")
        expectRefusal(try await place.glossator("model", "new", " ", "--task", "t=a,b"), 65, "name-unusable")
        expectRefusal(try await place.glossator("model", "new", "tiny", "--task", "t=a,b"), 65, "already-exists")
        #expect(try place.contents() == before)
    }

    @Test("an export does not overwrite a directory that holds something")
    func exportOccupied() async throws {
        let directory = place.folder.appendingPathComponent("occupied")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        let file = directory.appendingPathComponent("notes.txt")
        try Data("mine".utf8).write(to: file)
        let outcome = try await place.glossator("model", "export", "tiny", directory.path)
        expectRefusal(outcome, 65, "directory-not-empty", naming: directory.path)
        #expect(try String(contentsOf: file, encoding: .utf8) == "mine")
    }
}
