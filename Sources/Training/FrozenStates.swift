import Annotations
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
    private let workspaces: WorkspaceSlots

    /// Tokens that a thread takes at a time.
    private static let portion = 1024

    /// - Parameter layer: from 1; the layers below it are frozen all the time, the embeddings too.
    init(_ backbone: Backbone, below layer: Int, cache: FeatureCache, workers: Workers) {
        (encoder, self.layer, self.cache, self.workers) = (backbone.encoder, layer, cache, workers)
        workspaces = WorkspaceSlots(count: workers.count)
    }

    /// All that decides the states, besides the window.
    static func space(_ backbone: Backbone, below layer: Int) -> String {
        "states 1, below layer \(layer), \(backbone.contentHash), \(Backbone.kernelFamily)"
    }

    /// The windows' states end to end, `[tokens, hidden]`.
    func states(of windows: [TrainingWindow], hidden: Int) -> Matrix {
        let (encoder, layer, cache, workspaces) = (self.encoder, self.layer, self.cache, self.workspaces)
        let keys = windows.map { window in
            FeatureCache.key(window.ids.withUnsafeBytes { Array($0) }, kind: 3)
        }
        let blocks = BlockSlots(keys.map { cache.read($0) })
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
            workspaces.use(worker) { workspace in
                encoder.encode(batch, through: layer, workspace: &workspace)
                for (text, index) in missing[portion].enumerated() {
                    let rows = batch.range(of: text)
                    let numbers = Array(
                        workspace.hidden.values[rows.lowerBound * hidden..<rows.upperBound * hidden])
                    blocks[index] = cache.write(keys[index], FeatureCache.Block(facts: [], numbers: numbers))
                }
            }
        }
        let values = windows.indices.flatMap { blocks[$0]?.numbers ?? [] }
        return Matrix(rows: values.count / max(hidden, 1), columns: hidden, values: values)
    }

    /// One place a window; no two threads write the same.
    private final class BlockSlots: @unchecked Sendable {
        private let places: UnsafeMutableBufferPointer<FeatureCache.Block?>

        init(_ blocks: [FeatureCache.Block?]) {
            places = .allocate(capacity: blocks.count)
            _ = places.initialize(from: blocks)
        }

        deinit {
            places.deinitialize()
            places.deallocate()
        }

        subscript(_ index: Int) -> FeatureCache.Block? {
            get { places[index] }
            set { places[index] = newValue }
        }
    }

    /// One workspace a thread.
    private final class WorkspaceSlots: @unchecked Sendable {
        private let places: UnsafeMutableBufferPointer<EncoderWorkspace>

        init(count: Int) {
            places = .allocate(capacity: count)
            places.initialize(repeating: EncoderWorkspace())
        }

        deinit {
            places.deinitialize()
            places.deallocate()
        }

        func use(_ worker: Int, _ body: (inout EncoderWorkspace) -> Void) { body(&places[worker]) }
    }
}
