package import Tensors

/// How much rows of a class count.
package enum ClassWeights: String, Sendable, Hashable, Codable, CaseIterable {
    case none
    /// In inverse proportion to the class's rows, so that all classes count alike; the mean over the rows is 1, and none
    /// counts more than ten times.
    case balanced
}

/// Weighted cross-entropy with label smoothing, and its gradient.
package struct CrossEntropy: Sendable {
    /// One a class; empty: all 1.
    package let classWeights: [Float]
    /// Share of the target that is spread over all classes.
    package let smoothing: Float

    package static let plain = CrossEntropy(classWeights: [], smoothing: 0)

    /// - Parameter counts: rows of each class.
    init(_ weights: ClassWeights, counts: [Int], smoothing: Double) {
        self.init(classWeights: weights == .balanced ? Self.balanced(counts) : [], smoothing: Float(smoothing))
    }

    package init(classWeights: [Float], smoothing: Float) {
        (self.classWeights, self.smoothing) = (classWeights, smoothing)
    }

    /// The sum over rows of `weight · class weight · cross-entropy`, and its gradient times `scale`.
    ///
    /// The target of a row of class t is `1 - smoothing` at t and `smoothing / classes` everywhere (Szegedy et al. 2016);
    /// as in PyTorch's `cross_entropy` a class's weight multiplies its part of the target.
    ///
    /// - Parameters:
    ///   - logits: `[rows, classes]`.
    ///   - targets: -1 for a row without a label.
    ///   - weights: one a row; nil: all 1.
    ///   - gradient: becomes `[rows, classes]`.
    package func run(
        _ logits: Matrix, targets: [Int32], weights: [Float]? = nil, scale: Float, into gradient: inout Matrix
    ) -> Double {
        if smoothing == 0, classWeights.isEmpty, weights?.allSatisfy({ $0 == 1 }) ?? true {
            return softmaxCrossEntropy(logits: logits, targets: targets, into: &gradient, scale: scale).loss
        }
        _ = softmaxCrossEntropy(logits: logits, targets: targets, into: &gradient, scale: 1)
        let classes = logits.columns
        let logSums = logSumExp(logits)
        var loss = 0.0
        for (row, target) in targets.enumerated() where target >= 0 {
            let weight = weights?[row] ?? 1
            let start = row * classes
            var mass: Float = 0
            var masses = [Float](repeating: 0, count: classes)
            for c in 0..<classes {
                var share = smoothing / Float(classes)
                if c == Int(target) { share += 1 - smoothing }
                masses[c] = share * (classWeights.isEmpty ? 1 : classWeights[c])
                mass += masses[c]
            }
            for c in 0..<classes {
                loss += Double(weight * masses[c]) * Double(logSums[row] - logits.values[start + c])
                // The kernel left softmax - one-hot.
                let softmax = gradient.values[start + c] + (c == Int(target) ? 1 : 0)
                gradient.values[start + c] = scale * weight * (mass * softmax - masses[c])
            }
        }
        return loss
    }

    /// Weights in inverse proportion to how often each class occurs: mean 1 over the occurrences, 10 at the most.
    package static func balanced(_ counts: [Int]) -> [Float] {
        let present = counts.filter { $0 > 0 }.count
        let total = counts.reduce(0, +)
        return counts.map { count in
            count == 0 ? 1 : Float(min(10, Double(total) / (Double(present) * Double(count))))
        }
    }
}
