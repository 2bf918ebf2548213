import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Testing
import Training

@Suite("Feature cache")
struct FeatureCacheTests {
    private func withFolder<Result>(_ body: (URL) throws -> Result) throws -> Result {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("features-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        return try body(folder)
    }

    private func block(_ index: Int, numbers: Int = 100) -> FeatureCache.Block {
        FeatureCache.Block(
            facts: [UInt32(index), 7], numbers: (0..<numbers).map { Float($0 * index) / 7 - 3 })
    }

    private func key(_ index: Int) -> [UInt8] { FeatureCache.key(SyntheticRows.hash(index), kind: 1) }

    private func files(_ folder: URL) throws -> [URL] {
        try FileManager.default.contentsOfDirectory(at: folder, includingPropertiesForKeys: nil)
    }

    @Test("blocks come back as they were written, from another object too", arguments: FeatureCache.Precision.allCases)
    func roundTrip(_ precision: FeatureCache.Precision) throws {
        try withFolder { folder in
            func open() -> FeatureCache {
                FeatureCache(folder: folder.path, space: "a", precision: precision, limit: 1 << 20)
            }
            var written: [FeatureCache.Block] = []
            do {
                let cache = open()
                written = (0..<20).map { cache.write(key($0), block($0)) }
                #expect((0..<20).allSatisfy { cache.read(key($0)) == written[$0] })
            }
            if precision == .f32 { #expect(written == (0..<20).map { block($0) }) }
            let again = open()
            #expect((0..<20).allSatisfy { again.read(key($0)) == written[$0] })
            #expect(again.read(key(20)) == nil)
            #expect(again.counts == (20, 1))
            let other = FeatureCache(folder: folder.path, space: "b", precision: precision, limit: 1 << 20)
            #expect(other.read(key(3)) == nil, "another space")
        }
    }

    @Test("a damaged record is not there, the others are; a file that was cut off loses its end")
    func damaged() throws {
        try withFolder { folder in
            do {
                let cache = FeatureCache(folder: folder.path, space: "a", precision: .f32, limit: 1 << 20)
                for index in 0..<10 { _ = cache.write(key(index), block(index)) }
            }
            let file = try #require(files(folder).first)
            var data = try Data(contentsOf: file)
            let record = data.count / 10
            data[3 * record + 200] ^= 1
            try data.prefix(data.count - 10).write(to: file)
            let cache = FeatureCache(folder: folder.path, space: "a", precision: .f32, limit: 1 << 20)
            #expect((0..<10).filter { cache.read(key($0)) == block($0) } == [0, 1, 2, 4, 5, 6, 7, 8])
            #expect(cache.write(key(9), block(9)) == block(9))
            #expect(cache.read(key(9)) == block(9))
        }
    }

    @Test("it stays within its bound: other spaces make room, the oldest first")
    func bounded() throws {
        try withFolder { folder in
            let limit = 60_000
            for (number, space) in ["a", "b", "c", "d"].enumerated() {
                let cache = FeatureCache(folder: folder.path, space: space, precision: .f32, limit: limit)
                for index in 0..<200 { _ = cache.write(key(index), block(index)) }
                #expect(cache.read(key(0)) == block(0), "the newest space has room")
                let sizes = try files(folder).map { try $0.resourceValues(forKeys: [.fileSizeKey]).fileSize ?? 0 }
                #expect(sizes.reduce(0, +) <= limit, "\(number) \(sizes)")
            }
        }
    }

    @Test("a second one finds the file locked, and goes without")
    func locked() throws {
        try withFolder { folder in
            let first = FeatureCache(folder: folder.path, space: "a", precision: .f32, limit: 1 << 20)
            _ = first.write(key(1), block(1))
            let second = FeatureCache(folder: folder.path, space: "a", precision: .f32, limit: 1 << 20)
            #expect(second.read(key(1)) == nil)
            #expect(second.write(key(2), block(2)) == block(2))
            #expect(first.read(key(1)) == block(1))
        }
    }

    @Test("examples are the same bits with and without a cache, and are not read twice", arguments: [false, true])
    func examples(_ wantsLayers: Bool) throws {
        let texts = try LabelledTexts(60)
        try withFolder { folder in
            func build(_ cache: FeatureCache) throws -> [TrainingExample] {
                try ExampleBuilder(
                    backbone: texts.backbone, tasks: LabelledTexts.tasks, wantsLayers: wantsLayers, cache: cache
                ).build(texts.documents, workers: 2).examples
            }
            func same(_ a: [TrainingExample], _ b: [TrainingExample]) -> Bool {
                a.count == b.count
                    && zip(a, b).allSatisfy {
                        $0.id == $1.id && $0.embedding == $1.embedding && $0.words == $1.words && $0.tags == $1.tags
                            && $0.layers == $1.layers && $0.wordIndices == $1.wordIndices
                            && $0.wordSpans == $1.wordSpans
                    }
            }
            let plain = try build(.none)
            let space = ExampleBuilder.cacheSpace(texts.backbone)
            for hits in [0, plain.count] {
                let cache = FeatureCache(folder: folder.path, space: space, precision: .f32, limit: 1 << 26)
                #expect(same(try build(cache), plain))
                #expect(cache.counts.hits == hits)
            }
        }
    }

    @Test(
        "a run is the same bits with an empty, a full and a damaged cache", arguments: FeatureCache.Precision.allCases)
    func runs(_ precision: FeatureCache.Precision) throws {
        let texts = try LabelledTexts(40)
        var options = JointOptions()
        (options.freeze, options.epochs, options.batchSize) = ("gradual", 3, 8)
        options.rates = LayerRates(base: 1e-3, heads: 1e-2)
        try withFolder { folder in
            let space = try #require(try JointTrainer.cacheSpace(options, texts.backbone))
            var results: [[[Float]]] = []
            for turn in 0..<4 {
                if turn == 2 {
                    let file = try #require(files(folder).first)
                    var data = try Data(contentsOf: file)
                    data[data.count / 2] ^= 1
                    try data.write(to: file)
                }
                let cache =
                    turn == 3 && precision == .f32
                    ? FeatureCache.none
                    : FeatureCache(folder: folder.path, space: space, precision: precision, limit: 1 << 26)
                let trainer = try texts.trainer(options, threads: 1 + turn % 2, cache: cache)
                while !trainer.isFinished { try trainer.takeStep() }
                results.append(trainer.numbers)
                if turn == 1 { #expect(cache.counts.misses == 0) }
            }
            #expect(results.dropFirst().allSatisfy { $0 == results[0] })
        }
    }
}
