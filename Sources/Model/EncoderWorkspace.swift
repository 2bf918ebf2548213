package import Tensors

/// Scratch memory of one thread's forward passes. It grows to the largest batch seen and is reused: a warm workspace
/// allocates nothing.
package struct EncoderWorkspace: Sendable {
    /// The last hidden states, `[tokens, hidden]`, after `Encoder.encode`.
    package internal(set) var hidden = Matrix(rows: 0, columns: 0)
    /// States of the rows that were to be kept, `[rows, hidden]`: of the embedding layer, then of each layer. Of the last
    /// call that kept any.
    package internal(set) var layerStates: [Matrix] = []
    var queryKeyValue = Matrix(rows: 0, columns: 0)
    var context = Matrix(rows: 0, columns: 0)
    var attended = Matrix(rows: 0, columns: 0)
    var intermediate = Matrix(rows: 0, columns: 0)
    var positions: [Int32] = []
    var scratch = KernelScratch()

    package init() {}
}
