package import Annotations
import Model
package import Tensors

/// Texts that an entity head of kind `crf` learns from in one step, their words end to end.
package struct ContextBatch: Sendable {
    /// The words' states, `[words, hidden]`, of the embedding layer, then of every layer.
    package var layers: [Matrix]
    /// What the states of each layer are multiplied by.
    package var scales: [Float]
    /// Words of each text.
    package var lengths: [Int]
    /// A legal sequence a text, one tag a word.
    package var targets: [Int32]
    /// Dropout's factors on the mixed states `[words, hidden]`; nil for none.
    package var wordMask: [Float]?
    /// The same on the hidden layer's outputs `[words, width]`.
    package var widthMask: [Float]?

    /// Parts as the properties say; `lengths` add up to `targets.count`.
    package init(
        layers: [Matrix], scales: [Float], lengths: [Int], targets: [Int32], wordMask: [Float]? = nil,
        widthMask: [Float]? = nil
    ) {
        self.layers = layers
        self.scales = scales
        self.lengths = lengths
        self.targets = targets
        self.wordMask = wordMask
        self.widthMask = widthMask
    }

    /// Of all texts together.
    package var words: Int { targets.count }
}

/// The loss of an entity head of kind `crf`, mean over words, and its gradient; scratch that is reused from step to step.
package struct ContextGradient: Sendable {
    /// Of the output layer, `[tags, width]` and `[tags]`.
    package private(set) var weights = Matrix(rows: 0, columns: 0)
    package private(set) var bias: [Float] = []
    /// Of the mix, `[layers + 1]`.
    package private(set) var mix: [Float] = []
    /// Of the hidden layer, `[width, words * hidden]` and `[width]`.
    package private(set) var windowWeights = Matrix(rows: 0, columns: 0)
    package private(set) var windowBias: [Float] = []
    /// `[tags * tags]`, from and to.
    package private(set) var transitions: [Float] = []

    private var mixed = Matrix(rows: 0, columns: 0)
    private var rows: [Int] = []
    private var windows = Matrix(rows: 0, columns: 0)
    private var outputs = Matrix(rows: 0, columns: 0)
    /// What the last call's forward pass answered, `[words, tags]`.
    package private(set) var logits = Matrix(rows: 0, columns: 0)
    private var logitGradient = Matrix(rows: 0, columns: 0)
    private var outputGradient = Matrix(rows: 0, columns: 0)
    private var windowGradient = Matrix(rows: 0, columns: 0)

    /// Scratch of no size; it grows with the first batch.
    package init() {}

    /// The gradients with respect to all of the head's parameters.
    ///
    /// - Returns: the mean over the words; 0, with zero gradients, without words.
    package mutating func compute(
        _ head: HeadParameters, _ context: ContextParameters, tagSet: TagSet, batch: ContextBatch
    ) -> Double {
        forward(head, context, batch)
        var chain = ChainLoss(transitions: context.transitions, tagSet: tagSet)
        var transitionGradient = [Double](repeating: 0, count: context.transitions.values.count)
        logitGradient.reshape(rows: batch.words, columns: tagSet.count)
        var (loss, first) = (0.0, 0)
        for length in batch.lengths {
            loss += chain.add(
                logits: logits, rows: first..<first + length, targets: batch.targets,
                scale: 1 / Double(max(batch.words, 1)), gradient: &logitGradient,
                transitionGradient: &transitionGradient)
            first += length
        }
        transitions = transitionGradient.map { Float($0) }
        backward(head, context, batch)
        return loss / Double(max(batch.words, 1))
    }

    /// Summed over the words, without a gradient.
    package mutating func loss(
        _ head: HeadParameters, _ context: ContextParameters, tagSet: TagSet, batch: ContextBatch
    ) -> Double {
        forward(head, context, batch)
        var chain = ChainLoss(transitions: context.transitions, tagSet: tagSet)
        var (loss, first) = (0.0, 0)
        for length in batch.lengths {
            loss += chain.loss(logits: logits, rows: first..<first + length, targets: batch.targets)
            first += length
        }
        return loss
    }

    /// Of all elements together.
    package var norm: Double {
        globalNorm([weights.values, bias, mix, windowWeights.values, windowBias, transitions])
    }

    /// All elements times `factor`: clipping.
    package mutating func scale(by factor: Float) {
        guard factor != 1 else { return }
        Tensors.scale(&weights.values, by: factor)
        Tensors.scale(&bias, by: factor)
        Tensors.scale(&mix, by: factor)
        Tensors.scale(&windowWeights.values, by: factor)
        Tensors.scale(&windowBias, by: factor)
        Tensors.scale(&transitions, by: factor)
    }

    private mutating func forward(_ head: HeadParameters, _ context: ContextParameters, _ batch: ContextBatch) {
        let words = batch.words
        mixed.reshape(rows: words, columns: context.hidden)
        mixRows(of: batch.layers, 0..<words, weights: zip(context.mix, batch.scales).map(*), into: &mixed)
        if let mask = batch.wordMask { multiplyElements(&mixed, by: mask) }
        rows.removeAll(keepingCapacity: true)
        var first = 0
        for length in batch.lengths {
            let start = rows.count
            EntityContext.windowRows(of: 0..<length, radius: context.radius, count: length, into: &rows)
            for index in start..<rows.count where rows[index] >= 0 { rows[index] += first }
            first += length
        }
        gatherRows(of: mixed, rows, width: 2 * context.radius + 1, into: &windows)
        outputs.reshape(rows: words, columns: context.weights.rows)
        multiply(windows, context.weights, transposeB: .yes, into: &outputs)
        addBias(&outputs, context.bias)
        rectify(&outputs)
        if let mask = batch.widthMask { multiplyElements(&outputs, by: mask) }
        head.logits(of: outputs, into: &logits)
    }

    /// From `logitGradient` down to the mix.
    private mutating func backward(_ head: HeadParameters, _ context: ContextParameters, _ batch: ContextBatch) {
        weights.reshape(rows: head.weights.rows, columns: head.weights.columns)
        multiply(logitGradient, outputs, transposeA: .yes, into: &weights)
        bias = columnSums(logitGradient)
        outputGradient.reshape(rows: batch.words, columns: context.weights.rows)
        multiply(logitGradient, head.weights, into: &outputGradient)
        // Where dropout or the rectifier let nothing through, `outputs` is 0.
        rectifyGradient(&outputGradient, output: outputs)
        if let mask = batch.widthMask { multiplyElements(&outputGradient, by: mask) }
        windowWeights.reshape(rows: context.weights.rows, columns: context.weights.columns)
        multiply(outputGradient, windows, transposeA: .yes, into: &windowWeights)
        windowBias = columnSums(outputGradient)
        windowGradient.reshape(rows: batch.words, columns: context.weights.columns)
        multiply(outputGradient, context.weights, into: &windowGradient)
        var mixedGradient = Matrix(rows: batch.words, columns: context.hidden)
        scatterAddRows(windowGradient, rows, width: 2 * context.radius + 1, into: &mixedGradient)
        if let mask = batch.wordMask { multiplyElements(&mixedGradient, by: mask) }
        mix = zip(batch.layers, batch.scales).map { dot($0.values, mixedGradient.values) * $1 }
    }
}
