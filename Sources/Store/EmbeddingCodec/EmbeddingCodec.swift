package import Annotations

/// Stored form of an embedding (docs/decisions/0001-embedding-codec.md): a header of 16 bytes, then the payload.
///
/// | bytes | what |
/// |---|---|
/// | 0 | version, 1 |
/// | 1 | precision: 0 f32, 1 f16, 2 bf16, 3 i8 |
/// | 2 | transform: 0 none, 1 byte planes (the lowest byte of every number, then the next, …) |
/// | 3 | flags: bit 0, the highest plane is a zstd frame; only with byte planes |
/// | 4–7 | dimensions, little endian |
/// | 8–11 | bytes of the payload as stored, little endian |
/// | 12–15 | CRC-32 of bytes 0–11 and of the payload, little endian |
///
/// Numbers are little endian. i8 begins with an f32 scale: x = scale · q, q in −127…127.
package enum EmbeddingCodec {
    package enum Precision: UInt8, Sendable, CaseIterable {
        case f32 = 0
        case f16 = 1
        case bf16 = 2
        case i8 = 3

        /// What the daemon stores.
        package static let standard = Precision.f16
    }

    package static let headerBytes = 16

    /// - Throws: `embedding-not-finite`, `embedding-too-large` (f16 ends at 65,504), `embedding-empty`.
    package static func encode(_ vector: [Float], precision: Precision = .standard) throws(Fault) -> [UInt8] {
        let plain = try payload(of: vector, precision: precision)
        var isSplit: UInt8 = 0
        var stored = plain
        // Signs and exponents repeat themselves; mantissas do not, and would only slow the decoder down.
        if precision != .i8, vector.count >= smallestSplit {
            var planes = split(plain, width: precision.width)
            let low = planes.count - vector.count
            if let frame = Zstd.compress(planes[low...], level: 3), frame.count < vector.count - plain.count / 32 {
                isSplit = 1
                planes.removeLast(vector.count)
                stored = planes + frame
            }
        }
        var out: [UInt8] = [1, precision.rawValue, isSplit, isSplit]
        out.reserveCapacity(headerBytes + stored.count)
        out.appendLittleEndian(UInt32(vector.count))
        out.appendLittleEndian(UInt32(stored.count))
        out.appendLittleEndian(CRC32.checksum(out[...], stored[...]))
        out.append(contentsOf: stored)
        return out
    }

    /// - Throws: `embedding-damaged`, or `embedding-too-new` for a header that a later program wrote.
    package static func decode(_ bytes: [UInt8]) throws(Fault) -> [Float] {
        var out: [Float] = []
        try decode(bytes, appendingTo: &out)
        return out
    }

    /// The same, behind others. What is there stays when it throws.
    package static func decode(_ bytes: [UInt8], appendingTo out: inout [Float]) throws(Fault) {
        guard bytes.count >= headerBytes else {
            throw damaged("it has \(bytes.count) bytes, a header alone has \(headerBytes)")
        }
        guard bytes[0] == 1 else {
            // Version 0 never was; a flipped bit and a newer program cannot be told apart here.
            throw Fault(
                .database, "embedding-too-new", "an embedding has format version \(bytes[0]), this program knows 1",
                hint: "upgrade this program, or annotate the document again")
        }
        let dimensions = Int(bytes.littleEndian(at: 4))
        let length = Int(bytes.littleEndian(at: 8))
        guard bytes.count == headerBytes + length else {
            throw damaged("its payload has \(bytes.count - headerBytes) bytes, its header says \(length)")
        }
        guard bytes.littleEndian(at: 12) == CRC32.checksum(bytes[..<12], bytes[headerBytes...]) else {
            throw damaged("its checksum is wrong")
        }
        // The checksum holds, so these can only be a later program's.
        guard let precision = Precision(rawValue: bytes[1]), bytes[2] <= 1, bytes[3] == bytes[2],
            bytes[2] == 0 || precision != .i8
        else {
            throw Fault(
                .database, "embedding-too-new", "an embedding is stored in a way that this program does not know",
                hint: "upgrade this program, or annotate the document again")
        }
        guard (1...maximumDimensions).contains(dimensions) else { throw damaged("it has \(dimensions) dimensions") }
        let size = precision.payloadBytes(dimensions)
        guard bytes[2] == 1 else {
            guard length == size else { throw damaged("its payload does not fit its dimensions") }
            append(bytes[headerBytes...], dimensions: dimensions, precision: precision, to: &out)
            return
        }
        let low = headerBytes + size - dimensions
        guard bytes.count > low, let high = Zstd.decompress(bytes[low...], maximum: dimensions) else {
            throw damaged("its zstd frame is broken")
        }
        guard high.count == dimensions else { throw damaged("its payload does not fit its dimensions") }
        let plain = joined(bytes[headerBytes..<low], high, width: precision.width)
        append(plain[...], dimensions: dimensions, precision: precision, to: &out)
    }

    /// Nil for an embedding that is damaged.
    ///
    /// - Throws: `embedding-too-new`.
    package static func decodeUndamaged(_ bytes: [UInt8]) throws(Fault) -> [Float]? {
        var out: [Float] = []
        return try decodeUndamaged(bytes, appendingTo: &out) ? out : nil
    }

    /// False, and nothing appended, for an embedding that is damaged.
    ///
    /// - Throws: `embedding-too-new`.
    package static func decodeUndamaged(
        _ bytes: [UInt8], appendingTo out: inout [Float]
    ) throws(Fault) -> Bool {
        do { try decode(bytes, appendingTo: &out) } catch {
            guard error.code == "embedding-damaged" else { throw error }
            return false
        }
        return true
    }

    /// A frame's own header is worth more than what a shorter plane gives.
    private static let smallestSplit = 64

    /// More than any encoder has; keeps a damaged header from asking for gigabytes.
    private static let maximumDimensions = 1 << 20

    private static func damaged(_ why: String) -> Fault {
        Fault(
            .database, "embedding-damaged", "a stored embedding is damaged: \(why)",
            hint: "annotate the document again: SELECT glossator.reannotate(document_ids => ARRAY[…])")
    }

    // MARK: Numbers

    private static func payload(of vector: [Float], precision: Precision) throws(Fault) -> [UInt8] {
        guard (1...maximumDimensions).contains(vector.count) else {
            throw Fault(.model, "embedding-empty", "an embedding has \(vector.count) dimensions")
        }
        var largest: Float = 0
        for value in vector {
            guard value.isFinite else {
                throw Fault(
                    .model, "embedding-not-finite", "an embedding has a number that is infinite or none",
                    hint: "the model's weights or the text bring this about; see docs/errors.md")
            }
            largest = max(largest, abs(value))
        }
        var out: [UInt8] = []
        out.reserveCapacity(precision.payloadBytes(vector.count))
        switch precision {
        case .f32: for value in vector { out.appendLittleEndian(value.bitPattern) }
        case .f16:
            guard largest < 65_520 else {
                throw Fault(
                    .model, "embedding-too-large", "an embedding has a number beyond half precision's range",
                    hint: "store this space with another precision, or normalise it")
            }
            for value in vector { out.appendLittleEndian(Float16(value).bitPattern) }
        case .bf16: for value in vector { out.appendLittleEndian(bfloat16(value)) }
        case .i8:
            var scale = largest / 127
            // Rounded up, it would take the largest number there is beyond itself.
            if !(scale * 127).isFinite { scale = scale.nextDown }
            out.appendLittleEndian(scale.bitPattern)
            for value in vector {
                // A scale that underflows to zero has nothing to say but zeros.
                let quantum = scale > 0 ? (value / scale).rounded() : 0
                out.append(UInt8(bitPattern: Int8(max(-127, min(127, quantum)))))
            }
        }
        return out
    }

    /// A loop a format, without a check a number: a million embeddings are read after a night that changed the heads.
    private static func append(
        _ bytes: ArraySlice<UInt8>, dimensions: Int, precision: Precision, to all: inout [Float]
    ) {
        precondition(bytes.count == precision.payloadBytes(dimensions))
        let first = all.count
        all.append(contentsOf: repeatElement(0, count: dimensions))
        all.withUnsafeMutableBufferPointer { all in
            let out = UnsafeMutableBufferPointer(rebasing: all[first...])
            bytes.withUnsafeBytes { bytes in
                func number<T: FixedWidthInteger>(_ index: Int, _ type: T.Type, from start: Int = 0) -> T {
                    T(littleEndian: bytes.loadUnaligned(fromByteOffset: start + index * MemoryLayout<T>.size, as: type))
                }
                switch precision {
                case .f32: for index in 0..<dimensions { out[index] = Float(bitPattern: number(index, UInt32.self)) }
                case .f16: for index in 0..<dimensions { out[index] = float(ofHalf: number(index, UInt16.self)) }
                case .bf16:
                    for index in 0..<dimensions {
                        out[index] = Float(bitPattern: UInt32(number(index, UInt16.self)) << 16)
                    }
                case .i8:
                    let scale = Float(bitPattern: number(0, UInt32.self))
                    for index in 0..<dimensions { out[index] = scale * Float(number(index, Int8.self, from: 4)) }
                }
            }
        }
    }

    /// `Float(Float16)` without a branch or, where the processor has no such instruction, a call: the bits, moved, are the
    /// number times 2^-112, and infinity and what is no number get the exponent that they lost.
    @inline(__always) private static func float(ofHalf half: UInt16) -> Float {
        let magnitude = UInt32(half & 0x7FFF) << 13
        let finite = (Float(bitPattern: magnitude) * 0x1p112).bitPattern
        let bits = magnitude >= 0x0F80_0000 ? magnitude | 0x7F80_0000 : finite
        return Float(bitPattern: bits | UInt32(half & 0x8000) << 16)
    }

    /// To nearest, ties to even; the largest numbers stay finite.
    private static func bfloat16(_ value: Float) -> UInt16 {
        let bits = value.bitPattern
        let rounded = UInt16(truncatingIfNeeded: (bits &+ 0x7FFF &+ (bits >> 16 & 1)) >> 16)
        return rounded & 0x7FFF == 0x7F80 ? UInt16(truncatingIfNeeded: bits >> 16) : rounded
    }

    // MARK: Bytes

    private static func split(_ bytes: [UInt8], width: Int) -> [UInt8] {
        let count = bytes.count / width
        var out = [UInt8](repeating: 0, count: bytes.count)
        for plane in 0..<width { for index in 0..<count { out[plane * count + index] = bytes[index * width + plane] } }
        return out
    }

    /// - Parameters:
    ///   - low: all planes but the highest, one after the other.
    ///   - high: the highest.
    private static func joined(_ low: ArraySlice<UInt8>, _ high: [UInt8], width: Int) -> [UInt8] {
        let dimensions = high.count
        precondition(low.count == dimensions * (width - 1))
        return [UInt8](unsafeUninitializedCapacity: dimensions * width) { out, count in
            low.withUnsafeBufferPointer { low in
                high.withUnsafeBufferPointer { high in
                    if width == 2 {
                        for index in 0..<dimensions { (out[2 * index], out[2 * index + 1]) = (low[index], high[index]) }
                    } else {
                        for index in 0..<dimensions {
                            for plane in 0..<width - 1 { out[index * width + plane] = low[plane * dimensions + index] }
                            out[index * width + width - 1] = high[index]
                        }
                    }
                }
            }
            count = dimensions * width
        }
    }
}

extension EmbeddingCodec.Precision {
    /// Bytes a number.
    fileprivate var width: Int {
        switch self {
        case .f32: 4
        case .f16, .bf16: 2
        case .i8: 1
        }
    }

    fileprivate func payloadBytes(_ dimensions: Int) -> Int { dimensions * width + (self == .i8 ? 4 : 0) }
}

extension [UInt8] {
    fileprivate mutating func appendLittleEndian<T: FixedWidthInteger>(_ value: T) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }

    fileprivate func littleEndian(at index: Int) -> UInt32 {
        UInt32(self[index]) | UInt32(self[index + 1]) << 8 | UInt32(self[index + 2]) << 16 | UInt32(self[index + 3])
            << 24
    }
}

/// CRC-32 as zlib, PNG and Python's `zlib.crc32` have it: every single flipped bit and every burst up to 32 bits shows.
enum CRC32 {
    /// What a byte does to the checksum with 0, 1, … 7 bytes behind it, `[8, 256]`: eight bytes at a time have eight independent
    /// lookups instead of one after the other (Kounavis and Berry 2008, "slicing by 8").
    private static let table: [UInt32] = {
        var table: [UInt32] = (0..<256).map { byte in
            (0..<8).reduce(UInt32(byte)) { value, _ in value & 1 == 1 ? 0xEDB8_8320 ^ value >> 1 : value >> 1 }
        }
        for index in 256..<2048 { table.append(table[index - 256] >> 8 ^ table[Int(table[index - 256] & 0xFF)]) }
        return table
    }()

    /// Of the parts, one after the other.
    static func checksum(_ parts: ArraySlice<UInt8>...) -> UInt32 {
        table.withUnsafeBufferPointer { table in
            func entry(_ bytesBehind: Int, _ word: UInt64) -> UInt32 {
                table[256 * bytesBehind + Int(UInt8(truncatingIfNeeded: word >> UInt64(8 * (7 - bytesBehind))))]
            }
            var value = ~UInt32(0)
            for part in parts {
                part.withUnsafeBytes { bytes in
                    let whole = bytes.count & ~7
                    for start in stride(from: 0, to: whole, by: 8) {
                        let word =
                            UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self))
                            ^ UInt64(value)
                        value =
                            entry(7, word) ^ entry(6, word) ^ entry(5, word) ^ entry(4, word)
                            ^ entry(3, word) ^ entry(2, word) ^ entry(1, word) ^ entry(0, word)
                    }
                    for byte in bytes[whole...] {
                        value = table[Int(UInt8(truncatingIfNeeded: value) ^ byte)] ^ value >> 8
                    }
                }
            }
            return ~value
        }
    }
}
