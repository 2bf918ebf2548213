package import Annotations
package import Tensors

/// A trained entity task: one linear layer on the hidden state of each word's first piece, IOB2 tags out.
package struct EntityHead: Sendable, Equatable {
    package let task: AnnotationTask
    package let tagSet: TagSet
    /// `[tags, hidden]`, in the order of `TagSet`.
    package let weights: Matrix
    /// `[tags]`.
    package let bias: [Float]

    /// Refuses weights that do not fit the task or are not finite.
    package init(task: AnnotationTask, weights: Matrix, bias: [Float]) throws(Fault) {
        try HeadValidation.check(task, is: .entities, weights: weights, bias: bias)
        self.task = task
        tagSet = TagSet(types: task.labels)
        self.weights = weights
        self.bias = bias
    }

    /// `[words, hidden]` → `[words, tags]`. A word's logits do not depend on the other words.
    package func logits(of hidden: Matrix) -> Matrix {
        var values: [Float] = []
        appendHeadProducts(of: hidden, rows: 0..<hidden.rows, weights: weights, bias: bias, to: &values)
        return Matrix(rows: hidden.rows, columns: bias.count, values: values)
    }
}
