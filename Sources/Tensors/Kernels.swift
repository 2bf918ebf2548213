internal import CKernels

/// The compiled vector loops.
package enum Kernels {
    /// The variant that computes on this processor: `avx512`, `avx2`, `baseline`. Another one may round in another way.
    package static var familyName: String {
        kernel_variant(0).map { String(cString: $0.pointee.name) } ?? "none"
    }
}
