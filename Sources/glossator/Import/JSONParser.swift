/// Where and why bytes are not JSON.
package struct JSONFailure: Error, Sendable, Equatable {
    /// `invalid-utf8`, `invalid-json` or `json-too-deep`.
    package let code: String
    /// Byte offset, counted from 0.
    package let offset: Int
    package let message: String
}

extension JSONValue {
    /// Deeper nesting is refused: it would need as much stack as its author likes.
    package static let maximumDepth = 128

    /// Reads one value, RFC 8259 and nothing else: no trailing commas, no comments, no NaN, no lone surrogates, and
    /// nothing but white space behind it.
    package init(parsing bytes: [UInt8]) throws(JSONFailure) {
        if let offset = firstInvalidUTF8(in: bytes) {
            throw JSONFailure(code: "invalid-utf8", offset: offset, message: "invalid UTF-8")
        }
        var parser = JSONParser(bytes: bytes)
        self = try parser.document()
    }
}

/// Recursive descent over bytes that are known to be valid UTF-8.
private struct JSONParser {
    let bytes: [UInt8]
    var position = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func document() throws(JSONFailure) -> JSONValue {
        let value = try self.value(depth: 0)
        skipSpace()
        guard position == bytes.count else { throw failure("something follows the value") }
        return value
    }

    private mutating func value(depth: Int) throws(JSONFailure) -> JSONValue {
        skipSpace()
        guard let byte = current else { throw failure("a value is missing") }
        switch byte {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            guard depth < JSONValue.maximumDepth else {
                throw JSONFailure(
                    code: "json-too-deep", offset: position,
                    message: "nested deeper than \(JSONValue.maximumDepth) levels")
            }
            return byte == UInt8(ascii: "{")
                ? .object(try object(depth: depth + 1)) : .array(try array(depth: depth + 1))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return .number(try number())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: throw failure("a value cannot begin like this")
        }
    }

    private mutating func object(depth: Int) throws(JSONFailure) -> JSONObject {
        position += 1
        var members: [JSONObject.Member] = []
        skipSpace()
        if take("}") { return JSONObject() }
        while true {
            skipSpace()
            guard current == UInt8(ascii: "\"") else { throw failure("a key in quotes is missing") }
            let key = try string()
            skipSpace()
            guard take(":") else { throw failure("a colon is missing behind a key") }
            members.append(.init(key: key, value: try value(depth: depth)))
            skipSpace()
            if take("}") { return JSONObject(members) }
            guard take(",") else { throw failure("a comma or } is missing") }
        }
    }

    private mutating func array(depth: Int) throws(JSONFailure) -> [JSONValue] {
        position += 1
        var values: [JSONValue] = []
        skipSpace()
        if take("]") { return values }
        while true {
            values.append(try value(depth: depth))
            skipSpace()
            if take("]") { return values }
            guard take(",") else { throw failure("a comma or ] is missing") }
        }
    }

    private mutating func literal(_ word: StaticString, _ value: JSONValue) throws(JSONFailure) -> JSONValue {
        let spelling = Array(word.description.utf8)
        guard bytes[position...].starts(with: spelling) else { throw failure("a value cannot begin like this") }
        position += spelling.count
        return value
    }

    private mutating func number() throws(JSONFailure) -> String {
        let start = position
        _ = take("-")
        if !take("0") {
            guard skipDigits() > 0 else { throw failure("a digit is missing") }
        }
        if take(".") {
            guard skipDigits() > 0 else { throw failure("a digit is missing") }
        }
        if take("e") || take("E") {
            _ = take("+") || take("-")
            guard skipDigits() > 0 else { throw failure("a digit is missing") }
        }
        if let byte = current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            throw failure("a number cannot begin with 0")
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func string() throws(JSONFailure) -> String {
        position += 1
        var start = position
        var unescaped: [UInt8] = []
        while true {
            guard let byte = current else { throw failure("a string is not closed") }
            switch byte {
            case UInt8(ascii: "\""):
                let rest = bytes[start..<position]
                position += 1
                if unescaped.isEmpty { return String(decoding: rest, as: UTF8.self) }
                unescaped.append(contentsOf: rest)
                return String(decoding: unescaped, as: UTF8.self)
            case UInt8(ascii: "\\"):
                unescaped.append(contentsOf: bytes[start..<position])
                unescaped.append(contentsOf: try escape().utf8)
                start = position
            case 0..<0x20: throw failure("a control character stands in a string without an escape")
            default: position += 1
            }
        }
    }

    private mutating func escape() throws(JSONFailure) -> Unicode.Scalar {
        let start = position
        position += 1
        guard let byte = current else { throw failure("a string is not closed") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return Unicode.Scalar(byte)
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"):
            let unit = try codeUnit()
            if let scalar = Unicode.Scalar(unit) { return scalar }
            // High surrogates are followed by a low one, or mean nothing.
            if UTF16.isLeadSurrogate(UInt16(unit)), take("\\"), take("u") {
                let trail = try codeUnit()
                if UTF16.isTrailSurrogate(UInt16(trail)),
                    let scalar = Unicode.Scalar(0x10000 + (unit - 0xD800) << 10 + (trail - 0xDC00))
                {
                    return scalar
                }
            }
            throw failure("half of a surrogate pair is missing", at: start)
        default: throw failure("unknown escape", at: start)
        }
    }

    /// Four hexadecimal digits.
    private mutating func codeUnit() throws(JSONFailure) -> UInt32 {
        var unit: UInt32 = 0
        for _ in 0..<4 {
            guard let byte = current, let digit = Character(Unicode.Scalar(byte)).hexDigitValue else {
                throw failure("four hexadecimal digits belong behind \\u")
            }
            unit = unit << 4 + UInt32(digit)
            position += 1
        }
        return unit
    }

    private var current: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard let current, current == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while let current, current == 0x20 || current == 0x09 || current == 0x0A || current == 0x0D {
            position += 1
        }
    }

    private mutating func skipDigits() -> Int {
        let start = position
        while let current, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(current) { position += 1 }
        return position - start
    }

    private func failure(_ message: String, at offset: Int? = nil) -> JSONFailure {
        JSONFailure(code: "invalid-json", offset: offset ?? position, message: message)
    }
}
