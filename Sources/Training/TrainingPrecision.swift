package import Annotations
internal import Model

/// In which numbers the four linear layers of an encoder layer multiply while it learns. All else is fp32 in both: weights,
/// gradients and moments, what a step remembers, attention, LayerNorm, GELU, embeddings and heads.
package enum TrainingPrecision: String, Sendable, Hashable, Codable, CaseIterable {
    case fp32
    /// Both operands of every product, forward and back, rounded to bfloat16 (nearest, even); sums in fp32. Its exponents
    /// are those of fp32, so that no loss needs to be scaled.
    case bf16

    /// Refuses what a processor would do no faster: elsewhere operands are rounded one by one, for tests.
    ///
    /// - Parameter multipliesBFloat16: whether it has the instruction (`Backbone.gainsFromBFloat16`).
    /// - Throws: `training-precision`.
    package func check(multipliesBFloat16: Bool) throws(Fault) {
        guard self == .bf16, !multipliesBFloat16 else { return }
        throw Fault(
            .configuration, "training-precision",
            "train.precision is bf16, and this processor has no bf16 instruction that the kernels use (AVX-512 with BF16 "
                + "and VNNI; kernels: \(Backbone.kernelFamily))",
            hint: "leave train.precision at fp32")
    }
}
