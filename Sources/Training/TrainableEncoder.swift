package import Model
package import Tensors

/// An encoder that learns: forward passes that remember, and the way back to a gradient for every trainable tensor.
///
/// Ragged throughout: no kernel ever sees padding. Rows are computed in tiles of fixed size, weights' gradients in
/// blocks of fixed size, sums in one order, so that the bits do not depend on the number of threads.
///
/// A step is `forward`, then `backward` at most once: the way back uses up what was remembered. Not for several threads
/// at once, and not for Swift's cooperative pool: the calling thread computes.
package final class TrainableEncoder {
    package let parameters: EncoderParameters
    package let workers: Workers
    package let precision: TrainingPrecision
    private let layers: [LayerView]
    private let gradientViews: [LayerView]
    private let embeddings: TrainableEmbeddings
    private let arena = FloatBuffer(count: 0)
    private let scratch: [WorkerScratch]
    private var pass: Pass?

    /// What backward needs to know of the last forward pass.
    private struct Pass {
        let batch: RaggedBatch
        let trainable: TrainableLayers
        let memory: TrainingMemory
        let layers: [LayerPass]
        let dropout: EncoderDropout?
        let places: [AttentionPlace]
    }

    package init(_ parameters: EncoderParameters, precision: TrainingPrecision = .fp32, workers: Workers) {
        (self.parameters, self.precision, self.workers) = (parameters, precision, workers)
        let indices = 0..<parameters.configuration.layers
        let layers = indices.map { LayerView(parameters, in: parameters.values, layer: $0) }
        self.layers = precision == .bf16 ? Self.packing(layers) : layers
        gradientViews = indices.map { LayerView(parameters, in: parameters.gradients, layer: $0) }
        embeddings = TrainableEmbeddings(parameters)
        scratch = (0..<workers.count).map { _ in
            WorkerScratch(rounding: precision == .bf16 ? Self.rounding(parameters.configuration) : .none)
        }
    }

    /// Memory that nobody touches costs nothing: layers that are never packed.
    private static func packing(_ layers: [LayerView]) -> [LayerView] {
        let count = layers.flatMap(\.linears).reduce(0) { $0 + PackedWeights.floatCount(of: $1.weights) }
        let buffer = FloatBuffer(count: count)
        var end = 0
        return layers.map { $0.packing(into: buffer, at: &end) }
    }

    private static func rounding(_ configuration: EncoderConfiguration) -> RoundingScratch {
        let (hidden, inner) = (configuration.hiddenSize, configuration.intermediateSize)
        let rows = max(TrainingMemory.tileRows, ParameterTask.outputs)
        return RoundingScratch(
            rows: rows, widest: max(3 * hidden, inner, PackedInputs.blockTokens),
            transposed: max(hidden, PackedInputs.blockTokens) * max(3 * hidden, inner, rows))
    }

    private var configuration: EncoderConfiguration { parameters.configuration }

    /// The last hidden states of `batch`, `[tokens, hidden]`; good until the next call.
    ///
    /// - Parameters:
    ///   - batch: texts of at most `maximumPositions` tokens; empty ones are allowed.
    ///   - trainable: what backward will be asked for. Layers below the lowest one remember nothing.
    ///   - dropout: nil for none. Frozen layers never drop.
    ///   - boundary: the inputs of layer `start` for these texts: the layers below are then not computed.
    ///   - start: at most the lowest trainable layer, which is the default. Not when the embeddings are trainable.
    package func forward(
        _ batch: RaggedBatch, trainable: TrainableLayers, dropout: EncoderDropout? = nil, boundary: Matrix? = nil,
        at start: Int? = nil
    ) -> FloatView {
        let lowest = max(trainable.lowest ?? configuration.layers, 0)
        let memory = TrainingMemory(
            buffer: arena, tokens: batch.tokenCount, hidden: configuration.hiddenSize,
            intermediate: configuration.intermediateSize, layers: configuration.layers,
            remembered: lowest..<configuration.layers, precision: precision)
        let passes = layers.indices.map { layer in
            LayerPass(
                weights: layers[layer], activations: memory.layers[layer],
                dropout: LayerDropout(trainable.contains(layer) ? dropout : nil, layer: layer),
                heads: configuration.heads)
        }
        let pass = Pass(
            batch: batch, trainable: trainable, memory: memory, layers: passes, dropout: dropout,
            places: places(of: batch))
        self.pass = pass
        reserveScratch(for: batch)
        pack(from: boundary == nil ? 0 : start ?? lowest, backTo: trainable.lowest)
        if let boundary {
            precondition(trainable.lowest != -1, "trainable embeddings have no states below them")
            let start = start ?? lowest
            precondition(start <= lowest)
            memory.states[start].assign(boundary.values)
            run(pass, from: start)
        } else {
            embed(pass)
            run(pass, from: 0)
        }
        return memory.states[configuration.layers]
    }

    /// The hidden states below the lowest trainable layer in the last forward pass, `[tokens, hidden]`: what can be
    /// kept from epoch to epoch while the same layers are frozen. The last hidden states when no layer is trainable.
    package var boundaryStates: FloatView {
        guard let pass else { preconditionFailure("no forward pass") }
        return pass.memory.states[max(pass.trainable.lowest ?? configuration.layers, 0)]
    }

    /// The gradient of every trainable tensor, into `parameters.gradients`.
    ///
    /// - Parameters:
    ///   - gradient: of the loss with respect to the last hidden states, `[tokens, hidden]`.
    ///   - accumulates: whether to add to the gradients that are there instead of replacing them.
    package func backward(_ gradient: Matrix, accumulates: Bool = false) {
        guard let pass else { preconditionFailure("backward follows a forward pass") }
        self.pass = nil
        guard let lowest = pass.trainable.lowest else { return }
        pass.memory.gradients.hidden.assign(gradient.values)
        for layer in layers.indices.reversed() where layer >= lowest {
            backward(pass, layer: layer, lowest: lowest, accumulates: accumulates)
        }
        if lowest == -1 {
            embeddings.backward(
                pass.batch, memory: pass.memory, mask: pass.dropout?.mask(layer: -1, .embeddings), workers: workers,
                accumulates: accumulates)
        }
    }

    // MARK: - Forward

    private func embed(_ pass: Pass) {
        let mask = pass.trainable.contains(-1) ? pass.dropout?.mask(layer: -1, .embeddings) : nil
        embeddings.run(pass.batch, memory: pass.memory, mask: mask, workers: workers)
    }

    private func run(_ pass: Pass, from first: Int) {
        guard first < pass.layers.count else { return }
        let (memory, passes, places, scratch) = (pass.memory, pass.layers, pass.places, self.scratch)
        let tiles = TrainingMemory.tiles(of: memory.tokens)
        workers.run(tiles) { tile, worker in
            passes[first].project(memory.tile(tile), scratch: scratch[worker])
        }
        for layer in first..<passes.count {
            workers.run(places.count) { place, worker in
                passes[layer].attend(places[place], scratch: scratch[worker].wholeRow)
            }
            workers.run(tiles) { tile, worker in
                let rows = memory.tile(tile)
                passes[layer].finish(rows, scratch: scratch[worker])
                if layer + 1 < passes.count { passes[layer + 1].project(rows, scratch: scratch[worker]) }
            }
        }
    }

    // MARK: - Backward

    private func backward(_ pass: Pass, layer: Int, lowest: Int, accumulates: Bool) {
        let (memory, places, scratch) = (pass.memory, pass.places, self.scratch)
        let step = LayerBackward(
            pass: pass.layers[layer], gradients: memory.gradients,
            parameters: pass.trainable.contains(layer) ? gradientViews[layer] : nil, packed: memory.packed)
        let tiles = TrainingMemory.tiles(of: memory.tokens)
        workers.run(tiles) { tile, worker in
            step.beginTile(tile, memory.tile(tile), scratch: scratch[worker].rounding)
        }
        let packs = step.packTasks()
        workers.run(packs.count + places.count) { index, worker in
            if index < packs.count {
                packs[index].packed.packTransposed(packs[index].input, scratch: scratch[worker].rounding)
            } else {
                step.attend(places[index - packs.count], scratch: scratch[worker].wholeRow)
            }
        }
        // What is left needs nothing of each other: the input's gradient, when somebody below asks for it, and the
        // parameters'.
        let ends = layer > lowest ? tiles : 0
        let tasks = step.parameterTasks()
        workers.run(ends + tasks.count) { index, worker in
            let scratch = scratch[worker].rounding
            if index < ends {
                step.endTile(memory.tile(index), scratch: scratch)
            } else {
                tasks[index - ends].run(accumulates: accumulates, scratch: scratch)
            }
        }
    }

    // MARK: - Memory

    /// The weights that a pass and its way back multiply with, anew: they may have moved since the last one.
    private func pack(from first: Int, backTo lowest: Int?) {
        guard precision == .bf16 else { return }
        var tasks: [(linear: LinearView, isForward: Bool)] = []
        for (index, layer) in layers.enumerated() {
            if index >= first { tasks += layer.linears.map { ($0, true) } }
            if let lowest, index >= lowest { tasks += layer.linears.map { ($0, false) } }
        }
        workers.run(tasks.count) { [tasks, scratch] index, worker in
            let (linear, isForward) = tasks[index]
            if isForward {
                linear.packed?.forward.pack(linear.weights)
            } else {
                linear.packed?.backward.packTransposed(linear.weights, scratch: scratch[worker].rounding)
            }
        }
    }

    private func reserveScratch(for batch: RaggedBatch) {
        let longest = (0..<batch.textCount).map { batch.range(of: $0).count }.max() ?? 0
        let floats = max(
            AttentionHead.scratchCount(length: longest), TrainingMemory.tileRows * configuration.intermediateSize)
        for worker in scratch { worker.floats.reserve(floats) }
    }

    private func places(of batch: RaggedBatch) -> [AttentionPlace] {
        var places: [AttentionPlace] = []
        places.reserveCapacity(batch.textCount * configuration.heads)
        var element = 0
        for text in 0..<batch.textCount {
            let rows = batch.range(of: text)
            for head in 0..<configuration.heads {
                places.append(AttentionPlace(rows: rows, head: head, firstElement: element))
                element += rows.count * rows.count
            }
        }
        return places
    }
}
