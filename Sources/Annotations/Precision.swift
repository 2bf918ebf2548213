/// The number format in which a model's large products are taken. fp32 is the reference; the others must show their
/// agreement with it before they are used (`Certificate`).
package enum Precision: String, Sendable, Hashable, CaseIterable, Codable {
    /// IEEE binary32.
    case fp32
    /// Weights as bfloat16, sums in fp32.
    case bf16
    /// Weights as 8-bit integers with a scale for each output, activations as integers with a scale for each token.
    case int8
}
