internal import Annotations

/// What a safetensors header says, checked against the number of bytes that follow it.
///
/// The header is JSON, but JSON of one shape only: `{"name": {"dtype": "F32", "shape": [2, 3], "data_offsets":
/// [0, 24]}, ..., "__metadata__": {"key": "value"}}`. This reader accepts that shape and nothing else, in one pass and
/// without recursion; duplicate names, fractions, signs and numbers that do not fit are errors, which a general JSON
/// library would let pass.
struct SafetensorsHeader {
    struct Entry {
        let dtype: SafetensorsFile.DataType
        let shape: [Int]
        /// In bytes, counted from the end of the header.
        let range: Range<Int>
        /// Not the product of the shape: with a 0 in it, the other extents may be anything.
        var count: Int { range.count / dtype.byteCount }
    }

    /// Why a header is refused; the file's name is added where it is known.
    struct Problem: Error {
        let code: String
        let message: String
    }

    private(set) var entries: [String: Entry] = [:]
    private(set) var metadata: [String: String] = [:]

    /// - Parameters:
    ///   - json: the header's bytes, without the eight length bytes.
    ///   - dataCount: how many bytes follow the header.
    init(json: UnsafeRawBufferPointer, dataCount: Int) throws(Problem) {
        var reader = HeaderReader(bytes: json)
        var hasMetadata = false
        try reader.object { (reader, key) throws(Problem) in
            if key == "__metadata__" {
                guard !hasMetadata else { throw Problem.malformed("'__metadata__' stands there twice") }
                hasMetadata = true
                try reader.object { (reader, key) throws(Problem) in
                    let value = try reader.string()
                    guard metadata.updateValue(value, forKey: key) == nil else {
                        throw Problem.malformed("metadata key '\(key)' stands there twice")
                    }
                }
            } else {
                let entry = try Self.entry(named: key, from: &reader)
                guard entries.updateValue(entry, forKey: key) == nil else {
                    throw Problem.malformed("tensor '\(key)' stands there twice")
                }
            }
        }
        try reader.end()
        try checkCoverage(of: dataCount)
    }

    private static func entry(named name: String, from reader: inout HeaderReader) throws(Problem) -> Entry {
        var (dtype, shape, offsets): (String?, [Int]?, [Int]?)
        try reader.object { (reader, key) throws(Problem) in
            switch key {
            case "dtype" where dtype == nil: dtype = try reader.string()
            case "shape" where shape == nil: shape = try reader.integers()
            case "data_offsets" where offsets == nil: offsets = try reader.integers()
            default: throw Problem.malformed("tensor '\(name)' has an unexpected or repeated field '\(key)'")
            }
        }
        guard let dtype, let shape, let offsets else {
            throw Problem.malformed("tensor '\(name)' lacks dtype, shape or data_offsets")
        }
        guard let type = SafetensorsFile.DataType(rawValue: dtype) else {
            throw Problem(code: "safetensors-dtype", message: "tensor '\(name)' has the unknown dtype '\(dtype)'")
        }
        guard offsets.count == 2, offsets[0] <= offsets[1] else {
            throw Problem(
                code: "safetensors-offsets", message: "tensor '\(name)' has the data_offsets \(offsets)")
        }
        var size = type.byteCount
        // Zero first: [0, 2^62, 2^62] is an empty tensor, and its product must not overflow on the way to it.
        if shape.contains(0) {
            size = 0
        } else {
            for extent in shape {
                let (product, overflow) = size.multipliedReportingOverflow(by: extent)
                guard !overflow else {
                    throw Problem(
                        code: "safetensors-shape", message: "tensor '\(name)' has a shape too large to exist")
                }
                size = product
            }
        }
        guard size == offsets[1] - offsets[0] else {
            throw Problem(
                code: "safetensors-size",
                message: "tensor '\(name)' of shape \(shape) and dtype \(dtype) needs \(size) bytes,"
                    + " its offsets hold \(offsets[1] - offsets[0])")
        }
        return Entry(dtype: type, shape: shape, range: offsets[0]..<offsets[1])
    }

    /// The format's own rule: the tensors cover the data exactly, without overlap, hole or rest.
    private func checkCoverage(of dataCount: Int) throws(Problem) {
        var end = 0
        let ordered = entries.sorted {
            ($0.value.range.lowerBound, $0.value.range.upperBound, $0.key)
                < ($1.value.range.lowerBound, $1.value.range.upperBound, $1.key)
        }
        for (name, entry) in ordered {
            guard entry.range.upperBound <= dataCount else {
                throw Problem(
                    code: "safetensors-truncated",
                    message: "tensor '\(name)' ends at byte \(entry.range.upperBound) of \(dataCount)")
            }
            guard entry.range.lowerBound == end else {
                let what = entry.range.lowerBound < end ? "overlaps its neighbour" : "leaves a hole before it"
                throw Problem(code: "safetensors-offsets", message: "tensor '\(name)' \(what)")
            }
            end = entry.range.upperBound
        }
        guard end == dataCount else {
            throw Problem(
                code: "safetensors-size", message: "\(dataCount - end) bytes at the end belong to no tensor")
        }
    }
}

extension SafetensorsHeader.Problem {
    static func malformed(_ what: String) -> Self { Self(code: "safetensors-header", message: what) }
}

/// A cursor over a header's bytes. Every step either advances or throws, so it ends after at most one pass.
private struct HeaderReader {
    typealias Problem = SafetensorsHeader.Problem

    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    init(bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    /// `{ "key": <member reads the value>, ... }`
    mutating func object(_ member: (inout HeaderReader, String) throws(Problem) -> Void) throws(Problem) {
        try expect("{")
        if skip("}") { return }
        repeat {
            let key = try string()
            try expect(":")
            try member(&self, key)
        } while skip(",")
        try expect("}")
    }

    /// `[1, 2, 3]`: whole numbers from 0 to 2^63 - 1, as shapes and offsets are.
    mutating func integers() throws(Problem) -> [Int] {
        var values: [Int] = []
        try expect("[")
        if skip("]") { return values }
        repeat { values.append(try integer()) } while skip(",")
        try expect("]")
        return values
    }

    private mutating func integer() throws(Problem) -> Int {
        skipSpace()
        let start = position
        var value = 0
        while position < bytes.count, case let digit = bytes[position], digit >= 0x30, digit <= 0x39 {
            let (tens, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(Int(digit - 0x30))
            guard !overflow, !carry else { throw .malformed("a number too large to be a size") }
            value = sum
            position += 1
        }
        guard position > start, position == start + 1 || bytes[start] != 0x30 else {
            throw .malformed("expected a whole number at byte \(start)")
        }
        return value
    }

    mutating func string() throws(Problem) -> String {
        try expect("\"")
        var units: [UInt8] = []
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let text = String(validating: units, as: UTF8.self) else {
                    throw .malformed("a string that is not UTF-8")
                }
                return text
            case UInt8(ascii: "\\"): try escape(into: &units)
            case ..<0x20: throw .malformed("a control character in a string")
            default: units.append(byte)
            }
        }
        throw .malformed("a string that does not end")
    }

    private mutating func escape(into units: inout [UInt8]) throws(Problem) {
        guard position < bytes.count else { throw .malformed("a string that does not end") }
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): units.append(byte)
        case UInt8(ascii: "b"): units.append(0x08)
        case UInt8(ascii: "f"): units.append(0x0C)
        case UInt8(ascii: "n"): units.append(0x0A)
        case UInt8(ascii: "r"): units.append(0x0D)
        case UInt8(ascii: "t"): units.append(0x09)
        case UInt8(ascii: "u"):
            var value = try hexadecimal()
            if value & 0xFC00 == 0xD800 {
                guard position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                    bytes[position + 1] == UInt8(ascii: "u")
                else { throw .malformed("half a surrogate pair") }
                position += 2
                let low = try hexadecimal()
                guard low & 0xFC00 == 0xDC00 else { throw .malformed("half a surrogate pair") }
                value = 0x10000 + (value & 0x3FF) << 10 + (low & 0x3FF)
            }
            guard let scalar = Unicode.Scalar(value) else { throw .malformed("half a surrogate pair") }
            units.append(contentsOf: UTF8.encode(scalar) ?? .init())
        default: throw .malformed("an unknown escape in a string")
        }
    }

    private mutating func hexadecimal() throws(Problem) -> UInt32 {
        guard bytes.count - position >= 4 else { throw .malformed("a string that does not end") }
        var value: UInt32 = 0
        for _ in 0..<4 {
            let byte = bytes[position]
            position += 1
            switch byte {
            case 0x30...0x39: value = value << 4 | UInt32(byte - 0x30)
            case 0x41...0x46: value = value << 4 | UInt32(byte - 0x41 + 10)
            case 0x61...0x66: value = value << 4 | UInt32(byte - 0x61 + 10)
            default: throw .malformed("an escape that is not hexadecimal")
            }
        }
        return value
    }

    /// Nothing but white space may follow: writers pad the header with blanks.
    mutating func end() throws(Problem) {
        skipSpace()
        guard position == bytes.count else { throw .malformed("something follows the header at byte \(position)") }
    }

    private mutating func expect(_ character: Unicode.Scalar) throws(Problem) {
        guard skip(character) else { throw .malformed("expected '\(character)' at byte \(position)") }
    }

    private mutating func skip(_ character: Unicode.Scalar) -> Bool {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func skipSpace() {
        while position < bytes.count, case let byte = bytes[position],
            byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
        {
            position += 1
        }
    }
}
