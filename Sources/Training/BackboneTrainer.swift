package import Annotations
package import Model
import Tensors

/// Trains encoder layers and heads: heads on the encoder as it is, then, when the plan says that layers learn, both
/// together, judged after every epoch on rows that were not learned from.
///
/// A pure function of rows, options, backbone and first heads. Threads, interruptions and resumption change no bit.
package struct BackboneTrainer: Sendable {
    /// Of the heads' own training, and of the split.
    package let probe: HeadTrainingOptions
    package let options: JointOptions
    /// Threads; the caller's is one of them.
    package let workers: Int
    package let tokenBudget: Int
    let caching: Caching

    /// Where what frozen layers say is kept.
    package struct Caching: Sendable {
        /// Nil: nowhere.
        package var folder: String?
        package var precision = FeatureCache.Precision.f32
        /// Bytes.
        package var limit = 0
        /// Of the program: another one may compute other bits.
        package var version = ""

        package init(
            folder: String? = nil, precision: FeatureCache.Precision = .f32, limit: Int = 0, version: String = ""
        ) {
            (self.folder, self.precision, self.limit, self.version) = (folder, precision, limit, version)
        }

        package func cache(_ space: String) -> FeatureCache {
            FeatureCache(folder: folder, space: "\(space), \(version)", precision: precision, limit: limit)
        }
    }

    /// Where an interrupted run goes on.
    package struct Resuming: Sendable {
        /// Each run has a folder of its own in it, named by all that decides its result.
        package let folder: String
        /// Of what else decides the result: the program's version.
        package let salt: String
        /// Seconds between two files. One is also written after every epoch.
        package var interval = 120.0
        /// Told what was found: steps that need not be taken again, and files that were damaged.
        package var found: @Sendable (_ steps: Int, _ damaged: [String]) -> Void

        package init(
            folder: String, salt: String, interval: Double = 120,
            found: @escaping @Sendable (_ steps: Int, _ damaged: [String]) -> Void = { _, _ in }
        ) {
            (self.folder, self.salt, self.interval, self.found) = (folder, salt, interval, found)
        }
    }

    /// - Throws: `training-option` for a value out of range. What depends on encoder and tasks is checked in `train`.
    package init(
        probe: HeadTrainingOptions, options: JointOptions, workers: Int,
        tokenBudget: Int = BatchPlanner.defaultTokenBudget, caching: Caching = Caching()
    ) throws(Fault) {
        try probe.validate()
        (self.probe, self.options, self.workers, self.tokenBudget) = (probe, options, workers, tokenBudget)
        self.caching = caching
    }

    func cache(for backbone: Backbone) throws(Fault) -> FeatureCache {
        try JointTrainer.cacheSpace(options, backbone).map(caching.cache) ?? .none
    }

    /// - Parameters:
    ///   - documents: as the database has them.
    ///   - examples: of the same documents, as `ExampleBuilder` made them with `backbone`.
    ///   - tasks: with all labels that a head shall know.
    ///   - backbone: computing in fp32.
    ///   - initial: heads of the model in force.
    ///   - progress: on the calling thread.
    ///   - isCancelled: asked before every step.
    /// - Throws: what `HeadTrainer.train` and `JointTrainer.init` throw; `freeze-plan`; `resume-write`.
    package func train(
        _ documents: [LabelledDocument], examples: [TrainingExample], tasks: [AnnotationTask], backbone: Backbone,
        initial: HeadSet? = nil, resuming: Resuming? = nil, progress: (TrainingProgress) -> Void = { _ in },
        isCancelled: @Sendable () -> Bool = { false }
    ) throws(Fault) -> TrainingOutcome {
        let plan = try options.plan
        try options.validate(layers: backbone.configuration.layers, tasks: tasks.map(\.name))
        for task in tasks { try TrainingReadiness.check(examples, for: task) }
        let partition = try HeadTrainer(options: probe).partition(examples, tasks: tasks)
        let trainsEncoder = plan.trainsEncoder(epochs: options.epochs, layers: backbone.configuration.layers)
        if trainsEncoder { try Self.refuseStrangers(initial, tasks: tasks, plan: plan) }
        let probed = try probeHeads(
            partition, plan: plan, trainsEncoder: trainsEncoder, tasks: tasks, initial: initial, progress: progress,
            isCancelled: isCancelled)
        guard trainsEncoder else { return probed }
        let run = try BackboneRun(
            self, documents: documents, partition: partition, tasks: tasks, backbone: backbone, probed: probed)
        return try run.run(initial: initial, resuming: resuming, progress: progress, isCancelled: isCancelled)
    }

    /// A head that is not in the run would be carried over to an encoder that it has never seen.
    private static func refuseStrangers(_ initial: HeadSet?, tasks: [AnnotationTask], plan: FreezePlan) throws(Fault) {
        let heads = (initial?.classification.map(\.task.name) ?? []) + (initial?.entities.map(\.task.name) ?? [])
        guard let name = heads.first(where: { name in !tasks.contains { $0.name == name } }) else { return }
        throw Fault(
            .configuration, "freeze-plan",
            "the model in force answers task \"\(name)\", which this run does not train: under the plan \(plan) its head "
                + "would not fit the encoder any more",
            hint: "label rows for the task and train all tasks together, or leave the encoder: --freeze backbone-frozen"
        )
    }

    /// The heads that learning together begins with.
    private func probeHeads(
        _ partition: HeadTrainer.Partition, plan: FreezePlan, trainsEncoder: Bool, tasks: [AnnotationTask],
        initial: HeadSet?,
        progress: (TrainingProgress) -> Void, isCancelled: () -> Bool
    ) throws(Fault) -> TrainingOutcome {
        for task in tasks where !plan.trainsHead(of: task.name) {
            guard let head = HeadDraft(initial).head(of: task), head.task == task else {
                throw Fault(
                    .configuration, "freeze-plan",
                    "the plan \(plan) keeps the head of task \"\(task.name)\", and the model in force has none that knows "
                        + "all of its labels",
                    hint: "train a head for the task first: glossator train --freeze backbone-frozen")
            }
            guard !trainsEncoder || head.parameters.context == nil else {
                throw Fault(
                    .configuration, "freeze-plan",
                    "the plan \(plan) keeps the head of task \"\(task.name)\", which is of kind crf and does not fit an "
                        + "encoder that learns",
                    hint: "let it learn too: it is then trained on the encoder when that has learned")
            }
        }
        var probe = probe
        // A chain learns on an encoder that stays as it is: after the layers, if there are any that learn.
        if trainsEncoder { probe.entityHead = .linear }
        // What judges the encoder has not been learned from by the heads that it begins with.
        let minimum = trainsEncoder ? JointJudge.minimumRows : HeadTrainer.minimumValidationRows
        return try HeadTrainer(options: probe, minimumValidationRows: minimum).train(
            partition, tasks: tasks, kept: Set(tasks.map(\.name).filter { !plan.trainsHead(of: $0) }),
            untrained: options.probesFirst ? [] : Set(tasks.map(\.name)), initial: initial, progress: progress,
            isCancelled: isCancelled)
    }
}
