/// A read-only fp32 matrix of which a few rows are read at a time, such as the embeddings of a vocabulary: where the file
/// has fp32 it stays there, mapped, and only the rows that texts use ever come into memory.
package struct Table: Sendable {
    package let rows: Int
    package let columns: Int
    private let storage: Storage

    private enum Storage: Sendable {
        case owned([Float])
        /// Bytes of a mapped file, from an offset that is a multiple of 4.
        case mapped(MappedFile, offset: Int)
    }

    package init(_ matrix: Matrix) {
        (rows, columns, storage) = (matrix.rows, matrix.columns, .owned(matrix.values))
    }

    init(rows: Int, columns: Int, file: MappedFile, offset: Int) {
        precondition(offset % 4 == 0 && offset >= 0 && offset + rows * columns * 4 <= file.count)
        (self.rows, self.columns, storage) = (rows, columns, .mapped(file, offset: offset))
    }

    /// `rows * columns` values, row after row. Not called for an empty table.
    func withValues(_ body: (UnsafePointer<Float>) -> Void) {
        switch storage {
        case .owned(let values):
            values.withUnsafeBufferPointer { if let base = $0.baseAddress { body(base) } }
        case .mapped(let file, let offset):
            file.withBytes { bytes in
                guard let base = bytes.baseAddress else { return }
                (base + offset).withMemoryRebound(to: Float.self, capacity: rows * columns, body)
            }
        }
    }
}
