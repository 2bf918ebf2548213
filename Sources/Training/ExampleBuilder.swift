package import Annotations
import Dispatch
import Foundation
package import Model
import Tensors

/// What a run learns from, made once and kept in memory while every epoch reads it.
package struct TrainingSet: Sendable {
    /// One a document that is labelled for any of the tasks, ordered by text hash and id.
    package let examples: [TrainingExample]
    /// By task, gold entities that no word could carry (they lie between words, or overlap another entity). They are
    /// neither learned nor counted as missed.
    package let unalignedEntities: [String: Int]
    /// Word pieces read.
    package let tokenCount: Int
}

/// Reads labelled documents through the frozen backbone.
///
/// Every different text is read once, however many documents carry it. Texts are ordered by hash and cut into portions
/// of a fixed size; a portion is read by one thread. So the features do not depend on the number of threads, nor on the
/// order of the documents.
package struct ExampleBuilder: Sendable {
    private static let textsInPortion = 128

    private let extractor: FeatureExtractor
    private let tasks: [AnnotationTask]
    let wantsLayers: Bool
    let cache: FeatureCache
    let stored: [[UInt8]: [Float]]

    /// - Parameters:
    ///   - wantsLayers: whether an entity head looks at words' states in all layers; features are then as many times as
    ///     large.
    ///   - cache: of `cacheSpace`, for texts that were read before.
    ///   - stored: embeddings by the texts' sha256, of the backbone's space, for texts whose words nobody asks for: these
    ///     are not read again.
    /// - Throws: what `FeatureExtractor.init` throws.
    package init(
        backbone: Backbone, tasks: [AnnotationTask], wantsLayers: Bool = false,
        tokenBudget: Int = BatchPlanner.defaultTokenBudget, cache: FeatureCache = .none,
        stored: [[UInt8]: [Float]] = [:]
    ) throws(Fault) {
        (self.wantsLayers, self.cache, self.stored) = (wantsLayers, cache, stored)
        extractor = try FeatureExtractor(backbone: backbone, tokenBudget: tokenBudget)
        self.tasks = tasks
    }

    /// Documents without gold for any of the tasks are left out.
    ///
    /// - Parameters:
    ///   - workers: threads to read with: the caller's and Dispatch's own. Call this outside Swift's cooperative pool.
    ///   - progress: `.features`, one call at a time, from any of the threads.
    ///   - isCancelled: asked before each of the encoder's batches, from any of the threads.
    /// - Throws: `label-unknown` for an entity type that its task does not have; `cancelled`, `scores-not-finite` as
    ///   `FeatureExtractor`.
    package func build(
        _ documents: [LabelledDocument], workers: Int = 1,
        progress: @Sendable (TrainingProgress) -> Void = { _ in }, isCancelled: @Sendable () -> Bool = { false }
    ) throws(Fault) -> TrainingSet {
        let labelled = documents.filter { document in tasks.contains { Self.isLabelled(document, for: $0) } }
            .sorted { a, b in
                if a.bodyHash != b.bodyHash { return a.bodyHash.lexicographicallyPrecedes(b.bodyHash) }
                return a.id < b.id
            }
        for document in labelled { try checkTypes(of: document) }
        let features = try read(portions(of: labelled), workers: workers, progress: progress, isCancelled: isCancelled)
        var unaligned: [String: Int] = [:]
        let examples = labelled.compactMap { document in
            features[document.bodyHash].map { example(document, $0, unaligned: &unaligned) }
        }
        return TrainingSet(
            examples: examples, unalignedEntities: unaligned,
            tokenCount: features.values.reduce(0) { $0 + $1.tokenCount })
    }

    private static func isLabelled(_ document: LabelledDocument, for task: AnnotationTask) -> Bool {
        switch task.kind {
        case .classification: document.labels[task.name] != nil
        case .entities: document.completeTasks.contains(task.name)
        }
    }

    private func checkTypes(of document: LabelledDocument) throws(Fault) {
        for task in tasks where task.kind == .entities {
            guard
                let entity = document.entities.first(where: { $0.task == task.name && !task.labels.contains($0.type) })
            else { continue }
            throw Fault.unknownLabel(entity.type, task: task, document: document.id)
        }
    }

    /// Texts that one thread reads in one call.
    struct Portion {
        var hashes: [[UInt8]] = []
        var requests: [AnnotationRequest] = []
        let wantsWords: Bool
    }

    private func portions(of documents: [LabelledDocument]) -> [Portion] {
        let entityTasks = tasks.filter { $0.kind == .entities }
        var portions: [Portion] = []
        var open = [Portion(wantsWords: false), Portion(wantsWords: true)]
        var index = 0
        while index < documents.count {
            let copies = documents[index...].prefix { $0.bodyHash == documents[index].bodyHash }
            let kind = copies.contains { copy in entityTasks.contains { Self.isLabelled(copy, for: $0) } } ? 1 : 0
            open[kind].hashes.append(documents[index].bodyHash)
            open[kind].requests.append(AnnotationRequest(text: documents[index].body))
            if open[kind].requests.count == Self.textsInPortion {
                portions.append(open[kind])
                open[kind] = Portion(wantsWords: kind == 1)
            }
            index += copies.count
        }
        return portions + open.filter { !$0.requests.isEmpty }
    }

    private func read(
        _ portions: [Portion], workers: Int, progress: @Sendable (TrainingProgress) -> Void,
        isCancelled: @Sendable () -> Bool
    ) throws(Fault) -> [[UInt8]: DocumentFeatures] {
        let total = portions.reduce(0) { $0 + $1.requests.count }
        let state = ReadingState()
        DispatchQueue.concurrentPerform(iterations: max(1, min(workers, portions.count))) { _ in
            var workspace = AnnotatorWorkspace()
            while let portion = state.withLock({ () -> Portion? in
                guard state.fault == nil, state.next < portions.count else { return nil }
                state.next += 1
                return portions[state.next - 1]
            }) {
                var reported = 0
                do throws(Fault) {
                    let (known, portion) = recall(portion)
                    state.withLock {
                        state.features.merge(known) { first, _ in first }
                        state.done += known.count
                        progress(.features(done: state.done, total: total))
                    }
                    guard !portion.requests.isEmpty else { continue }
                    let features = try extractor.features(
                        of: portion.requests, wantsWords: portion.wantsWords, wantsLayers: wantsLayers,
                        workspace: &workspace,
                        isCancelled: isCancelled,
                        progress: { step in
                            state.withLock {
                                state.done += step.finishedRequests - reported
                                reported = step.finishedRequests
                                progress(.features(done: state.done, total: total))
                            }
                        })
                    let kept = zip(portion.hashes, features).map { ($0, keep($1, hash: $0, portion.wantsWords)) }
                    state.withLock { for (hash, features) in kept { state.features[hash] = features } }
                } catch {
                    state.withLock { state.fault = state.fault ?? error }
                }
            }
        }
        if let fault = state.fault { throw fault }
        return state.features
    }

    /// What the threads of one `read` share. Under `withLock` while they work, free when they have ended.
    ///
    /// Not `Synchronization.Mutex`: when that is contended the kernel hands the lock over, and the thread sanitizer sees
    /// no lock at all.
    private final class ReadingState: @unchecked Sendable {
        private let lock = NSLock()
        var next = 0
        var done = 0
        var features: [[UInt8]: DocumentFeatures] = [:]
        var fault: Fault?

        func withLock<Result>(_ body: () -> Result) -> Result {
            lock.lock()
            defer { lock.unlock() }
            return body()
        }
    }

    private func example(
        _ document: LabelledDocument, _ features: DocumentFeatures, unaligned: inout [String: Int]
    ) -> TrainingExample {
        var labels: [String: String] = [:]
        var tags: [String: [String]] = [:]
        for task in tasks {
            switch task.kind {
            case .classification: labels[task.name] = document.labels[task.name]
            case .entities where document.completeTasks.contains(task.name):
                let tagSet = TagSet(types: task.labels)
                let aligned = TagAligner.tags(
                    for: document.entities.filter { $0.task == task.name }, words: features.wordSpans, tagSet: tagSet)
                tags[task.name] = aligned.tags.map(tagSet.name)
                if aligned.unaligned > 0 { unaligned[task.name, default: 0] += aligned.unaligned }
            case .entities: break
            }
        }
        return TrainingExample(
            id: document.id, bodyHash: document.bodyHash, embedding: features.embedding, labels: labels,
            words: tags.isEmpty ? Matrix(rows: 0, columns: features.words.columns) : features.words,
            layers: tags.isEmpty ? [] : features.layers,
            wordIndices: tags.isEmpty ? [] : Array(features.wordSpans.indices), tags: tags,
            wordSpans: tags.isEmpty ? [] : features.wordSpans)
    }
}
