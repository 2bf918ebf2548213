import Annotations
import Testing
import glossator

@Suite("Importing jsonl") struct ImportJSONRecordsTests {
    private func one(_ line: String, _ options: ImportOptions = ImportOptions()) throws -> ImportRecord? {
        let outcomes = try importing(line, as: "f.jsonl", options)
        #expect(outcomes.complaints.isEmpty)
        return outcomes.records.first
    }

    @Test("text, id, labels and other keys become a record")
    func plainRecord() throws {
        let record = try one(
            #"{"id":"7","text":"hé","labels":{"topic":"sport","mood":null},"n":1.50,"ok":true,"who":"me","list":[1],"none":null}"#
        )
        #expect(
            record
                == ImportRecord(
                    line: 1, externalID: "7", body: "hé", labels: [.init(task: "topic", label: "sport")],
                    metadata: ["n": "1.50", "ok": "true", "who": "me"]))
    }

    @Test("ids are strings or numbers as they are spelt; without one the line makes it")
    func identifiers() throws {
        let lines = [
            #"{"external_id":12345678901234567890,"body":"a"}"#, #"{"id":null,"external_id":"e","content":"b"}"#,
            #"{"sentence":"c"}"#, "", #"{"id":"","text":"d"}"#,
        ]
        let records = try importing(lines.joined(separator: "\n"), as: "in/raw.jsonl").records
        #expect(records.map(\.externalID) == ["12345678901234567890", "e", "raw:3", "raw:5"])
        #expect(records.map(\.body) == ["a", "b", "c", "d"])
    }

    @Test("options name the keys of text and id, and keys that hold labels")
    func namedKeys() throws {
        let options = importOptions {
            ($0.textColumn, $0.idColumn, $0.task) = ("review", "key", "mood")
            $0.labelColumns = [LabelColumn(task: "stars", column: "rating")]
        }
        let record = try one(#"{"key":9,"review":"r","label":"glad","rating":5,"text":"other"}"#, options)
        #expect(record?.externalID == "9" && record?.body == "r")
        #expect(record?.labels == [.init(task: "stars", label: "5"), .init(task: "mood", label: "glad")])
        #expect(record?.metadata == ["text": "other"])
    }

    @Test("entities come by task or as a list, in code points, and mark their tasks complete")
    func entities() throws {
        let byTask = try one(
            #"{"text":"😀 Anna, Bern","entities":{"names":[{"type":"place","start":8,"end":12},{"type":"person","start":2,"end":6}],"dates":[]}}"#
        )
        #expect(
            byTask?.entities == [
                GoldEntity(task: "names", type: "person", start: 2, end: 6),
                GoldEntity(task: "names", type: "place", start: 8, end: 12),
            ])
        #expect(byTask?.completeTasks == ["names", "dates"])
        let list = try one(
            #"{"text":"Anna","entities":[{"task":"n","type":"p","start":0,"end":4,"text":"Anna"},{"type":"q","start":0,"end":1}]}"#
        )
        #expect(
            list?.entities == [
                GoldEntity(task: "entities", type: "q", start: 0, end: 1),
                GoldEntity(task: "n", type: "p", start: 0, end: 4),
            ])
        #expect(list?.completeTasks == ["n", "entities"])
        #expect(try one(#"{"text":"a","entities":[]}"#)?.completeTasks == ["entities"])
        #expect(try one(#"{"text":"a","entities":null}"#)?.completeTasks == [])
        #expect(
            try one(#"{"text":"a","entities":[]}"#, importOptions { $0.entityTask = "ner" })?.completeTasks == ["ner"])
    }

    @Test("words and tags become a text and its entities")
    func words() throws {
        let record = try one(#"{"words":["Anna","Lee","left","😀Bern"],"tags":["B-per","I-per","O","B-loc"]}"#)
        #expect(record?.body == "Anna Lee left 😀Bern")
        #expect(
            record?.entities == [
                GoldEntity(task: "entities", type: "per", start: 0, end: 8),
                GoldEntity(task: "entities", type: "loc", start: 14, end: 19),
            ])
        #expect(record?.completeTasks == ["entities"])
        let untagged = try one(#"{"words":["a","b"]}"#)
        #expect(untagged?.body == "a b" && untagged?.completeTasks == [])
    }

    @Test("beside a text, a word count and a list of blog tags are other people's keys")
    func foreignKeys() throws {
        let record = try one(#"{"text":"a b","words":2,"tags":["politics"]}"#)
        #expect(record == ImportRecord(line: 1, externalID: "f:1", body: "a b", metadata: ["words": "2"]))
        #expect(try one(#"{"text":"a b","tags":["politics"]}"#)?.completeTasks == [])
    }

    @Test("of a key that occurs twice the last value counts")
    func repeatedKeys() throws {
        #expect(try one(#"{"text":"a","text":"b","x":1,"x":2}"#)?.body == "b")
        #expect(try one(#"{"text":"a","x":1,"x":2}"#)?.metadata == ["x": "2"])
    }

    @Test("every kind of bad line is a problem with its line and a code")
    func badLines() throws {
        let cases = [
            (#"{"text":"a""#, "invalid-json"), ("[1]", "not-an-object"), (#""text""#, "not-an-object"),
            (#"{"txt":"a"}"#, "missing-text"), (#"{"text":null}"#, "missing-text"), (#"{"text":7}"#, "wrong-kind"),
            (#"{"text":""}"#, "empty-text"), (#"{"text":" \u3000\n"}"#, "empty-text"),
            (#"{"text":"a\u0000b"}"#, "nul-character"), (#"{"text":"a","id":"\u0000"}"#, "nul-character"),
            (#"{"text":"a","x":"\u0000"}"#, "nul-character"),
            (#"{"text":"a","labels":{"t":"\u0000"}}"#, "nul-character"),
            (#"{"text":"a","id":[1]}"#, "wrong-kind"), (#"{"text":"a","labels":"x"}"#, "wrong-kind"),
            (#"{"text":"a","labels":{"t":["x"]}}"#, "wrong-kind"), (#"{"text":"a","labels":{"t":""}}"#, "empty-label"),
            (#"{"text":"a","labels":{"t":"x","t":"y"}}"#, "label-twice"),
            (#"{"text":"a","labels":{"":"x"}}"#, "empty-label"), (#"{"text":"a","entities":1}"#, "wrong-kind"),
            (#"{"text":"a","entities":{"t":{}}}"#, "wrong-kind"), (#"{"text":"a","entities":[7]}"#, "wrong-kind"),
            (#"{"text":"a","entities":[{"type":"p","start":0}]}"#, "wrong-kind"),
            (#"{"text":"a","entities":[{"type":"p","start":0.5,"end":1}]}"#, "wrong-kind"),
            (#"{"text":"a","entities":[{"type":"p","start":0,"end":99999999999999999999}]}"#, "wrong-kind"),
            (#"{"text":"a","entities":[{"type":"","start":0,"end":1}]}"#, "empty-label"),
            (#"{"text":"a","entities":[{"type":"p","start":0,"end":2}]}"#, "offsets-outside-text"),
            (#"{"text":"a","entities":[{"type":"p","start":-1,"end":1}]}"#, "offsets-outside-text"),
            (#"{"text":"a","entities":[{"type":"p","start":1,"end":0}]}"#, "empty-span"),
            (#"{"text":"a","entities":[{"type":"p","start":1,"end":1}]}"#, "empty-span"),
            (#"{"text":"😀a","entities":[{"type":"p","start":2,"end":3}]}"#, "offsets-outside-text"),
            (
                #"{"text":"abcd","entities":[{"type":"p","start":2,"end":4},{"type":"q","start":0,"end":3}]}"#,
                "overlapping-entities"
            ),
            (
                #"{"text":"ab","entities":[{"type":"p","start":0,"end":2},{"type":"p","start":0,"end":2}]}"#,
                "overlapping-entities"
            ),
            (#"{"text":"😀 Anna","entities":[{"type":"p","start":1,"end":5,"text":"Anna"}]}"#, "entity-text"),
            (#"{"words":["a"],"tags":[1]}"#, "wrong-kind"), (#"{"words":"a b"}"#, "wrong-kind"),
            (#"{"words":["a"],"tags":[]}"#, "words-and-tags"), (#"{"words":["a"],"tags":["O","O"]}"#, "words-and-tags"),
            (#"{"words":["a",""],"tags":["O","O"]}"#, "empty-word"), (#"{"words":[]}"#, "empty-text"),
            (#"{"words":["a"],"tags":["X"]}"#, "unknown-tag"), (#"{"words":["a"],"tags":["I-p"]}"#, "tag-sequence"),
            (#"{"words":["a","b"],"tags":["O","O"],"text":"a  b"}"#, "words-and-text"),
            (#"{"words":["a"],"tags":["O"],"entities":[]}"#, "entities-twice"),
        ]
        for (line, code) in cases {
            let outcomes = try importing("{\"text\":\"before\"}\n\(line)\n{\"text\":\"after\"}", as: "f.jsonl")
            #expect(outcomes.complaints == ["2 \(code)"], "\(line)")
            #expect(outcomes.records.map(\.body) == ["before", "after"], "\(line)")
        }
    }

    @Test("entities of two tasks may overlap, and neighbours may touch")
    func allowedNeighbours() throws {
        let record = try one(
            #"{"text":"abcd","entities":[{"task":"a","type":"p","start":0,"end":2},{"task":"a","type":"p","start":2,"end":4},{"task":"b","type":"p","start":1,"end":3}]}"#
        )
        #expect(record?.entities.count == 3)
    }

    @Test("all that is wrong with a record is said at once")
    func severalProblems() throws {
        let line = #"{"id":{},"text":"a","labels":[],"entities":[{"type":"p"},{"start":1}]}"#
        #expect(try importing(line, as: "f.jsonl").complaints == Array(repeating: "1 wrong-kind", count: 4))
    }

    @Test("invalid UTF-8 and lines beyond the limit are problems with their line")
    func badBytes() throws {
        let bytes =
            Array("{\"text\":\"a\"}\n{\"text\":\"".utf8) + [0xED, 0xA0, 0x80] + Array("\"}\n{\"text\":\"b\"}".utf8)
        let outcomes = try importing(bytes, as: "f.jsonl")
        #expect(outcomes.complaints == ["2 invalid-utf8"])
        #expect(outcomes.problems.first?.message.contains("offset 9") == true)
        #expect(outcomes.records.count == 2)
        let long = "{\"text\":\"\(String(repeating: "x", count: 99))\"}\n{\"text\":\"b\"}"
        #expect(
            try importing(long, as: "f.jsonl", importOptions { $0.maximumRecordBytes = 50 }).complaints == [
                "1 record-too-long"
            ])
    }
}
