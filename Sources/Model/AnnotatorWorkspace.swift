import Tensors

/// Scratch memory of one worker thread, reused from call to call so that a warm worker allocates next to nothing. Holds
/// no state between calls: any workspace gives the same results.
package struct AnnotatorWorkspace: Sendable {
    var encoder = EncoderWorkspace()
    var batch = RaggedBatch()
    /// Ids of the window being put into the batch.
    var windowIDs: [Int32] = []
    /// `[words, hidden]`: first-piece states of the words that one window owns.
    var wordStates = Matrix(rows: 0, columns: 0)

    package init() {}
}
