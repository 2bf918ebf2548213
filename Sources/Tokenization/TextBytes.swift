/// A text's UTF-8, well-formed, read where it lies.
///
/// Holds a pointer, so that no text is copied to be read and no byte is looked at twice for its bounds; indices come from
/// loops that end at `count`. None is kept beyond the call of `read` that it was made for.
struct TextBytes {
    private let buffer: UnsafeBufferPointer<UInt8>

    static func read<Result>(_ text: String, _ body: (TextBytes) -> Result) -> Result {
        var text = text
        return text.withUTF8 { body(TextBytes(buffer: $0)) }
    }

    static func read<Result>(_ bytes: [UInt8], _ body: (TextBytes) -> Result) -> Result {
        bytes.withUnsafeBufferPointer { body(TextBytes(buffer: $0)) }
    }

    var count: Int { buffer.count }

    subscript(index: Int) -> UInt8 { buffer[index] }

    /// Sixteen bytes from `start` as two numbers, the first byte lowest; zero behind the end.
    @inline(__always)
    func sixteen(from start: Int) -> (low: UInt64, high: UInt64) {
        var numbers: (low: UInt64, high: UInt64) = (0, 0)
        let bytes = UnsafeRawBufferPointer(buffer)
        if count - start >= 16 {
            numbers.low = bytes.loadUnaligned(fromByteOffset: start, as: UInt64.self)
            numbers.high = bytes.loadUnaligned(fromByteOffset: start + 8, as: UInt64.self)
        } else {
            withUnsafeMutableBytes(of: &numbers) { $0.copyBytes(from: bytes[start...]) }
        }
        return (UInt64(littleEndian: numbers.low), UInt64(littleEndian: numbers.high))
    }
}
