import Annotations
import Foundation
import Model
import Store
import Training

/// The learning part of a fine-tune: from labelled documents to heads, and maybe layers, with figures.
struct Learning: Sendable {
    let settings: Settings
    /// Tasks that somebody asked for; nil for all that have enough gold.
    let onlyTasks: Set<String>?
    let isCancelled: @Sendable () -> Bool
    /// Embeddings of these documents by the model in force, where daemons have stored any.
    let storedEmbeddings: @Sendable ([Int64]) async throws -> [Int64: [Float]]

    struct Result: Sendable {
        let outcome: TrainingOutcome
        /// What the run began with: that of the model in force, or as it was imported.
        let backbone: Backbone
        let seconds: RunRecord.Seconds
        /// Nil when all texts were read.
        let stored: StoredFeatures.Check?
    }

    func run(
        _ documents: [LabelledDocument], tasks: [AnnotationTask], from parent: ModelBundle,
        writing manifest: ([TrainingRunStore.ManifestRow]) async throws -> Void
    ) async throws -> Result {
        let (probe, options) = (settings.headTrainingOptions, try settings.jointOptions)
        let trainsEncoder = try options.plan.trainsEncoder(
            epochs: options.epochs, layers: parent.backbone.configuration.layers)
        // A fresh start is fresh for the encoder too, where it learns: the same rows give the same weights every night.
        // A head that is kept belongs to the encoder that it has.
        let isFresh = try trainsEncoder && probe.start == .fresh && !options.plan.keepsHeads
        let backbone = isFresh ? try parent.backbone.asImported() : parent.backbone
        let threads = ComputeThreads<Void>(count: 1) {}
        // A chain is learned after the layers, on features of its own; the model in force is judged on the same features.
        let wantsLayers = (!trainsEncoder && probe.entityHead == .crf) || parent.heads.layers != nil
        var clock = StopWatch()
        let stored = trainsEncoder ? nil : try await stored(documents, tasks: tasks, backbone, threads)
        let set = try await read(
            documents, tasks: tasks, backbone, wantsLayers: wantsLayers, stored: stored?.embeddings ?? [:], threads)
        let features = clock.lap()
        for (task, count) in set.unalignedEntities.sorted(by: { $0.key < $1.key }) where count > 0 {
            Terminal.note("\(count) gold entities of task \(task) fit no word, or overlap others, and are left out")
        }
        let tasks = try ready(tasks, for: set.examples)
        let partition = try HeadTrainer(options: probe).partition(set.examples, tasks: tasks)
        try await manifest(Self.rows(documents, partition, tasks: tasks))
        let trainer = try BackboneTrainer(
            probe: probe, options: options, workers: settings.trainingThreads,
            tokenBudget: settings.integer("worker.batch-tokens"), caching: settings.featureCaching)
        let folder = settings.trainingDirectory
        ResumeFile.removeOld(in: folder)
        let progress = LearningProgress(tasks: tasks.count)
        let resuming = BackboneTrainer.Resuming(folder: folder, salt: Version.withBuild + Backbone.kernelFamily) {
            steps, damaged in
            for file in damaged { Terminal.note("the resume file \(file) is damaged and is not used") }
            if steps > 0 {
                progress.goOn(from: steps)
                Terminal.note("going on after step \(steps) of an interrupted run with the same rows and options")
            }
        }
        var outcome = try await threads.run { [isCancelled] _ in
            try trainer.train(
                documents, examples: set.examples, tasks: tasks, backbone: backbone, initial: parent.heads,
                resuming: resuming, progress: progress.show, isCancelled: isCancelled)
        }
        progress.finish()
        let learning = clock.lap()
        if backbone.contentHash != parent.backbone.contentHash {
            let heldOut = Set(partition.heldOut.map(\.id))
            (outcome.before, outcome.answersBefore) = try await judge(
                parent, documents.filter { heldOut.contains($0.id) }, tasks: tasks, threads)
        }
        return Result(
            outcome: outcome, backbone: backbone, seconds: .init(features: features, learning: learning),
            stored: stored?.check)
    }

    /// Which gold lies on which side.
    private static func rows(
        _ documents: [LabelledDocument], _ partition: HeadTrainer.Partition, tasks: [AnnotationTask]
    ) -> [TrainingRunStore.ManifestRow] {
        let known = Dictionary(documents.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        var rows: [TrainingRunStore.ManifestRow] = []
        for (part, examples) in [
            ("training", partition.training), ("validation", partition.validation), ("held_out", partition.heldOut),
        ] {
            for example in examples {
                guard let document = known[example.id] else { continue }
                for task in tasks where example.labels[task.name] != nil || example.tags[task.name] != nil {
                    rows.append(
                        .init(
                            documentID: document.id, task: task.name, part: part,
                            isNew: document.newTasks.contains(task.name), goldIDs: document.goldIDs[task.name] ?? []))
                }
            }
        }
        return rows
    }

    /// Embeddings that may stand for documents whose words nobody asks for; nil when there are none, or they are not what
    /// the encoder says.
    private func stored(
        _ documents: [LabelledDocument], tasks: [AnnotationTask], _ backbone: Backbone, _ threads: ComputeThreads<Void>
    ) async throws -> StoredFeatures? {
        guard settings.flag("train.stored-embeddings") else { return nil }
        let entityTasks = Set(tasks.filter { $0.kind == .entities }.map(\.name))
        let labelled = documents.filter { $0.completeTasks.isDisjoint(with: entityTasks) }
        let found = try await storedEmbeddings(labelled.map(\.id))
        guard
            let stored = try await StoredFeatures(
                labelled, stored: found,
                read: {
                    try await read($0, tasks: tasks, backbone, wantsLayers: false, threads).examples.map {
                        ($0.bodyHash, $0.embedding)
                    }
                })
        else { return nil }
        guard stored.check.isGood else {
            Terminal.note(
                "stored embeddings differ from what the encoder says (cosine \(stored.check.leastCosine)): all texts are read"
            )
            return nil
        }
        return stored
    }

    private func read(
        _ documents: [LabelledDocument], tasks: [AnnotationTask], _ backbone: Backbone, wantsLayers: Bool,
        stored: [[UInt8]: [Float]] = [:], _ threads: ComputeThreads<Void>
    ) async throws -> TrainingSet {
        let builder = try ExampleBuilder(
            backbone: backbone, tasks: tasks, wantsLayers: wantsLayers,
            tokenBudget: settings.integer("worker.batch-tokens"),
            cache: settings.featureCaching.cache(ExampleBuilder.cacheSpace(backbone)), stored: stored)
        let bar = ProgressBar("reading labelled documents", total: documents.count, unit: "documents")
        let set = try await threads.run { [settings, isCancelled] _ in
            try builder.build(
                documents, workers: settings.trainingThreads,
                progress: { progress in
                    if case .features(let done, let total) = progress { bar.update(done: done, total: total) }
                }, isCancelled: isCancelled)
        }
        bar.finish()
        return set
    }

    /// The model in force on the held-out rows, where the run began with another backbone than the model's.
    private func judge(
        _ parent: ModelBundle, _ heldOut: [LabelledDocument], tasks: [AnnotationTask], _ threads: ComputeThreads<Void>
    ) async throws -> (Evaluation, HeldOutAnswers) {
        let rows = try await read(
            heldOut, tasks: tasks, parent.backbone, wantsLayers: parent.heads.layers != nil, threads)
        return (
            try Evaluation(of: parent.heads, on: rows.examples), try HeldOutAnswers(of: parent.heads, on: rows.examples)
        )
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
}

/// Bars for what a run does, one after another.
private final class LearningProgress: Sendable {
    private let tasks: Int
    private let heads = ProgressBar("training heads", total: 100, unit: "%")
    private let encoder = ProgressBar("training layers", total: 0, unit: "steps")

    init(tasks: Int) { self.tasks = tasks }

    func goOn(from step: Int) { encoder.goOn(from: step) }

    func show(_ progress: TrainingProgress) {
        switch progress {
        case .features: break
        case .epoch(let record, let epochs, let task, _):
            let score = record.validationScore.map { String(format: " score %.3f", $0) } ?? ""
            heads.update(
                done: (100 * (task - 1) + 100 * record.epoch / max(epochs, 1)) / max(tasks, 1),
                suffix: "\(record.task) loss \(String(format: "%.3f", record.trainingLoss))\(score)")
        case .step(let done, let total, let epoch, let losses, let rate):
            let text = losses.sorted { $0.key < $1.key }.map { "\($0.key) \(String(format: "%.3f", $0.value))" }
            encoder.update(
                done: done, total: total,
                suffix: "epoch \(epoch), loss \(text.joined(separator: ", ")), rate \(String(format: "%.1e", rate))")
        case .encoderEpoch(let records, let epochs):
            let text = records.map { record in
                let score = record.validationScore.map { String(format: ", score %.3f", $0) } ?? ""
                return "\(record.task) loss \(String(format: "%.3f", record.trainingLoss))\(score)"
            }
            Terminal.note("epoch \(records.first?.epoch ?? 0) of \(epochs): " + text.joined(separator: "; "))
        }
    }

    func finish() {
        heads.finish()
        encoder.finish()
    }
}

/// Seconds between calls.
struct StopWatch {
    private var last = ContinuousClock.now

    mutating func lap() -> Double {
        let now = ContinuousClock.now
        defer { last = now }
        return (now - last) / .seconds(1)
    }
}
