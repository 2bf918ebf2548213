import Annotations
import Foundation
import Logging
import Model
import Store
import Training

/// One fine-tune of a collection's model, from its gold rows to a stored and maybe promoted model:
///
/// Gold that the model in force has not learned is learned together with the rest, or a sample of it (`GoldSelection`), and
/// a manifest says what that was.
///
///     gold rows ─▶ features ─▶ train ─▶ evaluate ─▶ promote? ─▶ activate
struct FineTune: Sendable {
    struct Report: Sendable {
        let runID: Int64
        /// Nil when nothing was to learn.
        let modelName: String?
        let parentName: String
        let outcome: TrainingOutcome
        var decision: PromotionRule.Decision
        let seconds: Double
    }

    /// What came of it.
    enum End: Sendable {
        case trained(Report)
        /// Nothing was done: `new` documents have gold that is new since the run `since`.
        case tooLittleNew(new: Int, since: TrainingRunStore.RunRow)
    }

    enum Promotion: String, Sendable, CaseIterable {
        /// When `PromotionRule` says so.
        case ifBetter = "if-better"
        case always
        case never
    }

    let context: ModelContext
    let collection: String
    let promotion: Promotion
    /// Tasks to train; nil for all that have enough gold.
    let onlyTasks: Set<String>?
    /// Documents with new gold below which a collection that was trained before with the same options is left alone.
    let minimumNew: Int

    func run() async throws -> End {
        let started = ContinuousClock.now
        let beginning = try await prepare()
        let run = try await runs.start(
            collection: collection, parentModelID: beginning.parent.row.id,
            options: JSONText.of(beginning.options), counts: beginning.counts, codeVersion: Version.withBuild)
        return try await recorded(run) { heartbeat in
            let end = try await learn(run, from: beginning, heartbeat, started: started)
            if case .tooLittleNew = end { try await runs.withdraw(run) }
            return end
        }
    }

    /// The same for a run that the schedule has begun: whatever is wrong is recorded in it.
    func run(claimed run: Int64) async throws -> End {
        let started = ContinuousClock.now
        return try await recorded(run) { heartbeat in
            let beginning = try await prepare()
            try await runs.describe(
                run: run, parentModelID: beginning.parent.row.id, options: JSONText.of(beginning.options),
                counts: beginning.counts)
            let end = try await learn(run, from: beginning, heartbeat, started: started)
            // The schedule has been served.
            if case .tooLittleNew(let new, let since) = end {
                try await runs.finish(
                    run: run, end: .kept(modelID: nil),
                    message: "nothing was to learn: \(new) documents have gold that is new since run \(since.id)")
            }
            return end
        }
    }

    private var runs: TrainingRunStore { TrainingRunStore(connection: context.connection) }

    private struct Beginning {
        let parent: ModelLoader.Loaded
        let tasks: [AnnotationTask]
        let options: RunOptions
        /// JSON text.
        let counts: String
    }

    private func prepare() async throws -> Beginning {
        let (parent, counts, tasks) = try await begin()
        let settings = context.settings
        let options = RunOptions(
            heads: settings.headTrainingOptions, layers: try settings.jointOptions,
            cache: settings.text("train.cache-precision"), tasks: onlyTasks?.sorted(),
            storedEmbeddings: settings.flag("train.stored-embeddings"), replay: settings.replay)
        try options.layers.check(parent.bundle.backbone.configuration, tasks: tasks)
        return Beginning(
            parent: parent, tasks: tasks, options: options, counts: try JSONText.of(counts))
    }

    /// Keeps the run alive while `body` goes on, and records why it failed.
    private func recorded(
        _ run: Int64, _ body: (TrainingHeartbeat) async throws -> End
    ) async throws -> End {
        let heartbeat = TrainingHeartbeat()
        let heart = Task { [database = context.settings.connection(applicationName: "glossator train beat")] in
            await heartbeat.keep(run, database: database)
        }
        defer { heart.cancel() }
        do {
            return try await body(heartbeat)
        } catch {
            let fault = error as? Fault
            _ = try? await runs.finish(
                run: run, end: .failed(mayPass: fault?.mayPassLater ?? true), message: fault?.message ?? "\(error)")
            throw error
        }
    }

    private func learn(
        _ run: Int64, from beginning: Beginning, _ heartbeat: TrainingHeartbeat, started: ContinuousClock.Instant
    ) async throws -> End {
        let parent = beginning.parent
        let patience = Patience(logger: Logger(label: "glossator.train"), grace: ShutdownGrace(.zero))
        // Not before the run has begun: one that ends meanwhile has learned what was new.
        let gold = try await select(beginning.tasks, patience)
        if gold.newDocuments < minimumNew, let last = try await runs.lastThatLearned(collection: collection),
            (try? JSONText.decoder.decode(RunOptions.self, from: Data(last.options.utf8))) == beginning.options
        {
            return .tooLittleNew(new: gold.newDocuments, since: last)
        }
        Terminal.note(gold.text)
        let result = try await Learning(
            settings: context.settings, onlyTasks: onlyTasks, isCancelled: { heartbeat.isLost },
            storedEmbeddings: { ids in
                try await patience.keepTrying("reading embeddings") {
                    try await EmbeddingReader(connection: context.connection)
                        .wholeDocuments(ids, spaceID: parent.row.spaceID)
                }
            }
        ).run(gold.documents, tasks: beginning.tasks, from: parent.bundle) { rows in
            try await patience.keepTrying("writing the manifest") { try await runs.record(rows, of: run) }
        }
        var decision: PromotionRule.Decision
        var stored: (id: Int64, name: String)?
        if result.outcome.tasks.isEmpty, result.outcome.learnedParts.isEmpty {
            decision = .init(
                promotes: false,
                reason: "the plan left nothing to learn; these are the figures of the model in force")
        } else {
            stored = try await store(result, run: run, collection: collection, parent: parent, patience)
            decision = decide(result.outcome, flips: try await flips(result.outcome, parent: parent))
        }
        decision = try await close(run, decision, storedID: stored?.id, result: result, parent: parent.row, patience)
        result.outcome.resumeFile?.remove()
        return .trained(
            Report(
                runID: run, modelName: stored?.name, parentName: parent.row.name, outcome: result.outcome,
                decision: decision, seconds: (ContinuousClock.now - started) / .seconds(1)))
    }

    private func select(_ tasks: [AnnotationTask], _ patience: Patience) async throws -> GoldSelection {
        let store = GoldStore(connection: context.connection)
        let all = try await patience.keepTrying("reading gold") {
            try await store.allLabelledDocuments(in: collection)
        }
        return GoldSelection(
            all, tasks: tasks, split: context.settings.headTrainingOptions.split,
            replay: context.settings.replay)
    }

    /// Closes the run, with its model in force where the decision says so. But when somebody promoted or rolled back while it
    /// learned, it was compared with a model that is no longer in force: its own comes into force only when that was asked
    /// for.
    ///
    /// - Returns: what was decided in the end.
    private func close(
        _ run: Int64, _ decision: PromotionRule.Decision, storedID: Int64?, result: Learning.Result,
        parent: ModelRegistry.ModelRow, _ patience: Patience
    ) async throws -> PromotionRule.Decision {
        let figures = (try JSONText.of(result.outcome.before), try JSONText.of(result.outcome.after))
        func isClosed(by decision: PromotionRule.Decision, _ end: TrainingRunStore.End) async throws -> Bool {
            let record = try JSONText.of(RunRecord(result, gate: decision, settings: context.settings))
            return try await patience.keepTrying("closing the run") {
                try await runs.finish(
                    run: run, end: end, metricsBefore: figures.0, metricsAfter: figures.1, record: record,
                    message: decision.reason)
            }
        }
        if decision.promotes, let storedID {
            let over = promotion == .ifBetter ? parent.id : nil
            if try await isClosed(by: decision, .promoted(modelID: storedID, over: over)) { return decision }
            let inForce = try await patience.keepTrying("looking at the model in force") {
                try await context.registry.modelInForce(collection: collection)
            }
            let overtaken = decision.overruled(
                promotes: false,
                reason: "\(inForce.modelName ?? "another model") came into force while this one was learning")
            _ = try await isClosed(by: overtaken, .kept(modelID: storedID))
            return overtaken
        }
        _ = try await isClosed(by: decision, .kept(modelID: storedID))
        return decision
    }

    /// The model in force, what gold there is, and the tasks that it is for.
    func begin() async throws -> (parent: ModelLoader.Loaded, counts: GoldStore.Counts, tasks: [AnnotationTask]) {
        let parent = try await modelInForce()
        let counts = try await GoldStore(connection: context.connection).counts(in: collection)
        let tasks = try TaskChoice(counts: counts, declared: parent.bundle.heads.tasks, only: onlyTasks).tasks(
            collection: collection)
        return (parent, counts, tasks)
    }

    private func modelInForce() async throws -> ModelLoader.Loaded {
        guard let id = try await context.registry.modelInForce(collection: collection).modelID else {
            throw Fault(
                .input, "no-model", "collection \(collection) has no model, and there is no default model",
                hint: "import an encoder: glossator model import DIR")
        }
        return try await context.loader.load(id: id)
    }

    /// The new model, with the layers that it has learned.
    private func store(
        _ result: Learning.Result, run: Int64, collection: String, parent: ModelLoader.Loaded, _ patience: Patience
    ) async throws -> (id: Int64, name: String) {
        let name = "\(collection)-\(run)"
        let outcome = result.outcome
        let space = try await storeLayers(result, name: name, parent: parent, patience)
        let model = (heads: try outcome.heads.encoded(), metrics: try JSONText.of(outcome.after))
        let id = try await patience.keepTrying("storing the model") {
            try await context.registry.insertModel(
                name: name, space: space, heads: model.heads, tasks: outcome.heads.taskRows, parentID: parent.row.id,
                trainingRunID: run, metrics: model.metrics)
        }
        return (id, name)
    }

    /// Returns the space of the model's embeddings: a new one, if the encoder has learned.
    private func storeLayers(
        _ result: Learning.Result, name: String, parent: ModelLoader.Loaded, _ patience: Patience
    ) async throws -> EmbeddingSpace {
        let parts = result.outcome.learnedParts
        guard !parts.isEmpty, let space = result.outcome.learnedSpace else { return result.backbone.space }
        let layers = LayerStore(connection: context.connection)
        try await patience.keepTrying("storing the layers") {
            // Those that the backbone had learned before and that this run left as they were.
            var all =
                result.backbone.learnedHashes.isEmpty
                ? [:] : try await layers.learned(result.backbone.contentHash)?.layers ?? [:]
            for (part, file) in parts { all[part.number] = file }
            try await layers.store(
                space.backboneHash, name: name, importedHash: result.backbone.importedHash, layers: all)
        }
        return space
    }

    /// What changes for documents that nobody has looked at; by their stored embeddings, so only while these stay good.
    private func flips(
        _ outcome: TrainingOutcome, parent: ModelLoader.Loaded
    ) async throws -> [String: PromotionRule.Flips] {
        guard outcome.learnedParts.isEmpty else { return [:] }
        let embeddings = try await EmbeddingReader(connection: context.connection).newestUnlabelled(
            in: collection, spaceID: parent.row.spaceID, limit: Self.flipSample)
        return PromotionRule.Flips.counted(from: parent.bundle.heads, to: outcome.heads, on: embeddings)
    }

    private static let flipSample = 1_000

    private func decide(
        _ outcome: TrainingOutcome, flips: [String: PromotionRule.Flips]
    ) -> PromotionRule.Decision {
        let decision = context.settings.promotionRule.decide(
            PairedTask.pair(before: outcome.answersBefore, after: outcome.answersAfter), flips: flips)
        return switch promotion {
        case .always: decision.overruled(promotes: true, reason: "as was asked for")
        case .never: decision.overruled(promotes: false, reason: "as was asked for")
        case .ifBetter: decision
        }
    }
}

extension Fault {
    /// Whether a run that failed so may do better another time or on another machine. What people have labelled is the
    /// same everywhere.
    package var mayPassLater: Bool { isTransient || ![.input, .document].contains(blame) }
}
