package import Annotations
package import Tensors

/// A trained entity task: IOB2 tags from the states of each word's first piece.
///
/// Of kind `linear` it is one linear layer on the last hidden state. Of kind `crf` it has a context: it sees all layers
/// and neighbouring words through one hidden layer, and weighs neighbouring tags.
package struct EntityHead: Sendable, Equatable {
    /// What a head is made of; raw values are those of settings and of stored heads.
    package enum Kind: String, Sendable, Hashable, Codable, CaseIterable {
        case linear, crf
    }

    package let task: AnnotationTask
    package let tagSet: TagSet
    /// `[tags, hidden]`, or `[tags, context.weights.rows]`; in the order of `TagSet`.
    package let weights: Matrix
    /// `[tags]`.
    package let bias: [Float]
    /// Nil for a linear head.
    package let context: EntityContext?

    /// `crf` with a context, else `linear`.
    package var kind: Kind { context == nil ? .linear : .crf }
    /// Width of the backbone's states.
    package var hidden: Int { context?.hidden ?? weights.columns }

    /// Refuses weights that do not fit the task or are not finite.
    package init(task: AnnotationTask, weights: Matrix, bias: [Float], context: EntityContext? = nil) throws(Fault) {
        try HeadValidation.check(task, is: .entities, weights: weights, bias: bias)
        if let context {
            guard context.weights.rows == weights.columns, context.transitions.scores.rows == task.outputCount else {
                throw HeadValidation.fault(
                    "the layers of the head of task \"\(task.name)\" do not fit each other")
            }
        }
        self.task = task
        tagSet = TagSet(types: task.labels)
        self.weights = weights
        self.bias = bias
        self.context = context
    }

    /// The logits of a text's words, `[words, tags]`. A linear head's do not depend on the other words.
    ///
    /// - Parameters:
    ///   - hidden: the words' last hidden states, `[words, hidden]`.
    ///   - layers: their states in every layer, the embedding layer's first; neither a linear head nor a text without
    ///     words needs any.
    package func logits(of hidden: Matrix, layers: [Matrix] = []) -> Matrix {
        guard hidden.rows > 0 else { return Matrix(rows: 0, columns: bias.count) }
        var values: [Float] = []
        guard let context else {
            appendHeadProducts(of: hidden, rows: 0..<hidden.rows, weights: weights, bias: bias, to: &values)
            return Matrix(rows: hidden.rows, columns: bias.count, values: values)
        }
        precondition(layers.count == context.mix.count, "\(layers.count) layers for a head of \(context.mix.count)")
        var words = WordWindows()
        var workspace = HeadWorkspace()
        let rows = Array(0..<hidden.rows)
        words.read(
            WordStates(hidden: hidden, rows: rows[...], layers: layers), by: context, weights: weights, bias: bias,
            into: &values, workspace: &workspace)
        words.finish(by: context, weights: weights, bias: bias, into: &values, workspace: &workspace)
        return Matrix(rows: hidden.rows, columns: bias.count, values: values)
    }
}
