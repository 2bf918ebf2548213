import Tensors

/// 64 bits of where a document's embedding lies (SimHash, Charikar 2002): bit `b` is set where it lies on the positive side of
/// hyperplane `b`. Two at an angle of θ differ in about 64 · θ / π bits.
///
/// The hyperplanes are the same in every version and on every machine, since stored signatures are compared with new ones:
/// coordinate `d` of normal `b` is +1 where bit `b` of SplitMix64's word number `d` from state 0 is set and -1 elsewhere
/// (Steele, Lea, Flood 2014; signs serve as well as Gaussian numbers: Achlioptas 2003). Only where an embedding lies on a
/// hyperplane but for its rounding may the bit differ, as the embedding's own last bits do.
package struct EmbeddingSignature: Sendable {
    /// `[64, dimensions]`.
    private let normals: Matrix
    private let bias = [Float](repeating: 0, count: 64)

    package init(dimensions: Int) {
        var normals = Matrix(rows: 64, columns: dimensions)
        var state: UInt64 = 0
        for dimension in 0..<dimensions {
            state &+= 0x9e37_79b9_7f4a_7c15
            var word = state
            word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
            word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
            word ^= word >> 31
            for bit in 0..<64 { normals[bit, dimension] = word >> UInt64(bit) & 1 == 1 ? 1 : -1 }
        }
        self.normals = normals
    }

    /// - Parameter embeddings: of a document's segments, `[dimensions]` each; their sum decides, which points where their
    ///   mean does. 0 when there is none.
    package func of(_ embeddings: some Collection<ArraySlice<Float>>) -> UInt64 {
        guard var sum = embeddings.first else { return 0 }
        for other in embeddings.dropFirst() {
            for (index, value) in zip(sum.indices, other) { sum[index] += value }
        }
        return Self.bits(headProducts(of: sum, weights: normals, bias: bias)[...])
    }

    /// The same of many documents.
    ///
    /// - Parameters:
    ///   - embeddings: of segments, end to end, `[segments, dimensions]`.
    ///   - documents: each one's segments, at least one.
    package func of(_ embeddings: [Float], documents: [Range<Int>]) -> [UInt64] {
        let width = normals.columns
        var sums: [Float] = []
        sums.reserveCapacity(documents.count * width)
        for document in documents {
            sums += embeddings[document.lowerBound * width..<(document.lowerBound + 1) * width]
            let first = sums.count - width
            for segment in document.dropFirst() {
                for index in 0..<width { sums[first + index] += embeddings[segment * width + index] }
            }
        }
        var products: [Float] = []
        appendHeadProducts(
            of: Matrix(rows: documents.count, columns: width, values: sums), rows: documents.indices, weights: normals,
            bias: bias, to: &products)
        return documents.indices.map { Self.bits(products[64 * $0..<64 * ($0 + 1)]) }
    }

    private static func bits(_ products: ArraySlice<Float>) -> UInt64 {
        var signature: UInt64 = 0
        for (bit, side) in products.enumerated() where side > 0 { signature |= 1 << UInt64(bit) }
        return signature
    }
}
