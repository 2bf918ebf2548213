extension Tolerance {
    /// A vector kernel against its fp64 twin, absolute, for results of order 1 to 10: a few fp32 roundings.
    package static let kernel: Float = 4e-6
    /// What kernels.h promises for gelu, times max(1, |x|).
    package static let gelu: Float = 1e-6
    /// Sums of positive terms against fp64, relative.
    package static let relative: Float = 1e-6

    /// A sum of `count` products in binary32 against its fp64 twin: what products.h states, subnormal numbers taken as
    /// zeros included. `magnitude` is the sum of the products' magnitudes.
    package static func sum(of count: Int, magnitude: Float) -> Float {
        Float(count + 2) * (magnitude * 0x1p-23 + 0x1p-126)
    }
    /// A sum that is exact as an integer, times two scales: four roundings.
    package static func exactSum(magnitude: Float) -> Float { magnitude * 0x1p-22 + 0x1p-126 }
    /// How many of `count` 16-bit integers may lie on the border between two and be rounded to the other one, where no
    /// fused instruction multiplies: the product has 24 bits, up to 15 of them before the point, so one in 500 does.
    package static func borderDigits(of count: Int) -> Float { 2 + Float(count) / 100 }
    /// Attention against its fp64 twin, for values of order 1 and scores of order 10, absolute.
    package static let attention: Float = 1e-5
    /// A gradient against central differences of step 1/64 of a function whose third derivative may reach 50: their own
    /// error is that times 1/24576.
    package static let coarseSlope = 2e-3
}
