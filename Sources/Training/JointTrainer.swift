package import Annotations
import Foundation
package import Model
import Tensors

/// Encoder layers and heads that learn together.
///
/// A pure function of its examples, options and first weights: random numbers are addressed by (seed, step, layer,
/// element), sums run in one order, so the bits depend neither on the number of threads nor on where a run was
/// interrupted. Not for Swift's cooperative pool: the calling thread computes.
package final class JointTrainer {
    package let options: JointOptions
    package let parameters: EncoderParameters
    package let totalSteps: Int
    /// Steps taken so far.
    package internal(set) var step = 0
    /// Most tokens that are learned from at a time.
    package let partTokens: Int
    let plan: FreezePlan
    let optimizer: EncoderOptimizer
    var heads: [JointHead]
    /// Sums of the losses of the steps of the epoch that is under way, by task.
    var losses: [String: JointMean] = [:]
    private let encoder: TrainableEncoder
    private let frozen: FrozenStates?
    private let examples: [JointExample]
    private let deck: SampleDeck
    private let prescribed: [Int]?
    private let schedule: LearningRateSchedule
    private var pooling: TextPooling

    /// - Parameters:
    ///   - examples: windows of labelled documents, in an order that does not depend on chance.
    ///   - heads: one a task, for inputs as the model gives them, with the size that their inputs have.
    ///   - backbone: where the encoder begins, computing in fp32.
    ///   - cache: for what layers that never learn say (`cacheSpace`).
    ///   - order: indices of the examples of every epoch, in order, as somebody else's protocol prescribes them; nil: as
    ///     sampling and seed have it.
    ///   - workers: threads, the calling one included.
    /// - Throws: `tensor-missing` and the like; `training-option`, `freeze-plan`; `training-too-few-rows` without examples.
    package init(
        _ examples: [JointExample], heads: [(task: AnnotationTask, parameters: HeadParameters, inputScale: Float)],
        backbone: Backbone, options: JointOptions, cache: FeatureCache = .none, order: [Int]? = nil,
        workers threads: Int
    ) throws(Fault) {
        let parameters = try EncoderParameters(from: backbone.files, configuration: backbone.configuration)
        let layers = parameters.configuration.layers
        try options.validate(layers: layers, tasks: heads.map(\.task.name))
        guard !examples.isEmpty else {
            throw Fault(
                .input, "training-too-few-rows", "there are no labelled documents to train on",
                hint: "Insert rows into glossator.gold_labels or glossator.gold_entities, or import labelled files.")
        }
        let plan = try options.plan
        let workers = Workers(threads)
        frozen = Self.boundary(plan, options, layers: layers).map {
            FrozenStates(backbone, below: $0, cache: cache, workers: workers)
        }
        (self.examples, self.options, self.parameters, self.plan) = (examples, options, parameters, plan)
        encoder = TrainableEncoder(parameters, precision: options.precision, workers: workers)
        optimizer = EncoderOptimizer(AdamW(weightDecay: options.weightDecay), for: parameters, workers: workers)
        pooling = TextPooling(backbone.space.pooling, normalization: backbone.space.normalization)
        deck = SampleDeck(examples, tasks: heads.map(\.task), sampling: options.sampling, seed: options.seed)
        prescribed = order
        totalSteps = options.epochs * Self.steps(of: order?.count ?? deck.count, options)
        schedule = LearningRateSchedule(warmup: options.warmup, totalSteps: totalSteps, decay: options.decay)
        self.heads = heads.map { head in
            JointHead(
                task: head.task, parameters: head.parameters, inputScale: head.inputScale,
                counts: Self.counts(head.task, examples), options: options, learns: plan.trainsHead(of: head.task.name))
        }
        partTokens = Self.partTokens(options, plan: plan, configuration: parameters.configuration)
    }

    /// Most tokens that are learned from at a time; a single window may have more.
    package static func partTokens(
        _ options: JointOptions, plan: FreezePlan, configuration: EncoderConfiguration
    ) -> Int {
        let layers = configuration.layers
        let remembered = layers - max(plan.trainable(epoch: options.epochs, layers: layers).lowest ?? layers, 0)
        let bytes = TrainingMemory.bytesPerToken(
            configuration, remembered: remembered, precision: options.precision)
        return max(1, (options.memory ?? 512 << 20) / bytes)
    }

    /// The layer below which nothing ever learns; nil where there is none to speak of.
    private static func boundary(_ plan: FreezePlan, _ options: JointOptions, layers: Int) -> Int? {
        guard let lowest = plan.trainable(epoch: options.epochs, layers: layers).lowest, lowest > 0 else { return nil }
        return lowest
    }

    /// Names the cache that fits: all that decides the states of layers that never learn. Nil where all learn.
    package static func cacheSpace(_ options: JointOptions, _ backbone: Backbone) throws(Fault) -> String? {
        try boundary(options.plan, options, layers: backbone.configuration.layers).map {
            FrozenStates.space(backbone, below: $0)
        }
    }

    private static func steps(of count: Int, _ options: JointOptions) -> Int {
        (count + options.batchSize - 1) / options.batchSize
    }

    private static func counts(_ task: AnnotationTask, _ examples: [JointExample]) -> [Int] {
        var counts = [Int](repeating: 0, count: task.outputCount)
        for example in examples {
            if let label = example.labels[task.name] { counts[label] += 1 }
            for tag in example.tags[task.name] ?? [] { counts[tag] += 1 }
        }
        return counts
    }

    package var stepsPerEpoch: Int { totalSteps / options.epochs }
    /// From 1; that of the next step.
    package var epoch: Int { step / stepsPerEpoch + 1 }
    package var isFinished: Bool { step >= totalSteps }

    /// The heads as they are now, for inputs as the model gives them.
    package var foundHeads: [(task: AnnotationTask, parameters: HeadParameters)] { heads.map { ($0.task, $0.found) } }

    /// What any epoch of the plan trains.
    var everTrainable: TrainableLayers {
        plan.trainable(epoch: options.epochs, layers: parameters.configuration.layers)
    }

    /// Numbers of the encoder that learn in the last epoch.
    package var trainableCount: Int {
        let layers = everTrainable
        return parameters.tensors.reduce(0) { $0 + (layers.contains($1.layer) ? $1.range.count : 0) }
    }

    /// What learns in the current epoch.
    package var trainable: TrainableLayers {
        plan.trainable(epoch: min(epoch, options.epochs), layers: parameters.configuration.layers)
    }

    /// One step.
    ///
    /// - Returns: whether it was the last of its epoch.
    /// - Throws: `training-diverged`.
    @discardableResult
    package func takeStep() throws(Fault) -> Bool {
        precondition(!isFinished)
        let (trainable, first) = (trainable, step % stepsPerEpoch * options.batchSize)
        if first == 0 { losses = [:] }
        let order = order(of: epoch)
        let batch = order[first..<min(first + options.batchSize, order.count)].map { examples[$0] }
        let totals = heads.map { head in
            batch.reduce(0.0) { $0 + Self.weight(of: head.task, in: $1) }
        }
        for index in heads.indices { heads[index].beginStep() }
        var seen = [Int](repeating: 0, count: heads.count)
        var sums = [Double](repeating: 0, count: heads.count)
        for (number, part) in JointBatch.parts(batch, tokens: partTokens).enumerated() {
            learn(part, number: number, trainable: trainable, totals: totals, seen: &seen, sums: &sums)
        }
        try finish(trainable, sums: sums, totals: totals)
        return step % stepsPerEpoch == 0
    }

    /// Of the encoder's top layer at the last step.
    package var learningRate: Double { options.rates.base * schedule.factor(step: max(step - 1, 0)) }

    /// Mean loss of each task over the steps of the epoch so far.
    package var meanLosses: [String: Double] { losses.mapValues(\.mean) }

    private var known: (epoch: Int, order: [Int]) = (0, [])

    private func order(of epoch: Int) -> [Int] {
        if let prescribed { return prescribed }
        if known.epoch != epoch { known = (epoch, deck.order(epoch: epoch)) }
        return known.order
    }

    private static func weight(of task: AnnotationTask, in example: JointExample) -> Double {
        switch task.kind {
        case .classification: example.labels[task.name] == nil ? 0 : Double(example.share)
        case .entities: Double(example.tags[task.name]?.count ?? 0)
        }
    }

    /// Forward and back through one part of the batch.
    private func learn(
        _ part: JointBatch, number: Int, trainable: TrainableLayers, totals: [Double], seen: inout [Int],
        sums: inout [Double]
    ) {
        let rate = Float(options.dropout)
        let dropout = EncoderDropout(
            seed: options.seed, step: step << 10 | min(number, 1023), hiddenRate: rate, attentionRate: rate)
        var hidden = Matrix(rows: 0, columns: 0)
        let states = frozen?.states(of: part.windows, hidden: parameters.configuration.hiddenSize)
        encoder.forward(
            part.ragged, trainable: trainable, dropout: rate > 0 ? dropout : nil, boundary: states, at: frozen?.layer
        ).copy(into: &hidden)
        let pooled = pooling.run(hidden, ranges: (0..<part.ragged.textCount).map(part.ragged.range(of:)))
        var hiddenGradient = Matrix(rows: hidden.rows, columns: hidden.columns)
        var pooledGradient = Matrix(rows: pooled.rows, columns: pooled.columns)
        var (features, featureGradient) = (Matrix(rows: 0, columns: 0), Matrix(rows: 0, columns: 0))
        for index in heads.indices where totals[index] > 0 {
            let inputs = part.inputs(of: heads[index].task)
            guard !inputs.rows.isEmpty else { continue }
            let isClassification = heads[index].task.kind == .classification
            gatherRows(of: isClassification ? pooled : hidden, inputs.rows, into: &features)
            sums[index] += heads[index].add(
                features, targets: inputs.targets, weights: inputs.weights, firstRow: seen[index],
                total: totals[index], step: step, featureGradient: &featureGradient)
            seen[index] += inputs.rows.count
            if isClassification {
                scatterAddRows(featureGradient, inputs.rows, into: &pooledGradient)
            } else {
                scatterAddRows(featureGradient, inputs.rows, into: &hiddenGradient)
            }
        }
        pooling.addBackward(pooledGradient, to: &hiddenGradient)
        encoder.backward(hiddenGradient, accumulates: number > 0)
    }

    /// Clips, steps, and counts.
    private func finish(_ trainable: TrainableLayers, sums: [Double], totals: [Double]) throws(Fault) {
        let squared = heads.reduce(optimizer.squaredGradientNorm(trainable)) { $0 + $1.squaredNorm }
        guard squared.isFinite, sums.allSatisfy(\.isFinite) else {
            throw Fault(
                .configuration, "training-diverged",
                "the loss is no number any more after \(step) of \(totalSteps) steps",
                hint: "lower train.layer-learning-rate")
        }
        let clip = clippingFactor(norm: squared.squareRoot(), limit: options.clipping)
        let factor = schedule.factor(step: step)
        let (rates, layers) = (options.rates, parameters.configuration.layers)
        optimizer.step(trainable, gradientFactor: clip) { rates.rate(layer: $0.layer, of: layers) * factor }
        for index in heads.indices where totals[index] > 0 {
            heads[index].step(gradientFactor: clip, learningRate: rates.headRate * factor)
            losses[heads[index].task.name, default: JointMean()].add(sums[index])
        }
        step += 1
    }
}

/// A running mean.
struct JointMean: Sendable, Codable {
    private(set) var sum = 0.0
    private(set) var count = 0

    mutating func add(_ value: Double) {
        sum += value
        count += 1
    }

    var mean: Double { count > 0 ? sum / Double(count) : 0 }
}
