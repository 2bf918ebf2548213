#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Bytes on whole cache lines, written once and then read by any thread.
///
/// Unchecked, because of the pointer: only `init`'s closure writes through it.
final class AlignedMemory: @unchecked Sendable {
    let base: UnsafeMutableRawPointer
    let count: Int

    /// From this size on the memory begins on a huge page and asks for them: packed weights are read from end to end for
    /// every block of rows, and with pages of 4 KiB each read of a panel would miss the TLB.
    private static let hugePage = 2 << 20

    init(count: Int, fill: (UnsafeMutableRawPointer) -> Void) {
        self.count = count
        let isLarge = count >= Self.hugePage
        base = .allocate(byteCount: max(count, 64), alignment: isLarge ? Self.hugePage : 64)
        #if os(Linux)
            if isLarge { madvise(base, count, MADV_HUGEPAGE) }
        #endif
        fill(base)
    }

    deinit { base.deallocate() }
}
