/// A dense row-major fp32 matrix, `[rows, columns]`, with value semantics.
///
/// Not a general array library: one element type, two dimensions, and no arithmetic beyond what an encoder and its heads
/// need. A vector is a matrix of one row or a plain `[Float]`.
package struct Matrix: Sendable, Equatable {
    package private(set) var rows: Int
    package private(set) var columns: Int
    /// `rows * columns` values, row after row.
    package var values: [Float]

    /// A matrix of zeros.
    package init(rows: Int, columns: Int) {
        precondition(rows >= 0 && columns >= 0)
        self.rows = rows
        self.columns = columns
        values = [Float](repeating: 0, count: rows * columns)
    }

    package init(rows: Int, columns: Int, values: [Float]) {
        precondition(values.count == rows * columns, "\(values.count) values for [\(rows), \(columns)]")
        self.rows = rows
        self.columns = columns
        self.values = values
    }

    package subscript(row: Int, column: Int) -> Float {
        get {
            precondition(row < rows && column < columns)
            return values[row * columns + column]
        }
        set {
            precondition(row < rows && column < columns)
            values[row * columns + column] = newValue
        }
    }

    package func row(_ row: Int) -> ArraySlice<Float> { values[row * columns..<(row + 1) * columns] }

    /// Changes the shape and keeps the storage where it is large enough; the contents are unspecified afterwards.
    /// This is how scratch matrices are reused from batch to batch without allocating.
    package mutating func reshape(rows: Int, columns: Int) {
        let count = rows * columns
        if values.count < count {
            values.append(contentsOf: repeatElement(0, count: count - values.count))
        } else if values.count > count {
            values.removeLast(values.count - count)
        }
        self.rows = rows
        self.columns = columns
    }
}
