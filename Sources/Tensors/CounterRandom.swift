internal import CKernels

/// Random numbers that are addressed instead of drawn: (seed, stream, step, element) names one, always the same.
///
/// Philox4x32-10. There is no state to save, share or advance, so dropout masks and shuffles do not depend on the order
/// of work or the number of threads, and a resumed run continues exactly.
package struct CounterRandom: Sendable, Hashable {
    package let seed: UInt64
    /// What the numbers are for (one dropout layer, the shuffle, ...): streams of one seed are independent.
    package let stream: UInt32

    package init(seed: UInt64, stream: UInt32) {
        self.seed = seed
        self.stream = stream
    }

    /// A 32-bit word. `element` is below 2^34.
    package func word(step: Int, element: Int) -> UInt32 {
        var word: UInt32 = 0
        withAddress(of: step, element, count: 1) { kernel_random_words(&word, 1, UInt64(element), $0) }
        return word
    }

    /// A number in [0, 1), a multiple of 2^-24.
    package func uniform(step: Int, element: Int) -> Float {
        Float(word(step: step, element: element) >> 8) * 0x1p-24
    }

    /// `values[i] = uniform(step, firstElement + i)`.
    package func fill(_ values: inout [Float], step: Int, firstElement: Int = 0) {
        withAddress(of: step, firstElement, count: values.count) {
            kernel_random_uniform(&values, values.count, UInt64(firstElement), $0)
        }
    }

    /// `mask[i] = 0` with probability `rate`, else `1 / (1 - rate)`: dropped where `uniform(step, firstElement + i) < rate`.
    package func fillDropoutMask(_ mask: inout [Float], rate: Float, step: Int, firstElement: Int = 0) {
        precondition(rate >= 0 && rate < 1, "a dropout rate of \(rate)")
        withAddress(of: step, firstElement, count: mask.count) {
            kernel_dropout_mask(&mask, mask.count, UInt64(firstElement), $0, rate)
        }
    }

    /// 0..<count in random order (Fisher-Yates).
    package func permutation(of count: Int, step: Int) -> [Int] {
        var order = Array(0..<count)
        for last in stride(from: count - 1, to: 0, by: -1) {
            order.swapAt(last, index(below: last + 1, step: step, element: last))
        }
        return order
    }

    /// A whole number in 0..<bound from the 64 bits at `element`; its bias is below bound / 2^64.
    private func index(below bound: Int, step: Int, element: Int) -> Int {
        let high = UInt64(word(step: step, element: 2 * element))
        let low = UInt64(word(step: step, element: 2 * element + 1))
        return Int((high << 32 | low).multipliedFullWidth(by: UInt64(bound)).high)
    }

    func withAddress(
        of step: Int, _ element: Int, count: Int, _ body: (UnsafePointer<kernel_random>) -> Void
    ) {
        precondition(step >= 0 && element >= 0 && element + count <= 1 << 34, "a counter out of range")
        var address = kernel_random(
            key: (UInt32(truncatingIfNeeded: seed), UInt32(truncatingIfNeeded: seed >> 32)),
            c1: UInt32(truncatingIfNeeded: step), c2: UInt32(truncatingIfNeeded: step >> 32), c3: stream)
        body(&address)
    }
}
