import Annotations

/// A JSON document whose strings stay bytes.
///
/// The JSON readers at hand make dictionaries of Swift strings, whose equality is canonical equivalence: two pieces
/// that differ only in composition would become one, and which of them survives would be chance. They also take a
/// repeated key silently.
enum JSONValue: Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case string([UInt8])
    case array([JSONValue])
    /// Members in the document's order; keys may repeat.
    case object([(key: [UInt8], value: JSONValue)])

    /// The value of the first member with this key; nil when there is none, or it is null, or this is no object.
    subscript(key: StaticString) -> JSONValue? {
        guard case .object(let members) = self else { return nil }
        let wanted = Array(key.description.utf8)
        guard let found = members.first(where: { $0.key == wanted }) else { return nil }
        if case .null = found.value { return nil }
        return found.value
    }

    var bool: Bool? { if case .bool(let value) = self { value } else { nil } }
    var string: String? { if case .string(let bytes) = self { String(decoding: bytes, as: UTF8.self) } else { nil } }
    var array: [JSONValue]? { if case .array(let values) = self { values } else { nil } }
    var members: [(key: [UInt8], value: JSONValue)]? { if case .object(let members) = self { members } else { nil } }
    /// A whole number that fits.
    var integer: Int32? { if case .number(let value) = self { Int32(exactly: value) } else { nil } }
}

/// Reads JSON (RFC 8259). Says where it stopped, never what stood there.
struct JSONReader {
    private let bytes: [UInt8]
    private var index = 0
    private static let maximumDepth = 64

    private struct Malformed: Error { let what: StaticString }

    /// - Parameter name: how the fault calls the document.
    /// - Throws: `json-malformed`.
    static func read(_ bytes: [UInt8], named name: String) throws(Fault) -> JSONValue {
        var reader = JSONReader(bytes: bytes)
        do throws(Malformed) {
            guard String(validating: bytes, as: UTF8.self) != nil else {
                throw Malformed(what: "it is not valid UTF-8")
            }
            let value = try reader.value(depth: 0)
            reader.skipBlanks()
            guard reader.index == bytes.count else { throw Malformed(what: "something follows the document") }
            return value
        } catch {
            throw Fault(
                .model, "json-malformed", "\(name) is no JSON document: \(error.what) (byte \(reader.index))",
                hint: "The file may be truncated or a download page; fetch it again.")
        }
    }

    private init(bytes: [UInt8]) { self.bytes = bytes }

    private mutating func skipBlanks() {
        while index < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[index]) { index += 1 }
    }

    private func peek() -> UInt8? { index < bytes.count ? bytes[index] : nil }

    private mutating func take(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        index += 1
        return true
    }

    private mutating func value(depth: Int) throws(Malformed) -> JSONValue {
        guard depth < Self.maximumDepth else { throw Malformed(what: "it is nested too deeply") }
        skipBlanks()
        switch peek() {
        case UInt8(ascii: "{"): return try object(depth: depth)
        case UInt8(ascii: "["): return try array(depth: depth)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw Malformed(what: "it ends early")
        default: return try number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: JSONValue) throws(Malformed) -> JSONValue {
        let spelling = Array(word.description.utf8)
        guard bytes[index...].starts(with: spelling) else { throw Malformed(what: "a value was expected") }
        index += spelling.count
        return value
    }

    private mutating func object(depth: Int) throws(Malformed) -> JSONValue {
        var members: [(key: [UInt8], value: JSONValue)] = []
        index += 1
        skipBlanks()
        if take(UInt8(ascii: "}")) { return .object(members) }
        while true {
            skipBlanks()
            guard peek() == UInt8(ascii: "\"") else { throw Malformed(what: "a key was expected") }
            let key = try string()
            skipBlanks()
            guard take(UInt8(ascii: ":")) else { throw Malformed(what: "a colon was expected") }
            members.append((key, try value(depth: depth + 1)))
            skipBlanks()
            if take(UInt8(ascii: "}")) { return .object(members) }
            guard take(UInt8(ascii: ",")) else { throw Malformed(what: "a comma was expected") }
        }
    }

    private mutating func array(depth: Int) throws(Malformed) -> JSONValue {
        var values: [JSONValue] = []
        index += 1
        skipBlanks()
        if take(UInt8(ascii: "]")) { return .array(values) }
        while true {
            values.append(try value(depth: depth + 1))
            skipBlanks()
            if take(UInt8(ascii: "]")) { return .array(values) }
            guard take(UInt8(ascii: ",")) else { throw Malformed(what: "a comma was expected") }
        }
    }

    private mutating func number() throws(Malformed) -> JSONValue {
        let start = index
        while let byte = peek(), byte &- UInt8(ascii: "0") < 10 || "+-.eE".utf8.contains(byte) { index += 1 }
        guard index > start, let value = Double(String(decoding: bytes[start..<index], as: UTF8.self)) else {
            throw Malformed(what: "a value was expected")
        }
        return .number(value)
    }

    private mutating func string() throws(Malformed) -> [UInt8] {
        var content: [UInt8] = []
        index += 1
        while let byte = peek() {
            index += 1
            switch byte {
            case UInt8(ascii: "\""): return content
            case UInt8(ascii: "\\"): try escape(into: &content)
            case ..<0x20: throw Malformed(what: "a string holds a control character")
            default: content.append(byte)
            }
        }
        throw Malformed(what: "a string is not closed")
    }

    private mutating func escape(into content: inout [UInt8]) throws(Malformed) {
        guard let byte = peek() else { throw Malformed(what: "a string is not closed") }
        index += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): content.append(byte)
        case UInt8(ascii: "b"): content.append(0x08)
        case UInt8(ascii: "f"): content.append(0x0C)
        case UInt8(ascii: "n"): content.append(0x0A)
        case UInt8(ascii: "r"): content.append(0x0D)
        case UInt8(ascii: "t"): content.append(0x09)
        case UInt8(ascii: "u"):
            var scalar = try hexadecimal()
            if (0xD800..<0xDC00).contains(scalar) {
                guard take(UInt8(ascii: "\\")), take(UInt8(ascii: "u")) else {
                    throw Malformed(what: "half a surrogate pair")
                }
                let low = try hexadecimal()
                guard (0xDC00..<0xE000).contains(low) else { throw Malformed(what: "half a surrogate pair") }
                scalar = 0x1_0000 + (scalar - 0xD800) << 10 + (low - 0xDC00)
            }
            guard !(0xD800..<0xE000).contains(scalar) else { throw Malformed(what: "half a surrogate pair") }
            appendUTF8(of: scalar, to: &content)
        default: throw Malformed(what: "an unknown escape")
        }
    }

    private mutating func hexadecimal() throws(Malformed) -> UInt32 {
        var value: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = peek(), let digit = Character(Unicode.Scalar(byte)).hexDigitValue, byte < 0x80 else {
                throw Malformed(what: "an unknown escape")
            }
            value = value << 4 | UInt32(digit)
            index += 1
        }
        return value
    }
}
