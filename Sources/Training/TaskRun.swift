import Annotations
import Model
import Tensors

/// One task of a training run: where its head starts, how its epochs are chosen, what comes out.
struct TaskRun {
    let task: AnnotationTask
    let options: HeadTrainingOptions
    /// Only documents that are labelled for the task. Validation is empty where it would be too small to choose by.
    let partition: HeadTrainer.Partition
    /// What features are multiplied by while they are learned from: one factor, or one for each layer of the states that
    /// the head looks at.
    let inputScale: [Float]
    /// How many states of each word the head looks at; 0 for a linear head.
    let layers: Int
    let hidden: Int
    /// Whether the head starts from the model in force.
    private let continues: Bool
    /// For inputs as the model gives them.
    let initialHead: TrainedHead

    init(
        task: AnnotationTask, partition: HeadTrainer.Partition, hidden: Int, initial: HeadSet?,
        options: HeadTrainingOptions, minimumValidationRows: Int
    ) throws(Fault) {
        func labelled(_ rows: [TrainingExample]) -> [TrainingExample] { rows.filter { $0.isLabelled(for: task) } }
        var own = HeadTrainer.Partition(
            training: labelled(partition.training), validation: labelled(partition.validation),
            heldOut: labelled(partition.heldOut))
        if own.validation.count < minimumValidationRows {
            own.training = (own.training + own.validation).sorted(by: TrainingExample.precedes)
            own.validation = []
        }
        try TrainingReadiness.checkClasses(own.training, for: task)
        self.task = task
        self.options = options
        self.partition = own
        self.hidden = hidden
        layers = try Self.layers(of: own.training, for: task, options: options)
        let rows = try HeadRows(own.training, task: task, hidden: hidden, layers: layers)
        let sizes = layers > 0 ? rows.meanSquareRoots(layers: layers) : [rows.meanSquareRoot]
        inputScale = sizes.map { Self.workingSize(of: task.kind) / $0 }

        var parameters = Self.firstParameters(of: task, hidden: hidden, inputScale: inputScale, options: options)
        var head = options.start == .modelInForce ? HeadDraft(initial).head(of: task) : nil
        // A head of another kind has nothing that this one could go on from.
        if let other = head, (other.parameters.context == nil) != (layers == 0) { head = nil }
        continues = head != nil
        if let head {
            guard head.parameters.hidden == hidden else {
                throw Fault(
                    .model, "features-mismatch",
                    """
                    the head of task "\(task.name)" takes \(head.parameters.hidden) values; \
                    the backbone gives \(hidden)
                    """, hint: "Start from a model on the same backbone, or start afresh.")
            }
            parameters.adopt(
                head.parameters, named: Self.outputNames(of: head.task), names: Self.outputNames(of: task))
        }
        initialHead = try TrainedHead(task: task, parameters: parameters)
    }

    func train(
        progress: (EpochRecord, _ epochs: Int) -> Void, isCancelled: () -> Bool
    ) throws(Fault) -> (head: TrainedHead, record: TaskTraining) {
        let training = try rows(partition.training)
        let epochs = options.epochs(rows: training.documents.count)
        var result: Result
        let choice: TaskTraining.Choice
        if let patience = options.patience, partition.validation.isEmpty {
            choice = .crossValidation
            result = try CrossValidation(run: self, epochs: epochs, patience: patience)
                .run(progress: { progress($0, epochs) }, isCancelled: isCancelled)
            var learner = learner(training, epochs: epochs, from: initialHead.parameters)
            for epoch in 0..<result.bestEpoch { _ = try learner.runEpoch(epoch + 1, isCancelled: isCancelled) }
            result.parameters = learner.parameters.forInputs(scaledBy: restoringScale)
        } else {
            choice = options.patience == nil ? .lastEpoch : .validation
            result = try follow(training, epochs: epochs, progress: { progress($0, epochs) }, isCancelled: isCancelled)
            if task.kind == .classification, !partition.validation.isEmpty {
                result.temperature = try Self.temperature(
                    of: task, result.parameters, on: partition.validation, hidden: hidden)
            }
        }
        let head = try TrainedHead(task: task, parameters: result.parameters, temperature: result.temperature ?? 1)
        let record = TaskTraining(
            task: task.name, trainingRows: partition.training.count, validationRows: partition.validation.count,
            heldOutRows: partition.heldOut.count, choice: choice, curve: result.curve, bestEpoch: result.bestEpoch,
            stoppedEarly: result.curve.count < epochs, temperature: result.temperature,
            uncalibratedError: try uncalibratedError(result.parameters))
        return (head, record)
    }

    /// What training found, for inputs as the model gives them.
    struct Result {
        var parameters: HeadParameters
        var curve: [EpochRecord] = []
        var bestEpoch = 0
        var temperature: Float?
    }

    /// One run over all epochs that keeps the best on the validation rows, or the last without patience.
    private func follow(
        _ training: HeadRows, epochs: Int, progress: (EpochRecord) -> Void, isCancelled: () -> Bool
    ) throws(Fault) -> Result {
        var learner = learner(training, epochs: epochs, from: initialHead.parameters)
        var result = Result(parameters: initialHead.parameters)
        // A model that continues may be better than anything that follows.
        let start = continues ? try score(initialHead.parameters, on: partition.validation) : nil
        var choice = EpochChoice(patience: options.patience ?? .max, start: start)
        for epoch in 1...epochs {
            let loss = try learner.runEpoch(epoch, isCancelled: isCancelled)
            let parameters = learner.parameters.forInputs(scaledBy: restoringScale)
            let score = try score(parameters, on: partition.validation)
            let record = EpochRecord(
                task: task.name, epoch: epoch, trainingLoss: loss, validationLoss: score?.loss,
                validationScore: score?.metric, learningRate: learner.learningRate)
            result.curve.append(record)
            let isBest = score.map { choice.isBest($0, epoch: epoch) } ?? true
            if isBest || options.patience == nil {
                result.parameters = parameters
                result.bestEpoch = epoch
            }
            progress(record)
            if options.patience != nil, score != nil, choice.shouldStop(after: epoch) { break }
        }
        return result
    }

    /// - Parameter parameters: for inputs as the model gives them.
    func learner(_ rows: HeadRows, epochs: Int, from parameters: HeadParameters) -> HeadLearner {
        HeadLearner(
            task: task, rows: rows, options: options, inputScale: inputScale, epochs: epochs,
            parameters: parameters.forInputs(scaledBy: inputScale))
    }

    /// Takes `inputScale` back.
    var restoringScale: [Float] { inputScale.map { 1 / $0 } }

    func rows(_ examples: [TrainingExample]) throws(Fault) -> HeadRows {
        try HeadRows(examples, task: task, hidden: hidden, layers: layers)
    }

    /// How many states of each word the task's head is to look at.
    private static func layers(
        of rows: [TrainingExample], for task: AnnotationTask, options: HeadTrainingOptions
    ) throws(Fault) -> Int {
        guard task.kind == .entities, options.entityHead == .crf else { return 0 }
        guard let layers = rows.first(where: { $0.words.rows > 0 })?.layers.count, layers > 0 else {
            throw Fault(
                .defect, "features-mismatch",
                "the head of task \"\(task.name)\" learns from all layers, and the features have only the last")
        }
        return layers
    }

    /// First weights that have learned nothing, for inputs as the model gives them.
    var freshParameters: HeadParameters {
        Self.firstParameters(of: task, hidden: hidden, inputScale: inputScale, options: options)
    }

    private func score(_ parameters: HeadParameters, on rows: [TrainingExample]) throws(Fault) -> ValidationScore? {
        try Self.score(TrainedHead(task: task, parameters: parameters), on: rows, hidden: hidden)
    }

    /// Nil without rows.
    static func score(
        _ head: TrainedHead, on rows: [TrainingExample], hidden: Int
    ) throws(Fault) -> ValidationScore? {
        guard !rows.isEmpty else { return nil }
        switch head {
        case .classification(let head):
            let metrics = try Evaluation.metrics(of: head, on: rows)
            return ValidationScore(metric: metrics.accuracy, loss: metrics.logLoss)
        case .entities(let entities):
            let metrics = try Evaluation.metrics(of: entities, on: rows)
            let loss = try HeadRows(
                rows, task: head.task, hidden: hidden, layers: entities.context?.mix.count ?? 0
            ).loss(of: head.parameters)
            return ValidationScore(metric: metrics.micro.f1, loss: loss.sum / Double(max(loss.count, 1)))
        }
    }

    /// Fitted on rows that were not learned from; classification only.
    ///
    /// - Parameter rows: all labelled for the task.
    static func temperature(
        of task: AnnotationTask, _ parameters: HeadParameters, on rows: [TrainingExample], hidden: Int
    ) throws(Fault) -> Float {
        TemperatureFitting.fit(
            logits: try logits(of: task, parameters, on: rows, hidden: hidden), gold: gold(of: task, rows))
    }

    /// One row of logits a document; classification only.
    static func logits(
        of task: AnnotationTask, _ parameters: HeadParameters, on rows: [TrainingExample], hidden: Int
    ) throws(Fault) -> [[Float]] {
        var logits = Matrix(rows: 0, columns: 0)
        return try HeadRows(rows, task: task, hidden: hidden, layers: 0).documents.map { document in
            parameters.logits(of: document.features, into: &logits)
            return logits.values
        }
    }

    /// The index of each document's label; classification only.
    static func gold(of task: AnnotationTask, _ rows: [TrainingExample]) -> [Int] {
        rows.map { row in row.labels[task.name].flatMap { task.labels.firstIndex(of: $0) } ?? 0 }
    }

    private func uncalibratedError(_ parameters: HeadParameters) throws(Fault) -> Double? {
        guard case .classification(let head) = try TrainedHead(task: task, parameters: parameters),
            !partition.heldOut.isEmpty
        else { return nil }
        return try Evaluation.metrics(of: head, on: partition.heldOut).calibration.expectedError
    }

    /// Root mean square that features are brought to while they are learned from.
    ///
    /// AdamW's steps have the learning rate's size whatever the gradient's, so the features' size decides how far a step
    /// moves the logits; left alone, the same options would learn embeddings of length 1 four times slower than
    /// un-normalised ones. The sizes are measured (docs/training.md).
    static func workingSize(of kind: AnnotationTask.Kind) -> Float {
        switch kind {
        case .classification: 0.3
        case .entities: 1.4
        }
    }

    private static func firstParameters(
        of task: AnnotationTask, hidden: Int, inputScale: [Float], options: HeadTrainingOptions
    ) -> HeadParameters {
        let random = RandomSource(seed: options.seed, task: task.name)
        let hasContext = task.kind == .entities && options.entityHead == .crf
        var parameters = HeadParameters.drawn(
            outputs: outputNames(of: task), inputs: hasContext ? options.context.width : hidden, random: random)
        if hasContext {
            parameters.context = .drawn(
                layers: inputScale.count, tags: parameters.outputs, hidden: hidden, options: options.context,
                random: random)
        }
        return parameters.forInputs(scaledBy: inputScale.map { 1 / $0 })
    }

    /// What the head's outputs are called: labels, or tags.
    private static func outputNames(of task: AnnotationTask) -> [String] {
        guard task.kind == .entities else { return task.labels }
        let tags = TagSet(types: task.labels)
        return (0..<tags.count).map(tags.name)
    }
}
