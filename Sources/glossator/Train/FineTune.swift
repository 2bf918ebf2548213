import Annotations
import Foundation
import Logging
import Model
import Store
import Training

/// One fine-tune of a collection's heads, from its gold rows to a stored and maybe promoted model:
///
///     gold rows ─▶ features ─▶ train ─▶ evaluate ─▶ promote? ─▶ activate
///
/// The backbone is frozen: it reads each labelled document once, and the heads are trained on what it saw.
struct FineTune: Sendable {
    struct Report: Sendable {
        let runID: Int64
        let modelID: Int64
        let modelName: String
        let parentName: String
        let outcome: TrainingOutcome
        let decision: PromotionRule.Decision
        let seconds: Double
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

    func run() async throws -> Report {
        let started = ContinuousClock.now
        let parent = try await modelInForce()
        let gold = GoldStore(connection: context.connection)
        let counts = try await gold.counts(in: collection)
        let options = context.settings.headTrainingOptions
        let runs = TrainingRunStore(connection: context.connection)
        let tasks = try TaskChoice(counts: counts, declared: parent.bundle.heads.tasks, only: onlyTasks).tasks(
            collection: collection)
        let run = try await runs.start(
            collection: collection, parentModelID: parent.row.id, options: JSONText.of(options),
            counts: JSONText.of(counts), codeVersion: Version.text)
        let heartbeat = TrainingHeartbeat()
        let heart = Task { [database = context.settings.connection(applicationName: "glossator train beat")] in
            await heartbeat.keep(run, database: database)
        }
        defer { heart.cancel() }
        do {
            let patience = Patience(logger: Logger(label: "glossator.train"), grace: ShutdownGrace(.zero))
            let documents = try await patience.keepTrying("reading gold") {
                try await gold.allLabelledDocuments(in: collection)
            }
            let outcome = try await learn(
                documents, tasks: tasks, from: parent.bundle, options: options, isCancelled: { heartbeat.isLost })
            let name = "\(collection)-\(run)"
            let model = (heads: try outcome.heads.encoded(), metrics: try JSONText.of(outcome.after))
            let modelID = try await patience.keepTrying("storing the model") {
                try await context.registry.insertModel(
                    name: name, space: parent.row.space, heads: model.heads, tasks: outcome.heads.taskRows,
                    parentID: parent.row.id, trainingRunID: run, metrics: model.metrics)
            }
            let decision = try await patience.keepTrying("looking at the model in force") {
                try await unlessOvertaken(decide(outcome, parent: parent.bundle.heads, tasks: tasks), by: parent.row)
            }
            let end: TrainingRunStore.End =
                if case .promote = decision { .promoted(modelID: modelID) } else { .kept(modelID: modelID) }
            let before = try JSONText.of(outcome.before)
            try await patience.keepTrying("closing the run") {
                try await runs.finish(
                    run: run, end: end, metricsBefore: before, metricsAfter: model.metrics, message: decision.reason)
            }
            return Report(
                runID: run, modelID: modelID, modelName: name, parentName: parent.row.name, outcome: outcome,
                decision: decision, seconds: (ContinuousClock.now - started) / .seconds(1))
        } catch {
            let message = (error as? Fault)?.message ?? "\(error)"
            try? await runs.finish(run: run, end: .failed, message: message)
            throw error
        }
    }

    /// Somebody promoted or rolled back while the run learned: it was compared with a model that is no longer in force, so
    /// its own comes into force only when that was asked for.
    private func unlessOvertaken(
        _ decision: PromotionRule.Decision, by parent: ModelRegistry.ModelRow
    ) async throws -> PromotionRule.Decision {
        guard case .promote = decision, promotion == .ifBetter else { return decision }
        let inForce = try await context.registry.modelInForce(collection: collection)
        guard inForce.modelID != parent.id else { return decision }
        return .keep(reason: "\(inForce.modelName ?? "another model") came into force while this one was learning")
    }

    private func modelInForce() async throws -> ModelLoader.Loaded {
        guard let id = try await context.registry.modelInForce(collection: collection).modelID else {
            throw Fault(
                .input, "no-model", "collection \(collection) has no model, and there is no default model",
                hint: "import an encoder: glossator model import DIR")
        }
        return try await context.loader.load(id: id)
    }

    private func learn(
        _ documents: [LabelledDocument], tasks: [AnnotationTask], from parent: ModelBundle,
        options: HeadTrainingOptions, isCancelled: @escaping @Sendable () -> Bool
    ) async throws -> TrainingOutcome {
        let settings = context.settings
        let threads = ComputeThreads<Void>(count: 1) {}
        let builder = try ExampleBuilder(
            backbone: parent.backbone, tasks: tasks,
            // The model in force is judged on the same features.
            wantsLayers: options.entityHead == .crf || parent.heads.layers != nil,
            tokenBudget: settings.integer("worker.batch-tokens"))
        let reading = ProgressBar("reading labelled documents", total: documents.count, unit: "documents")
        let set = try await threads.run { _ in
            try builder.build(
                documents, workers: settings.workerThreads,
                progress: { progress in
                    if case .features(let done, let total) = progress { reading.update(done: done, total: total) }
                }, isCancelled: isCancelled)
        }
        reading.finish()
        for (task, count) in set.unalignedEntities.sorted(by: { $0.key < $1.key }) where count > 0 {
            Terminal.note("\(count) gold entities of task \(task) fit no word, or overlap others, and are left out")
        }
        let tasks = try ready(tasks, for: set.examples)
        let trainer = try HeadTrainer(options: options)
        let bar = ProgressBar("training", total: 100, unit: "%")
        let outcome = try await threads.run { _ in
            try trainer.train(
                set.examples, tasks: tasks, initial: parent.heads,
                progress: { progress in
                    guard case .epoch(let record, let epochs, let task, _) = progress else { return }
                    let score = record.validationScore.map { String(format: " score %.3f", $0) } ?? ""
                    bar.update(
                        done: (100 * (task - 1) + 100 * record.epoch / max(epochs, 1)) / tasks.count,
                        suffix: "\(record.task) loss \(String(format: "%.3f", record.trainingLoss))\(score)")
                }, isCancelled: isCancelled)
        }
        bar.finish()
        return outcome
    }

    /// The tasks that have enough gold. The others are named and left for another day, unless there are no others or
    /// somebody asked for them.
    private func ready(_ tasks: [AnnotationTask], for examples: [TrainingExample]) throws(Fault) -> [AnnotationTask] {
        var ready: [AnnotationTask] = []
        var refusal: Fault?
        for task in tasks {
            do {
                try TrainingReadiness.check(examples, for: task)
                ready.append(task)
            } catch {
                guard onlyTasks == nil else { throw error }
                Terminal.note("not trained: \(error.message)")
                refusal = refusal ?? error
            }
        }
        if ready.isEmpty, let refusal { throw refusal }
        return ready
    }

    private func decide(
        _ outcome: TrainingOutcome, parent: HeadSet, tasks: [AnnotationTask]
    ) -> PromotionRule.Decision {
        let known = Set(parent.classification.map(\.task.name) + parent.entities.map(\.task.name))
        let comparisons = tasks.compactMap { task -> PromotionRule.Comparison? in
            guard let after = outcome.after.score(of: task.name) else { return nil }
            let before = known.contains(task.name) ? outcome.before.score(of: task.name) : nil
            return .init(task: task.name, before: before?.value, after: after.value)
        }
        switch promotion {
        case .always: return .promote(reason: "as was asked for")
        case .never: return .keep(reason: "as was asked for")
        case .ifBetter: return PromotionRule().decide(comparisons)
        }
    }
}

extension Settings {
    var headTrainingOptions: HeadTrainingOptions {
        var options = HeadTrainingOptions()
        options.start = text("train.start") == "fresh" ? .fresh : .modelInForce
        options.entityHead = EntityHead.Kind(rawValue: text("train.entity-head")) ?? .linear
        options.epochs = integer("train.epochs")
        options.minimumSteps = integer("train.minimum-steps")
        options.patience = integer("train.patience")
        options.batchSize = integer("train.batch-size")
        options.learningRate = number("train.learning-rate")
        options.weightDecay = number("train.weight-decay")
        options.dropout = number("train.dropout")
        options.holdout = number("train.holdout")
        options.validation = number("train.validation")
        options.seed = UInt64(integer("train.seed"))
        return options
    }
}
