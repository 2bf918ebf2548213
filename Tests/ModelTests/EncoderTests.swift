import Annotations
import Foundation
import Model
import TestSupport
import Tensors
import Testing

/// The encoder on models that the tests make themselves.
@Suite struct EncoderTests {
    struct Shape: Sendable, CustomTestStringConvertible {
        var model = TinyModel()
        let lengths: [Int]
        var testDescription: String {
            "hidden \(model.hidden), \(model.layers) layers, \(model.heads) heads, inner \(model.intermediate),"
                + " \(model.dtype) '\(model.prefix)', texts of \(lengths)"
        }

        init(
            _ hidden: Int, _ layers: Int, _ heads: Int, _ inner: Int, _ lengths: [Int], positions: Int = 64,
            _ change: (inout TinyModel) -> Void = { _ in }
        ) {
            (model.hidden, model.layers, model.heads, model.intermediate) = (hidden, layers, heads, inner)
            (model.positions, model.seed) = (positions, UInt64(hidden * 1000 + layers))
            self.lengths = lengths
            change(&model)
        }
    }

    static let shapes: [Shape] = [
        Shape(4, 1, 1, 1, [1]),
        Shape(6, 1, 2, 7, [3, 1, 2]),
        Shape(15, 2, 3, 31, [5, 9]),
        Shape(20, 3, 20, 50, [2, 17, 4]) { $0.prefix = "bert." },
        Shape(32, 4, 4, 64, [16, 1, 33]) { $0.namesNormsGammaBeta = true },
        Shape(33, 2, 11, 40, [12, 12]) { $0.dtype = .float16 },
        Shape(40, 2, 5, 100, [7, 31]) { ($0.dtype, $0.prefix) = (.bfloat16, "bert.") },
        Shape(48, 1, 3, 192, [64]),
        Shape(8, 1, 2, 16, [512, 3], positions: 512),
    ]

    @Test(arguments: shapes) func agreesWithTheNaiveTwin(_ shape: Shape) throws {
        try shape.model.withDirectory { directory in
            let encoder = try EncoderFixtures.encoder(at: directory)
            let twin = NaiveEncoder(
                file: try SafetensorsFile(path: directory.appendingPathComponent("model.safetensors").path),
                prefix: shape.model.prefix, layers: shape.model.layers, heads: shape.model.heads, epsilon: 1e-12)
            let batch = EncoderFixtures.batch(lengths: shape.lengths, vocabulary: shape.model.vocabulary.count)
            var workspace = EncoderWorkspace()
            encoder.encode(batch, workspace: &workspace)
            #expect(workspace.hidden.rows == batch.tokenCount && workspace.hidden.columns == shape.model.hidden)
            for text in 0..<batch.textCount {
                let rows = batch.range(of: text)
                let expected = try twin.hiddenStates(Array(batch.ids[rows])).flatMap { $0.map { Float($0) } }
                let actual = rows.flatMap { workspace.hidden.row($0) }
                #expect(largestDifference(actual, expected) <= Tolerance.hidden, "text \(text)")
            }
        }
    }

    /// In every precision, to the bit: alone, among others, at another place, on another thread's workspace.
    @Test(arguments: Precision.allCases) func aTextHasTheSameBitsInEveryBatch(_ precision: Precision) throws {
        for shape in Self.shapes {
            let encoder = try EncoderFixtures.encoder(of: shape.model, plan: PrecisionPlan(precision))
            let lengths = [5, 1, 40, 17, 2, 64, 3, 61]
            let batch = EncoderFixtures.batch(lengths: lengths, vocabulary: shape.model.vocabulary.count)
            let texts = (0..<batch.textCount).map { Array(batch.ids[batch.range(of: $0)]) }
            var (together, alone, turned) = (EncoderWorkspace(), EncoderWorkspace(), EncoderWorkspace())
            encoder.encode(batch, workspace: &together)
            let reversed = RaggedBatch(texts.reversed())
            encoder.encode(reversed, workspace: &turned)
            for text in texts.indices {
                encoder.encode(RaggedBatch([texts[text]]), workspace: &alone)
                let inBatch = batch.range(of: text).flatMap { together.hidden.row($0) }
                let inReverse = reversed.range(of: texts.count - 1 - text).flatMap { turned.hidden.row($0) }
                #expect(alone.hidden.values == inBatch && inReverse == inBatch, "text \(text) of \(shape)")
            }
        }
    }

    /// Reduced precisions are near fp32, and not the same.
    @Test func reducedPrecisionsAreNearFp32() throws {
        let model = TinyModel()
        let batch = EncoderFixtures.batch(lengths: [20, 33], vocabulary: model.vocabulary.count)
        var exact = EncoderWorkspace()
        try EncoderFixtures.encoder(of: model).encode(batch, workspace: &exact)
        for precision in [Precision.bf16, .int8] {
            var rounded = EncoderWorkspace()
            try EncoderFixtures.encoder(of: model, plan: PrecisionPlan(precision)).encode(batch, workspace: &rounded)
            let difference = largestDifference(rounded.hidden.values, exact.hidden.values)
            #expect(difference > 0 && difference < 0.1, "\(precision): \(difference)")
        }
    }

    @Test func aWorkspaceCarriesNothingFromOneBatchToTheNext() throws {
        let model = TinyModel()
        let encoder = try EncoderFixtures.encoder(of: model)
        let small = EncoderFixtures.batch(lengths: [3], vocabulary: model.vocabulary.count)
        let large = EncoderFixtures.batch(lengths: [60, 64, 1], vocabulary: model.vocabulary.count, seed: 2)
        var (fresh, used) = (EncoderWorkspace(), EncoderWorkspace())
        encoder.encode(small, workspace: &fresh)
        encoder.encode(large, workspace: &used)
        encoder.encode(small, workspace: &used)
        #expect(used.hidden == fresh.hidden)
        encoder.encode(RaggedBatch(), workspace: &used)
        #expect(used.hidden.rows == 0)
    }

    @Test func threadsShareOneEncoder() async throws {
        let model = TinyModel()
        let encoder = try EncoderFixtures.encoder(of: model)
        let batch = EncoderFixtures.batch(lengths: [20, 30, 10], vocabulary: model.vocabulary.count)
        var workspace = EncoderWorkspace()
        encoder.encode(batch, workspace: &workspace)
        let expected = workspace.hidden
        await withTaskGroup(of: Bool.self) { group in
            for _ in 0..<8 {
                group.addTask {
                    var workspace = EncoderWorkspace()
                    return (0..<10).allSatisfy { _ in
                        encoder.encode(batch, workspace: &workspace)
                        return workspace.hidden == expected
                    }
                }
            }
            for await same in group { #expect(same) }
        }
    }

    @Test func theUnfusedTwinAgreesAndNamesEveryStage() throws {
        let model = TinyModel()
        let batch = EncoderFixtures.batch(lengths: [4, 9], vocabulary: model.vocabulary.count)
        var workspace = EncoderWorkspace()
        try EncoderFixtures.encoder(of: model).encode(batch, workspace: &workspace)
        var stages: [String] = []
        let twin = try model.withDirectory { directory in
            try EncoderFixtures.unfused(at: directory).run(batch) { stage, _ in stages.append(stage) }
        }
        #expect(largestDifference(twin.values, workspace.hidden.values) <= Tolerance.hidden)
        // Two of the embeddings; ten a layer, and the probabilities of every text and head.
        #expect(Set(stages).count == stages.count && stages.count == 2 + 2 * (10 + 2 * 4))
    }
}

@Suite struct RaggedBatchTests {
    @Test func textsLieEndToEnd() {
        var batch = RaggedBatch([[1, 2], [], [3]])
        #expect(batch.ids == [1, 2, 3] && batch.cumulativeLengths == [0, 2, 2, 3])
        #expect(batch.textCount == 3 && batch.range(of: 1) == 2..<2)
        batch.append([4, 5])
        #expect(batch.range(of: 3) == 3..<5 && batch.tokenCount == 5)
        batch.removeAll()
        #expect(batch == RaggedBatch() && batch.textCount == 0)
    }
}

@Suite struct PoolingTests {
    private let hidden = Matrix(rows: 4, columns: 2, values: [1, 10, 2, 20, 3, 30, 6, 60])

    @Test func meanCountsEveryRowOnceWhateverTheWindows() {
        var pooling = Pooling(.mean, dimensions: 2)
        pooling.add(hidden, rows: 0..<3)
        pooling.add(hidden, rows: 3..<4, isWindowStart: false)
        pooling.add(hidden, rows: 2..<2)
        #expect(pooling.pooled() == [3, 30])
    }

    @Test func clsIsTheMeanOfTheWindowsFirstRows() {
        var pooling = Pooling(.cls, dimensions: 2)
        pooling.add(hidden, rows: 0..<2)
        pooling.add(hidden, rows: 1..<2, isWindowStart: false)
        #expect(pooling.pooled() == [1, 10])
        pooling.add(hidden, rows: 2..<4)
        #expect(pooling.pooled() == [2, 20])
    }

    @Test func normalisationIsWhatTheSpaceSays() {
        var pooling = Pooling(.mean, dimensions: 2)
        #expect(pooling.embedding(.l2) == [0, 0], "nothing pooled, nothing divided by zero")
        pooling.add(Matrix(rows: 1, columns: 2, values: [3, -4]), rows: 0..<1)
        #expect(pooling.embedding(.none) == [3, -4])
        #expect(largestDifference(pooling.embedding(.l2), [0.6, -0.8]) <= Tolerance.kernel)
        #expect(largestDifference(pooling.embedding(.layernorm), [1, -1]) <= Tolerance.kernel)
    }
}

@Suite struct ContentHashTests {
    /// FIPS 180-2's examples.
    @Test func isSHA256() throws {
        #expect(
            try ContentHash.of(Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(try ContentHash.of([]) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
        var pieces = ContentHash()
        pieces.update(Array("a".utf8))
        pieces.update([])
        pieces.update(Array("bc".utf8))
        #expect(try pieces.finish() == ContentHash.of(Array("abc".utf8)))
        let million = [UInt8](repeating: UInt8(ascii: "a"), count: 1_000_000)
        #expect(try ContentHash.of(million) == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    }
}
