/// 64 bits of where an embedding lies (SimHash, Charikar 2002): bit `b` is set where the vector lies on the positive side of
/// hyperplane `b`. Two vectors at an angle of θ differ in about 64 · θ / π bits.
///
/// The same in every version and on every machine, since stored signatures are compared with new ones: coordinate `d` of
/// hyperplane `b`'s normal is +1 where bit `b` of `word(d)` is set and -1 elsewhere (Achlioptas 2003: signs serve as well as
/// Gaussian numbers), `word` being SplitMix64 (Steele, Lea, Flood 2014) of `d`; sums run over `d` in order, in single
/// precision. Vectors of fewer dimensions use the first ones.
package enum EmbeddingSignature {
    /// - Parameter embeddings: of a document's segments, equally long; their sum decides, which points where their mean
    ///   does. 0 when there is none.
    package static func of(_ embeddings: [[Float]]) -> UInt64 {
        guard let first = embeddings.first else { return 0 }
        var sum = first
        for other in embeddings.dropFirst() {
            for index in sum.indices { sum[index] += other[index] }
        }
        return of(sum)
    }

    package static func of(_ vector: [Float]) -> UInt64 {
        var sums = SIMD64<Float>(repeating: 0)
        let normals = vector.count <= common.count ? common : Self.normals(vector.count)
        for index in vector.indices { sums += normals[index] * vector[index] }
        var signature: UInt64 = 0
        for bit in 0..<64 where sums[bit] > 0 { signature |= 1 << UInt64(bit) }
        return signature
    }

    /// As many dimensions as encoders in use have.
    private static let common = normals(1024)

    /// Dimension by dimension, the coordinates of all normals.
    private static func normals(_ dimensions: Int) -> [SIMD64<Float>] {
        (0..<dimensions).map { dimension in
            let word = Self.word(UInt64(dimension))
            var signs = SIMD64<Float>(repeating: -1)
            for bit in 0..<64 where word >> UInt64(bit) & 1 == 1 { signs[bit] = 1 }
            return signs
        }
    }

    static func word(_ dimension: UInt64) -> UInt64 {
        var z = (dimension &+ 1) &* 0x9e37_79b9_7f4a_7c15
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}
