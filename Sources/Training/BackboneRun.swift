import Annotations
import Foundation
import Model
import Tensors

/// The epochs in which encoder and heads learn together: which rows, when to judge, what to keep, where to go on.
final class BackboneRun {
    let trainer: BackboneTrainer
    let partition: HeadTrainer.Partition
    let documents: [Int64: LabelledDocument]
    let tasks: [AnnotationTask]
    let backbone: Backbone
    let probed: TrainingOutcome
    let joint: JointTrainer
    let judge: JointJudge
    let windows: (count: Int, tokens: Int)

    /// What an interrupted run has to know besides weights.
    struct Notes: Codable {
        var curve: [EpochRecord] = []
        var bestEpoch = 0
    }
    var notes = Notes()
    var choice: LayerEpochChoice
    /// Weights of the epoch to keep: of every part that ever learns, and of the heads for inputs as the model gives them.
    typealias Best = (tensors: [String: [Float]], heads: [HeadParameters])
    var best: Best?

    init(
        _ trainer: BackboneTrainer, documents: [LabelledDocument], partition: HeadTrainer.Partition,
        tasks: [AnnotationTask], backbone: Backbone, probed: TrainingOutcome
    ) throws(Fault) {
        (self.trainer, self.partition, self.tasks, self.backbone) = (trainer, partition, tasks, backbone)
        self.probed = probed
        self.documents = Dictionary(documents.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        judge = JointJudge(
            partition.validation, documents: self.documents, tasks: tasks, lossWeights: trainer.options.lossWeights,
            tokenBudget: trainer.tokenBudget, workers: trainer.workers)
        let examples = try Self.examples(
            partition, judged: Set(judge.tasks.map(\.name)), tasks: tasks, documents: self.documents, backbone: backbone
        )
        windows = (examples.count, examples.reduce(0) { $0 + $1.window.ids.count })
        let hidden = backbone.configuration.hiddenSize
        var heads: [(task: AnnotationTask, parameters: HeadParameters, inputScale: Float)] = []
        for task in tasks {
            guard let head = HeadDraft(probed.heads).head(of: task) else { continue }
            let rows = try HeadRows(
                partition.training.filter { $0.isLabelled(for: task) }, task: task, hidden: hidden)
            heads.append((task, head.parameters, TaskRun.workingSize(of: task.kind) / rows.meanSquareRoot))
        }
        joint = try JointTrainer(
            examples, heads: heads,
            backbone: backbone, options: trainer.options, cache: trainer.cache(for: backbone),
            workers: trainer.workers)
        // The encoder as it is may be better than all that follows. Its features are those that the heads were probed on.
        let start = try judge.scores(joint.foundHeads, on: partition.validation, hidden: hidden)
        choice = LayerEpochChoice(patience: trainer.options.patience, start: judge.total(start))
    }

    /// What is learned from: training rows, and of validation rows the tasks that have too few of them to be judged by.
    private static func examples(
        _ partition: HeadTrainer.Partition, judged: Set<String>, tasks: [AnnotationTask],
        documents: [Int64: LabelledDocument], backbone: Backbone
    ) throws(Fault) -> [JointExample] {
        let cutter = try TextCutter(backbone: backbone)
        let unjudged = tasks.filter { !judged.contains($0.name) }
        var examples: [JointExample] = []
        // A document that judges one task is not read for another: the encoder would have seen it.
        let judging = tasks.filter { judged.contains($0.name) }
        let spare = partition.validation.filter { row in !judging.contains(where: row.isLabelled) }
        for (rows, tasks) in [(partition.training, tasks), (spare, unjudged)] {
            for row in rows where tasks.contains(where: row.isLabelled) {
                guard let body = documents[row.id]?.body else { continue }
                examples += try JointExample.windows(
                    of: row, text: cutter.cut(AnnotationRequest(text: body)), tasks: tasks)
            }
        }
        return examples
    }

    func run(
        initial: HeadSet?, resuming: BackboneTrainer.Resuming?, progress: (TrainingProgress) -> Void,
        isCancelled: @Sendable () -> Bool
    ) throws(Fault) -> TrainingOutcome {
        let fingerprint: String? = if let resuming { try fingerprint(initial, salt: resuming.salt) } else { nil }
        let file = resuming.flatMap { resuming in
            fingerprint.map { ResumeFile(folder: resuming.folder + "/run-" + $0.prefix(16)) }
        }
        if let file, let fingerprint { goOn(from: file, fingerprint: fingerprint, found: resuming?.found) }
        var lastSaved = ContinuousClock.now
        while !joint.isFinished, !isOver {
            guard !isCancelled() else { throw HeadTrainer.cancelled }
            let epoch = joint.epoch
            let ended = try joint.takeStep()
            progress(
                .step(
                    done: joint.step, total: joint.totalSteps, epoch: epoch, losses: joint.meanLosses,
                    learningRate: joint.learningRate))
            if ended {
                let records = try judgeEpoch(epoch, isCancelled: isCancelled)
                progress(.encoderEpoch(records, epochs: trainer.options.epochs))
            }
            guard let resuming, let file, let fingerprint else { continue }
            if ended || ContinuousClock.now - lastSaved > .seconds(resuming.interval) {
                try save(to: file, fingerprint: fingerprint)
                lastSaved = .now
            }
        }
        var outcome = try outcome(isCancelled: isCancelled)
        outcome.resumeFile = file
        return outcome
    }

    /// Whether the last epochs were no better than one before.
    private var isOver: Bool {
        let finished = joint.step / joint.stepsPerEpoch
        return joint.step % joint.stepsPerEpoch == 0 && finished > 0 && !judge.tasks.isEmpty
            && choice.shouldStop(after: finished)
    }

    // MARK: - Epochs

    /// Evaluates the weights as they are, and keeps them if they are to be.
    private func judgeEpoch(_ epoch: Int, isCancelled: @Sendable () -> Bool) throws(Fault) -> [EpochRecord] {
        var scores: [String: ValidationScore] = [:]
        if !judge.tasks.isEmpty {
            let learned = try learnedBackbone()
            scores = try judge.scores(
                joint.foundHeads, on: judge.examples(learned, isCancelled: isCancelled),
                hidden: learned.space.dimensions)
        }
        let records = tasks.map { task in
            EpochRecord(
                task: task.name, epoch: epoch, trainingLoss: joint.meanLosses[task.name] ?? 0,
                validationLoss: scores[task.name]?.loss, validationScore: scores[task.name]?.metric,
                learningRate: joint.learningRate)
        }
        notes.curve += records
        if judge.total(scores).map({ choice.keeps($0, epoch: epoch) }) ?? true {
            notes.bestEpoch = epoch
            keepBest()
        }
        return records
    }

    private func learnedBackbone() throws(Fault) -> Backbone {
        try backbone.replacing(joint.parameters.files(of: joint.everTrainable, namedAsIn: backbone.files.imported))
    }

    private func keepBest() {
        var tensors: [String: [Float]] = [:]
        for tensor in joint.parameters.tensors where joint.everTrainable.contains(tensor.layer) {
            tensors[tensor.name] = joint.parameters.view(tensor).copyValues()
        }
        best = (tensors, joint.foundHeads.map(\.parameters))
    }
}
