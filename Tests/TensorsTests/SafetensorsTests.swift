import Annotations
import Foundation
import Tensors
import Testing

/// A safetensors file from its two parts, whatever they claim.
func safetensors(_ header: String, data count: Int) -> [UInt8] {
    let json = Array(header.utf8)
    return withUnsafeBytes(of: UInt64(json.count).littleEndian) { Array($0) } + json
        + (0..<count).map { UInt8(truncatingIfNeeded: $0) }
}

/// The fault that `body` throws, or nil.
func fault(of body: () throws(Fault) -> Void) -> Fault? {
    do {
        try body()
        return nil
    } catch { return error }
}

@Suite struct SafetensorsTests {
    private let matrix = Matrix(rows: 2, columns: 3, values: [1, -2, 3.5, 0, 1e-3, 65_504])

    @Test func whatIsWrittenIsRead() throws {
        let names = ["plain", "with \"quotes\" and \\", "tab\tand\u{1}", "Grüße 🎈"]
        let bytes = try SafetensorsWriter.encode(
            tensors: names.map { .init($0, matrix) } + [.init("vector", vector: [1, 2]), .init("empty", vector: [])],
            metadata: ["format": "pt", "tasks": "[{\"name\": \"ü\"}]"])
        let file = try SafetensorsFile(bytes: bytes)
        #expect(file.names == (names + ["vector", "empty"]).sorted())
        #expect(file.metadata == ["format": "pt", "tasks": "[{\"name\": \"ü\"}]"])
        for name in names {
            #expect(try file.matrix(name) == matrix)
            #expect(file.shape(of: name) == [2, 3])
            #expect(file.dataType(of: name) == .float32)
        }
        #expect(try file.vector("vector") == [1, 2])
        #expect(try file.matrix("vector") == Matrix(rows: 1, columns: 2, values: [1, 2]))
        #expect(try file.vector("empty") == [])
        #expect(file.shape(of: "absent") == nil && !file.contains("absent"))
    }

    @Test func theOrderOfTheInputDoesNotMatter() throws {
        let tensors: [SafetensorsWriter.Tensor] = [
            .init("b", matrix), .init("a", vector: [1], dtype: .bfloat16), .init("c", vector: [2, 3]),
        ]
        let bytes = try SafetensorsWriter.encode(tensors: tensors, metadata: ["x": "1", "a": "2"])
        #expect(try bytes == SafetensorsWriter.encode(tensors: tensors.reversed(), metadata: ["a": "2", "x": "1"]))
        #expect(bytes[0] % 8 == 0, "the data starts aligned")
        #expect(
            fault { () throws(Fault) in _ = try SafetensorsWriter.encode(tensors: [tensors[0], tensors[0]]) }?.code
                == "safetensors-duplicate")
        #expect(try SafetensorsFile(bytes: SafetensorsWriter.encode(tensors: [])).names.isEmpty)
    }

    @Test(arguments: [SafetensorsFile.DataType.float16, .bfloat16])
    func halvesAreRoundedOnceAndReadExactly(_ dtype: SafetensorsFile.DataType) throws {
        let bytes = try SafetensorsWriter.encode(tensors: [.init("m", matrix, dtype: dtype)])
        let file = try SafetensorsFile(bytes: bytes)
        #expect(file.dataType(of: "m") == dtype)
        let read = try file.matrix("m")
        for (value, rounded) in zip(matrix.values, read.values) {
            #expect(abs(value - rounded) <= abs(value) * (dtype == .float16 ? 0x1p-11 : 0x1p-8))
        }
        #expect(try SafetensorsWriter.encode(tensors: [.init("m", read, dtype: dtype)]) == bytes)
    }

    @Test func aFileOnDiskReadsAsInMemory() throws {
        let url = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID().uuidString).safetensors")
        defer { try? FileManager.default.removeItem(at: url) }
        try Data(SafetensorsWriter.encode(tensors: [.init("m", matrix)])).write(to: url)
        #expect(try SafetensorsFile(path: url.path).matrix("m") == matrix)

        try Data().write(to: url)
        #expect(fault { () throws(Fault) in _ = try SafetensorsFile(path: url.path) }?.code == "safetensors-truncated")
        let missing = fault { () throws(Fault) in _ = try SafetensorsFile(path: url.path + ".absent") }
        #expect(missing?.code == "file-missing" && missing?.message.contains("absent") == true)
        let directory = FileManager.default.temporaryDirectory.path
        #expect(fault { () throws(Fault) in _ = try SafetensorsFile(path: directory) }?.code == "file-unreadable")
    }

    /// Unaligned data, white space wherever JSON allows it, escapes, and a scalar.
    @Test func anUnusualButCorrectFileIsRead() throws {
        let header = """
             { "__metadata__" : { } , "\\u0061\\ud83c\\udf88/\\/" : { "data_offsets":[1,5], "shape":[ 1 , 2 ],\t"dtype":"F16" },
            "flag":{"dtype":"BOOL","shape":[],"data_offsets":[0,1]},
            "ids":{"dtype":"I64","shape":[1],"data_offsets":[5,13]},"none":{"dtype":"F32","shape":[0,9223372036854775807,9],
            "data_offsets":[13,13]},"i":{"dtype":"I32","shape":[1],"data_offsets":[13,17]} }\n
            """
        var bytes = safetensors(header, data: 17)
        let start = bytes.count - 17
        bytes.replaceSubrange(start + 1..<start + 5, with: [0x00, 0x3C, 0x00, 0xC0])
        let file = try SafetensorsFile(bytes: bytes)
        #expect(try file.matrix("a🎈//").values == [1, -2])
        #expect(try file.integers("ids") == [0x0C0B_0A09_0807_0605])
        #expect(try file.integers("i") == [0x100F_0E0D])
        #expect(try file.floats("none") == [])
        #expect(file.shape(of: "flag") == [])
        #expect(fault { () throws(Fault) in _ = try file.matrix("flag") }?.code == "tensor-shape")
        #expect(fault { () throws(Fault) in _ = try file.floats("flag") }?.code == "tensor-dtype")
        #expect(fault { () throws(Fault) in _ = try file.floats("ids") }?.code == "tensor-dtype")
        #expect(fault { () throws(Fault) in _ = try file.integers("flag") }?.code == "tensor-dtype")
        #expect(fault { () throws(Fault) in _ = try file.matrix("none") }?.code == "tensor-shape")
        #expect(fault { () throws(Fault) in _ = try file.vector("none") }?.code == "tensor-shape")
        #expect(fault { () throws(Fault) in _ = try file.vector("absent") }?.code == "tensor-missing")
    }
}

/// Files that lie. Each must be refused with the right code, and none may be read out of bounds.
@Suite struct SafetensorsRefusalTests {
    struct Lie: Sendable, CustomTestStringConvertible {
        let what: String
        let bytes: [UInt8]
        let code: String
        var testDescription: String { what }

        init(_ what: String, _ header: String, data: Int = 16, _ code: String) {
            (self.what, self.bytes, self.code) = (what, safetensors(header, data: data), code)
        }
        init(_ what: String, bytes: [UInt8], _ code: String) {
            (self.what, self.bytes, self.code) = (what, bytes, code)
        }
    }

    private static func tensor(_ name: String = "a", _ dtype: String = "F32", _ shape: String, _ offsets: String)
        -> String
    {
        "\"\(name)\":{\"dtype\":\"\(dtype)\",\"shape\":\(shape),\"data_offsets\":\(offsets)}"
    }

    static let lies: [Lie] = lengths + json + offsets + shapes

    private static let lengths: [Lie] = [
        Lie("a file without bytes", bytes: [], "safetensors-truncated"),
        Lie("a file of seven bytes", bytes: [2, 0, 0, 0, 0, 0, 0], "safetensors-truncated"),
        Lie("a header of length zero", bytes: [0, 0, 0, 0, 0, 0, 0, 0], "safetensors-header"),
        Lie("a header longer than the file", bytes: [3, 0, 0, 0, 0, 0, 0, 0, 0x7B, 0x7D], "safetensors-truncated"),
        Lie("a header of 2^64 - 1 bytes", bytes: [UInt8](repeating: 255, count: 40), "safetensors-header"),
        Lie("a header of 2^63 bytes", bytes: [0, 0, 0, 0, 0, 0, 0, 0x80, 0x7B, 0x7D], "safetensors-header"),
        Lie(
            "a header of 2^63 - 8 bytes", bytes: [0xF8, 255, 255, 255, 255, 255, 255, 0x7F, 0x7B], "safetensors-header"),
        Lie("bytes after the last tensor", "{" + tensor("a", "F32", "[2]", "[0,8]") + "}", "safetensors-size"),
        Lie("data without tensors", "{}", "safetensors-size"),
        Lie("the data cut off", "{" + tensor("a", "F32", "[4]", "[0,16]") + "}", data: 15, "safetensors-truncated"),
        Lie("no data at all", "{" + tensor("a", "F32", "[4]", "[0,16]") + "}", data: 0, "safetensors-truncated"),
    ]

    private static let json: [Lie] =
        [
            "", " ", "null", "[]", "{", "{\"a\"", "{\"a\":", "{\"a\":{", "{\"a\":1}", "{\"a\":[]}", "{}}", "{},",
            "{} x", "{'a':1}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[4]}}", "{\"a\":{}}", "{,}", "{\"\\x\":{}}", "{\"\\u12\":{}}",
            "{\"\\ud800\":{}}",
            "{\"\\ud800\\u0041\":{}}", "{\"a\u{0}\":{}}", "{\"a\":{\"dtype\":F32}}",
            "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16],\"more\":1}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[[4]],\"data_offsets\":[0,16]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":{\"0\":4},\"data_offsets\":[0,16]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[4,],\"data_offsets\":[0,16]}}",
            "{\"a\":{\"dtype\":\"F32\",\"shape\":[4],\"data_offsets\":[0,16]},}",
            "{\"__metadata__\":{\"a\":1}}", "{\"__metadata__\":[]}", "{\"__metadata__\":{\"a\":\"1\",\"a\":\"2\"}}",
            "{\"__metadata__\":{},\"__metadata__\":{}}", String(repeating: "{\"a\":", count: 100_000),
            String(repeating: "[", count: 100_000), "{\"a\":" + String(repeating: "[", count: 100_000),
            "{" + tensor("a", "F32", "[2]", "[0,8]") + "," + tensor("a", "F32", "[2]", "[8,16]") + "}",
            // The same name, spelt twice: composed and decomposed, then by an escape.
            "{" + tensor("\u{E9}", "F32", "[2]", "[0,8]") + "," + tensor("e\u{301}", "F32", "[2]", "[8,16]") + "}",
            "{" + tensor("a", "F32", "[2]", "[0,8]") + "," + tensor("\\u0061", "F32", "[2]", "[8,16]") + "}",
        ].map { Lie("the header \($0.prefix(60))", $0, "safetensors-header") } + [
            Lie(
                "a name that is not UTF-8",
                bytes: [7, 0, 0, 0, 0, 0, 0, 0] + Array("{\"".utf8) + [0xC3, 0x28] + Array("\":{".utf8),
                "safetensors-header")
        ]

    private static let offsets: [Lie] =
        [
            ("[16,0]", "safetensors-offsets"), ("[0]", "safetensors-offsets"), ("[]", "safetensors-offsets"),
            ("[0,8,16]", "safetensors-offsets"), ("[0,8]", "safetensors-size"), ("[0,17]", "safetensors-size"),
            ("[16,32]", "safetensors-truncated"), ("[4,20]", "safetensors-truncated"),
            ("[9223372036854775791,9223372036854775807]", "safetensors-truncated"),
            ("[0,18446744073709551616]", "safetensors-header"), ("[0,9223372036854775808]", "safetensors-header"),
            ("[-16,0]", "safetensors-header"), ("[0,16.0]", "safetensors-header"), ("[0,1.6e1]", "safetensors-header"),
            ("[0,\"16\"]", "safetensors-header"), ("[0,null]", "safetensors-header"), ("[00,16]", "safetensors-header"),
            ("[0,NaN]", "safetensors-header"), ("[0,true]", "safetensors-header"), ("[0,+16]", "safetensors-header"),
        ].map { Lie("the offsets \($0)", "{" + tensor("a", "F32", "[4]", $0) + "}", $1) } + [
            Lie(
                "overlapping tensors",
                "{" + tensor("a", "F32", "[3]", "[0,12]") + "," + tensor("b", "F32", "[2]", "[8,16]") + "}",
                "safetensors-offsets"),
            Lie(
                "two tensors in one place",
                "{" + tensor("a", "F32", "[4]", "[0,16]") + "," + tensor("b", "F32", "[4]", "[0,16]") + "}",
                "safetensors-offsets"),
            Lie(
                "a hole between tensors",
                "{" + tensor("a", "F32", "[1]", "[0,4]") + "," + tensor("b", "F32", "[2]", "[8,16]") + "}",
                "safetensors-offsets"),
            Lie(
                "a hole before the first tensor", "{" + tensor("a", "F32", "[2]", "[8,16]") + "}", "safetensors-offsets"
            ),
            Lie(
                "an empty tensor inside another",
                "{" + tensor("a", "F32", "[4]", "[0,16]") + "," + tensor("b", "F32", "[0]", "[8,8]") + "}",
                "safetensors-offsets"),
        ]

    private static let shapes: [Lie] =
        [
            ("[NaN]", "safetensors-header"), ("[-4]", "safetensors-header"), ("[4.0]", "safetensors-header"),
            ("[\"4\"]", "safetensors-header"), ("[1e400]", "safetensors-header"), ("null", "safetensors-header"),
            ("[99999999999999999999]", "safetensors-header"), ("[]", "safetensors-size"), ("[5]", "safetensors-size"),
            ("[0]", "safetensors-size"), ("[2,2,2]", "safetensors-size"),
            ("[4611686018427387904]", "safetensors-shape"),
            ("[4294967296,4294967296]", "safetensors-shape"),
            ("[9223372036854775807,9223372036854775807,2]", "safetensors-shape"),
            // 2^62 + 4, times four bytes, is 16 when the overflow is lost.
            ("[4611686018427387908]", "safetensors-shape"),
        ].map { Lie("the shape \($0)", "{" + tensor("a", "F32", $0, "[0,16]") + "}", $1) }
        + [
            "F31", "f32", "", "C128", "float32",
        ].map { Lie("the dtype '\($0)'", "{" + tensor("a", $0, "[4]", "[0,16]") + "}", "safetensors-dtype") } + [
            Lie("a dtype of the wrong size", "{" + tensor("a", "F64", "[4]", "[0,16]") + "}", "safetensors-size")
        ]

    @Test(arguments: lies) func isRefused(_ lie: Lie) {
        let fault = fault { () throws(Fault) in _ = try SafetensorsFile(bytes: lie.bytes) }
        #expect(fault?.code == lie.code, "\(fault.map(String.init(describing:)) ?? "it was accepted")")
        #expect(fault?.blame == .model)
    }

    /// Thousands of damaged files: each is either refused or everything that it claims to hold can be read.
    @Test func noDamageIsReadOutOfBounds() throws {
        let whole = try SafetensorsWriter.encode(
            tensors: [
                .init("weights", Matrix(rows: 3, columns: 5, values: (0..<15).map(Float.init))),
                .init("half", vector: [1, 2, 3], dtype: .float16), .init("brain", vector: [4, 5], dtype: .bfloat16),
                .init("empty", vector: []),
            ], metadata: ["format": "pt"])
        let random = CounterRandom(seed: 2024, stream: 0)
        var (accepted, refused) = (0, 0)
        for round in 0..<20_000 {
            func draw(_ element: Int, below bound: Int) -> Int {
                Int(random.word(step: round, element: element) % UInt32(bound))
            }
            var bytes = whole
            for change in 0...draw(0, below: 3) {
                let (place, value) = (draw(4 * change + 1, below: bytes.count), draw(4 * change + 2, below: 256))
                switch draw(4 * change + 3, below: 6) {
                case 0: bytes[place] ^= 1 << UInt8(value & 7)
                case 1: bytes[place] = UInt8(value)
                case 2: bytes.remove(at: place)
                case 3: bytes.insert(UInt8(value), at: place)
                case 4: bytes[place] = Array("0123456789[]{},:\"".utf8)[value % 17]
                default: bytes.removeLast(value % 64 % bytes.count)
                }
                if bytes.isEmpty { break }
            }
            guard let file = try? SafetensorsFile(bytes: bytes) else {
                refused += 1
                continue
            }
            accepted += 1
            for name in file.names {
                let shape = try #require(file.shape(of: name))
                if let values = try? file.floats(name) { #expect(values.count == shape.reduce(1, *)) }
                if let matrix = try? file.matrix(name) { #expect(matrix.values.count == matrix.rows * matrix.columns) }
                _ = try? file.integers(name)
            }
        }
        #expect(accepted > 100 && refused > 1_000, "accepted \(accepted), refused \(refused)")
    }
}
