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
        let plan: PrecisionPlan
    }

    private struct Weights: Hashable {
        let space: EmbeddingSpace
        let plan: PrecisionPlan
    }

    private let loader: ModelLoader
    private let batchTokens: Int
    /// Least recently used first.
    private var entries: [(key: Key, entry: Entry)] = []
    private var backbones: [Weights: Backbone] = [:]
    /// What each model and collection was last computed with: weights of a precision that nobody uses any more go.
    private var uses: [PrecisionChooser.Use: Key] = [:]
    private static let capacity = 4
    /// Being loaded: of claims that want the same model at the same time, one loads it and the others wait.
    private var loading: [Key: Task<Entry, any Error>] = [:]
    /// Ids of the models in memory, for whoever must not wait for a model that is being loaded.
    nonisolated let loaded = Mutex<[Int64]>([])

    init(loader: ModelLoader, batchTokens: Int) {
        self.loader = loader
        self.batchTokens = batchTokens
    }

    /// Throws `.model` faults when the backbone is not on this machine or is not what it was, `.database` ones when the
    /// heads cannot be read.
    func entry(for use: PrecisionChooser.Use, in plan: PrecisionPlan) async throws -> Entry {
        let key = Key(modelID: use.modelID, segmentation: use.segmentation, plan: plan)
        let isNew = uses.updateValue(key, forKey: use) != key
        defer { if isNew { forgetUnused() } }
        if let found = entries.firstIndex(where: { $0.key == key }) {
            let entry = entries.remove(at: found)
            entries.append(entry)
            return entry.entry
        }
        if let begun = loading[key] { return try await begun.value }
        let task = Task { try await load(key) }
        loading[key] = task
        defer { loading[key] = nil }
        return try await task.value
    }

    private func load(_ key: Key) async throws -> Entry {
        let row = try await loader.registry.model(id: key.modelID)
        let bundle = try await load(row, in: key.plan)
        let entry = Entry(
            annotator: try Annotator(bundle: bundle, segmentation: key.segmentation, tokenBudget: batchTokens),
            spaceID: row.spaceID)
        entries.append((key, entry))
        backbones[Weights(space: row.space, plan: key.plan)] = bundle.backbone
        if entries.count > Self.capacity {
            let oldest = entries.removeFirst().key
            uses = uses.filter { $0.value != oldest }
        }
        loaded.withLock { $0 = Set(entries.map(\.key.modelID)).sorted() }
        return entry
    }

    /// A model in fp32, to compare others with. Not kept.
    func reference(_ modelID: Int64) async throws -> ModelBundle {
        if let known = entries.first(where: { $0.key.modelID == modelID && $0.key.plan == .fp32 }) {
            return known.entry.annotator.bundle
        }
        return try await load(loader.registry.model(id: modelID), in: .fp32)
    }

    private func load(_ row: ModelRegistry.ModelRow, in plan: PrecisionPlan) async throws -> ModelBundle {
        let known = backbones[Weights(space: row.space, plan: plan)]
        let other = backbones.first { $0.key.space == row.space }?.value
        return try await loader.load(row) { [loader] row in
            if let known { return known }
            // The files were checked when the other one was loaded.
            if let other { return try other.computing(in: plan) }
            return try await loader.backbone(of: row, plan: plan)
        }.bundle
    }

    private func forgetUnused() {
        let used = Set(uses.values)
        entries.removeAll { !used.contains($0.key) }
        loaded.withLock { $0 = Set(entries.map(\.key.modelID)).sorted() }
        let inUse = Set(
            entries.map { Weights(space: $0.entry.annotator.bundle.backbone.space, plan: $0.key.plan) })
        backbones = backbones.filter { inUse.contains($0.key) }
    }
}
