import Annotations
import Foundation
import Model
import Tensors

/// The epochs in which encoder and heads learn together: which rows, when to judge, what to keep, where to go on.
final class BackboneRun {
    private let trainer: BackboneTrainer
    private let partition: HeadTrainer.Partition
    private let documents: [Int64: LabelledDocument]
    private let tasks: [AnnotationTask]
    private let backbone: Backbone
    private let probed: TrainingOutcome
    private let joint: JointTrainer
    private let judge: JointJudge
    private let windows: (count: Int, tokens: Int)

    /// What an interrupted run has to know besides weights.
    private struct Notes: Codable {
        var curve: [EpochRecord] = []
        var bestEpoch = 0
    }
    private var notes = Notes()
    private var choice: EpochChoice<JointScore>
    /// Weights of the best epoch: of every part that ever learns, and of the heads for inputs as the model gives them.
    private var best: (tensors: [String: [Float]], heads: [HeadParameters])?

    init(
        _ trainer: BackboneTrainer, documents: [LabelledDocument], partition: HeadTrainer.Partition,
        tasks: [AnnotationTask], backbone: Backbone, probed: TrainingOutcome
    ) throws(Fault) {
        (self.trainer, self.partition, self.tasks, self.backbone) = (trainer, partition, tasks, backbone)
        self.probed = probed
        self.documents = Dictionary(documents.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        let judged = tasks.filter { task in
            partition.validation.reduce(0) { $0 + ($1.isLabelled(for: task) ? 1 : 0) }
                >= HeadTrainer.minimumValidationRows
        }
        judge = JointJudge(
            documents: partition.validation.compactMap { [documents = self.documents] in documents[$0.id] },
            tasks: judged, lossWeights: trainer.options.lossWeights, tokenBudget: trainer.tokenBudget,
            workers: trainer.workers)
        let examples = try Self.examples(
            partition, judged: Set(judged.map(\.name)), tasks: tasks, documents: self.documents, backbone: backbone)
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
        choice = EpochChoice(patience: trainer.options.patience)
    }

    /// What is learned from: training rows, and of validation rows the tasks that have too few of them to be judged by.
    private static func examples(
        _ partition: HeadTrainer.Partition, judged: Set<String>, tasks: [AnnotationTask],
        documents: [Int64: LabelledDocument], backbone: Backbone
    ) throws(Fault) -> [JointExample] {
        let cutter = try TextCutter(backbone: backbone)
        let unjudged = tasks.filter { !judged.contains($0.name) }
        var examples: [JointExample] = []
        for (rows, tasks) in [(partition.training, tasks), (partition.validation, unjudged)] {
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
        try judgeStart()
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

    /// The encoder as it is may be better than all that follows.
    private func judgeStart() throws(Fault) {
        // Its features are those that the heads were probed on.
        let scores = try judge.scores(joint.foundHeads, on: partition.validation, hidden: backbone.space.dimensions)
        if let start = judge.total(scores) {
            _ = choice.isBest(start, epoch: 0)
        }
    }

    private func goOn(
        from file: ResumeFile, fingerprint: String, found report: ((_ steps: Int, _ damaged: [String]) -> Void)?
    ) {
        let (found, damaged) = joint.resume(from: file, fingerprint: fingerprint)
        report?(found == nil ? 0 : joint.step, damaged)
        guard let found, let notes = try? JSONDecoder().decode(Notes.self, from: Data(found.notes.utf8)) else { return }
        self.notes = notes
        for (epoch, records) in Dictionary(grouping: notes.curve, by: \.epoch).sorted(by: { $0.key < $1.key }) {
            if let score = judge.total(Self.scores(records)) { _ = choice.isBest(score, epoch: epoch) }
        }
        if notes.bestEpoch > 0 { restoreBest(found.more) }
    }

    private static func scores(_ records: [EpochRecord]) -> [String: ValidationScore] {
        var scores: [String: ValidationScore] = [:]
        for record in records {
            guard let metric = record.validationScore, let loss = record.validationLoss else { continue }
            scores[record.task] = ValidationScore(metric: metric, loss: loss)
        }
        return scores
    }

    /// Evaluates the weights as they are, and keeps them if they are the best.
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
        if judge.total(scores).map({ choice.isBest($0, epoch: epoch) }) ?? true {
            notes.bestEpoch = epoch
            keepBest()
        }
        return records
    }

    private func learnedBackbone() throws(Fault) -> Backbone {
        try backbone.replacing(joint.parameters.files(of: joint.everTrainable, namedAsIn: backbone.files.imported))
    }

    // MARK: - The best epoch

    private func keepBest() {
        var tensors: [String: [Float]] = [:]
        for tensor in joint.parameters.tensors where joint.everTrainable.contains(tensor.layer) {
            tensors[tensor.name] = joint.parameters.view(tensor).copyValues()
        }
        best = (tensors, joint.foundHeads.map(\.parameters))
    }

    private func restoreBest(_ sections: [String: [Float]]) {
        var heads: [HeadParameters] = []
        for (task, now) in joint.foundHeads {
            let (weights, bias) = (sections["head/\(task.name)/weight"], sections["head/\(task.name)/bias"])
            guard let weights, let bias, weights.count == now.weights.values.count, bias.count == now.outputs else {
                return
            }
            heads.append(
                HeadParameters(
                    weights: Matrix(rows: now.outputs, columns: now.hidden, values: weights), bias: bias))
        }
        best = (sections.filter { !$0.key.hasPrefix("head/") }, heads)
    }

    private func save(to file: ResumeFile, fingerprint: String) throws(Fault) {
        var more: [(name: String, values: [Float])] = []
        if let best {
            more = best.tensors.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            for ((task, _), head) in zip(joint.foundHeads, best.heads) {
                more.append(("head/\(task.name)/weight", head.weights.values))
                more.append(("head/\(task.name)/bias", head.bias))
            }
        }
        let text = (try? JSONEncoder().encode(notes)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
        try joint.save(to: file, fingerprint: fingerprint, notes: text, more: more)
    }

    /// sha256 over everything that decides the result.
    private func fingerprint(_ initial: HeadSet?, salt: String) throws(Fault) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var hash = ContentHash()
        func add(_ text: String) { hash.update(Array((text + "\n").utf8)) }
        func add(_ value: some Encodable) {
            add((try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "")
        }
        add(salt)
        add(backbone.contentHash)
        add("\(backbone.space)")
        add(trainer.probe)
        add(trainer.options)
        add(trainer.caching.precision)
        for task in tasks { add("\(task)") }
        for rows in [partition.training, partition.validation, partition.heldOut] {
            add("part of \(rows.count)")
            for row in rows {
                add("\(row.id) \(row.bodyHash)")
                add(row.labels)
                add(row.tags)
            }
        }
        if let initial { hash.update(try initial.encoded()) }
        return try hash.finish()
    }

    // MARK: - The end

    private func outcome(isCancelled: @Sendable () -> Bool) throws(Fault) -> TrainingOutcome {
        let (learned, parts, found) = try kept()
        let validation = try judge.examples(learned, isCancelled: isCancelled)
        let wantsLayers = trainer.probe.entityHead == .crf && tasks.contains { $0.kind == .entities }
        let read = try ExampleBuilder(
            backbone: learned, tasks: tasks, wantsLayers: wantsLayers, tokenBudget: trainer.tokenBudget)
        func examples(_ rows: [TrainingExample]) throws(Fault) -> [TrainingExample] {
            try read.build(
                rows.compactMap { documents[$0.id] }, workers: trainer.workers, isCancelled: isCancelled
            ).examples
        }
        let held = try examples(partition.heldOut)
        var draft = HeadDraft(probed.heads)
        var trained: [TaskTraining] = []
        for (task, parameters) in found where joint.plan.trainsHead(of: task.name) {
            let temperature = try temperature(of: task, parameters, validation, learned: learned)
            let head = try TrainedHead(task: task, parameters: parameters, temperature: temperature ?? 1)
            draft.replace(head)
            trained.append(try record(of: head, temperature: temperature, held: held))
        }
        if wantsLayers {
            let chains = try HeadTrainer(options: trainer.probe).train(
                HeadTrainer.Partition(
                    training: examples(partition.training), validation: examples(partition.validation), heldOut: held),
                tasks: tasks.filter { $0.kind == .entities && joint.plan.trainsHead(of: $0.name) },
                initial: draft.headSet(), isCancelled: isCancelled)
            for record in chains.tasks { trained[trained.firstIndex { $0.task == record.task } ?? 0] = record }
            draft = HeadDraft(chains.heads)
        }
        let heads = try draft.headSet()
        var outcome = TrainingOutcome(
            heads: heads, before: probed.before, after: try Evaluation(of: heads, on: held),
            answersBefore: probed.answersBefore, answersAfter: try HeldOutAnswers(of: heads, on: held), tasks: trained,
            worst: WorstError.find(heads, on: held))
        outcome.learnedParts = parts
        outcome.learnedSpace = learned.space
        outcome.encoder = record()
        return outcome
    }

    /// The weights of the best epoch: the backbone with them, its parts as files, and the heads.
    private func kept() throws(Fault) -> (
        Backbone, [EncoderPart: [UInt8]], [(task: AnnotationTask, parameters: HeadParameters)]
    ) {
        guard notes.bestEpoch > 0, let best else {
            // Nothing was better than the heads on the encoder as it was.
            let heads = tasks.compactMap { task in
                HeadDraft(probed.heads).head(of: task).map { (task: task, parameters: $0.parameters) }
            }
            return (backbone, [:], heads)
        }
        for tensor in joint.parameters.tensors {
            if let values = best.tensors[tensor.name] { joint.parameters.view(tensor).assign(values) }
        }
        let parts = try joint.parameters.files(of: moved(), namedAsIn: backbone.files.imported)
        let heads = zip(joint.foundHeads, best.heads).map { (task: $0.task, parameters: $1) }
        return (try backbone.replacing(parts), parts, heads)
    }

    /// Parts of the encoder whose numbers are others than at the beginning: a layer that would have joined after the best
    /// epoch has not moved.
    private func moved() throws(Fault) -> TrainableLayers {
        var layers: Set<Int> = []
        for tensor in joint.parameters.tensors where joint.everTrainable.contains(tensor.layer) {
            guard !layers.contains(tensor.layer) else { continue }
            let first = try tensor.tensor.values(in: backbone.files.file(of: EncoderPart(number: tensor.layer)))
            if joint.parameters.view(tensor).copyValues() != first { layers.insert(tensor.layer) }
        }
        return TrainableLayers(layers)
    }

    /// Fitted on rows that were not learned from. A task without enough of them keeps the temperature of its head on the
    /// frozen encoder, which cross-validation has found. Nil for entities.
    private func temperature(
        of task: AnnotationTask, _ parameters: HeadParameters, _ examples: [TrainingExample], learned: Backbone
    ) throws(Fault) -> Float? {
        guard task.kind == .classification else { return nil }
        guard judge.tasks.contains(task) else {
            return probed.tasks.first { $0.task == task.name }?.temperature
        }
        return try TaskRun.temperature(
            of: task, parameters, on: examples.filter { $0.isLabelled(for: task) }, hidden: learned.space.dimensions)
    }

    private func record(
        of head: TrainedHead, temperature: Float?, held: [TrainingExample]
    ) throws(Fault) -> TaskTraining {
        let task = head.task
        func count(_ rows: [TrainingExample]) -> Int { rows.filter { $0.isLabelled(for: task) }.count }
        let isJudged = judge.tasks.contains(task)
        var uncalibrated: Double?
        if case .classification(let head) = try TrainedHead(task: task, parameters: head.parameters), count(held) > 0 {
            uncalibrated = try Evaluation.metrics(of: head, on: held.filter { $0.isLabelled(for: task) })
                .calibration.expectedError
        }
        return TaskTraining(
            task: task.name, trainingRows: count(partition.training) + (isJudged ? 0 : count(partition.validation)),
            validationRows: isJudged ? count(partition.validation) : 0, heldOutRows: count(held),
            choice: judge.tasks.isEmpty ? .lastEpoch : .validation, curve: notes.curve.filter { $0.task == task.name },
            bestEpoch: notes.bestEpoch, stoppedEarly: !joint.isFinished, temperature: temperature,
            uncalibratedError: uncalibrated)
    }

    private func record() -> EncoderTraining {
        EncoderTraining(
            plan: "\(joint.plan)", windows: windows.count, tokens: windows.tokens, steps: joint.step,
            plannedSteps: joint.totalSteps, partTokens: joint.partTokens,
            parameters: joint.trainableCount,
            bestEpoch: notes.bestEpoch, stoppedEarly: !joint.isFinished, isChosen: !judge.tasks.isEmpty,
            curve: notes.curve, probe: probed.tasks)
    }
}
