internal import Model
internal import Tensors

/// The embeddings and their LayerNorm, forward and back.
final class TrainableEmbeddings {
    private let words, positions, segments: FloatView
    private let norm: LayerNormView
    private let wordGradient, positionGradient, segmentGradient: FloatView
    private let normGradient: LayerNormView
    /// Ids whose rows of the words' gradient may not be 0. All others are: clearing the whole table every step would
    /// take longer than a small layer.
    private var touched: [Int32] = []

    /// Columns of the tables that one thread adds to. Rows come in the batch's order in every column.
    private static let columnsAtOnce = 64

    init(_ parameters: EncoderParameters) {
        func views(_ name: String) -> (FloatView, FloatView) {
            let tensor = parameters.tensor("embeddings.\(name)_embeddings.weight")
            return (parameters.view(tensor), parameters.gradient(tensor))
        }
        (words, wordGradient) = views("word")
        (positions, positionGradient) = views("position")
        (segments, segmentGradient) = views("token_type")
        norm = LayerNormView(parameters, in: parameters.values, name: "embeddings.LayerNorm")
        normGradient = LayerNormView(parameters, in: parameters.gradients, name: "embeddings.LayerNorm")
    }

    /// `LayerNorm(word + position + token type 0)`, with dropout when there is a mask, into the states below layer 0.
    func run(_ batch: RaggedBatch, memory: TrainingMemory, mask: DropoutMask?, workers: Workers) {
        let (places, output) = (Self.places(of: batch), memory.states[0])
        let (words, positions, segment, norm) = (self.words, self.positions, segments.rows(0..<1), self.norm)
        workers.run(TrainingMemory.tiles(of: memory.tokens)) { tile, _ in
            let rows = memory.tile(tile)
            embed(
                ids: batch.ids, places: places, range: rows, words: words, positions: positions, segment: segment,
                norm: norm, sums: memory.embeddingSums, into: output)
            if let mask {
                dropout(output.rows(rows), mask.advanced(by: rows.lowerBound * output.columns))
            }
        }
    }

    /// From `memory.gradients.hidden`, that of the states below layer 0, to the gradients of tables and LayerNorm.
    func backward(
        _ batch: RaggedBatch, memory: TrainingMemory, mask: DropoutMask?, workers: Workers, accumulates: Bool
    ) {
        let (places, gradient, sums) = (Self.places(of: batch), memory.gradients.hidden, memory.embeddingSums)
        let (hidden, norm, parts) = (gradient.columns, self.norm, memory.gradients.norms)
        workers.run(TrainingMemory.tiles(of: memory.tokens)) { tile, _ in
            let rows = memory.tile(tile)
            let part = parts.rows(tile..<tile + 1).columns(0..<2 * hidden)
            part.clear()
            if let mask { dropout(gradient.rows(rows), mask.advanced(by: rows.lowerBound * hidden)) }
            norm.runBackward(
                x: sums.rows(rows), gradient: gradient.rows(rows), gammaGradient: part.columns(0..<hidden),
                betaGradient: part.columns(hidden..<2 * hidden))
        }
        if !accumulates { clear() }
        touched += batch.ids
        let (words, positions, segment) = (wordGradient, positionGradient, segmentGradient.rows(0..<1))
        let norms = normGradient
        let blocks = (hidden + Self.columnsAtOnce - 1) / Self.columnsAtOnce
        workers.run(blocks) { block, _ in
            let columns = block * Self.columnsAtOnce..<min((block + 1) * Self.columnsAtOnce, hidden)
            let some = gradient.columns(columns)
            scatterAdd(some, places: batch.ids, into: words.columns(columns))
            scatterAdd(some, places: places, into: positions.columns(columns))
            addColumnSums(some, into: segment.columns(columns))
            addColumnSums(parts.columns(columns), into: norms.gamma.columns(columns))
            addColumnSums(
                parts.columns(hidden + columns.lowerBound..<hidden + columns.upperBound),
                into: norms.beta.columns(columns))
        }
    }

    private func clear() {
        for id in touched { wordGradient.rows(Int(id)..<Int(id) + 1).clear() }
        touched.removeAll(keepingCapacity: true)
        for view in [positionGradient, segmentGradient, normGradient.gamma, normGradient.beta] { view.clear() }
    }

    /// Positions restart in every text.
    private static func places(of batch: RaggedBatch) -> [Int32] {
        (0..<batch.textCount).flatMap { 0..<Int32(batch.range(of: $0).count) }
    }
}
