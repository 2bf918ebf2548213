package import Annotations
import SystemPackage

/// The bytes of a file or a stream, a block at a time, so that a file of many gigabytes never sits in memory.
///
/// Used by one thread at a time.
package final class ByteSource {
    /// How messages call it.
    package let name: String
    /// Size of the file; nil for a pipe or a terminal, which can be read only once.
    package let totalBytes: Int?

    private let read: (Int) throws -> [UInt8]
    private let close: () -> Void
    private let blockSize: Int

    /// Opens the file at `path`. A pipe is opened too; `totalBytes` is nil then.
    package convenience init(path: String) throws(Fault) {
        let descriptor: FileDescriptor
        do {
            descriptor = try FileDescriptor.open(FilePath(path), .readOnly, options: .closeOnExec)
        } catch {
            throw Fault(.input, "file-unreadable", "cannot open \(path): \(error)")
        }
        self.init(name: path, descriptor: descriptor, closes: true)
    }

    /// Bytes that are in memory already, handed out `blockSize` at a time.
    package convenience init(name: String, bytes: [UInt8], blockSize: Int = 1 << 18) {
        var position = 0
        self.init(name: name, totalBytes: bytes.count, blockSize: blockSize, close: {}) { count in
            let end = min(bytes.count, position + count)
            defer { position = end }
            return Array(bytes[position..<end])
        }
    }

    /// The process's standard input, read as it comes: a filter answers a line before the next one is typed.
    package static func standardInput() -> ByteSource {
        ByteSource(name: "standard input", descriptor: .standardInput, closes: false)
    }

    private convenience init(name: String, descriptor: FileDescriptor, closes: Bool) {
        // Standard input may be a file that somebody has read a part of: only what is left counts.
        var remaining: Int?
        if let here = try? descriptor.seek(offset: 0, from: .current),
            let end = try? descriptor.seek(offset: 0, from: .end),
            (try? descriptor.seek(offset: here, from: .start)) != nil
        {
            remaining = Int(max(0, end - here))
        }
        self.init(
            name: name, totalBytes: remaining, blockSize: 1 << 18,
            close: { if closes { try? descriptor.close() } },
            read: { count in
                try [UInt8](unsafeUninitializedCapacity: count) { block, filled in
                    filled = try descriptor.read(into: UnsafeMutableRawBufferPointer(block))
                }
            })
    }

    private init(
        name: String, totalBytes: Int?, blockSize: Int, close: @escaping () -> Void,
        read: @escaping (Int) throws -> [UInt8]
    ) {
        self.name = name
        self.totalBytes = totalBytes
        self.blockSize = max(1, blockSize)
        self.close = close
        self.read = read
    }

    deinit { close() }

    /// The next block; empty at the end.
    package func next() throws(Fault) -> [UInt8] {
        do {
            return try read(blockSize)
        } catch let error as Errno where error == .isDirectory {
            throw Fault(.input, "file-unreadable", "\(name) is a directory", hint: "Name a file.")
        } catch {
            throw Fault(.system, "read-failed", "reading \(name) failed: \(error)")
        }
    }
}
