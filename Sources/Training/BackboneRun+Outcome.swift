import Annotations
import Model
import Tensors

/// What comes out: the kept epoch's weights, calibrated and judged on the held-out rows.
extension BackboneRun {
    func outcome(isCancelled: @Sendable () -> Bool) throws(Fault) -> TrainingOutcome {
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
