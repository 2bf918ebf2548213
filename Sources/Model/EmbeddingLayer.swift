internal import Tensors

/// Token ids to the first hidden states: word + position + token type 0, then LayerNorm.
struct EmbeddingLayer: Sendable {
    let tables: EmbeddingTables
    let norm: LayerNorm

    /// - Parameters:
    ///   - positions: scratch memory.
    ///   - sums: receives the rows before the LayerNorm when it holds a matrix.
    func run(
        _ batch: RaggedBatch, positions: inout [Int32], into hidden: inout Matrix, sums: inout Matrix?
    ) {
        positions.removeAll(keepingCapacity: true)
        for text in 0..<batch.textCount {
            positions.append(contentsOf: 0..<Int32(batch.range(of: text).count))
        }
        embed(ids: batch.ids, places: positions, tables: tables, norm: norm, into: &hidden, sums: &sums)
    }
}
