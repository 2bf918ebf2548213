/// Every tolerance that a test of this project uses, with its reason.
package enum Tolerance {
    /// Hidden states and mean-pooled vectors against the fp32 reference, absolute. Its own noise is 3e-6.
    package static let hidden: Float = 1e-5
    /// L2-normalised embeddings against the reference, absolute. Its own noise is 2e-7.
    package static let normalized: Float = 2e-6
    /// The same text alone and in a batch, absolute: BLAS sums in another order for other shapes.
    package static let batching: Float = 1e-6

    /// Precision, recall, F1 and accuracy against the reference scorer, absolute; both compute in doubles.
    package static let score = 1e-9
    /// A fitted temperature against the one that labels were drawn with, relative: the prior pulls
    /// it towards 1, by two percent with the rows of the test.
    package static let temperature = 0.03
    /// A span's score against the enumeration of all tag sequences: the score is a Float.
    package static let spanProbability = 1e-6
    /// A score of the same text alone and in a batch: logits of norm 10 on states that differ by `batching`.
    package static let batchedScore: Float = 1e-4

    /// A gradient against central differences of step 1/64 of a smooth loss: their own error is its third derivative
    /// times 1/24576.
    package static let gradient = 5e-5
    /// The same through a whole encoder in fp32, extrapolated from steps of 1/64 and 1/128, relative to gradients above
    /// 1: the loss' own rounding, 1e-6, is divided by the step.
    package static let encoderSlope = 1e-3
    /// A chain's loss against the enumeration of all sequences, absolute: both in doubles.
    package static let chainLoss = 1e-9
    /// Its gradient against central differences of step 1e-4 in doubles; the gradient is handed back as a Float.
    package static let chainGradient = 1e-6
    /// The loss of a head with a window against a naive one in doubles: its logits, of size 10, are Floats.
    package static let contextLoss = 1e-5
    /// Logits of such a head while it learns (BLAS) and while it reads (packed products): sums in another order.
    package static let trainingPath: Float = 3e-5
    /// A weight that was divided and multiplied by the input scale, relative.
    package static let roundTrip: Float = 1e-6
    /// Losses of the reference's ten steps, absolute; as its README states.
    package static let replayLoss = 2e-5
    /// Norms of its gradients, absolute: they are around 6 and computed in fp32.
    package static let replayNorm = 2e-5
    /// Weights after its ten steps, absolute; as its README states. The steps move them by 2.5e-4.
    package static let replayWeight: Float = 5e-6
    /// The same after ten steps with a hundred times the rate, which move weights by 0.02; as its README states.
    package static let replayFastWeight: Float = 1e-4
    /// Norms of its gradients, relative to those above 1: computed in fp32 there, and with the high rate of weights
    /// that differ by `replayFastWeight`.
    package static let replayRelativeNorm = 1e-5
    /// Its gradients: `hidden` plus this, relative; as its README states.
    package static let gradientRelative: Float = 1e-4
    /// States and gradients of an encoder of two layers whose products are taken in bfloat16, against fp32: the norm of
    /// their difference as a share of their own. An operand is rounded by up to 2^-9 of itself, ten products deep.
    package static let roundedProducts = 0.02
    /// How far the reference's own seeds lie apart on SST-2 dev (872 rows: one standard error is 0.014).
    package static let seedSpreadOfAccuracy = 0.008
    /// The same for entity F1 on BTC test.
    package static let seedSpreadOfEntityF1 = 0.003
    /// Reading with an entity head of kind `crf`, as a share of the time with a linear one. 1.01 to 1.02 is measured; the
    /// rest is the goal's allowance.
    package static let crfReadingTime = 1.05
    /// 2,000 resamples of 10,000 rows: 0.1 s alone on a core, 1.4 under a sanitizer; a mistake in the order of growth takes
    /// minutes.
    package static let pairedBootstrap: Duration = .seconds(20)
    /// Tokenising 10 MB, or one word of 1 MB. Under a second in a release build alone on a core; the rest is for slow and
    /// busy machines. Quadratic time would be hours.
    package static let largeText: Duration = .seconds(60)
    /// A stored embedding against the vector it was made of, relative to the vector's largest number: half a unit in
    /// the last place of the codec's precision (f32, f16, bf16; i8 has 127 steps).
    package static func storedEmbedding(_ precision: UInt8) -> Float {
        [0, 0x1p-11, 0x1p-8, 0.51 / 127][Int(precision)]
    }
}
