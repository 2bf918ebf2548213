import Annotations
import Model
import Store
import Synchronization

/// The models that the daemon has loaded. A new model is loaded when the first document claimed for it arrives; the last
/// few stay, because collections may use different ones. Models that share a backbone share its weights in memory.
actor AnnotatorCache {
    struct Entry: Sendable {
        let annotator: Annotator
        let spaceID: Int32
    }

    private struct Key: Hashable {
        let modelID: Int64
        let segmentation: Segmentation
    }

    private let loader: ModelLoader
    private let batchTokens: Int
    /// Least recently used first.
    private var entries: [(key: Key, entry: Entry)] = []
    private var backbones: [EmbeddingSpace: Backbone] = [:]
    private static let capacity = 4
    /// Ids of the models in memory, for whoever must not wait for a model that is being loaded.
    nonisolated let loaded = Mutex<[Int64]>([])

    init(loader: ModelLoader, batchTokens: Int) {
        self.loader = loader
        self.batchTokens = batchTokens
    }

    /// Throws `.model` faults when the backbone is not on this machine or is not what it was, `.database` ones when the
    /// heads cannot be read.
    func entry(modelID: Int64, segmentation: Segmentation) async throws -> Entry {
        let key = Key(modelID: modelID, segmentation: segmentation)
        if let found = entries.firstIndex(where: { $0.key == key }) {
            let entry = entries.remove(at: found)
            entries.append(entry)
            return entry.entry
        }
        let row = try await loader.registry.model(id: modelID)
        let known = backbones[row.space]
        let loaded = try await loader.load(row) { [shelf = loader.shelf] row in
            if let known { return known }
            return try shelf.backbone(of: row)
        }
        let entry = Entry(
            annotator: try Annotator(bundle: loaded.bundle, segmentation: segmentation, tokenBudget: batchTokens),
            spaceID: row.spaceID)
        entries.append((key, entry))
        if entries.count > Self.capacity { entries.removeFirst() }
        self.loaded.withLock { $0 = Set(entries.map(\.key.modelID)).sorted() }
        backbones[row.space] = loaded.bundle.backbone
        let inUse = Set(entries.map(\.entry.annotator.bundle.backbone.space))
        backbones = backbones.filter { inUse.contains($0.key) }
        return entry
    }
}
