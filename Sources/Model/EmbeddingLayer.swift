internal import Tensors

/// Token ids to the first hidden states: word + position + token type 0, then LayerNorm.
struct EmbeddingLayer: Sendable {
    let tables: EmbeddingTables
    let norm: LayerNorm

    func run(_ batch: RaggedBatch, workspace: inout EncoderWorkspace, observe: Encoder.Observer?) {
        workspace.positions.removeAll(keepingCapacity: true)
        for text in 0..<batch.textCount {
            workspace.positions.append(contentsOf: 0..<Int32(batch.range(of: text).count))
        }
        guard let observe else {
            embed(ids: batch.ids, places: workspace.positions, tables: tables, norm: norm, into: &workspace.hidden)
            return
        }
        var sums: Matrix? = Matrix(rows: 0, columns: 0)
        embed(
            ids: batch.ids, places: workspace.positions, tables: tables, norm: norm, into: &workspace.hidden,
            sums: &sums)
        if let sums { observe("embeddings.sum", sums) }
        observe("embeddings.output", workspace.hidden)
    }
}
