import Annotations
import Foundation
import Store
import TestSupport
import Testing

@Suite struct EmbeddingCodecTests {
    /// Like a normalised embedding: mostly small, both signs.
    private func vector(_ dimensions: Int, seed: UInt64 = 1) -> [Float] {
        var state = seed &* 0x9E37_79B9_7F4A_7C15
        return (0..<dimensions).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return (Float(state >> 40) / Float(1 << 24) - 0.5) / Float(dimensions).squareRoot()
        }
    }

    private func error(_ a: [Float], _ b: [Float]) -> Float { zip(a, b).reduce(0) { max($0, abs($1.0 - $1.1)) } }

    @Test(arguments: EmbeddingCodec.Precision.allCases, [1, 2, 3, 31, 384, 768, 1024])
    func everyPrecisionReadsBackWithinItsError(precision: EmbeddingCodec.Precision, dimensions: Int) throws {
        let vector = vector(dimensions)
        let largest = vector.reduce(0) { max($0, abs($1)) }
        let bytes = try EmbeddingCodec.encode(vector, precision: precision)
        let back = try EmbeddingCodec.decode(bytes)
        #expect(back.count == dimensions)
        #expect(error(vector, back) <= largest * Tolerance.storedEmbedding(precision.rawValue))
        #expect(bytes == (try EmbeddingCodec.encode(vector, precision: precision)))
    }

    @Test func fp32IsExact() throws {
        let odd: [Float] = [0, -0.0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, -1, 1 / 3]
        let back = try EmbeddingCodec.decode(try EmbeddingCodec.encode(odd, precision: .f32))
        #expect(back.map(\.bitPattern) == odd.map(\.bitPattern))
    }

    @Test(arguments: EmbeddingCodec.Precision.allCases)
    func numbersAtTheEdges(precision: EmbeddingCodec.Precision) throws {
        #expect(try EmbeddingCodec.decode(try EmbeddingCodec.encode([0, 0, 0], precision: precision)) == [0, 0, 0])
        #expect(try EmbeddingCodec.decode(try EmbeddingCodec.encode([1], precision: precision)) == [1])
        let tiny: [Float] = [.leastNonzeroMagnitude, 0]
        #expect(try EmbeddingCodec.decode(try EmbeddingCodec.encode(tiny, precision: precision)).allSatisfy(\.isFinite))
        if precision == .f16 {
            #expect(throws: Fault.self) { try EmbeddingCodec.encode([70_000], precision: precision) }
            #expect(try EmbeddingCodec.decode(try EmbeddingCodec.encode([65_504], precision: precision)) == [65_504])
        } else {
            let large = try EmbeddingCodec.decode(
                try EmbeddingCodec.encode([.greatestFiniteMagnitude], precision: precision))
            #expect(large.allSatisfy { $0.isFinite })
        }
    }

    @Test(arguments: [[Float.nan], [.infinity, 0], [0, -.infinity], []])
    func whatIsNoNumberIsTheModelsFault(vector: [Float]) {
        for precision in EmbeddingCodec.Precision.allCases {
            #expect { try EmbeddingCodec.encode(vector, precision: precision) } throws: {
                ($0 as? Fault)?.blame == .model
            }
        }
    }

    @Test(arguments: EmbeddingCodec.Precision.allCases)
    func everyTruncationAndEveryFlippedBitIsAFault(precision: EmbeddingCodec.Precision) throws {
        // A repetitive vector, so that a zstd frame is among what is damaged.
        for vector in [vector(24), [Float](repeating: 0.125, count: 200)] {
            let bytes = try EmbeddingCodec.encode(vector, precision: precision)
            for count in 0..<bytes.count {
                #expect(throws: Fault.self) { try EmbeddingCodec.decode(Array(bytes[..<count])) }
            }
            #expect(throws: Fault.self) { try EmbeddingCodec.decode(bytes + [0]) }
            for bit in 0..<bytes.count * 8 {
                var damaged = bytes
                damaged[bit / 8] ^= 1 << UInt8(bit % 8)
                #expect(throws: Fault.self) { try EmbeddingCodec.decode(damaged) }
            }
        }
    }

    @Test func damageWithARightChecksumIsStillAFault() throws {
        let bytes = try EmbeddingCodec.encode([Float](repeating: 0.125, count: 200), precision: .f32)
        #expect(bytes[3] == 1, "compressed")
        func repaired(_ change: (inout [UInt8]) -> Void) -> [UInt8] {
            var bytes = bytes
            change(&bytes)
            let checksum = reference(bytes[..<12] + bytes[16...])
            for byte in 0..<4 { bytes[12 + byte] = UInt8(truncatingIfNeeded: checksum >> (8 * UInt32(byte))) }
            return bytes
        }
        #expect(try EmbeddingCodec.decode(repaired { _ in }).count == 200)
        let changes: [(inout [UInt8]) -> Void] = [
            { $0[1] = 9 }, { $0[1] = 3 }, { $0[2] = 2 }, { $0[2] = 0 }, { $0[3] = 0 }, { $0[3] = 2 }, { $0[4] = 0 },
            { $0[4] = 199 },
            { $0[7] = 0xFF },
            { $0[16 + 600] ^= 0xFF }, { $0[$0.count - 1] ^= 0xFF },
        ]
        for change in changes { #expect(throws: Fault.self) { try EmbeddingCodec.decode(repaired(change)) } }
    }

    @Test func everyHalfIsReadAsItIs() throws {
        let halves = (0...UInt16.max).map { Float(Float16(bitPattern: $0)) }.filter(\.isFinite)
        let back = try EmbeddingCodec.decode(try EmbeddingCodec.encode(halves, precision: .f16))
        #expect(back.map(\.bitPattern) == halves.map(\.bitPattern))
    }

    /// Eight bytes at a time, and what is left of them.
    @Test func theChecksumIsTheSameForEveryLength() throws {
        for dimensions in 1...70 {
            let bytes = try EmbeddingCodec.encode(vector(dimensions), precision: .i8)
            let stored = (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[12 + $1]) << (8 * UInt32($1)) }
            #expect(stored == reference(bytes[..<12] + bytes[16...]))
        }
    }

    /// CRC-32, bit by bit.
    private func reference(_ bytes: some Sequence<UInt8>) -> UInt32 {
        var value = ~UInt32(0)
        for byte in bytes {
            value ^= UInt32(byte)
            for _ in 0..<8 { value = value & 1 == 1 ? value >> 1 ^ 0xEDB8_8320 : value >> 1 }
        }
        return ~value
    }

    @Test func aNewerFormatSaysSo() throws {
        var bytes = try EmbeddingCodec.encode([1, 2, 3])
        bytes[0] = 2
        #expect { try EmbeddingCodec.decode(bytes) } throws: { ($0 as? Fault)?.code == "embedding-too-new" }
    }

    @Test func theLayoutIsTheDocumentedOne() throws {
        // Python: struct.pack('<BBBBIII', 1, 1, 0, 0, 2, 4, crc) + b'\x00\x3c\x00\xc0'
        let bytes = try EmbeddingCodec.encode([1, -2], precision: .f16)
        #expect(Array(bytes[..<12]) == [1, 1, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0])
        #expect(Array(bytes[16...]) == [0x00, 0x3C, 0x00, 0xC0])
        #expect(
            Array(bytes[12..<16]).enumerated().reduce(UInt32(0)) { $0 | UInt32($1.element) << (8 * UInt32($1.offset)) }
                == reference(bytes[..<12] + bytes[16...]))
    }
}
