package import Annotations
internal import CKernels

/// Writes safetensors that Hugging Face's library loads. The same input gives the same bytes.
package enum SafetensorsWriter {
    /// One tensor on its way to a file.
    package struct Tensor: Sendable {
        package let name: String
        package let shape: [Int]
        package let values: [Float]
        /// F32, F16 or BF16; halves are rounded to nearest even.
        package let dtype: SafetensorsFile.DataType

        /// `values` row-major, as many as `shape` says.
        package init(name: String, shape: [Int], values: [Float], dtype: SafetensorsFile.DataType = .float32) {
            precondition(shape.reduce(1, *) == values.count, "\(values.count) values for the shape \(shape)")
            precondition([.float32, .float16, .bfloat16].contains(dtype), "\(dtype) is no float type")
            self.name = name
            self.shape = shape
            self.values = values
            self.dtype = dtype
        }

        package init(_ name: String, _ matrix: Matrix, dtype: SafetensorsFile.DataType = .float32) {
            self.init(name: name, shape: [matrix.rows, matrix.columns], values: matrix.values, dtype: dtype)
        }

        package init(_ name: String, vector: [Float], dtype: SafetensorsFile.DataType = .float32) {
            self.init(name: name, shape: [vector.count], values: vector, dtype: dtype)
        }

        var byteCount: Int { values.count * dtype.byteCount }
    }

    /// - Throws: `safetensors-duplicate` when two tensors share a name, or one is called `__metadata__`.
    package static func encode(tensors: [Tensor], metadata: [String: String] = [:]) throws(Fault) -> [UInt8] {
        var seen: Set<String> = ["__metadata__"]
        for tensor in tensors {
            guard seen.insert(tensor.name).inserted else {
                throw Fault(.defect, "safetensors-duplicate", "two tensors would be called '\(tensor.name)'")
            }
        }
        // Wider types first keeps every tensor aligned to its element; then by name, so that input order is no matter.
        let ordered = tensors.sorted {
            ($1.dtype.byteCount, $0.dtype.rawValue, $0.name) < ($0.dtype.byteCount, $1.dtype.rawValue, $1.name)
        }
        var header = header(of: ordered, metadata: metadata)
        while header.count % 8 != 0 { header.append(UInt8(ascii: " ")) }

        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 + header.count + ordered.reduce(0) { $0 + $1.byteCount })
        withUnsafeBytes(of: UInt64(header.count).littleEndian) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: header)
        for tensor in ordered { append(tensor, to: &bytes) }
        return bytes
    }

    private static func header(of tensors: [Tensor], metadata: [String: String]) -> [UInt8] {
        var members: [String] = []
        if !metadata.isEmpty {
            let pairs = metadata.sorted { $0.key < $1.key }.map { "\(quoted($0.key)):\(quoted($0.value))" }
            members.append("\"__metadata__\":{\(pairs.joined(separator: ","))}")
        }
        var offset = 0
        for tensor in tensors {
            let end = offset + tensor.byteCount
            let shape = tensor.shape.map(String.init).joined(separator: ",")
            members.append(
                "\(quoted(tensor.name)):{\"dtype\":\"\(tensor.dtype.rawValue)\",\"shape\":[\(shape)],"
                    + "\"data_offsets\":[\(offset),\(end)]}")
            offset = end
        }
        return Array("{\(members.joined(separator: ","))}".utf8)
    }

    private static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\u{0}"..<"\u{20}":
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    private static func append(_ tensor: Tensor, to bytes: inout [UInt8]) {
        switch tensor.dtype {
        case .float16: append(tensor.values, to: &bytes, by: kernel_float_to_half)
        case .bfloat16: append(tensor.values, to: &bytes, by: kernel_float_to_bfloat16)
        default: tensor.values.withUnsafeBytes { bytes.append(contentsOf: $0) }
        }
    }

    private static func append(
        _ values: [Float], to bytes: inout [UInt8],
        by convert: (UnsafePointer<Float>?, UnsafeMutableRawPointer?, Int) -> Void
    ) {
        guard !values.isEmpty else { return }
        let halves = [UInt16](unsafeUninitializedCapacity: values.count) { buffer, count in
            count = values.count
            values.withUnsafeBufferPointer { convert($0.baseAddress, buffer.baseAddress, count) }
        }
        halves.withUnsafeBytes { bytes.append(contentsOf: $0) }
    }
}
