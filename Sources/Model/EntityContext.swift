package import Annotations
package import Tensors

/// What an entity head of kind `crf` has before and behind its output layer.
///
/// A word's input is a learned mix of what every layer made of its first piece; the word and its neighbours go through
/// one hidden layer, whose outputs the head's tags are linear in; and neighbouring tags have weights of their own:
///
///     x[w] = sum over layers l of mix[l] · state[l][w]
///     logits[w] = weights · max(0, window.weights · (x[w - radius], …, x[w + radius]) + window.bias) + bias
///
/// Beyond the first and the last word of the text lie zeros.
package struct EntityContext: Sendable, Equatable {
    /// One a layer: of the embedding layer's output, then of every encoder layer's.
    package let mix: [Float]
    /// `[width, (2 * radius + 1) * hidden]`.
    package let weights: Matrix
    /// `[width]`.
    package let bias: [Float]
    package let transitions: TagTransitions
    /// Width of the states.
    package let hidden: Int
    /// Words in view on either side.
    package let radius: Int
    /// `weights` and `bias` for this processor. In fp32 whatever the encoder computes in: it is small beside it.
    let layer: PackedLinear

    /// Refuses parts that do not fit each other or are not finite: `heads-invalid`.
    package init(
        mix: [Float], weights: Matrix, bias: [Float], transitions: TagTransitions, hidden: Int
    ) throws(Fault) {
        let words = hidden > 0 ? weights.columns / hidden : 0
        guard !mix.isEmpty, hidden > 0, weights.columns == words * hidden, words % 2 == 1, weights.rows > 0,
            bias.count == weights.rows, transitions.scores.rows == transitions.scores.columns
        else {
            throw HeadValidation.fault(
                """
                a head's window of [\(weights.rows), \(weights.columns)] weights and \(bias.count) biases does not fit \
                states of \(hidden) values
                """)
        }
        guard mix.allSatisfy(\.isFinite), weights.values.allSatisfy(\.isFinite), bias.allSatisfy(\.isFinite),
            transitions.scores.values.allSatisfy(\.isFinite)
        else { throw HeadValidation.fault("a head's window has a weight that is not a finite number") }
        self.mix = mix
        self.weights = weights
        self.bias = bias
        self.transitions = transitions
        self.hidden = hidden
        radius = words / 2
        layer = PackedLinear(weights: weights, bias: bias, precision: .fp32)
    }

    /// Whether both have the same weights; how they are packed says nothing more.
    package static func == (a: EntityContext, b: EntityContext) -> Bool {
        a.mix == b.mix && a.weights == b.weights && a.bias == b.bias && a.transitions == b.transitions
            && a.hidden == b.hidden
    }

    /// The rows, of a matrix whose row 0 is word `firstWord`, that words `words` and their neighbours stand in; -1 beyond
    /// the ends of the text.
    ///
    /// - Parameter count: words before which the text ends.
    package static func windowRows(
        of words: Range<Int>, radius: Int, firstWord: Int = 0, count: Int, into rows: inout [Int]
    ) {
        for word in words {
            for neighbour in word - radius...word + radius {
                rows.append(neighbour >= 0 && neighbour < count ? neighbour - firstWord : -1)
            }
        }
    }
}

/// Scratch memory of heads, one a thread.
struct HeadWorkspace: Sendable {
    fileprivate var mixed = Matrix(rows: 0, columns: 0)
    fileprivate var rows: [Int] = []
    fileprivate var windows = Matrix(rows: 0, columns: 0)
    fileprivate var outputs = Matrix(rows: 0, columns: 0)
    fileprivate var scratch = KernelScratch()
}

/// One head's way through the words of a segment, which come piece by piece: a word is answered once its neighbours are
/// there. Between pieces it remembers `2 * radius` words, however long the text.
struct WordWindows {
    /// Mixed states of the words `seen - rest.rows..<seen`.
    private var rest = Matrix(rows: 0, columns: 0)
    private var seen = 0
    private var answered = 0

    /// Takes the next words and appends the logits of those whose neighbours are known to `logits`, `[words, tags]`.
    mutating func read(
        _ states: WordStates, by context: EntityContext, weights: Matrix, bias: [Float], into logits: inout [Float],
        workspace: inout HeadWorkspace
    ) {
        let new = states.layerRows
        workspace.mixed.reshape(rows: rest.rows + new.count, columns: context.hidden)
        if rest.rows > 0 { mixRows(of: [rest], 0..<rest.rows, weights: [1], into: &workspace.mixed) }
        mixRows(of: states.layers, new, weights: context.mix, into: &workspace.mixed, at: rest.rows)
        let first = seen - rest.rows
        seen += new.count
        answer(
            max(answered, seen - context.radius), by: context, from: first, weights: weights, bias: bias, into: &logits,
            workspace: &workspace)
        let kept = max(answered - context.radius, first)..<seen
        workspace.rows.removeAll(keepingCapacity: true)
        workspace.rows.append(contentsOf: kept.map { $0 - first })
        gatherRows(of: workspace.mixed, workspace.rows, into: &rest)
    }

    /// The text ends here: answers the rest, and is ready for another text.
    mutating func finish(
        by context: EntityContext, weights: Matrix, bias: [Float], into logits: inout [Float],
        workspace: inout HeadWorkspace
    ) {
        swap(&workspace.mixed, &rest)
        answer(
            seen, by: context, from: seen - workspace.mixed.rows, weights: weights, bias: bias, into: &logits,
            workspace: &workspace)
        rest = Matrix(rows: 0, columns: context.hidden)
        (seen, answered) = (0, 0)
    }

    /// Answers the words up to `end`; row 0 of `workspace.mixed` is word `first`.
    private mutating func answer(
        _ end: Int, by context: EntityContext, from first: Int, weights: Matrix, bias: [Float],
        into logits: inout [Float], workspace: inout HeadWorkspace
    ) {
        guard end > answered else { return }
        workspace.rows.removeAll(keepingCapacity: true)
        EntityContext.windowRows(
            of: answered..<end, radius: context.radius, firstWord: first, count: seen, into: &workspace.rows)
        gatherRows(of: workspace.mixed, workspace.rows, width: 2 * context.radius + 1, into: &workspace.windows)
        context.layer.apply(to: workspace.windows, .bias, into: &workspace.outputs, scratch: &workspace.scratch)
        rectify(&workspace.outputs)
        appendHeadProducts(
            of: workspace.outputs, rows: 0..<workspace.outputs.rows, weights: weights, bias: bias, to: &logits)
        answered = end
    }
}
