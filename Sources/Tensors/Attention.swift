internal import CKernels
internal import COpenBLAS

/// Scratch of `attention`: one head's scores. Keep one a thread.
package struct AttentionScratch: Sendable {
    fileprivate var scores: [Float] = []
    package init() {}
}

/// Multi-head self-attention over texts that lie end to end, each on its exact length.
///
/// - Parameters:
///   - queriesKeysValues: `[tokens, 3 * hidden]`, queries, keys and values side by side; head h owns columns
///     `h * hidden / heads ..<` of each third.
///   - cumulativeLengths: text t is rows `cumulativeLengths[t]..<cumulativeLengths[t + 1]`; starts with 0.
///   - context: becomes `[tokens, hidden]`: for every head `softmax(Q K' / sqrt(width)) V`.
///   - observe: receives text, head and the probabilities `[length, length]`; for tests.
package func attention(
    _ queriesKeysValues: Matrix, cumulativeLengths: [Int], heads: Int, into context: inout Matrix,
    scratch: inout AttentionScratch, observe: ((Int, Int, Matrix) -> Void)? = nil
) {
    let hidden = queriesKeysValues.columns / 3
    precondition(hidden * 3 == queriesKeysValues.columns && heads > 0 && hidden % heads == 0)
    precondition(cumulativeLengths.first == 0 && cumulativeLengths.last == queriesKeysValues.rows)
    context.reshape(rows: queriesKeysValues.rows, columns: hidden)
    BLAS.useCallingThreadOnly
    queriesKeysValues.values.withUnsafeBufferPointer { qkv in
        context.values.withUnsafeMutableBufferPointer { context in
            guard let qkv = qkv.baseAddress, let context = context.baseAddress else { return }
            for text in 0..<cumulativeLengths.count - 1 {
                let (start, end) = (cumulativeLengths[text], cumulativeLengths[text + 1])
                precondition(start <= end)
                let length = end - start
                guard length > 0 else { continue }
                if scratch.scores.count < length * length {
                    scratch.scores = [Float](repeating: 0, count: length * length)
                }
                for head in 0..<heads {
                    scratch.scores.withUnsafeMutableBufferPointer { scores in
                        guard let scores = scores.baseAddress else { return }
                        attend(
                            qkv + start * 3 * hidden, context + start * hidden, scores, length: length, hidden: hidden,
                            head: head, width: hidden / heads)
                    }
                    if let observe {
                        let values = Array(scratch.scores[..<(length * length)])
                        observe(text, head, Matrix(rows: length, columns: length, values: values))
                    }
                }
            }
        }
    }
}

/// One head of one text. `qkv` and `context` point at the text's first row.
private func attend(
    _ qkv: UnsafePointer<Float>, _ context: UnsafeMutablePointer<Float>, _ scores: UnsafeMutablePointer<Float>,
    length: Int, hidden: Int, head: Int, width: Int
) {
    let (n, d, row) = (Int32(length), Int32(width), Int32(3 * hidden))
    let queries = qkv + head * width
    cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasTrans, n, n, d, 1 / Float(width).squareRoot(), queries, row,
        queries + hidden, row, 0, scores, n)
    kernel_softmax(scores, length, length, length)
    cblas_sgemm(
        CblasRowMajor, CblasNoTrans, CblasNoTrans, n, d, n, 1, scores, n, queries + 2 * hidden, row, 0,
        context + head * width, Int32(hidden))
}
