import CKernels
import TestSupport
import Testing

/// Texts that lie end to end, as queries, keys and values.
struct AttentionCase {
    var lengths: [Int], heads: Int, width: Int, qkv: [Float]

    init(lengths: [Int], heads: Int, width: Int, spread: Float = 1) {
        (self.lengths, self.heads, self.width) = (lengths, heads, width)
        qkv = randomValues(lengths.reduce(0, +) * 3 * heads * width, spread: spread)
    }

    var hidden: Int { heads * width }
    var starts: [Int] { lengths.reduce(into: [0]) { $0.append($0[$0.count - 1] + $1) } }

    func run(_ table: kernel_table) -> [Float] {
        let scratch = GuardedMemory(bytes: table.attention_scratch(lengths.max() ?? 0, width))
        let out = GuardedMemory(bytes: qkv.count / 3 * 4)
        table.attention(qkv, starts, lengths.count, heads, width, out.floats, scratch.start)
        #expect(scratch.isWhole && out.isWhole, "beyond its memory: \(lengths), width \(width)")
        return Array(UnsafeBufferPointer(start: out.floats, count: qkv.count / 3))
    }

    /// One of the texts alone.
    func only(_ text: Int) -> AttentionCase {
        var alone = self
        alone.lengths = [lengths[text]]
        alone.qkv = Array(qkv[starts[text] * 3 * hidden..<starts[text + 1] * 3 * hidden])
        return alone
    }
}

/// Every variant of attention against the naive twin.
@Suite struct AttentionTests {
    private func expectAgreement(
        _ variant: KernelVariant, _ texts: AttentionCase, sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let (fast, naive) = try variant.results { texts.run($0) }
        #expect(
            largestDifference(fast, naive) <= Tolerance.attention,
            "\(texts.lengths), \(texts.heads) heads of \(texts.width)", sourceLocation: sourceLocation)
    }

    @Test(arguments: KernelVariant.all) func oddLengthsAndWidthsAgree(_ variant: KernelVariant) throws {
        for width in [1, 2, 7, 8, 9, 15, 16, 17, 32, 33, 47, 48, 64, 65, 97] {
            try expectAgreement(variant, AttentionCase(lengths: [1, 3, 8, 17, 50], heads: 2, width: width))
        }
        for length in [1, 2, 5, 7, 8, 9, 15, 16, 17, 47, 48, 49, 95, 96, 97, 128, 193] {
            try expectAgreement(variant, AttentionCase(lengths: [length], heads: 3, width: 32))
        }
    }

    @Test(arguments: KernelVariant.all) func longTextsAgree(_ variant: KernelVariant) throws {
        try expectAgreement(variant, AttentionCase(lengths: [600, 4, 301], heads: 2, width: 24))
    }

    @Test(arguments: KernelVariant.all) func emptyTextsAreSkipped(_ variant: KernelVariant) throws {
        let table = try variant.table()
        #expect(AttentionCase(lengths: [], heads: 2, width: 8).run(table).isEmpty)
        #expect(AttentionCase(lengths: [0, 0], heads: 2, width: 8).run(table).isEmpty)
        try expectAgreement(variant, AttentionCase(lengths: [0, 5, 0, 0, 9, 0], heads: 2, width: 8))
    }

    @Test(arguments: KernelVariant.all) func aTextHasTheSameBitsInEveryBatch(_ variant: KernelVariant) throws {
        let table = try variant.table()
        let texts = AttentionCase(lengths: [9, 130, 1, 40, 97], heads: 3, width: 20)
        let together = bits(texts.run(table))
        for text in texts.lengths.indices {
            let range = texts.starts[text] * texts.hidden..<texts.starts[text + 1] * texts.hidden
            #expect(bits(texts.only(text).run(table))[...] == together[range], "text \(text)")
        }
    }

    /// Scores so far apart that one key takes all: its value comes out as it is.
    @Test(arguments: KernelVariant.all) func oneKeyMayTakeAll(_ variant: KernelVariant) throws {
        var texts = AttentionCase(lengths: [70], heads: 1, width: 16)
        for token in 0..<70 {
            for column in 0..<16 {
                texts.qkv[token * 48 + column] = 1000
                texts.qkv[token * 48 + 16 + column] = token == 41 ? 1000 : -1000
            }
        }
        let out = texts.run(try variant.table())
        for token in 0..<70 {
            #expect(out[token * 16..<(token + 1) * 16] == texts.qkv[41 * 48 + 32..<42 * 48])
        }
    }

    /// Equal scores, however large: the mean of the values.
    @Test(arguments: KernelVariant.all) func equalScoresMakeTheMean(_ variant: KernelVariant) throws {
        for length in [1, 16, 17, 100] {
            var texts = AttentionCase(lengths: [length], heads: 1, width: 8)
            for token in 0..<length { for column in 0..<16 { texts.qkv[token * 24 + column] = 1e4 } }
            let out = texts.run(try variant.table())
            for column in 0..<8 {
                let mean = (0..<length).reduce(Float(0)) { $0 + texts.qkv[$1 * 24 + 16 + column] } / Float(length)
                #expect((0..<length).allSatisfy { abs(out[$0 * 8 + column] - mean) <= Tolerance.attention })
            }
        }
    }

    @Test(arguments: KernelVariant.all) func whatIsNotANumberStaysInItsText(_ variant: KernelVariant) throws {
        let table = try variant.table()
        let clean = AttentionCase(lengths: [20, 33, 9], heads: 2, width: 8), untouched = bits(clean.run(table))
        let width = clean.hidden
        for third in 0..<3 {
            var texts = clean
            texts.qkv[(25 * 3 + third) * width + 3] = .nan
            let out = texts.run(table)
            #expect(bits(out[..<(20 * width)])[...] == untouched[..<(20 * width)])
            #expect(bits(out[(53 * width)...])[...] == untouched[(53 * width)...])
            #expect(out[20 * width..<53 * width].contains { $0.isNaN }, "it must not vanish")
            for token in 20..<53 {  // the other head knows nothing of it
                let range = token * width + 8..<(token + 1) * width
                #expect(bits(out[range])[...] == untouched[range])
            }
        }
    }
}
