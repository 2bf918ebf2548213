internal import CKernels

/// Multi-head self-attention over texts that lie end to end, each on its exact length, through this processor's kernels.
///
/// - Parameters:
///   - queriesKeysValues: `[tokens, 3 * hidden]`, queries, keys and values side by side; head h owns columns
///     `h * hidden / heads ..<` of each third.
///   - cumulativeLengths: text t is rows `cumulativeLengths[t]..<cumulativeLengths[t + 1]`; starts with 0.
///   - context: becomes `[tokens, hidden]`: for every head `softmax(Q K' / sqrt(width)) V`. A text's rows do not depend
///     on the other texts, to the bit.
package func raggedAttention(
    _ queriesKeysValues: Matrix, cumulativeLengths: [Int], heads: Int, into context: inout Matrix,
    scratch: inout KernelScratch
) {
    let (tokens, hidden) = (queriesKeysValues.rows, queriesKeysValues.columns / 3)
    precondition(hidden * 3 == queriesKeysValues.columns && heads > 0 && hidden % heads == 0)
    precondition(cumulativeLengths.first == 0 && cumulativeLengths.last == tokens)
    context.reshape(rows: tokens, columns: hidden)
    var longest = 0
    for text in 1..<max(cumulativeLengths.count, 1) {
        precondition(cumulativeLengths[text - 1] <= cumulativeLengths[text])
        longest = max(longest, cumulativeLengths[text] - cumulativeLengths[text - 1])
    }
    guard longest > 0 else { return }
    let width = hidden / heads
    scratch.withMemory(atLeast: kernel_attention_scratch(longest, width)) { memory in
        queriesKeysValues.values.withUnsafeBufferPointer { qkv in
            context.values.withUnsafeMutableBufferPointer { context in
                cumulativeLengths.withUnsafeBufferPointer { starts in
                    guard let qkv = qkv.baseAddress, let context = context.baseAddress, let first = starts.baseAddress
                    else { return }
                    first.withMemoryRebound(to: UInt.self, capacity: starts.count) { starts in
                        kernel_attention(qkv, starts, cumulativeLengths.count - 1, heads, width, context, memory)
                    }
                }
            }
        }
    }
}
