import Testing
import glossator

@Suite("JSON that keeps what it does not understand") struct ImportJSONTests {
    private func parse(_ text: String) throws -> JSONValue { try JSONValue(parsing: Array(text.utf8)) }
    private func rewritten(_ text: String) throws -> String { String(decoding: try parse(text).encoded, as: UTF8.self) }

    @Test("the order of keys, keys that occur twice and the spelling of numbers survive")
    func passThrough() throws {
        let same = [
            #"{"z":1.0,"a":12345678901234567890,"m":-0,"z":1e5,"e":1E+05,"long":0.1000000000000000000001}"#,
            #"[[],{},[{"a":[null,true,false]}],"",0]"#, #""tab\t quote\" back\\ nul\u0000 é 漢 😀""#, "null", "-1.5e-7",
        ]
        for text in same { #expect(try rewritten(text) == text) }
        #expect(try rewritten(" { \"a\" :\t[ 1 , 2 ]\r\n} ") == #"{"a":[1,2]}"#)
    }

    @Test("escapes mean the characters they stand for, surrogate pairs one")
    func escapes() throws {
        #expect(
            try parse(#""\"\\\/\b\f\n\r\t\u0041\u00e9\u6f22\ud83d\uDE00\u0000""#)
                == .string("\"\\/\u{8}\u{C}\n\r\tAé漢😀\u{0}"))
        #expect(try rewritten(#""\u0001\u001F\u007f\u2028""#) == "\"\\u0001\\u001f\u{7f}\u{2028}\"")
    }

    @Test(
        "what RFC 8259 does not allow is refused",
        arguments: [
            "", " ", "{", "}", "[", "[1", "[1,", "[1,]", "[,1]", "[1 2]", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "{a:1}",
            "{'a':1}", "{\"a\":1 \"b\":2}", "{\"a\" 1}", "nul", "nullx", "True", "NaN", "Infinity", "-", "01", "-01",
            "1.", ".5",
            "1e", "1e+", "+1", "0x10", "1 2", "\"", "\"a", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12G4\"", "\"a\tb\"",
            "\"a\nb\"",
            "\"\\ud800\"", "\"\\udc00\"", "\"\\ud800\\n\"", "\"\\ud800\\ud800\"", "// c\n1", "[1]x", "\u{FEFF}1",
        ])
    func refused(text: String) {
        do {
            _ = try parse(text)
            Issue.record("accepted")
        } catch let failure as JSONFailure {
            #expect(failure.code == "invalid-json")
            #expect((0...text.utf8.count).contains(failure.offset))
        } catch {
            Issue.record(error)
        }
    }

    @Test("a failure says at which byte")
    func failureOffset() {
        #expect(throws: JSONFailure.self) { try parse(#"{"é": tru}"#) }
        do { _ = try parse(#"{"é": tru}"#) } catch { #expect((error as? JSONFailure)?.offset == 7) }
        do { _ = try JSONValue(parsing: [0x22, 0xFF, 0x22]) } catch {
            #expect(error.code == "invalid-utf8" && error.offset == 1)
        }
    }

    @Test("nesting is read to its limit and refused beyond it")
    func depth() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(try rewritten(nested(JSONValue.maximumDepth)) == nested(JSONValue.maximumDepth))
        do {
            _ = try parse(nested(JSONValue.maximumDepth + 1))
            Issue.record("accepted")
        } catch { #expect((error as? JSONFailure)?.code == "json-too-deep") }
        do {
            _ = try parse(String(repeating: "{\"a\":", count: 1_000_000))
            Issue.record("accepted")
        } catch { #expect((error as? JSONFailure)?.code == "json-too-deep") }
    }

    @Test("floats are written as short as they read back, and what JSON cannot say as null")
    func floats() throws {
        let values: [Float] = [
            0, -0.0, 1, 0.1, -2.5e-8, 1e-5, 3.4028235e38, .leastNormalMagnitude, .leastNonzeroMagnitude, 1 / 3,
        ]
        let written = JSONValue.floats(values)
        let read = try JSONValue(parsing: written.encoded)
        #expect(read == written)
        #expect(read.array?.map { $0.scalar.flatMap(Float.init) } == values)
        #expect(String(decoding: JSONValue.float(0.1).encoded, as: UTF8.self) == "0.1")
        #expect(JSONValue.floats([.nan, .infinity, -.infinity]) == .array([.null, .null, .null]))
        #expect(String(decoding: JSONValue.double(0.1).encoded, as: UTF8.self) == "0.1")
        #expect(String(decoding: JSONValue.integers([Int32(-1), 0, 7]).encoded, as: UTF8.self) == "[-1,0,7]")
    }

    @Test("setting a key replaces it where it stands, once, or appends it")
    func settingKeys() throws {
        var object = try #require(parse(#"{"a":1,"b":2,"a":3}"#).object)
        #expect(object["a"]?.integer == 3)
        object["a"] = .string("new")
        object["c"] = .null
        #expect(String(decoding: JSONValue.object(object).encoded, as: UTF8.self) == #"{"a":"new","b":2,"c":null}"#)
        object["b"] = nil
        #expect(object.members.map(\.key) == ["a", "c"])
        #expect(object["b"] == nil)
    }

    @Test("keys that only look alike are different")
    func canonicallyEquivalentKeys() throws {
        let object = try #require(parse("{\"\u{E9}\":1,\"e\u{301}\":2}").object)
        #expect(object["\u{E9}"]?.integer == 1)
        #expect(object["e\u{301}"]?.integer == 2)
    }

    @Test("any value that is written reads back the same")
    func roundTrip() throws {
        var random = LinearGenerator(state: 42)
        for _ in 0..<500 {
            let value = random.value(depth: 4)
            #expect(try JSONValue(parsing: value.encoded) == value)
        }
    }
}

/// Values for the round trip, the same on every run.
private struct LinearGenerator {
    var state: UInt64

    mutating func below(_ limit: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int(state >> 33) % limit
    }

    mutating func string() -> String {
        let alphabet: [Unicode.Scalar] = [
            "a", "\"", "\\", "\n", "\u{0}", "\u{1F}", "é", "漢", "😀", "\u{301}", "/", "\u{FFFF}",
        ]
        var scalars = String.UnicodeScalarView()
        for _ in 0..<below(12) { scalars.append(alphabet[below(alphabet.count)]) }
        return String(scalars)
    }

    mutating func value(depth: Int) -> JSONValue {
        switch below(depth == 0 ? 5 : 7) {
        case 0: .null
        case 1: .bool(below(2) == 0)
        case 2: .integer(below(1_000_000) - 500_000)
        case 3: .double(Double(below(1_000_000)) / 997)
        case 4: .string(string())
        case 5: .array((0..<below(5)).map { _ in value(depth: depth - 1) })
        default: .object(JSONObject((0..<below(5)).map { _ in .init(key: string(), value: value(depth: depth - 1)) }))
        }
    }
}
