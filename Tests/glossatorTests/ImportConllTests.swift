import Annotations
import Testing
import glossator

@Suite("Importing conll and plain text") struct ImportConllTests {
    private let example = """
        -DOCSTART-\t-X-\tO

        Anna\tB-person
        Lee\tI-person
        saw\tO
        😀\tB-product
        Bern\tB-place

        #\tO
        tag\tO


        last\tO
        """

    @Test("a sentence is its tokens joined by one space, its tags the entities")
    func sentences() throws {
        for blockSize in [1, 3, 1000] {
            for file in [example, example.replacing("\n", with: "\r\n"), example + "\n\n"] {
                let records = try importing(file, as: "dir/train.conll", blockSize: blockSize).records
                #expect(records.map(\.body) == ["Anna Lee saw 😀 Bern", "# tag", "last"])
                #expect(records.map(\.externalID) == ["train-1", "train-2", "train-3"])
                #expect(records.map(\.line) == [3, 9, 13])
                #expect(records.map(\.completeTasks) == [["entities"], ["entities"], ["entities"]])
                #expect(
                    records.flatMap(\.entities) == [
                        GoldEntity(task: "entities", type: "person", start: 0, end: 8),
                        GoldEntity(task: "entities", type: "product", start: 13, end: 14),
                        GoldEntity(task: "entities", type: "place", start: 15, end: 19),
                    ])
            }
        }
    }

    @Test("columns may be separated by a space; the first is the token, the last the tag")
    func columns() throws {
        let records = try importing("EU NNP B-NP B-ORG\nrejects VBZ B-VP O\n\nNew York\tX\tB-LOC\n", as: "f.conll")
            .records
        #expect(records.map(\.body) == ["EU rejects", "New York"])
        #expect(records.map { $0.entities.map(\.type) } == [["ORG"], ["LOC"]])
    }

    @Test("the entity task can be named")
    func taskName() throws {
        let record = try importing("a\tB-x\n", as: "f.conll", importOptions { $0.entityTask = "ner" }).records.first
        #expect(record?.entities == [GoldEntity(task: "ner", type: "x", start: 0, end: 1)])
        #expect(record?.completeTasks == ["ner"])
    }

    @Test("a comment names its sentence; a token # with a tag is no comment")
    func comments() throws {
        let file = "# sent_id = s-1\n# text = a b\na\tO\nb\tO\n\n# sent_id = lost\n\n# O\n= O\n"
        let records = try importing(file, as: "f.conll").records
        #expect(records.map(\.externalID) == ["s-1", "f-2"])
        #expect(records.map(\.body) == ["a b", "# ="])
        #expect(records.map(\.line) == [3, 8])
    }

    @Test("bad tags are problems with their line, and other sentences are read")
    func badTags() throws {
        let file = """
            a\tI-x

            a\tB-x
            b\tI-y

            a\tB-x
            b\tO
            c\tI-x

            a\tS-PER
            b\tB-
            c\to

            alone

            fine\tO
            """
        let outcomes = try importing(file, as: "f.conll")
        #expect(
            outcomes.complaints == [
                "1 tag-sequence", "4 tag-sequence", "8 tag-sequence", "10 unknown-tag", "11 unknown-tag",
                "12 unknown-tag",
                "14 missing-tag",
            ])
        #expect(outcomes.problems[3].message.contains("S-"))
        #expect(outcomes.records.map(\.externalID) == ["f-6"])
    }

    @Test("lenient tags are read as conlleval reads them; unknown ones stay a problem")
    func lenientTags() throws {
        let file = "a\tI-x\nb\tI-x\nc\tI-y\nd\tO\ne\tB-x\nf\tI-y\n\ng\tS-x\n"
        let outcomes = try importing(file, as: "f.conll", importOptions { $0.repairsTags = true })
        #expect(
            outcomes.records.first?.entities.map { "\($0.type) \($0.start) \($0.end)" } == [
                "x 0 3", "y 4 5", "x 8 9", "y 10 11",
            ])
        #expect(outcomes.complaints == ["8 unknown-tag"])
    }

    @Test("white space at the ends of tokens is no part of an entity")
    func paddedTokens() throws {
        let record = try importing("go\tO\n MH17 \tB-x\n😀 \tI-x\n", as: "f.conll").records.first
        #expect(record?.body == "go  MH17  😀 ")
        #expect(record?.entities == [GoldEntity(task: "entities", type: "x", start: 4, end: 11)])
        #expect(try importing("a\tO\n\u{A0}\tB-x\n", as: "f.conll").complaints == ["1 empty-span"])
        #expect(try importing("a\tO\n\tB-x\n", as: "f.conll").complaints == ["2 empty-word"])
    }

    @Test("invalid UTF-8, U+0000 and endless sentences are problems")
    func badBytes() throws {
        let bytes = Array("a\tO\n".utf8) + [0x62, 0xFF] + Array("\tO\n\nc\u{0}\tO\n\nd\tO\n".utf8)
        let outcomes = try importing(bytes, as: "f.conll")
        #expect(outcomes.complaints == ["2 invalid-utf8", "4 nul-character"])
        #expect(outcomes.problems.first?.message.contains("offset 1") == true)
        #expect(outcomes.records.map(\.externalID) == ["f-3"])
        let endless = String(repeating: "abc\tO\n", count: 20) + "\nok\tO\n"
        let limited = try importing(endless, as: "f.conll", importOptions { $0.maximumRecordBytes = 30 })
        #expect(limited.complaints == ["6 record-too-long"])
        #expect(limited.records.map(\.body) == ["ok"])
    }

    @Test("of plain text every line that is not blank is a document, called by file and line")
    func plainText() throws {
        let file = "{\"not\": \"json\"}\n\n \t\u{3000}\r\n  two, \"quoted\"\u{2028}still two \r\nthree"
        let records = try importing(file, as: "notes.txt").records
        #expect(records.map(\.body) == ["{\"not\": \"json\"}", "  two, \"quoted\"\u{2028}still two ", "three"])
        #expect(records.map(\.externalID) == ["notes:1", "notes:4", "notes:5"])
        let bad = try importing(Array("a\n".utf8) + [0xFE] + Array("\nb\u{0}\nc\n".utf8), as: "notes.txt")
        #expect(bad.complaints == ["2 invalid-utf8", "3 nul-character"])
        #expect(bad.records.map(\.body) == ["a", "c"])
    }
}
