import Annotations
import Foundation
import Model
import Tensors

/// What the layers below the first one that ever learns say about windows: computed once, then read from the cache.
///
/// By the encoder that annotates, whose rows are the same bits in every batch: a run does not depend on what the cache
/// holds.
final class FrozenStates {
    /// States are the inputs of this layer.
    let layer: Int
    private let encoder: Encoder
    private let cache: FeatureCache
    private let workers: Workers
    private let scratch: [Scratch]

    /// Tokens that a thread takes at a time.
    private static let portion = 1024

    /// - Parameter layer: from 1; the layers below it are frozen all the time, the embeddings too.
    init(_ backbone: Backbone, below layer: Int, cache: FeatureCache, workers: Workers) {
        (encoder, self.layer, self.cache, self.workers) = (backbone.encoder, layer, cache, workers)
        scratch = (0..<workers.count).map { _ in Scratch() }
    }

    /// All that decides the states, besides the window.
    static func space(_ backbone: Backbone, below layer: Int) -> String {
        "states 1, below layer \(layer), \(backbone.contentHash), \(Backbone.kernelFamily)"
    }

    /// The windows' states end to end, `[tokens, hidden]`.
    func states(of windows: [TrainingWindow], hidden: Int) -> Matrix {
        let (encoder, layer, cache, scratch) = (self.encoder, self.layer, self.cache, self.scratch)
        let keys = windows.map { window in
            FeatureCache.key(FloatBytes.encode(window.ids.map { UInt32(bitPattern: $0) }), kind: 3)
        }
        let blocks = Blocks(keys.map { cache.read($0) })
        var portions: [[Int]] = []
        var open: (windows: [Int], tokens: Int) = ([], 0)
        for index in windows.indices where blocks[index] == nil {
            open.windows.append(index)
            open.tokens += windows[index].ids.count
            if open.tokens >= Self.portion {
                portions.append(open.windows)
                open = ([], 0)
            }
        }
        if !open.windows.isEmpty { portions.append(open.windows) }
        let missing = portions
        workers.run(missing.count) { portion, worker in
            let batch = RaggedBatch(missing[portion].map { windows[$0].ids })
            let own = scratch[worker]
            encoder.encode(batch, through: layer, workspace: &own.workspace)
            for (text, index) in missing[portion].enumerated() {
                let rows = batch.range(of: text)
                let numbers = Array(own.workspace.hidden.values[rows.lowerBound * hidden..<rows.upperBound * hidden])
                blocks[index] = cache.write(keys[index], FeatureCache.Block(facts: [], numbers: numbers))
            }
        }
        let values = windows.indices.flatMap { blocks[$0]?.numbers ?? [] }
        return Matrix(rows: values.count / max(hidden, 1), columns: hidden, values: values)
    }

    /// What the threads find, by window.
    private final class Blocks: @unchecked Sendable {
        private let lock = NSLock()
        private var found: [FeatureCache.Block?]

        init(_ found: [FeatureCache.Block?]) { self.found = found }

        subscript(_ index: Int) -> FeatureCache.Block? {
            get { lock.withLock { found[index] } }
            set { lock.withLock { found[index] = newValue } }
        }
    }

    /// One thread's; no two threads have the same number at a time.
    private final class Scratch: @unchecked Sendable {
        var workspace = EncoderWorkspace()
    }
}
