internal import Tensors

/// One layer on the way back, in pieces that threads share. `gradients.hidden` goes in as the gradient of the layer's
/// output and comes out as that of its input.
struct LayerBackward: Sendable {
    let pass: LayerPass
    let gradients: LayerGradients
    /// Where the parameters' gradients go; nil when the layer is frozen and only hands gradients on.
    let parameters: LayerView?
    /// Room for the products' inputs in bfloat16; nil in fp32.
    let packed: PackedInputs?

    private var hidden: Int { gradients.hidden.columns }

    /// From the output back to the context, for the rows of one tile.
    func beginTile(_ tile: Int, _ rows: Range<Int>, scratch: RoundingScratch) {
        let (weights, activations) = (pass.weights, pass.activations)
        let norms = gradients.norms.rows(tile..<tile + 1)
        norms.clear()
        let gradient = gradients.hidden.rows(rows)
        weights.outputNorm.runBackward(
            x: activations.outputSum.rows(rows), gradient: gradient, gammaGradient: norm(0, of: norms),
            betaGradient: norm(1, of: norms))
        let output = gradients.output.rows(rows)
        copy(gradient, to: output, pass.dropout.output, rows)
        let inner = gradients.inner.rows(rows)
        weights.output.runBackward(output, into: inner, scratch: scratch)
        geluBackward(activations.inner.rows(rows), gradient: inner)
        weights.intermediate.runBackward(inner, into: gradient, adds: true, scratch: scratch)

        weights.attentionNorm.runBackward(
            x: activations.attentionSum.rows(rows), gradient: gradient, gammaGradient: norm(2, of: norms),
            betaGradient: norm(3, of: norms))
        let attentionOutput = gradients.attentionOutput.rows(rows)
        copy(gradient, to: attentionOutput, pass.dropout.attentionOutput, rows)
        weights.attentionOutput.runBackward(
            attentionOutput, into: gradients.context.rows(rows), scratch: scratch)
    }

    /// Through one head of one text.
    func attend(_ place: AttentionPlace, scratch: FloatView) {
        pass.attentionHead(place).runBackward(
            contextGradient: gradients.context.rows(place.rows), into: gradients.queryKeyValue.rows(place.rows),
            scratch: scratch)
    }

    /// From queries, keys and values back to the input, for the rows of one tile.
    func endTile(_ rows: Range<Int>, scratch: RoundingScratch) {
        pass.weights.queryKeyValue.runBackward(
            gradients.queryKeyValue.rows(rows), into: gradients.hidden.rows(rows), adds: true, scratch: scratch)
    }

    /// What the parameters' gradients need packed, after all tiles have begun: some tokens of a product's inputs each.
    func packTasks() -> [(input: FloatView, packed: PackedView)] {
        guard parameters != nil, let packed else { return [] }
        let activations = pass.activations
        return [
            (activations.inner, packed.output), (activations.attended, packed.intermediate),
            (activations.input, packed.queryKeyValue), (activations.context, packed.attentionOutput),
        ].flatMap { input, blocks in
            zip(PackedInputs.blocks(of: input.rows), blocks).map { (input.rows($0), $1) }
        }
    }

    /// The parameters' gradients in pieces that do not depend on the number of threads: some outputs of one product
    /// over all tokens, or the LayerNorms.
    func parameterTasks() -> [ParameterTask] {
        guard let parameters else { return [] }
        let activations = pass.activations
        var tasks: [ParameterTask] = []
        // The largest pieces first, so that no thread waits long for the last one.
        for (linear, gradient, input, blocks) in [
            (parameters.output, gradients.output, activations.inner, packed?.output),
            (parameters.intermediate, gradients.inner, activations.attended, packed?.intermediate),
            (parameters.queryKeyValue, gradients.queryKeyValue, activations.input, packed?.queryKeyValue),
            (parameters.attentionOutput, gradients.attentionOutput, activations.context, packed?.attentionOutput),
        ] {
            for first in stride(from: 0, to: gradient.columns, by: ParameterTask.outputs) {
                let outputs = first..<min(first + ParameterTask.outputs, gradient.columns)
                tasks.append(
                    .linear(
                        gradient: gradient.columns(outputs), input: input, packed: blocks,
                        weights: linear.weights.rows(outputs), bias: linear.bias.columns(outputs)))
            }
        }
        let norms = [
            parameters.outputNorm.gamma, parameters.outputNorm.beta, parameters.attentionNorm.gamma,
            parameters.attentionNorm.beta,
        ]
        for (index, target) in norms.enumerated() {
            tasks.append(.sums(of: norm(index, of: gradients.norms), into: target))
        }
        return tasks
    }

    private func norm(_ index: Int, of norms: FloatView) -> FloatView {
        norms.columns(index * hidden..<(index + 1) * hidden)
    }

    /// A sum's gradient is that of both its parts; one of them went through a dropout.
    private func copy(_ gradient: FloatView, to target: FloatView, _ mask: DropoutMask?, _ rows: Range<Int>) {
        target.assign(gradient)
        if let mask { dropout(target, mask.advanced(by: rows.lowerBound * hidden)) }
    }
}

/// A piece of the parameters' gradients that one thread computes.
enum ParameterTask: Sendable {
    /// Outputs of a linear layer that are one task.
    static let outputs = 128

    /// `weights = gradient' input`, of `packed` inputs if there are any; `bias` = the column sums of `gradient`.
    case linear(gradient: FloatView, input: FloatView, packed: [PackedView]?, weights: FloatView, bias: FloatView)
    /// Column sums.
    case sums(of: FloatView, into: FloatView)

    /// - Parameter accumulates: whether they are added to what is there.
    func run(accumulates: Bool, scratch: RoundingScratch) {
        switch self {
        case .linear(let gradient, let input, let packed, let weights, let bias):
            if let packed {
                multiplyTransposed(gradient, packed, into: weights, adds: accumulates, scratch: scratch)
            } else {
                multiply(gradient, input, transposeA: .yes, into: weights, beta: accumulates ? 1 : 0)
            }
            if !accumulates { bias.clear() }
            addColumnSums(gradient, into: bias)
        case .sums(let parts, let target):
            if !accumulates { target.clear() }
            addColumnSums(parts, into: target)
        }
    }
}
