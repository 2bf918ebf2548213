internal import CKernels

/// The compiled vector loops.
package enum Kernels {
    /// The variant that computes on this processor: `avx512`, `avx2`, `baseline`. Another one may round in another way.
    package static var familyName: String {
        kernel_variant(0).map { String(cString: $0.pointee.name) } ?? "none"
    }

    /// Whether this processor multiplies bfloat16 itself. Elsewhere bf16 halves the weights' memory and is a little slower
    /// than fp32: every block of rows widens them anew.
    package static var multipliesBFloat16: Bool { kernel_variant(0)?.pointee.activations == ACTIVATIONS_NARROW }
}
