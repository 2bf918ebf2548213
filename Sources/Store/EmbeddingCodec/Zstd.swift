internal import CZstd
internal import Foundation

/// One-shot zstd frames.
enum Zstd {
    /// Nil when the library refuses (no memory).
    static func compress(_ bytes: ArraySlice<UInt8>, level: Int32) -> [UInt8]? {
        let context = Context.take()
        defer { context.giveBack() }
        guard let compressor = context.compressor else { return nil }
        var out = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
        let count = bytes.withUnsafeBytes {
            ZSTD_compressCCtx(compressor, &out, out.count, $0.baseAddress, $0.count, level)
        }
        guard ZSTD_isError(count) == 0 else { return nil }
        out.removeLast(out.count - count)
        return out
    }

    /// Nil for anything that is not one whole frame of at most `maximum` bytes.
    static func decompress(_ bytes: ArraySlice<UInt8>, maximum: Int) -> [UInt8]? {
        let context = Context.take()
        defer { context.giveBack() }
        guard let decompressor = context.decompressor else { return nil }
        var isWhole = false
        let out = [UInt8](unsafeUninitializedCapacity: max(maximum, 1)) { out, count in
            let written = bytes.withUnsafeBytes {
                ZSTD_decompressDCtx(decompressor, out.baseAddress, maximum, $0.baseAddress, $0.count)
            }
            isWhole = ZSTD_isError(written) == 0
            count = isWhole ? written : 0
        }
        return isWhole ? out : nil
    }

    /// What the frame says it holds, or nil when it does not say.
    static func contentSize(of bytes: [UInt8]) -> Int? {
        let size = ZSTD_getFrameContentSize(bytes, bytes.count)
        return size <= UInt64(Int.max) ? Int(size) : nil
    }

    /// The library's working memory: a few hundred kilobytes, which would be allocated for every few hundred bytes
    /// otherwise. As many exist as threads ever worked at once.
    private final class Context: @unchecked Sendable {
        // Used by whoever took it, and by nobody else until it is given back.
        let compressor = ZSTD_createCCtx()
        let decompressor = ZSTD_createDCtx()

        // Not `Synchronization.Mutex`: the thread sanitizer does not see that lock when it is contended.
        private static let lock = NSLock()
        private nonisolated(unsafe) static var idle: [Context] = []

        static func take() -> Context { lock.withLock { idle.popLast() } ?? Context() }
        func giveBack() { Self.lock.withLock { Self.idle.append(self) } }

        deinit {
            ZSTD_freeCCtx(compressor)
            ZSTD_freeDCtx(decompressor)
        }
    }
}
