extension Tolerance {
    /// A vector kernel against its fp64 twin, absolute, for results of order 1 to 10: a few fp32 roundings.
    package static let kernel: Float = 4e-6
    /// What kernels.h promises for gelu, times max(1, |x|).
    package static let gelu: Float = 1e-6
    /// Sums of positive terms against fp64, relative.
    package static let relative: Float = 1e-6
}
