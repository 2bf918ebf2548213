import Annotations
import Testing
import glossator

@Suite("Input and output of the filters") struct ImportFilterInputTests {
    private func requests(
        _ text: String, _ format: FilterFormat = .auto, blockSize: Int = 4
    ) throws -> (FilterFormat, [FilterRequest]) {
        let source = ByteSource(name: "standard input", bytes: Array(text.utf8), blockSize: blockSize)
        var input = FilterInput(source, format: format)
        var requests: [FilterRequest] = []
        while let request = try input.next() { requests.append(request) }
        return (input.format, requests)
    }

    @Test("plain text is a request a line, blank lines included, so that line n answers line n")
    func plainText() throws {
        let (format, found) = try requests("\n  \none\r\n{\"text\": broken\n\ntwo")
        #expect(format == .text)
        #expect(found.map(\.text) == ["", "  ", "one", "{\"text\": broken", "", "two"])
        #expect(found.map(\.line) == [1, 2, 3, 4, 5, 6])
        #expect(found.allSatisfy { $0.words == nil && $0.object.members.isEmpty })
    }

    @Test("jsonl has text or words; words win and are joined by one space")
    func jsonl() throws {
        let (format, found) = try requests(
            "\n{\"id\":1,\"text\":\"a\"}\n\n {\"words\":[\"b\",\"c d\"]} \n{\"text\":\"x\",\"words\":[\"y\"]}\n{\"text\":\"\",\"words\":null}\n"
        )
        #expect(format == .jsonl)
        #expect(found.map(\.text) == ["a", "b c d", "y", ""])
        #expect(found.map(\.words) == [nil, ["b", "c d"], ["y"], nil])
        #expect(found.map(\.line) == [2, 4, 5, 6])
    }

    @Test("the first line that is not blank decides, and only for an object with text or words")
    func decision() throws {
        #expect(try requests("{\"text\":\"a\"}").0 == .jsonl)
        #expect(try requests("{\"words\":[]}").0 == .jsonl)
        #expect(try requests("{\"other\":1}").0 == .text)
        #expect(try requests("[\"text\"]").0 == .text)
        #expect(try requests("{text}\n{\"text\":\"a\"}").1.map(\.text) == ["{text}", "{\"text\":\"a\"}"])
        #expect(try requests("{\"text\":\"a\"}", .text).1.map(\.text) == ["{\"text\":\"a\"}"])
        #expect(try requests("").1.isEmpty)
        #expect(try requests("\n\n").1.map(\.text) == ["", ""])
    }

    @Test("a bad line is a fault with its number, and the next call goes on behind it")
    func badLines() throws {
        let cases = [
            ("{\"text\":", "invalid-json"), ("plain", "invalid-json"), ("[]", "not-an-object"), ("{}", "missing-text"),
            ("{\"text\":1}", "wrong-kind"), ("{\"words\":\"a\"}", "wrong-kind"),
            ("{\"words\":[\"a\",1]}", "wrong-kind"),
        ]
        for (line, code) in cases {
            let text = "{\"text\":\"a\"}\n\(line)\n{\"text\":\"b\"}\n"
            var input = FilterInput(ByteSource(name: "standard input", bytes: Array(text.utf8)))
            #expect(try input.next()?.text == "a")
            let bad = importFault { _ = try input.next() }
            #expect(bad?.code == code && bad?.blame == .input)
            #expect(bad?.message.contains("standard input, line 2") == true)
            #expect(try input.next()?.text == "b")
            #expect(try input.next() == nil)
        }
    }

    @Test("invalid UTF-8 and lines beyond the limit are faults with their number")
    func badBytes() throws {
        var input = FilterInput(
            ByteSource(name: "in", bytes: [0x61, 0x0A, 0x62, 0xC3, 0x0A, 0x63]), maximumLineBytes: 10)
        #expect(try input.next()?.text == "a")
        let bad = importFault { _ = try input.next() }
        #expect(bad?.code == "invalid-utf8" && bad?.message == "in, line 2: invalid UTF-8 at byte offset 1 of the line")
        #expect(try input.next()?.text == "c")
        var long = FilterInput(ByteSource(name: "in", bytes: Array("12345678901\nok".utf8)), maximumLineBytes: 10)
        #expect(importFault { _ = try long.next() }?.code == "record-too-long")
        #expect(try long.next()?.text == "ok")
    }

    @Test("an answer keeps the input's keys in their order and replaces those it has itself")
    func answers() throws {
        let line = #"{"n":1.0,"embedding":"old","text":"é","big":12345678901234567890,"deep":{"b":[1e3],"a":null}}"#
        let request = try #require(requests(line).1.first)
        let answer = request.answer([
            .init(key: "embedding", value: .floats([0.5, 0.1])), .init(key: "tokens", value: .integer(3)),
        ])
        #expect(
            String(decoding: answer, as: UTF8.self)
                == #"{"n":1.0,"embedding":[0.5,0.1],"text":"é","big":12345678901234567890,"deep":{"b":[1e3],"a":null},"tokens":3}"#
                + "\n")
        let plain = try #require(requests("two\nwords").1.first)
        #expect(
            String(decoding: plain.answer([.init(key: "ok", value: .bool(true))]), as: UTF8.self) == "{\"ok\":true}\n")
    }
}
