import Annotations
import Testing
import glossator

@Suite("Importing csv and tsv") struct ImportDelimitedTests {
    @Test("quotes, doubled quotes, commas and line breaks in a field, CRLF and a byte-order mark are RFC 4180's")
    func quoting() throws {
        let file = "\u{FEFF}id,text\r\n1,plain\r\n2,\"a, \"\"b\"\"\r\nc\nd\"\r\n\"3\",\"\"\"\"\r\n4,last"
        for blockSize in [1, 2, 5, 100] {
            let records = try importing(file, as: "f.csv", blockSize: blockSize).records
            #expect(records.map(\.body) == ["plain", "a, \"b\"\r\nc\nd", "\"", "last"])
            #expect(records.map(\.externalID) == ["1", "2", "3", "4"])
            #expect(records.map(\.line) == [2, 3, 6, 7])
        }
    }

    @Test("in tsv a quote is a character and a comma is one")
    func tsvHasNoQuotes() throws {
        let records = try importing("id\tlabel\ttext\nx\tgood\t\"it's\", he said\n", as: "f.tsv").records
        #expect(
            records == [
                ImportRecord(line: 2, externalID: "x", body: "\"it's\", he said", metadata: ["label": "good"])
            ])
    }

    @Test("columns are found by their usual names, whatever their case and order")
    func usualNames() throws {
        for name in ["text", "body", "content", "sentence", "Text", "BODY"] {
            let records = try importing("n,\(name),External_ID\n1,words,e7\n", as: "f.csv").records
            #expect(records == [ImportRecord(line: 2, externalID: "e7", body: "words", metadata: ["n": "1"])])
        }
    }

    @Test("text wins over body, and the columns in use can be shown")
    func columnsInUse() throws {
        let source = ByteSource(name: "f.csv", bytes: Array("body,text,id,topic\n".utf8))
        let reader = try ImportReader(
            source: source, format: .csv,
            options: importOptions { $0.labelColumns = [LabelColumn(task: "subject", column: "topic")] })
        #expect(reader.columns?.text == "text")
        #expect(reader.columns?.id == "id")
        #expect(reader.columns?.labels == [LabelColumn(task: "subject", column: "topic")])
        #expect(reader.columns?.metadata == ["body"])
    }

    @Test("options name the columns of text, id and labels; an empty cell is no label and no id")
    func namedColumns() throws {
        let options = importOptions {
            $0.textColumn = "review"
            $0.idColumn = "key"
            $0.labelColumns = [LabelColumn(task: "topic", column: "t"), LabelColumn(task: "mood", column: "m")]
        }
        let file = "key,t,m,review,note\nk1,billing,angry,pay me,\n,,calm,all well,n\n"
        let records = try importing(file, as: "dir/reviews.csv", options).records
        #expect(records.map(\.externalID) == ["k1", "reviews:3"])
        #expect(records[0].labels == [.init(task: "topic", label: "billing"), .init(task: "mood", label: "angry")])
        #expect(records[1].labels == [.init(task: "mood", label: "calm")])
        #expect(records[0].metadata.isEmpty)
        #expect(records[1].metadata == ["note": "n"])
    }

    @Test("with a task, the column label holds its labels")
    func labelColumn() throws {
        let records = try importing("label\ttext\ngood\tfine\n", as: "f.tsv", importOptions { $0.task = "mood" })
            .records
        #expect(records.map(\.labels) == [[.init(task: "mood", label: "good")]])
        #expect(records[0].metadata.isEmpty)
    }

    @Test("without an id column, ids are made of the file's name and the line")
    func generatedIDs() throws {
        let records = try importing("text\n\"a\nb\"\n\nc\n", as: "some/mail.2024.csv").records
        #expect(records.map(\.externalID) == ["mail.2024:2", "mail.2024:5"])
    }

    @Test("a file without a header has columns 1, 2, 3")
    func noHeader() throws {
        let options = importOptions {
            $0.hasHeader = false
            $0.textColumn = "2"
            $0.labelColumns = [LabelColumn(task: "t", column: "1")]
        }
        let records = try importing("x,one\ny,two\n", as: "f.csv", options).records
        #expect(records.map(\.body) == ["one", "two"])
        #expect(records.map(\.labels.first?.label) == ["x", "y"])
        #expect(records.map(\.line) == [1, 2])
    }

    @Test("a missing column is a fault that lists the columns and names the option")
    func missingColumns() {
        let cases: [(ImportOptions, String)] = [
            (ImportOptions(), "--text-column"),
            (importOptions { $0.textColumn = "review" }, "--text-column"),
            (importOptions { ($0.textColumn, $0.idColumn) = ("alpha", "key") }, "--id-column"),
            (importOptions { ($0.textColumn, $0.task) = ("alpha", "mood") }, "--label mood=COLUMN"),
            (
                importOptions { ($0.textColumn, $0.labelColumns) = ("alpha", [LabelColumn(task: "t", column: "tt")]) },
                "--label TASK=COLUMN"
            ),
        ]
        for (options, option) in cases {
            let fault = importFault { _ = try importing("alpha,beta\n1,2\n", as: "f.csv", options) }
            #expect(fault?.blame == .input && fault?.code == "missing-column")
            #expect(fault?.message.contains("alpha, beta") == true)
            #expect(fault?.hint?.contains(option) == true)
        }
    }

    @Test("a header that is really a row of text is cut short in the message")
    func longHeader() {
        let text = String(repeating: "private ", count: 50)
        let message = importFault { _ = try importing("\(text),b\n", as: "f.csv") }?.message
        #expect(message?.contains("private private") == true)
        #expect((message?.count ?? 1000) < 200)
    }

    @Test("headers that mean two things are refused")
    func ambiguousHeaders() {
        let cases: [(String, ImportOptions, String)] = [
            ("text,text\n", ImportOptions(), "duplicate-column"),
            ("text,a,a\n", ImportOptions(), "duplicate-column"),
            ("text,id\n", importOptions { $0.idColumn = "text" }, "column-used-twice"),
            ("text,label\n", importOptions { ($0.textColumn, $0.task) = ("label", "t") }, "column-used-twice"),
            (
                "text,label,b\n",
                importOptions { ($0.task, $0.labelColumns) = ("t", [LabelColumn(task: "t", column: "b")]) },
                "task-given-twice"
            ),
            ("", ImportOptions(), "empty-file"),
            ("\n\n", ImportOptions(), "empty-file"),
            ("text,\"id\n", ImportOptions(), "unclosed-quote"),
        ]
        for (file, options, code) in cases {
            #expect(importFault { _ = try importing(file, as: "f.csv", options) }?.code == code)
        }
    }

    @Test("a column without a name gets one")
    func namelessColumn() throws {
        #expect(try importing(",text\n0,a\n", as: "f.csv").records.first?.metadata == ["column1": "0"])
    }

    @Test("a row with too few or too many fields is a problem with its line")
    func raggedRows() throws {
        for (name, separator) in [("f.csv", ","), ("f.tsv", "\t")] {
            let file = ["id,text", "1,a", "2", "3,b,c", "", "4,d"].joined(separator: "\n")
            let outcomes = try importing(file.replacing(",", with: separator), as: name)
            #expect(outcomes.complaints == ["3 ragged-row", "4 ragged-row"])
            #expect(outcomes.records.map(\.body) == ["a", "d"])
        }
    }

    @Test("a quote where none may stand breaks its row only, and says where")
    func misplacedQuotes() throws {
        let outcomes = try importing("id,text\n1,a\"b\n2,\"a\"b\n3,fine\n", as: "f.csv")
        #expect(outcomes.complaints == ["2 misplaced-quote", "3 misplaced-quote"])
        #expect(
            outcomes.problems.map { $0.message.contains("offset 3") || $0.message.contains("offset 4") } == [
                true, true,
            ])
        #expect(outcomes.records.map(\.body) == ["fine"])
    }

    @Test("a quote that is never closed is reported where its row begins")
    func unclosedQuote() throws {
        let outcomes = try importing("id,text\n1,a\n2,\"b\nc\nd\n", as: "f.csv")
        #expect(outcomes.complaints == ["3 unclosed-quote"])
        #expect(outcomes.records.map(\.body) == ["a"])
    }

    @Test("invalid UTF-8 is reported with its line and byte offset; the row is read to its end all the same")
    func invalidUTF8() throws {
        let rows: [[UInt8]] = [
            Array("id,text\n1,\"good\n".utf8), Array("bad ".utf8), [0xFF], Array("\nstill\"\n2,next\n3,".utf8),
            [0xC0, 0x80],
            Array("\n4,end".utf8),
        ]
        let outcomes = try importing(rows.flatMap { $0 }, as: "f.csv")
        #expect(outcomes.complaints == ["3 invalid-utf8", "6 invalid-utf8"])
        #expect(outcomes.problems[0].message.contains("offset 4"))
        #expect(outcomes.problems[1].message.contains("offset 2"))
        #expect(outcomes.records.map(\.body) == ["next", "end"])
    }

    @Test("a record longer than the limit is a problem, over one line or many, and the next is read")
    func tooLong() throws {
        let limit = importOptions { $0.maximumRecordBytes = 20 }
        let long = String(repeating: "x", count: 30)
        let lines = Array(repeating: "0123456789", count: 9).joined(separator: "\n")
        let outcomes = try importing("id,text\n1,\(long)\n2,\"\(lines)\"\n3,ok\n", as: "f.csv", limit)
        #expect(outcomes.complaints == ["2 record-too-long", "3 record-too-long"])
        #expect(outcomes.records.map(\.body) == ["ok"])
        let tsv = try importing("id\ttext\n1\t\(long)\n3\tok\n", as: "f.tsv", limit)
        #expect(tsv.complaints == ["2 record-too-long"])
    }

    @Test("--label is read as a task and a column")
    func labelArgument() throws {
        #expect(try LabelColumn(argument: "topic=the = column") == LabelColumn(task: "topic", column: "the = column"))
        for wrong in ["topic", "=a", "a=", "="] {
            #expect(importFault { _ = try LabelColumn(argument: wrong) }?.code == "label-option")
        }
    }
}
