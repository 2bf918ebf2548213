#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#elseif canImport(Darwin)
    internal import Darwin
#endif

/// Floats that several threads read and write at once, each its own part: parameters, gradients and activations of an
/// encoder that learns. Unlike an array it is never copied behind one's back.
///
/// Begins as zeros, and memory that nobody has touched costs nothing: a buffer may be as large as a whole model while
/// only one layer's part of it is used.
///
/// Unchecked: who writes what is the caller's to order. `Workers.run` ends before anybody reads what its tasks wrote.
package final class FloatBuffer: @unchecked Sendable {
    package private(set) var count: Int
    fileprivate private(set) var base: UnsafeMutablePointer<Float>
    private var bytes: Int

    package init(count: Int) {
        precondition(count >= 0)
        (base, bytes) = Self.map(count)
        self.count = count
    }

    deinit { munmap(base, bytes) }

    /// Makes room for `count` floats. Contents are unspecified when that took new memory; views stay good.
    package func reserve(_ count: Int) {
        guard count > self.count else { return }
        munmap(base, bytes)
        (base, bytes) = Self.map(count)
        self.count = count
    }

    /// Rows of `columns` floats from `offset` on.
    package func view(at offset: Int = 0, rows: Int, columns: Int) -> FloatView {
        FloatView(buffer: self, offset: offset, rows: rows, columns: columns, stride: columns)
    }

    private static func map(_ count: Int) -> (UnsafeMutablePointer<Float>, bytes: Int) {
        let page = 2 << 20
        let bytes = max(count, 1) * MemoryLayout<Float>.stride
        // One mapping: pages are given when they are first written, as zeros.
        guard let memory = mmap(nil, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
            memory != MAP_FAILED
        else { fatalError("no memory for \(bytes) bytes") }
        #if os(Linux)
            if bytes >= page { madvise(memory, bytes, MADV_HUGEPAGE) }
        #endif
        return (memory.bindMemory(to: Float.self, capacity: max(count, 1)), bytes)
    }
}

/// A matrix inside a `FloatBuffer`: `[rows, columns]`, rows `stride` apart. Copies of a view show the same floats.
package struct FloatView: Sendable {
    package let buffer: FloatBuffer
    package let rows: Int
    package let columns: Int
    package let stride: Int
    /// Of the first element in the buffer.
    let start: Int

    init(buffer: FloatBuffer, offset: Int, rows: Int, columns: Int, stride: Int) {
        precondition(offset >= 0 && rows >= 0 && columns >= 0 && columns <= stride, "not a matrix")
        precondition(rows == 0 || offset + (rows - 1) * stride + columns <= buffer.count, "outside the buffer")
        (self.buffer, self.start, self.rows, self.columns, self.stride) = (buffer, offset, rows, columns, stride)
    }

    /// Whether the rows lie end to end.
    package var isDense: Bool { columns == stride || rows <= 1 }
    /// `rows * columns`.
    package var count: Int { rows * columns }

    /// Some rows.
    package func rows(_ range: Range<Int>) -> FloatView {
        precondition(range.lowerBound >= 0 && range.upperBound <= rows)
        return FloatView(
            buffer: buffer, offset: start + range.lowerBound * stride, rows: range.count, columns: columns,
            stride: stride)
    }

    /// Some columns of every row.
    package func columns(_ range: Range<Int>) -> FloatView {
        precondition(range.lowerBound >= 0 && range.upperBound <= columns)
        return FloatView(
            buffer: buffer, offset: start + range.lowerBound, rows: rows, columns: range.count, stride: stride)
    }

    /// A dense view as one row: elements `range` of it.
    package func elements(_ range: Range<Int>) -> FloatView {
        precondition(isDense && range.lowerBound >= 0 && range.upperBound <= count)
        return FloatView(
            buffer: buffer, offset: start + range.lowerBound, rows: 1, columns: range.count, stride: range.count)
    }

    /// A copy, row after row.
    package func copyValues() -> [Float] {
        precondition(rows == 0 || start + (rows - 1) * stride + columns <= buffer.count)
        return (0..<rows).flatMap { row in
            Array(UnsafeBufferPointer(start: pointer + row * stride, count: columns))
        }
    }

    /// A copy as a matrix, in `matrix`'s storage where that is large enough.
    package func copy(into matrix: inout Matrix) {
        matrix.reshape(rows: rows, columns: columns)
        matrix.values.withUnsafeMutableBufferPointer { values in
            guard let base = values.baseAddress else { return }
            for row in 0..<rows { (base + row * columns).update(from: pointer + row * stride, count: columns) }
        }
    }

    /// Overwrites all elements; `values` row after row.
    package func assign(_ values: [Float]) {
        precondition(values.count == count, "\(values.count) values for [\(rows), \(columns)]")
        values.withUnsafeBufferPointer { values in
            guard let base = values.baseAddress else { return }
            for row in 0..<rows { (pointer + row * stride).update(from: base + row * columns, count: columns) }
        }
    }

    /// Overwrites all elements with those of a view of the same shape that does not overlap.
    package func assign(_ other: FloatView) {
        precondition(other.rows == rows && other.columns == columns)
        for row in 0..<rows {
            (pointer + row * stride).update(from: other.pointer + row * other.stride, count: columns)
        }
    }

    /// Sets every element to 0.
    package func clear() {
        for row in 0..<rows { (pointer + row * stride).update(repeating: 0, count: columns) }
    }

    var pointer: UnsafeMutablePointer<Float> { buffer.base + start }
}
