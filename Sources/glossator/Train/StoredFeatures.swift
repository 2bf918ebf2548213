package import Annotations
import Model

/// Embeddings that daemons have stored, as features of documents whose words nobody asks for: no text is read again.
///
/// They are what labels are computed from when documents are labelled anew without the encoder. They are rounded to half
/// precision, and a daemon may have computed them in a reduced one; so a sample is read again in fp32 first, and they are
/// used only when they are what the encoder says.
package struct StoredFeatures: Sendable {
    /// How they compare with the same texts read again.
    package struct Check: Codable, Sendable, Hashable {
        package let sampled: Int
        /// Least cosine of the sample.
        package let leastCosine: Double
        package var isGood: Bool { leastCosine >= StoredFeatures.leastCosine }
    }

    /// Half precision leaves 0.999999, bf16 0.9998, int8 0.998 of most encoders (docs/precision.md).
    static let leastCosine = 0.99
    private static let sample = 32

    /// By sha256 of the text.
    package let embeddings: [[UInt8]: [Float]]
    package let check: Check

    /// Nil without any.
    ///
    /// - Parameters:
    ///   - documents: whose words nobody asks for.
    ///   - stored: by document.
    ///   - read: features of documents by the encoder itself.
    package init?(
        _ documents: [LabelledDocument], stored: [Int64: [Float]],
        read: ([LabelledDocument]) async throws -> [(bodyHash: [UInt8], embedding: [Float])]
    ) async throws {
        var embeddings: [[UInt8]: [Float]] = [:]
        for document in documents {
            embeddings[document.bodyHash] = stored[document.id] ?? embeddings[document.bodyHash]
        }
        guard !embeddings.isEmpty else { return nil }
        let sample = documents.filter { stored[$0.id] != nil }
            .sorted { $0.bodyHash.lexicographicallyPrecedes($1.bodyHash) }.prefix(Self.sample)
        let cosines = try await read(Array(sample)).compactMap { hash, embedding in
            embeddings[hash].map { Double(Similarity.cosine($0, embedding)) }
        }
        self.embeddings = embeddings
        check = Check(sampled: cosines.count, leastCosine: cosines.min() ?? 0)
    }
}
