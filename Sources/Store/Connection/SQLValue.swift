internal import Annotations

/// Server types that this room reads or writes, by their fixed oids (`pg_type.dat`).
enum TypeID {
    static let bool: UInt32 = 16
    static let bytea: UInt32 = 17
    static let int8: UInt32 = 20
    static let int2: UInt32 = 21
    static let int4: UInt32 = 23
    static let text: UInt32 = 25
    static let float4: UInt32 = 700
    static let float8: UInt32 = 701
    static let timestamptz: UInt32 = 1184
    static let jsonb: UInt32 = 3802
    static let varchar: UInt32 = 1043
    static let name: UInt32 = 19
}

/// A parameter in PostgreSQL's binary format.
enum SQLValue: Sendable {
    case bool(Bool)
    case int2(Int16)
    case int4(Int32)
    case int8(Int64)
    case float8(Double)
    case text(String)
    case bytes([UInt8])
    /// JSON text.
    case jsonb(String)
    case int4s([Int32])
    case int8s([Int64])
    case floats([Float])
    case texts([String])
    case optionalTexts([String?])
    case byteStrings([[UInt8]])
    case jsonbs([String])
    case bools([Bool])
    /// A null of any type.
    case null

    /// Nil for a null, which fits everywhere.
    var typeID: UInt32? {
        switch self {
        case .bool: TypeID.bool
        case .int2: TypeID.int2
        case .int4: TypeID.int4
        case .int8: TypeID.int8
        case .float8: TypeID.float8
        case .text: TypeID.text
        case .bytes: TypeID.bytea
        case .jsonb: TypeID.jsonb
        case .int4s: 1007
        case .int8s: 1016
        case .floats: 1021
        case .texts, .optionalTexts: 1009
        case .byteStrings: 1001
        case .jsonbs: 3807
        case .bools: 1000
        case .null: nil
        }
    }

    static func optional(_ text: String?) -> SQLValue { text.map { .text($0) } ?? .null }
    static func optional(_ number: Int64?) -> SQLValue { number.map { .int8($0) } ?? .null }

    /// The bytes as the server wants them, or nil for null.
    func encoded() throws(Fault) -> [UInt8]? {
        var out: [UInt8] = []
        switch self {
        case .null: return nil
        case .bool(let value): out.append(value ? 1 : 0)
        case .int2(let value): out.appendBigEndian(value)
        case .int4(let value): out.appendBigEndian(value)
        case .int8(let value): out.appendBigEndian(value)
        case .float8(let value): out.appendBigEndian(value.bitPattern)
        case .text(let value): try out.appendText(value)
        case .bytes(let value): out = value
        case .jsonb(let value):
            out.append(1)
            try out.appendText(value)
        case .int4s(let values):
            out.appendArrayHeader(count: values.count, element: TypeID.int4, bytes: values.count * 8)
            for value in values {
                out.appendBigEndian(Int32(4))
                out.appendBigEndian(value)
            }
        case .int8s(let values):
            out.appendArrayHeader(count: values.count, element: TypeID.int8, bytes: values.count * 12)
            for value in values {
                out.appendBigEndian(Int32(8))
                out.appendBigEndian(value)
            }
        case .floats(let values):
            out.appendArrayHeader(count: values.count, element: TypeID.float4, bytes: values.count * 8)
            for value in values {
                out.appendBigEndian(Int32(4))
                out.appendBigEndian(value.bitPattern)
            }
        case .bools(let values):
            out.appendArrayHeader(count: values.count, element: TypeID.bool, bytes: values.count * 5)
            for value in values {
                out.appendBigEndian(Int32(1))
                out.append(value ? 1 : 0)
            }
        case .texts(let values):
            out.appendArrayHeader(count: values.count, element: TypeID.text, bytes: values.count * 24)
            for value in values { try out.appendElement { (out) throws(Fault) in try out.appendText(value) } }
        case .optionalTexts(let values):
            out.appendArrayHeader(count: values.count, element: TypeID.text, bytes: values.count * 24)
            for value in values {
                guard let value else {
                    out.appendBigEndian(Int32(-1))
                    continue
                }
                try out.appendElement { (out) throws(Fault) in try out.appendText(value) }
            }
        case .byteStrings(let values):
            out.appendArrayHeader(
                count: values.count, element: TypeID.bytea, bytes: values.reduce(0) { $0 + $1.count + 4 })
            for value in values {
                out.appendBigEndian(Int32(truncatingIfNeeded: value.count))
                out.append(contentsOf: value)
            }
        case .jsonbs(let values):
            out.appendArrayHeader(count: values.count, element: TypeID.jsonb, bytes: values.count * 24)
            for value in values {
                try out.appendElement { (out) throws(Fault) in
                    out.append(1)
                    try out.appendText(value)
                }
            }
        }
        guard out.count <= Self.maximumBytes else {
            throw Fault(
                .input, "value-too-large", "a value of \(out.count) bytes does not fit into one statement",
                hint: "the server's limit is 1 GB a message; \(Self.maximumBytes) bytes are allowed here")
        }
        return out
    }

    static let maximumBytes = 512 << 20
}

extension [UInt8] {
    mutating func appendBigEndian<T: FixedWidthInteger>(_ value: T) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }

    /// PostgreSQL's text cannot hold U+0000; its own message for it comes late and says less.
    fileprivate mutating func appendText(_ text: String) throws(Fault) {
        let start = count
        append(contentsOf: text.utf8)
        if self[start...].contains(0) {
            throw Fault(
                .input, "text-nul", "a text contains the character U+0000, which PostgreSQL cannot store",
                hint: "remove the NUL characters from the text")
        }
    }

    /// One dimension, lower bound 1; an empty array has no dimension.
    fileprivate mutating func appendArrayHeader(count: Int, element: UInt32, bytes: Int) {
        reserveCapacity(20 + bytes)
        appendBigEndian(Int32(count == 0 ? 0 : 1))
        appendBigEndian(Int32(1))  // may hold nulls
        appendBigEndian(element)
        if count > 0 {
            appendBigEndian(Int32(truncatingIfNeeded: count))
            appendBigEndian(Int32(1))
        }
    }

    /// Writes the element's length before what `body` appends.
    fileprivate mutating func appendElement(_ body: (inout [UInt8]) throws(Fault) -> Void) throws(Fault) {
        let start = count
        appendBigEndian(Int32(0))
        try body(&self)
        let length = UInt32(truncatingIfNeeded: count - start - 4)
        for byte in 0..<4 { self[start + byte] = UInt8(truncatingIfNeeded: length >> (24 - 8 * UInt32(byte))) }
    }
}
