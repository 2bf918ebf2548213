import Annotations
import Tensors

/// The steps of an entity head of kind `crf`: batches with dropout, gradient, clipping, AdamW.
struct ContextLearner {
    private let tagSet: TagSet
    private let options: HeadTrainingOptions
    private let inputScale: [Float]
    private let random: RandomSource
    private var gradient = ContextGradient()
    private var moments: ContextMoments
    private var batch: ContextBatch

    init(
        task: AnnotationTask, options: HeadTrainingOptions, inputScale: [Float], random: RandomSource,
        parameters: HeadParameters, _ context: ContextParameters
    ) {
        tagSet = TagSet(types: task.labels)
        self.options = options
        self.inputScale = inputScale
        self.random = random
        moments = ContextMoments(AdamW(weightDecay: options.weightDecay), for: parameters, context)
        batch = ContextBatch(layers: [], scales: inputScale, lengths: [], targets: [])
    }

    /// The step's mean loss over words. `step` counts from 0.
    mutating func runStep(
        _ documents: [HeadRows.Document], _ parameters: inout HeadParameters, learningRate: Double, step: Int
    ) -> Double? {
        guard var context = parameters.context else { return nil }
        assemble(documents, context, step: step)
        guard batch.words > 0 else { return 0 }
        let loss = gradient.compute(parameters, context, tagSet: tagSet, batch: batch)
        gradient.scale(by: clippingFactor(norm: gradient.norm, limit: options.clipping))
        moments.step(&parameters, &context, gradient: gradient, rate: learningRate)
        parameters.context = context
        return loss
    }

    private mutating func assemble(_ documents: [HeadRows.Document], _ context: ContextParameters, step: Int) {
        let documents = documents.filter { !$0.targets.isEmpty }
        batch.lengths = documents.map(\.targets.count)
        batch.targets = documents.flatMap { ChainLoss.legal($0.targets, tagSet: tagSet) }
        batch.layers = inputScale.indices.map { layer in
            var values: [Float] = []
            values.reserveCapacity(batch.words * context.hidden)
            for document in documents { values += document.layers[layer].values }
            return Matrix(rows: batch.words, columns: context.hidden, values: values)
        }
        let rate = Float(options.context.dropout)
        guard rate > 0 else { return }
        var mask = [Float](repeating: 0, count: batch.words * context.hidden)
        random.fillDropoutMask(&mask, rate: rate, step: step)
        batch.wordMask = mask
        mask = [Float](repeating: 0, count: batch.words * context.weights.rows)
        random.fillHiddenDropoutMask(&mask, rate: rate, step: step)
        batch.widthMask = mask
    }
}
