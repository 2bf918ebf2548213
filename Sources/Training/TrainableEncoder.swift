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
    private let layers: [LayerView]
    private let gradientViews: [LayerView]
    private let embeddings: TrainableEmbeddings
    private let arena = FloatBuffer(count: 0)
    private let scratch: [FloatBuffer]
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

    package init(_ parameters: EncoderParameters, workers: Workers) {
        self.parameters = parameters
        self.workers = workers
        let indices = 0..<parameters.configuration.layers
        layers = indices.map { LayerView(parameters, in: parameters.values, layer: $0) }
        gradientViews = indices.map { LayerView(parameters, in: parameters.gradients, layer: $0) }
        embeddings = TrainableEmbeddings(parameters)
        scratch = (0..<workers.count).map { _ in FloatBuffer(count: 0) }
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
            remembered: lowest..<configuration.layers)
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
        let inner = configuration.intermediateSize
        workers.run(tiles) { tile, _ in passes[first].project(memory.tile(tile)) }
        for layer in first..<passes.count {
            workers.run(places.count) { place, worker in
                passes[layer].attend(places[place], scratch: scratch[worker].wholeRow)
            }
            workers.run(tiles) { tile, worker in
                let rows = memory.tile(tile)
                passes[layer].finish(
                    rows, scratch: scratch[worker].view(rows: TrainingMemory.tileRows, columns: inner))
                if layer + 1 < passes.count { passes[layer + 1].project(rows) }
            }
        }
    }

    // MARK: - Backward

    private func backward(_ pass: Pass, layer: Int, lowest: Int, accumulates: Bool) {
        let (memory, places, scratch) = (pass.memory, pass.places, self.scratch)
        let step = LayerBackward(
            pass: pass.layers[layer], gradients: memory.gradients,
            parameters: pass.trainable.contains(layer) ? gradientViews[layer] : nil, accumulates: accumulates)
        let tiles = TrainingMemory.tiles(of: memory.tokens)
        workers.run(tiles) { tile, _ in step.beginTile(tile, memory.tile(tile)) }
        workers.run(places.count) { place, worker in
            step.attend(places[place], scratch: scratch[worker].wholeRow)
        }
        // What is left needs nothing of each other: the input's gradient, when somebody below asks for it, and the
        // parameters'.
        let ends = layer > lowest ? tiles : 0
        let tasks = step.parameterTasks()
        workers.run(ends + tasks.count) { index, _ in
            if index < ends {
                step.endTile(memory.tile(index))
            } else {
                tasks[index - ends].run(accumulates: accumulates)
            }
        }
    }

    // MARK: - Memory

    private func reserveScratch(for batch: RaggedBatch) {
        let longest = (0..<batch.textCount).map { batch.range(of: $0).count }.max() ?? 0
        let floats = max(
            AttentionHead.scratchCount(length: longest), TrainingMemory.tileRows * configuration.intermediateSize)
        for buffer in scratch { buffer.reserve(floats) }
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

extension FloatBuffer {
    fileprivate var wholeRow: FloatView { view(rows: 1, columns: count) }
}
