import Annotations
import Model
import Tensors
import Training

/// An encoder with a classifier on pooled embeddings and a tagger on all tokens, and their joint loss: what the
/// reference trains, in the smallest loop that uses the product's own parts.
final class TwoHeadStep {
    let encoder: TrainableEncoder
    let optimizer: EncoderOptimizer
    var classifier: HeadParameters
    var tagger: HeadParameters
    var pooling: TextPooling
    var classGradient = HeadGradient()
    var tagGradient = HeadGradient()
    private var classOptimizer: HeadOptimizer
    private var tagOptimizer: HeadOptimizer

    init(
        parameters: EncoderParameters, classifier: HeadParameters, tagger: HeadParameters, rule: AdamW = AdamW(),
        threads: Int = 2, pooling: EmbeddingSpace.Pooling = .mean,
        normalization: EmbeddingSpace.Normalization = .none
    ) {
        encoder = TrainableEncoder(parameters, workers: Workers(threads))
        optimizer = EncoderOptimizer(rule, for: parameters, workers: Workers(threads))
        (self.classifier, self.tagger) = (classifier, tagger)
        classOptimizer = HeadOptimizer(rule, for: classifier)
        tagOptimizer = HeadOptimizer(rule, for: tagger)
        self.pooling = TextPooling(pooling, normalization: normalization)
    }

    /// Both mean losses; the gradients are left in `encoder.parameters.gradients`, `classGradient` and `tagGradient`.
    func gradients(
        _ batch: RaggedBatch, classes: [Int32], tags: [Int32], trainable: TrainableLayers,
        dropout: EncoderDropout? = nil, boundary: Matrix? = nil, accumulates: Bool = false
    ) -> (classLoss: Double, tagLoss: Double) {
        var hidden = Matrix(rows: 0, columns: 0)
        encoder.forward(batch, trainable: trainable, dropout: dropout, boundary: boundary).copy(into: &hidden)
        let pooled = pooling.run(hidden, ranges: (0..<batch.textCount).map(batch.range(of:)))
        let classLoss = classGradient.compute(classifier, inputs: pooled, targets: classes)
        let tagLoss = tagGradient.compute(tagger, inputs: hidden, targets: tags)
        var hiddenGradient = Matrix(rows: 0, columns: 0)
        var pooledGradient = hiddenGradient
        tagGradient.inputGradient(tagger, rows: hidden.rows, into: &hiddenGradient)
        classGradient.inputGradient(classifier, rows: pooled.rows, into: &pooledGradient)
        pooling.addBackward(pooledGradient, to: &hiddenGradient)
        encoder.backward(hiddenGradient, accumulates: accumulates)
        return (classLoss, tagLoss)
    }

    /// Clips and steps. Returns the norm before clipping.
    func step(
        _ plan: FreezePlan, trainable: TrainableLayers, rates: LayerRates, factor: Double, clipping: Double
    ) -> Double {
        let (trainsClassifier, trainsTagger) = (plan.trainsHead(of: "classifier"), plan.trainsHead(of: "ner"))
        let heads = (trainsClassifier ? [classGradient.norm] : []) + (trainsTagger ? [tagGradient.norm] : [])
        let norm = heads.reduce(optimizer.squaredGradientNorm(trainable)) { $0 + $1 * $1 }.squareRoot()
        let clip = clippingFactor(norm: norm, limit: clipping)
        let layers = encoder.parameters.configuration.layers
        optimizer.step(trainable, gradientFactor: clip) { rates.rate(layer: $0.layer, of: layers) * factor }
        if trainsClassifier {
            classGradient.scale(by: clip)
            classOptimizer.step(&classifier, gradient: classGradient, learningRate: rates.headRate * factor)
        }
        if trainsTagger {
            tagGradient.scale(by: clip)
            tagOptimizer.step(&tagger, gradient: tagGradient, learningRate: rates.headRate * factor)
        }
        return norm
    }
}
