import Annotations
import Tensors

/// A head in the middle of learning from fixed features: parameters, optimiser, scratch.
///
/// Tasks share no trainable weight while the backbone is frozen, so each is learned by itself, from its own rows: adding
/// a task to a run changes no other head's bits.
struct HeadLearner {
    /// For features multiplied by `inputScale`, which has one factor for each layer that the head looks at.
    private(set) var parameters: HeadParameters
    /// Of the last step.
    private(set) var learningRate = 0.0

    private let task: AnnotationTask
    private let documents: [HeadRows.Document]
    private let options: HeadTrainingOptions
    private let inputScale: [Float]
    private let random: RandomSource
    private let schedule: LearningRateSchedule
    private var optimizer: HeadOptimizer
    private var gradient: HeadGradient
    private var contextLearner: ContextLearner?
    private var inputs = Matrix(rows: 0, columns: 0)
    private var step = 0

    /// - Parameters:
    ///   - parameters: where to start, for inputs multiplied by `inputScale`.
    ///   - epochs: what the learning rate is planned for.
    init(
        task: AnnotationTask, rows: HeadRows, options: HeadTrainingOptions, inputScale: [Float], epochs: Int,
        parameters: HeadParameters
    ) {
        self.task = task
        self.options = options
        self.inputScale = inputScale
        self.parameters = parameters
        documents = rows.documents
        random = RandomSource(seed: options.seed, task: task.name)
        schedule = LearningRateSchedule(
            warmup: options.warmup, totalSteps: options.stepsPerEpoch(rows: rows.documents.count) * epochs)
        optimizer = HeadOptimizer(AdamW(weightDecay: options.weightDecay), for: parameters)
        var counts = [Int](repeating: 0, count: task.outputCount)
        for document in rows.documents { for target in document.targets where target >= 0 { counts[Int(target)] += 1 } }
        gradient = HeadGradient(CrossEntropy(options.classWeights, counts: counts, smoothing: options.labelSmoothing))
        contextLearner = parameters.context.map {
            ContextLearner(
                task: task, options: options, inputScale: inputScale, random: random, parameters: parameters, $0)
        }
    }

    /// The mean loss over the epoch's steps. `epoch` counts from 1.
    mutating func runEpoch(_ epoch: Int, isCancelled: () -> Bool) throws(Fault) -> Double {
        let order = random.order(of: documents.count, epoch: epoch)
        var (total, steps) = (0.0, 0)
        for start in stride(from: 0, to: order.count, by: options.batchSize) {
            if isCancelled() { throw HeadTrainer.cancelled }
            let batch = order[start..<min(start + options.batchSize, order.count)]
            let loss = runStep(batch.map { documents[$0] })
            guard loss.isFinite else {
                throw Fault(
                    .configuration, "training-diverged",
                    "the loss of task \"\(task.name)\" is not a finite number in epoch \(epoch)",
                    hint: "Lower the learning rate.")
            }
            total += loss
            steps += 1
        }
        return total / Double(max(steps, 1))
    }

    private mutating func runStep(_ batch: [HeadRows.Document]) -> Double {
        learningRate = options.learningRate * schedule.factor(step: step)
        defer { step += 1 }
        if let loss = contextLearner?.runStep(batch, &parameters, learningRate: learningRate, step: step) {
            return loss
        }
        assemble(batch)
        let loss = gradient.compute(parameters, inputs: inputs, targets: batch.flatMap(\.targets))
        gradient.scale(by: clippingFactor(norm: gradient.norm, limit: options.clipping))
        optimizer.step(&parameters, gradient: gradient, learningRate: learningRate)
        return loss
    }

    /// The batch's rows end to end, scaled, with dropout.
    private mutating func assemble(_ batch: [HeadRows.Document]) {
        inputs.reshape(rows: batch.reduce(0) { $0 + $1.targets.count }, columns: parameters.hidden)
        // Worked on outside the matrix: this is the loop that a run spends its time in.
        var values: [Float] = []
        swap(&values, &inputs.values)
        if options.dropout > 0 {
            random.fillDropoutMask(&values, rate: Float(options.dropout), step: step)
        } else {
            for index in values.indices { values[index] = 1 }
        }
        var offset = 0
        for document in batch {
            let features = document.features.values
            for index in features.indices { values[offset + index] *= features[index] * inputScale[0] }
            offset += features.count
        }
        swap(&values, &inputs.values)
    }
}
