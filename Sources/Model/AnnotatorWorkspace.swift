package import Annotations
import Tensors

/// Scratch memory of one worker thread, reused from call to call so that a warm worker allocates next to nothing. Holds
/// no state between calls: any workspace gives the same results.
package struct AnnotatorWorkspace: Sendable {
    var encoder = EncoderWorkspace()
    var batch = RaggedBatch()
    /// Ids of the window being put into the batch.
    var windowIDs: [Int32] = []
    /// Where the first pieces of words are in the batch, window by window of those that own them.
    var wordRows: [Int] = []
    /// Which of its segment's words each window of the batch owns.
    var wordRanges: [Range<Int>] = []
    var head = HeadWorkspace()
    /// Where the thread's time goes.
    package var meter: StageMeter

    /// - Parameter now: a clock; without one no time is measured.
    package init(now: (@Sendable () -> ContinuousClock.Instant)? = nil) { meter = StageMeter(now: now) }
}
