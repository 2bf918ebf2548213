package import Annotations
internal import CKernels

/// A safetensors file (https://github.com/huggingface/safetensors), open for reading.
///
/// Opening checks everything the header claims against the bytes that are there; afterwards no read can leave them.
/// Files are memory-mapped, so opening a model of any size costs its header. Faults name the file and the tensor.
package struct SafetensorsFile: Sendable {
    /// The element types of the format. Only the floating-point ones up to 32 bits can be read as a `Matrix`.
    package enum DataType: String, Sendable, CaseIterable {
        case bool = "BOOL"
        case uint8 = "U8"
        case int8 = "I8"
        case float8E5M2 = "F8_E5M2"
        case float8E4M3 = "F8_E4M3"
        case int16 = "I16"
        case uint16 = "U16"
        case float16 = "F16"
        case bfloat16 = "BF16"
        case int32 = "I32"
        case uint32 = "U32"
        case float32 = "F32"
        case int64 = "I64"
        case uint64 = "U64"
        case float64 = "F64"

        package var byteCount: Int {
            switch self {
            case .bool, .uint8, .int8, .float8E5M2, .float8E4M3: 1
            case .int16, .uint16, .float16, .bfloat16: 2
            case .int32, .uint32, .float32: 4
            case .int64, .uint64, .float64: 8
            }
        }
    }

    private enum Storage: Sendable {
        case mapped(MappedFile)
        case bytes([UInt8])

        func withBytes<R>(_ body: (UnsafeRawBufferPointer) -> R) -> R {
            switch self {
            case .mapped(let file): file.withBytes(body)
            case .bytes(let bytes): bytes.withUnsafeBytes(body)
            }
        }
    }

    /// A header above this is a lie or an attack; the largest real ones are some hundred KiB. The format's own limit.
    private static let maximumHeaderBytes = 100_000_000

    private let storage: Storage
    private let label: String
    private let dataStart: Int
    private let entries: [String: SafetensorsHeader.Entry]
    /// The string pairs under `__metadata__`.
    package let metadata: [String: String]
    /// All tensors' names, sorted.
    package let names: [String]

    /// Maps the file at `path`.
    /// - Throws: `.model` faults `file-missing`, `file-unreadable`, `safetensors-*`.
    package init(path: String) throws(Fault) {
        try self.init(storage: .mapped(MappedFile(path: path)), label: path)
    }

    /// Reads a file that is already in memory, as heads from the database are. `label` names it in faults.
    package init(bytes: [UInt8], label: String = "safetensors data") throws(Fault) {
        try self.init(storage: .bytes(bytes), label: label)
    }

    private init(storage: Storage, label: String) throws(Fault) {
        let parsed = storage.withBytes { bytes -> Result<(Int, SafetensorsHeader), SafetensorsHeader.Problem> in
            do throws(SafetensorsHeader.Problem) { return .success(try Self.parse(bytes)) } catch {
                return .failure(error)
            }
        }
        switch parsed {
        case .success(let (dataStart, header)):
            self.storage = storage
            self.label = label
            self.dataStart = dataStart
            entries = header.entries
            metadata = header.metadata
            names = header.entries.keys.sorted()
        case .failure(let problem):
            throw Fault(
                .model, problem.code, "\(label) is not a valid safetensors file: \(problem.message)",
                hint: "The file is damaged or was not copied completely; obtain it again.")
        }
    }

    private static func parse(
        _ bytes: UnsafeRawBufferPointer
    ) throws(SafetensorsHeader.Problem) -> (dataStart: Int, header: SafetensorsHeader) {
        guard bytes.count >= 8 else {
            throw .init(
                code: "safetensors-truncated", message: "it has \(bytes.count) bytes, fewer than its length field")
        }
        let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
        guard length <= UInt64(maximumHeaderBytes) else {
            throw .init(code: "safetensors-header", message: "its header claims \(length) bytes")
        }
        guard length <= UInt64(bytes.count - 8) else {
            throw .init(
                code: "safetensors-truncated", message: "its header claims \(length) bytes of \(bytes.count - 8)")
        }
        let dataStart = 8 + Int(length)
        let json = UnsafeRawBufferPointer(rebasing: bytes[8..<dataStart])
        return (dataStart, try SafetensorsHeader(json: json, dataCount: bytes.count - dataStart))
    }

    package func contains(_ name: String) -> Bool { entries[name] != nil }

    /// Nil when there is no such tensor.
    package func shape(of name: String) -> [Int]? { entries[name]?.shape }

    /// Nil when there is no such tensor.
    package func dataType(of name: String) -> DataType? { entries[name]?.dtype }

    /// A tensor of one or two dimensions as fp32; a vector becomes one row. F32, F16 and BF16 can be read.
    /// - Throws: `tensor-missing`, `tensor-dtype`, `tensor-shape`.
    package func matrix(_ name: String) throws(Fault) -> Matrix {
        let entry = try entry(name)
        guard (1...2).contains(entry.shape.count) else {
            throw Fault(
                .model, "tensor-shape", "tensor '\(name)' of \(label) has the shape \(entry.shape), not two dimensions")
        }
        return Matrix(
            rows: entry.shape.count == 1 ? 1 : entry.shape[0], columns: entry.shape[entry.shape.count - 1],
            values: try floats(name))
    }

    /// The same for a tensor of which only some rows will be read: mapped where the file holds fp32, else a copy.
    /// - Throws: as `matrix(_:)`.
    package func table(_ name: String) throws(Fault) -> Table {
        let entry = try entry(name)
        let offset = dataStart + entry.range.lowerBound
        guard case .mapped(let file) = storage, entry.dtype == .float32, entry.shape.count == 2, offset % 4 == 0 else {
            return Table(try matrix(name))
        }
        return Table(rows: entry.shape[0], columns: entry.shape[1], file: file, offset: offset)
    }

    /// What was read of a mapped file need not stay in this process's memory; it can be read again.
    package func releasePages() {
        if case .mapped(let file) = storage { file.releasePages() }
    }

    /// A tensor of exactly one dimension as fp32.
    /// - Throws: as `matrix(_:)`.
    package func vector(_ name: String) throws(Fault) -> [Float] {
        let entry = try entry(name)
        guard entry.shape.count == 1 else {
            throw Fault(
                .model, "tensor-shape", "tensor '\(name)' of \(label) has the shape \(entry.shape), not one dimension")
        }
        return try floats(name)
    }

    /// A tensor of any shape as fp32, row-major.
    /// - Throws: `tensor-missing`, `tensor-dtype`.
    package func floats(_ name: String) throws(Fault) -> [Float] {
        let entry = try entry(name)
        switch entry.dtype {
        case .float32, .float16, .bfloat16: break
        default:
            throw Fault(
                .model, "tensor-dtype", "tensor '\(name)' of \(label) has the dtype \(entry.dtype.rawValue)",
                hint: "Weights can be F32, F16 or BF16.")
        }
        // Not through the initialiser below: for a capacity of 0 it writes to the one empty array all threads share.
        guard entry.count > 0 else { return [] }
        return withBytes(of: entry) { bytes in
            [Float](unsafeUninitializedCapacity: entry.count) { buffer, count in
                count = entry.count
                guard let source = bytes.baseAddress, let target = buffer.baseAddress else { return }
                switch entry.dtype {
                case .float16: kernel_half_to_float(source, target, count)
                case .bfloat16: kernel_bfloat16_to_float(source, target, count)
                default: UnsafeMutableRawPointer(target).copyMemory(from: source, byteCount: bytes.count)
                }
            }
        }
    }

    /// A tensor of whole numbers, any shape, row-major: I64 and I32.
    /// - Throws: `tensor-missing`, `tensor-dtype`.
    package func integers(_ name: String) throws(Fault) -> [Int64] {
        let entry = try entry(name)
        guard entry.dtype == .int64 || entry.dtype == .int32 else {
            throw Fault(.model, "tensor-dtype", "tensor '\(name)' of \(label) has the dtype \(entry.dtype.rawValue)")
        }
        return withBytes(of: entry) { bytes in
            (0..<entry.count).map { index in
                entry.dtype == .int64
                    ? Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 8, as: Int64.self))
                    : Int64(Int32(littleEndian: bytes.loadUnaligned(fromByteOffset: index * 4, as: Int32.self)))
            }
        }
    }

    private func entry(_ name: String) throws(Fault) -> SafetensorsHeader.Entry {
        guard let entry = entries[name] else {
            throw Fault(.model, "tensor-missing", "\(label) has no tensor '\(name)'")
        }
        return entry
    }

    private func withBytes<R>(of entry: SafetensorsHeader.Entry, _ body: (UnsafeRawBufferPointer) -> R) -> R {
        storage.withBytes { bytes in
            let range = dataStart + entry.range.lowerBound..<dataStart + entry.range.upperBound
            return body(UnsafeRawBufferPointer(rebasing: bytes[range]))
        }
    }
}
