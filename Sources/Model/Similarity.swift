internal import Tensors

/// How near two embeddings of one space are.
package enum Similarity {
    /// Cosine of the angle between two vectors of the same length, -1...1; 0 where one of them is zero or empty.
    package static func cosine(_ a: [Float], _ b: [Float]) -> Float {
        guard a.count == b.count, !a.isEmpty else { return 0 }
        let norm = (dot(a, a) * dot(b, b)).squareRoot()
        return norm > 0 ? max(-1, min(1, dot(a, b) / norm)) : 0
    }
}
