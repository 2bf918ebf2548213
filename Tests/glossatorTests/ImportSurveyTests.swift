import Annotations
import Foundation
import Testing
import glossator

@Suite("What import refuses, whatever the format") struct ImportSurveyTests {
    @Test("a file's name says its format, or the fault says how to")
    func formats() throws {
        let names: [(String, ImportFormat)] = [
            ("a.csv", .csv), ("dir.d/A.CSV", .csv), ("a.tsv", .tsv), ("a.tab", .tsv), ("a.jsonl", .jsonl),
            ("a.ndjson", .jsonl),
            ("a.conll", .conll), ("a.iob2", .conll), ("a.b.txt", .text),
        ]
        for (name, format) in names { #expect(try ImportFormat(fileName: name) == format) }
        for name in ["a", "a.json", "dir.csv/a", "", "a."] {
            let fault = importFault { _ = try ImportFormat(fileName: name) }
            #expect(fault?.code == "unknown-format" && fault?.hint?.contains("--format") == true)
        }
        #expect(importFault { _ = try ImportFormat(fileName: "a.csv.gz") }?.code == "compressed-input")
    }

    @Test("an id that a line before has is a duplicate; the line of the first is named")
    func duplicateIDs() throws {
        let outcomes = try importing("id,text\nx,a\ny,b\nx,c\n", as: "f.csv")
        #expect(outcomes.complaints == ["4 duplicate-id"])
        #expect(outcomes.problems.first?.message.contains("line 2") == true)
        #expect(
            try importing("{\"id\":\"f:2\",\"text\":\"a\"}\n{\"text\":\"b\"}", as: "f.jsonl").complaints == [
                "2 duplicate-id"
            ])
        #expect(try importing("# id = q\na\tO\n\n# id = q\nb\tO\n", as: "f.conll").complaints == ["5 duplicate-id"])
    }

    @Test("the id of a record that was refused is free for a good one")
    func idOfRefusedRecord() throws {
        let outcomes = try importing("id,text\nx,\nx,good\n", as: "f.csv")
        #expect(outcomes.complaints == ["2 empty-text"])
        #expect(outcomes.records.map(\.externalID) == ["x"])
    }

    @Test("ids that only look alike are different")
    func canonicallyEquivalentIDs() throws {
        #expect(try importing("id,text\n\u{E9},a\ne\u{301},b\n", as: "f.csv").records.count == 2)
    }

    @Test("ids and labels as long as texts are problems")
    func lengths() throws {
        let long = String(repeating: "x", count: 2000)
        let outcomes = try importing(
            "id,label,text\n\(long),a,t\n1,\(long),t\n", as: "f.csv", importOptions { $0.task = "topic" })
        #expect(outcomes.complaints == ["2 id-too-long", "3 label-too-long"])
        #expect(outcomes.problems.allSatisfy { $0.message.count < 120 })
    }

    @Test("where the labels and types of a task are known, others are problems")
    func knownLabels() throws {
        var known = importOptions { $0.knownLabels = ["mood": ["good", "bad"], "names": ["person"]] }
        let lines = [
            #"{"text":"a","labels":{"mood":"good","topic":"any"}}"#, #"{"text":"a","labels":{"mood":"ugly"}}"#,
            #"{"text":"a","entities":{"names":[{"type":"thing","start":0,"end":1}]}}"#,
        ]
        let outcomes = try importing(lines.joined(separator: "\n"), as: "f.jsonl", known)
        #expect(outcomes.complaints == ["2 unknown-label", "3 unknown-label"])
        known.refusesOtherTasks = true
        let closed = try importing(lines.joined(separator: "\n"), as: "f.jsonl", known)
        #expect(closed.complaints == ["1 unknown-label", "2 unknown-label", "3 unknown-label"])
    }

    @Test("no message repeats a text")
    func messagesKeepTexts() throws {
        let lines = [
            #"{"text":"SECRET","id":[]}"#, #"{"text":"SECRET\u0000"}"#, #"{"SECRET"#,
            #"{"words":["SECRET"],"tags":["SECRET"]}"#,
            #"{"text":"SECRET","entities":[{"type":"p","start":0,"end":3,"text":"SECRE"}]}"#,
            #"{"text":"SECRET","entities":[{"type":"p","start":0,"end":70}]}"#, #""SECRET""#,
        ]
        let outcomes = try importing(lines.joined(separator: "\n"), as: "f.jsonl")
        #expect(outcomes.problems.map(\.line) == [1, 2, 3, 4, 5, 6, 7])
        let conll = try importing("SECRET\n\nSECRET\tSECRET\n", as: "f.conll")
        #expect(conll.problems.count == 2)
        #expect((outcomes + conll).problems.allSatisfy { !$0.description.contains("SECRE") })
    }

    @Test("a survey counts records, labels and entities, and is told how far it is")
    func survey() throws {
        let folder = try ImportFolder()
        let lines = [
            #"{"text":"Anna","labels":{"mood":"good"},"entities":[{"type":"p","start":0,"end":4}]}"#,
            #"{"text":"b","labels":{"mood":"bad"}}"#, #"{"text":"c","labels":{"mood":"bad"},"entities":{"dates":[]}}"#,
            #"{"text":"d"}"#,
        ]
        let path = try folder.write("gold.jsonl", lines.joined(separator: "\n"))
        var reader = try ImportReader(path: path)
        var steps: [Int] = []
        let survey = try ImportSurvey.of(&reader) { steps.append($0) }
        #expect((survey.records, survey.refused, survey.goldRecords) == (4, 0, 3))
        #expect(survey.labels == ["mood": ["good": 1, "bad": 2]])
        #expect(survey.entities == ["entities": ["p": 1], "dates": [:]])
        #expect(survey.bytes == reader.totalBytes)
        #expect(steps == steps.sorted() && steps.count == 4 && steps.last == survey.bytes)
        #expect(survey.refusal(of: path) == nil)
    }

    @Test("a file with bad records is refused whole, with the first problems and the count of the rest")
    func refusal() throws {
        let file = "id,text\n" + (1...50).map { $0 % 2 == 0 ? "\($0),\n" : "\($0),t\n" }.joined()
        var reader = try ImportReader(source: ByteSource(name: "f.csv", bytes: Array(file.utf8)), format: .csv)
        let survey = try ImportSurvey.of(&reader)
        #expect((survey.records, survey.refused, survey.problemCount, survey.problems.count) == (25, 25, 25, 20))
        let refusal = try #require(survey.refusal(of: "f.csv"))
        #expect(refusal.blame == .input && refusal.code == "import-refused")
        #expect(refusal.message.contains("25 of 50 records"))
        #expect(refusal.message.contains("line 3: the text is empty"))
        #expect(refusal.message.contains("and 5 problems more"))
        #expect(refusal.hint?.contains("--skip-invalid") == true)
    }

    @Test("what the progress throws ends the survey")
    func cancellation() throws {
        var reader = try ImportReader(source: ByteSource(name: "f.txt", bytes: Array("a\nb\nc\n".utf8)), format: .text)
        var seen = 0
        let stopped = importFault {
            _ = try ImportSurvey.of(&reader) { _ throws(Fault) in
                seen += 1
                if seen == 2 { throw Fault(.input, "cancelled", "cancelled") }
            }
        }
        #expect(stopped?.code == "cancelled" && seen == 2)
    }

    @Test("a task with ten thousand labels is the wrong column")
    func tooManyLabels() throws {
        let file = "label,text\n" + (0...ImportSurvey.maximumLabels).map { "l\($0),t\n" }.joined()
        let source = ByteSource(name: "f.csv", bytes: Array(file.utf8))
        var reader = try ImportReader(source: source, format: .csv, options: importOptions { $0.task = "topic" })
        #expect(importFault { _ = try ImportSurvey.of(&reader) }?.code == "too-many-labels")
    }

    @Test("a pipe is refused, because a file is read twice")
    func pipe() throws {
        let folder = try ImportFolder()
        let path = folder.url.appendingPathComponent("pipe.txt").path
        #expect(mkfifo(path, 0o600) == 0)
        // A reader that opens a pipe waits for a writer.
        let keeper = open(path, O_RDWR)
        defer { close(keeper) }
        #expect(importFault { _ = try ImportReader(path: path) }?.code == "not-a-file")
    }

    @Test("an empty file has no documents")
    func emptyFiles() throws {
        for name in ["f.jsonl", "f.conll", "f.txt"] { #expect(try importing("", as: name).isEmpty) }
        #expect(try importing("id,text\n", as: "f.csv").isEmpty)
    }

    @Test(
        "files of random bytes break no reader, and read the same however they come in",
        arguments: ImportFormat.allCases)
    func randomBytes(format: ImportFormat) throws {
        let pieces: [[UInt8]] =
            [
                [0x0A], [0x0D, 0x0A], [0x0D], [0x22], [0x22, 0x22], [0x2C], [0x09], [0x20], [0xFF], [0xE6, 0xBC, 0xA2],
                [0xE6],
                [0x00], [0x5C], [0x7B], [0x7D], [0x5B], [0x5D], [0x3A], [0x2D],
            ]
            + [
                "text", "a", "B-x", "I-x", "O", "\"text\":", "\"entities\":", "{\"text\":\"abc\"}", "7", "😀",
                "-DOCSTART-", "\na\tO\n\n", "b\tB-x\n",
            ].map {
                Array($0.utf8)
            }
        var state: UInt64 = 7
        func below(_ limit: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % limit
        }
        let options = importOptions { ($0.format, $0.maximumRecordBytes) = (format, 40) }
        var good = 0
        for _ in 0..<400 {
            var file = Array((format == .tsv ? "id\ttext\n" : format == .csv ? "id,text\n" : "").utf8)
            for _ in 0..<below(60) { file += pieces[below(pieces.count)] }
            // The line break in front keeps random bytes from looking like the mark of UTF-16.
            let byByte = try importing([0x0A] + file, as: "f", options, blockSize: 1)
            let atOnce = try importing([0x0A] + file, as: "f", options, blockSize: 1000)
            #expect(byByte == atOnce)
            #expect(byByte.records.allSatisfy { $0.line > 0 && !$0.externalID.isEmpty })
            good += byByte.records.count
        }
        #expect(good > 0)
    }
}
