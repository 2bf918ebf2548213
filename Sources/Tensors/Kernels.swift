package import Annotations
internal import CKernels

/// The compiled vector loops.
package enum Kernels {
    /// The variant that computes on this processor: `avx512-vnni`, `avx512`, `avx2`, `neon`,
    /// `baseline`. Another one may round in another way.
    package static var familyName: String {
        kernel_variant(0).map { String(cString: $0.pointee.name) } ?? "none"
    }

    /// Whether this processor multiplies bfloat16 itself. Elsewhere bf16 halves the weights' memory and is a little slower
    /// than fp32: every block of rows widens them anew.
    package static var multipliesBFloat16: Bool { kernel_variant(0)?.pointee.activations == ACTIVATIONS_NARROW }

    /// Multiplies and adds `rounds` tiles' worth of registers as a product of `precision` does, and nothing else: the most
    /// that one thread can do. Returns how many operations these were; a multiplication and an addition are two.
    package static func multiplyRegisters(_ precision: Precision, rounds: Int) -> Double {
        kernel_peak(precision.format, rounds)
    }
}
