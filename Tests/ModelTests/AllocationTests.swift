import Annotations
import CAllocations
import Foundation
import Model
import TestSupport
import Tensors
import Testing

/// Where the same few megabytes are used again and again nothing waits for the allocator's locks, and a daemon's memory
/// does not grow with the time that it runs.
@Suite(.enabled(if: allocations_are_counted(), "a sanitizer or a C library other than glibc"))
struct AllocationTests {
    /// Heap allocations that `body` makes on this thread.
    private func allocations(in body: () -> Void) -> Int {
        let before = allocations_of_this_thread()
        body()
        return allocations_of_this_thread() - before
    }

    /// All that is counted, through libraries other than the test program's own as well: Swift's arrays are allocated by
    /// its runtime.
    @Test func everyWayToAllocateIsCounted() {
        let ways: [(name: String, allocate: () -> UnsafeMutableRawPointer?)] = [
            ("malloc", { malloc(100) }), ("calloc", { calloc(10, 10) }), ("realloc", { realloc(nil, 100) }),
            ("aligned_alloc", { aligned_alloc(64, 128) }),
            (
                "posix_memalign",
                {
                    var memory: UnsafeMutableRawPointer?
                    return posix_memalign(&memory, 64, 128) == 0 ? memory : nil
                }
            ), ("strdup", { UnsafeMutableRawPointer(strdup("text")) }),
            ("allocate", { .allocate(byteCount: 128, alignment: 64) }),
        ]
        for way in ways {
            var memory: UnsafeMutableRawPointer?
            #expect(allocations { memory = way.allocate() } == 1, "\(way.name)")
            free(memory)
        }
        var array: [Int] = []
        #expect(allocations { array.reserveCapacity(ways.count) } == 1)
        #expect(array.isEmpty)
    }

    private static let model: TinyModel = {
        var model = TinyModel()
        (model.hidden, model.layers, model.heads, model.intermediate) = (48, 3, 4, 100)
        return model
    }()

    /// From one token to more than go through the feed-forward layers at a time.
    private static let lengths = [[1], [3, 1, 2], [64], [17, 5, 40, 9], Array(repeating: 50, count: 14)]

    /// All that happens to a batch once it is planned: its ids are put end to end, the encoder runs, and the hidden states
    /// are pooled. Only what outlives the batch is left out: the sums of a text that is being read, and its embedding.
    @Test(arguments: Precision.allCases) func aWarmEncoderAllocatesNothing(_ precision: Precision) throws {
        let encoder = try EncoderFixtures.encoder(of: Self.model, plan: PrecisionPlan(precision))
        var workspace = EncoderWorkspace(), batch = RaggedBatch()
        var pooling = Pooling(.mean, dimensions: Self.model.hidden)
        func read(_ texts: [[Int32]]) -> Int {
            allocations {
                batch.removeAll()
                for text in texts { batch.append(text) }
                encoder.encode(batch, workspace: &workspace)
                for text in 0..<batch.textCount { pooling.add(workspace.hidden, rows: batch.range(of: text)) }
            }
        }
        let batches = Self.lengths.map { lengths in
            let batch = EncoderFixtures.batch(lengths: lengths, vocabulary: Self.model.vocabulary.count)
            return (0..<batch.textCount).map { Array(batch.ids[batch.range(of: $0)]) }
        }
        #expect(batches.map(read).allSatisfy { $0 > 0 }, "each is larger than those before")
        #expect(batches.map(read) == batches.map { _ in 0 })
        #expect(batches.reversed().map(read) == batches.map { _ in 0 })
        #expect(read([[2, 3, 4], [], [5, 6]]) == 0, "of a size that it has not seen, but a larger one")
        let pooled = pooling.pooled()
        #expect(pooled.allSatisfy { $0.isFinite })
    }
}
