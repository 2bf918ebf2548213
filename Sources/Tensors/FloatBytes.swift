/// Numbers as bytes: little-endian fp32, or fp16 rounded to nearest.
package enum FloatBytes {
    package static func encode(_ values: [Float], half: Bool) -> [UInt8] {
        half
            ? values.map { Float16($0) }.withUnsafeBytes { [UInt8]($0) } : values.withUnsafeBytes { [UInt8]($0) }
    }

    package static func encode(_ values: [UInt32]) -> [UInt8] { values.withUnsafeBytes { [UInt8]($0) } }

    /// All of `bytes`, whose number is a multiple of a number's.
    package static func decode(_ bytes: ArraySlice<UInt8>, half: Bool) -> [Float] {
        let count = bytes.count / (half ? 2 : 4)
        return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
            initialized = count
            bytes.withUnsafeBytes { source in
                guard half else {
                    UnsafeMutableRawBufferPointer(buffer).copyMemory(from: source)
                    return
                }
                for index in 0..<count {
                    buffer[index] = Float(source.loadUnaligned(fromByteOffset: index * 2, as: Float16.self))
                }
            }
        }
    }

    package static func decodeIntegers(_ bytes: ArraySlice<UInt8>) -> [UInt32] {
        bytes.withUnsafeBytes { source in
            (0..<source.count / 4).map { source.loadUnaligned(fromByteOffset: $0 * 4, as: UInt32.self) }
        }
    }
}
