package import Annotations
package import Model
import Tensors

/// What a run produced.
package struct TrainingOutcome: Sendable {
    /// The trained heads, and those of the model in force that were not trained, unchanged.
    package let heads: HeadSet
    /// The model in force on the held-out rows; for a task that had no head, first weights that have learned nothing.
    package var before: Evaluation
    /// The trained heads on the same rows. No held-out row was learned from or chosen by.
    package let after: Evaluation
    /// What the heads of the model in force answer there, those only that it has: what `PromotionRule` compares.
    package var answersBefore: HeldOutAnswers
    package let answersAfter: HeldOutAnswers
    /// In the order of the tasks that were asked for.
    package let tasks: [TaskTraining]
    /// The trained heads' worst on the held-out rows.
    package let worst: [WorstError]
    /// Nil when the encoder was frozen all the time.
    package var encoder: EncoderTraining?
    /// Parts of the encoder that have learned, as `Backbone.replacing` takes them.
    package var learnedParts: [EncoderPart: [UInt8]] = [:]
    /// Where a model with the learned parts embeds; nil when the encoder was frozen all the time.
    package var learnedSpace: EmbeddingSpace?
    /// What an interrupted run would have gone on from; to be removed when the result is safe.
    package var resumeFile: ResumeFile?
}

/// How one head's training went.
package struct TaskTraining: Sendable, Hashable, Codable {
    /// What decided when to stop.
    package enum Choice: String, Sendable, Hashable, Codable {
        /// Nothing: the run had no patience.
        case lastEpoch
        /// Rows set aside.
        case validation
        /// Five heads that each judged a fifth of the rows; the head itself has learned from all of them.
        case crossValidation
    }

    package let task: String
    /// Labelled documents in each part.
    package let trainingRows: Int
    package let validationRows: Int
    package let heldOutRows: Int
    package let choice: Choice
    /// With `.crossValidation` the means over the folds' heads.
    package let curve: [EpochRecord]
    /// The epoch, from 1, whose weights were kept; 0 when the model in force was better than all that followed.
    package let bestEpoch: Int
    package let stoppedEarly: Bool
    /// Fitted on rows that the head's logits had not learned from; nil for entities, and where there were none.
    package let temperature: Float?
    /// Expected calibration error on the held-out rows had the temperature stayed 1; nil for entities and without
    /// held-out rows. The calibrated one is in `TrainingOutcome.after`.
    package let uncalibratedError: Double?

    package var epochsRun: Int { curve.count }
}

/// Trains heads on fixed features.
package struct HeadTrainer: Sendable {
    /// Fewer different labelled texts than this are not worth a head.
    package static let minimumTexts = 8
    /// With fewer rows to validate by, a task that learns alone chooses by cross-validation.
    package static let minimumValidationRows = 200

    package let options: HeadTrainingOptions
    /// With fewer rows to validate by, a task learns from them too and chooses by cross-validation.
    let minimumValidationRows: Int

    /// - Throws: `training-option` for a value out of range.
    package init(options: HeadTrainingOptions) throws(Fault) {
        try self.init(options: options, minimumValidationRows: Self.minimumValidationRows)
    }

    init(options: HeadTrainingOptions, minimumValidationRows: Int) throws(Fault) {
        try options.validate()
        (self.options, self.minimumValidationRows) = (options, minimumValidationRows)
    }

    /// Labelled documents by what a run may do with them.
    package struct Partition: Sendable {
        package var training: [TrainingExample]
        /// Chooses epoch and temperature; a task with fewer than `minimumValidationRows` of these learns from them too.
        package var validation: [TrainingExample]
        /// Judges; may be empty, and then there are no figures.
        package var heldOut: [TrainingExample]

        package init(
            training: [TrainingExample], validation: [TrainingExample] = [], heldOut: [TrainingExample] = []
        ) {
            self.training = training
            self.validation = validation
            self.heldOut = heldOut
        }
    }

    /// Splits `examples` by their texts' hashes and trains a head for each of `tasks`.
    ///
    /// The result depends on the set of examples, the options and `initial`, not on the order of the examples, and on
    /// other tasks only where the split has to be repaired (`Split.partition`).
    ///
    /// - Parameters:
    ///   - examples: documents may be labelled for any subset of the tasks.
    ///   - tasks: with all labels that a head shall know; a label of `initial`'s head keeps its weights.
    ///   - initial: the model in force, to continue from; nil to start afresh.
    ///   - progress: called after every epoch, on the calling thread.
    ///   - isCancelled: asked before every step.
    /// - Throws: `training-too-few-rows`, `training-one-class`, `label-unknown`, `features-mismatch`,
    ///   `training-diverged`, `training-cancelled`.
    package func train(
        _ examples: [TrainingExample], tasks: [AnnotationTask], initial: HeadSet? = nil,
        progress: (TrainingProgress) -> Void = { _ in }, isCancelled: () -> Bool = { false }
    ) throws(Fault) -> TrainingOutcome {
        for task in tasks { try TrainingReadiness.check(examples, for: task) }
        return try train(
            partition(examples, tasks: tasks), tasks: tasks, initial: initial, progress: progress,
            isCancelled: isCancelled)
    }

    /// The sides that `train` puts `examples` on.
    package func partition(_ examples: [TrainingExample], tasks: [AnnotationTask]) throws(Fault) -> Partition {
        let rows = examples.map { example in
            let known = tasks.filter(example.isLabelled).map { ($0.name, example.classes(of: $0)) }
            return Split.Row(
                bodyHash: example.bodyHash, classes: Dictionary(known, uniquingKeysWith: { $0.union($1) }))
        }
        let parts = try options.split.partition(rows)
        func part(_ part: Split.Part) -> [TrainingExample] {
            zip(examples, parts).filter { $1 == part }.map(\.0).sorted(by: TrainingExample.precedes)
        }
        return Partition(training: part(.training), validation: part(.validation), heldOut: part(.heldOut))
    }

    /// The same on parts that the caller has chosen.
    ///
    /// - Parameters:
    ///   - kept: tasks whose heads stay as they are in the model in force.
    ///   - untrained: tasks whose heads only get the weights that training would begin with.
    package func train(
        _ partition: Partition, tasks: [AnnotationTask], kept: Set<String> = [], untrained: Set<String> = [],
        initial: HeadSet? = nil, progress: (TrainingProgress) -> Void = { _ in }, isCancelled: () -> Bool = { false }
    ) throws(Fault) -> TrainingOutcome {
        let sorted = Partition(
            training: partition.training.sorted(by: TrainingExample.precedes),
            validation: partition.validation.sorted(by: TrainingExample.precedes),
            heldOut: partition.heldOut.sorted(by: TrainingExample.precedes))
        guard let hidden = sorted.training.first?.embedding.count, hidden > 0 else {
            throw Fault(
                .input, "training-too-few-rows", "there are no labelled documents to train on",
                hint: "Insert rows into glossator.gold_labels or glossator.gold_entities, or import labelled files.")
        }
        var before = HeadDraft(initial)
        var after = HeadDraft(initial)
        var trained: [TaskTraining] = []
        for (index, task) in tasks.enumerated() {
            let run = try TaskRun(
                task: task, partition: sorted, hidden: hidden, initial: initial, options: options,
                minimumValidationRows: minimumValidationRows)
            before.keep(orReplace: task, with: run.initialHead)
            guard !kept.contains(task.name), !untrained.contains(task.name) else {
                if !kept.contains(task.name) { after.replace(run.initialHead) }
                continue
            }
            let result = try run.train(
                progress: { progress(.epoch($0, epochs: $1, task: index + 1, tasks: tasks.count)) },
                isCancelled: isCancelled)
            after.replace(result.head)
            trained.append(result.record)
        }
        let heads = try after.headSet()
        return TrainingOutcome(
            heads: heads, before: try Evaluation(of: before.headSet(), on: sorted.heldOut),
            after: try Evaluation(of: heads, on: sorted.heldOut),
            answersBefore: try initial.map { initial throws(Fault) in
                try HeldOutAnswers(of: initial, on: sorted.heldOut)
            }
                ?? HeldOutAnswers(),
            answersAfter: try HeldOutAnswers(of: heads, on: sorted.heldOut), tasks: trained,
            worst: WorstError.find(heads, on: sorted.heldOut))
    }

    static let cancelled = Fault(
        .system, "training-cancelled", "the training run was cancelled; nothing was changed", isTransient: true)
}
