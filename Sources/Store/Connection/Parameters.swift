internal import Annotations

/// A statement's values as libpq takes them.
struct Parameters {
    /// One block for all of them: libpq wants pointers that live until it has copied.
    private var block: [UInt8] = []
    /// Where each begins in the block, and its length; nil is a null.
    private var places: [(start: Int, count: Int)?] = []

    init(_ values: [SQLValue]) throws(Fault) {
        for value in values {
            let encoded = try value.encoded()
            places.append(encoded.map { (block.count, $0.count) })
            if let encoded { block.append(contentsOf: encoded) }
        }
        // So that the block has an address when every value is empty.
        block.append(0)
    }

    /// Lends the values as three parallel arrays: pointers, lengths, formats (binary).
    func withArrays<R>(
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> R
    ) -> R {
        let lengths = places.map { Int32(truncatingIfNeeded: $0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: places.count)
        return block.withUnsafeBufferPointer { block in
            let base = UnsafeRawPointer(block.baseAddress!).assumingMemoryBound(to: CChar.self)
            return body(places.map { $0.map { base + $0.start } }, lengths, formats)
        }
    }
}
