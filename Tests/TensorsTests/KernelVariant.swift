import CKernels
import Tensors
import Testing

/// One of the compiled kernel variants that this processor can run.
struct KernelVariant: Sendable, CustomTestStringConvertible {
    let index: Int
    let name: String

    var testDescription: String { name }

    static let all: [KernelVariant] = (0...).lazy.map { ($0, kernel_variant($0)) }.prefix { $0.1 != nil }
        .compactMap { index, table in
            table.map { KernelVariant(index: index, name: String(cString: $0.pointee.name)) }
        }

    /// Runs `body` on this variant's table and on the naive twins' and hands back both results.
    func results<R>(_ body: (kernel_table) throws -> R) throws -> (fast: R, naive: R) {
        let table = try table()
        let isNarrow = table.activations == ACTIVATIONS_NARROW
        return (try body(table), try body(isNarrow ? kernel_table_reference_narrow : kernel_table_reference))
    }

    func table() throws -> kernel_table { try #require(kernel_variant(index)).pointee }
}

/// Sizes around the 16 lanes of a vector, and some that encoders have.
let oddSizes = [1, 2, 3, 7, 15, 16, 17, 31, 32, 33, 47, 100, 384]

/// Seeded values, uniform in -spread..<spread.
func randomValues(_ count: Int, spread: Float = 2, stream: UInt32 = 0) -> [Float] {
    var values = [Float](repeating: 0, count: count)
    CounterRandom(seed: 42, stream: stream).fill(&values, step: 0)
    return values.map { spread * (2 * $0 - 1) }
}

/// The largest absolute difference; infinity when counts differ or a value is not finite.
func largestDifference(_ a: [Float], _ b: [Float]) -> Float {
    guard a.count == b.count else { return .infinity }
    return zip(a, b).reduce(0) { worst, pair in
        let difference = abs(pair.0 - pair.1)
        return difference.isFinite ? max(worst, difference) : .infinity
    }
}
