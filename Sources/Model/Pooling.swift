package import Annotations
package import Tensors

/// One embedding from many hidden states, fed window by window.
///
/// Mean: every fed row counts once. CLS: the mean of the first rows of what was fed with `isWindowStart`, so a text of
/// one window has exactly its [CLS] state. Sums are kept in fp64.
package struct Pooling: Sendable {
    private let pooling: EmbeddingSpace.Pooling
    private var sums: [Double]
    private var count = 0

    package init(_ pooling: EmbeddingSpace.Pooling, dimensions: Int) {
        self.pooling = pooling
        sums = [Double](repeating: 0, count: dimensions)
    }

    /// Adds rows `range` of `hidden` `[tokens, dimensions]`. For CLS pooling only `range`'s first row is used, and only
    /// when the range begins with a window's [CLS].
    package mutating func add(_ hidden: Matrix, rows range: Range<Int>, isWindowStart: Bool = true) {
        switch pooling {
        case .mean:
            accumulateRows(of: hidden, range, into: &sums)
            count += range.count
        case .cls:
            guard isWindowStart, !range.isEmpty else { return }
            accumulateRows(of: hidden, range.lowerBound..<range.lowerBound + 1, into: &sums)
            count += 1
        }
    }

    /// The pooled vector, not normalised; zeros when nothing was added.
    package func pooled() -> [Float] {
        guard count > 0 else { return sums.map { Float($0) } }
        return sums.map { Float($0 / Double(count)) }
    }

    /// The pooled vector as `normalization` wants it.
    package func embedding(_ normalization: EmbeddingSpace.Normalization) -> [Float] {
        var vector = pooled()
        vector.normalize(normalization)
        return vector
    }
}

extension [Float] {
    /// `none`: as it is; `l2`: length 1; `layernorm`: mean 0, variance 1 (epsilon 1e-5, as `torch.nn.functional.layer_norm`).
    package mutating func normalize(_ normalization: EmbeddingSpace.Normalization) {
        switch normalization {
        case .none: break
        case .l2: normalizeL2(&self)
        case .layernorm: normalizeLayer(&self, epsilon: 1e-5)
        }
    }
}
