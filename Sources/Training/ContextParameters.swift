package import Annotations
package import Model
package import Tensors

/// What an entity head of kind `crf` learns besides its output layer; `EntityContext` says what the parts do.
package struct ContextParameters: Sendable, Equatable {
    /// `[layers + 1]`, the embedding layer's first.
    package var mix: [Float]
    /// `[width, (2 * radius + 1) * hidden]`.
    package var weights: Matrix
    /// `[width]`.
    package var bias: [Float]
    /// `[tags, tags]`: from, to.
    package var transitions: Matrix
    /// Width of the states.
    package let hidden: Int

    /// Parts as the properties say; `context()` checks that they fit each other.
    package init(mix: [Float], weights: Matrix, bias: [Float], transitions: Matrix, hidden: Int) {
        self.mix = mix
        self.weights = weights
        self.bias = bias
        self.transitions = transitions
        self.hidden = hidden
    }

    /// What a trained head has, to go on from.
    package init(_ context: EntityContext) {
        self.init(
            mix: context.mix, weights: context.weights, bias: context.bias, transitions: context.transitions.scores,
            hidden: context.hidden)
    }

    /// Words in view on either side.
    package var radius: Int { weights.columns / hidden / 2 }

    /// What a head is made of.
    ///
    /// - Throws: `heads-invalid` for parts that do not fit each other or are not finite.
    package func context() throws(Fault) -> EntityContext {
        try EntityContext(
            mix: mix, weights: weights, bias: bias, transitions: TagTransitions(scores: transitions), hidden: hidden)
    }

    /// All layers alike, weights of the window from N(0, 0.02), no bias, transitions that weigh nothing.
    static func drawn(
        layers: Int, tags: Int, hidden: Int, options: HeadTrainingOptions.Context, random: RandomSource
    ) -> ContextParameters {
        let inputs = (2 * options.radius + 1) * hidden
        return ContextParameters(
            mix: [Float](repeating: 1 / Float(layers), count: layers),
            weights: Matrix(
                rows: options.width, columns: inputs,
                values: (0..<options.width).flatMap {
                    random.initialWeights(of: "window \($0)", count: inputs, deviation: 0.02)
                }),
            bias: [Float](repeating: 0, count: options.width), transitions: Matrix(rows: tags, columns: tags),
            hidden: hidden)
    }

    /// Takes over the layers below the tags, and the transitions between tags that have a name here.
    ///
    /// - Returns: false, having changed nothing, where the layers have other sizes.
    mutating func adopt(_ other: ContextParameters, named otherNames: [String], names: [String]) -> Bool {
        guard mix.count == other.mix.count, weights.rows == other.weights.rows, hidden == other.hidden,
            weights.columns == other.weights.columns
        else { return false }
        (mix, weights, bias) = (other.mix, other.weights, other.bias)
        let sources = names.map { otherNames.firstIndex(of: $0) }
        for (from, a) in sources.enumerated() {
            for (to, b) in sources.enumerated() {
                if let a, let b { transitions[from, to] = other.transitions[a, b] }
            }
        }
        return true
    }
}

/// AdamW's moments of all that an entity head of kind `crf` learns, in one order.
struct ContextMoments: Sendable {
    private let rule: AdamW
    private var moments: [AdamW.Moments]

    init(_ rule: AdamW, for parameters: HeadParameters, _ context: ContextParameters) {
        self.rule = rule
        moments = [
            parameters.weights.values.count, parameters.bias.count, context.mix.count, context.weights.values.count,
            context.bias.count, context.transitions.values.count,
        ].map { AdamW.Moments(count: $0) }
    }

    /// Weight decay on the two layers' weights; none on biases, mix and transitions, for which 0 is no simpler answer.
    mutating func step(
        _ parameters: inout HeadParameters, _ context: inout ContextParameters, gradient: ContextGradient, rate: Double
    ) {
        func step(_ values: inout [Float], _ gradient: [Float], _ index: Int, decays: Bool) {
            rule.step(&values, gradient: gradient, moments: &moments[index], learningRate: rate, decays: decays)
        }
        step(&parameters.weights.values, gradient.weights.values, 0, decays: true)
        step(&parameters.bias, gradient.bias, 1, decays: false)
        step(&context.mix, gradient.mix, 2, decays: false)
        step(&context.weights.values, gradient.windowWeights.values, 3, decays: true)
        step(&context.bias, gradient.windowBias, 4, decays: false)
        step(&context.transitions.values, gradient.transitions, 5, decays: false)
    }
}
