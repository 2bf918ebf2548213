/// A JSON value that goes through unchanged: objects keep the order of their keys (and keys that occur twice),
/// numbers keep their spelling, so that `1.0` stays `1.0` and `12345678901234567890` stays what it is.
package enum JSONValue: Sendable, Hashable {
    case null
    case bool(Bool)
    /// As JSON spells it. Make one with `integer(_:)`, `float(_:)` or `double(_:)`.
    case number(String)
    case string(String)
    case array([JSONValue])
    case object(JSONObject)

    package static func integer(_ value: some BinaryInteger) -> JSONValue { .number(String(value)) }

    /// The shortest spelling that reads back as the same Float; null when JSON has none (NaN, infinity).
    package static func float(_ value: Float) -> JSONValue { value.isFinite ? .number(value.description) : .null }

    /// The shortest spelling that reads back as the same Double; null when JSON has none (NaN, infinity).
    package static func double(_ value: Double) -> JSONValue { value.isFinite ? .number(value.description) : .null }

    package static func floats(_ values: [Float]) -> JSONValue { .array(values.map { .float($0) }) }

    package static func integers(_ values: some Sequence<some BinaryInteger>) -> JSONValue {
        .array(values.map { .integer($0) })
    }

    package static func object(_ members: KeyValuePairs<String, JSONValue>) -> JSONValue {
        .object(JSONObject(members.map { .init(key: $0.key, value: $0.value) }))
    }

    package var string: String? { if case .string(let value) = self { value } else { nil } }
    package var array: [JSONValue]? { if case .array(let value) = self { value } else { nil } }
    package var object: JSONObject? { if case .object(let value) = self { value } else { nil } }
    /// A number spelt as an integer that fits.
    package var integer: Int? { if case .number(let spelling) = self { Int(spelling) } else { nil } }
    /// The text of a string, number or truth value; nil for the rest.
    package var scalar: String? {
        switch self {
        case .string(let value), .number(let value): value
        case .bool(let value): value ? "true" : "false"
        case .null, .array, .object: nil
        }
    }
}

/// The members of a JSON object in their order.
package struct JSONObject: Sendable, Hashable {
    package struct Member: Sendable, Hashable {
        package let key: String
        package var value: JSONValue

        package init(key: String, value: JSONValue) {
            self.key = key
            self.value = value
        }
    }

    package private(set) var members: [Member]

    package init(_ members: [Member] = []) { self.members = members }

    /// Reading: the last member with that key, as most readers of JSON have it. Writing: replaces it where it stands
    /// (all of them, when the key occurs twice), or appends.
    package subscript(key: String) -> JSONValue? {
        get { members.last { Self.equal($0.key, key) }?.value }
        set {
            guard let newValue else { return members.removeAll { Self.equal($0.key, key) } }
            guard let place = members.firstIndex(where: { Self.equal($0.key, key) }) else {
                return members.append(Member(key: key, value: newValue))
            }
            members[place].value = newValue
            if members[(place + 1)...].contains(where: { Self.equal($0.key, key) }) {
                let head = members[...place]
                members = head + members[(place + 1)...].filter { !Self.equal($0.key, key) }
            }
        }
    }

    /// JSON's keys are equal when their scalars are; Swift's `==` would also equate é and e + accent.
    private static func equal(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }
}

// MARK: - Writing

extension JSONValue {
    /// Compact JSON in UTF-8, one line: what has control characters is escaped.
    package var encoded: [UInt8] {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return bytes
    }

    package func append(to bytes: inout [UInt8]) {
        switch self {
        case .null: bytes.append(contentsOf: "null".utf8)
        case .bool(let value): bytes.append(contentsOf: (value ? "true" : "false").utf8)
        case .number(let spelling): bytes.append(contentsOf: spelling.utf8)
        case .string(let value): Self.append(value, to: &bytes)
        case .array(let values):
            bytes.append(UInt8(ascii: "["))
            for (index, value) in values.enumerated() {
                if index > 0 { bytes.append(UInt8(ascii: ",")) }
                value.append(to: &bytes)
            }
            bytes.append(UInt8(ascii: "]"))
        case .object(let object): object.append(to: &bytes)
        }
    }

    fileprivate static func append(_ string: String, to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "\""))
        for byte in string.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): bytes.append(contentsOf: [UInt8(ascii: "\\"), byte])
            case 0x0A: bytes.append(contentsOf: "\\n".utf8)
            case 0x0D: bytes.append(contentsOf: "\\r".utf8)
            case 0x09: bytes.append(contentsOf: "\\t".utf8)
            case 0..<0x20:
                let digits = Array("0123456789abcdef".utf8)
                bytes.append(contentsOf: "\\u00".utf8)
                bytes.append(digits[Int(byte >> 4)])
                bytes.append(digits[Int(byte & 15)])
            default: bytes.append(byte)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}

extension JSONObject {
    package func append(to bytes: inout [UInt8]) {
        bytes.append(UInt8(ascii: "{"))
        for (index, member) in members.enumerated() {
            if index > 0 { bytes.append(UInt8(ascii: ",")) }
            JSONValue.append(member.key, to: &bytes)
            bytes.append(UInt8(ascii: ":"))
            member.value.append(to: &bytes)
        }
        bytes.append(UInt8(ascii: "}"))
    }
}
