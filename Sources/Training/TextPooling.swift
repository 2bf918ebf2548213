package import Annotations
internal import Model
package import Tensors

/// Texts' embeddings from their hidden states, and the way back: mean or [CLS], then the space's normalisation.
package struct TextPooling: Sendable {
    private let pooling: EmbeddingSpace.Pooling
    private let normalization: EmbeddingSpace.Normalization
    private var ranges: [Range<Int>] = []
    /// Before the normalisation, `[texts, hidden]`.
    private var pooled = Matrix(rows: 0, columns: 0)

    /// Epsilon of `layernorm`, as `torch.nn.functional.layer_norm` has it.
    private static let epsilon: Float = 1e-5

    package init(_ pooling: EmbeddingSpace.Pooling, normalization: EmbeddingSpace.Normalization) {
        (self.pooling, self.normalization) = (pooling, normalization)
    }

    /// The embedding of each of `ranges` of rows of `hidden`, `[ranges, hidden]`; zeros for an empty one.
    package mutating func run(_ hidden: Matrix, ranges: [Range<Int>]) -> Matrix {
        self.ranges = ranges
        let (vectors, columns) = (
            ranges.map { range in
                var pooling = Pooling(pooling, dimensions: hidden.columns)
                pooling.add(hidden, rows: range)
                return pooling.pooled()
            }, hidden.columns
        )
        pooled = Matrix(rows: ranges.count, columns: columns, values: vectors.flatMap { $0 })
        guard normalization != .none else { return pooled }
        let normalized = vectors.flatMap { vector in
            var vector = vector
            vector.normalize(normalization)
            return vector
        }
        return Matrix(rows: ranges.count, columns: columns, values: normalized)
    }

    /// Adds to `hiddenGradient` `[tokens, hidden]` what `gradient`, that of the last result, means for the hidden
    /// states.
    package func addBackward(_ gradient: Matrix, to hiddenGradient: inout Matrix) {
        precondition(gradient.rows == ranges.count && gradient.columns == hiddenGradient.columns)
        var gradient = gradient
        switch normalization {
        case .none: break
        case .l2: normalizeL2Backward(pooled, gradient: &gradient)
        case .layernorm: normalizeLayerBackward(pooled, epsilon: Self.epsilon, gradient: &gradient)
        }
        for (index, range) in ranges.enumerated() where !range.isEmpty {
            switch pooling {
            case .mean:
                addToRows(&hiddenGradient, range, row: index, of: gradient, factor: 1 / Float(range.count))
            case .cls:
                let first = range.lowerBound..<range.lowerBound + 1
                addToRows(&hiddenGradient, first, row: index, of: gradient, factor: 1)
            }
        }
    }
}
