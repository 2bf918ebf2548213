import Foundation
import Model

/// A file of records by key that only grows. Each says how long it is and carries a checksum, so that a file that was cut
/// off or damaged loses records and nothing else.
///
///     magic u32 | payload's length u32 | checksum, 16 bytes | key, 64 bytes | payload
final class RecordFile: @unchecked Sendable {
    private static let magic: UInt32 = 0x4C46_4752
    private static let keyBytes = 64
    private static let headerBytes = 8 + 16 + keyBytes

    private let descriptor: Int32
    private let lock = NSLock()
    private var places: [[UInt8]: (offset: Int, count: Int)] = [:]
    private var end = 0
    private let room: Int

    /// Nil where the file cannot be opened or another process has it.
    ///
    /// - Parameter limit: bytes of all files of the folder that begin as `name` does up to its `-`. The others keep half of it at
    ///   the most: the longest unused are deleted first.
    init?(folder: String, name: String, limit: Int) {
        try? FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let path = folder + "/" + name
        descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return nil }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            return nil
        }
        let size = Int(lseek(descriptor, 0, SEEK_END))
        let others = Self.makeRoom(folder: folder, besides: name, limit: max(min(limit - size, limit / 2), 0))
        room = limit - others
        if size > room { ftruncate(descriptor, 0) }
        scan()
        // Used today: the oldest files make room first.
        futimens(descriptor, nil)
    }

    deinit { if descriptor >= 0 { close(descriptor) } }

    /// Returns the bytes of the files that stay.
    private static func makeRoom(folder: String, besides name: String, limit: Int) -> Int {
        let prefix = name.prefix { $0 != "-" } + "-"
        let root = URL(fileURLWithPath: folder, isDirectory: true)
        let keys: Set<URLResourceKey> = [.contentModificationDateKey, .fileSizeKey]
        var files = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
            .filter { $0.hasPrefix(prefix) && $0 != name }
            .compactMap { file -> (url: URL, date: Date, size: Int)? in
                let url = root.appendingPathComponent(file)
                guard let values = try? url.resourceValues(forKeys: keys) else { return nil }
                return (url, values.contentModificationDate ?? .distantPast, values.fileSize ?? 0)
            }.sorted { $0.date > $1.date }
        var total = files.reduce(0) { $0 + $1.size }
        while total > limit, let oldest = files.popLast() {
            try? FileManager.default.removeItem(at: oldest.url)
            total -= oldest.size
        }
        return total
    }

    /// Finds what the file holds; cuts it off where that makes no sense any more.
    private func scan() {
        let size = Int(lseek(descriptor, 0, SEEK_END))
        var header = [UInt8](repeating: 0, count: Self.headerBytes)
        while end + Self.headerBytes <= size, pread(descriptor, &header, header.count, off_t(end)) == header.count {
            let (magic, count) = header.withUnsafeBytes {
                ($0.loadUnaligned(as: UInt32.self), Int($0.loadUnaligned(fromByteOffset: 4, as: UInt32.self)))
            }
            guard magic == Self.magic, end + Self.headerBytes + count <= size else { break }
            places[Array(header[24...])] = (end, count)
            end += Self.headerBytes + count
        }
        if end < size { ftruncate(descriptor, off_t(end)) }
    }

    /// Nil for a record that is not there, or is damaged.
    func read(_ key: [UInt8]) -> [UInt8]? {
        guard let place = lock.withLock({ places[key] }) else { return nil }
        let bytes = [UInt8](unsafeUninitializedCapacity: Self.headerBytes + place.count) { buffer, count in
            count = max(pread(descriptor, buffer.baseAddress, buffer.count, off_t(place.offset)), 0)
        }
        guard bytes.count == Self.headerBytes + place.count, Array(bytes[24..<Self.headerBytes]) == key else {
            return nil
        }
        let payload = Array(bytes[Self.headerBytes...])
        return Array(bytes[8..<24]) == Self.checksum(key, payload) ? payload : nil
    }

    /// Adds a record, unless it is there already or there is no room. A disk that is full is no room.
    func append(_ key: [UInt8], _ payload: [UInt8]) {
        guard key.count == Self.keyBytes else { return }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerBytes + payload.count)
        withUnsafeBytes(of: Self.magic) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: UInt32(payload.count)) { bytes.append(contentsOf: $0) }
        bytes += Self.checksum(key, payload)
        bytes += key
        bytes += payload
        lock.withLock {
            guard places[key] == nil, end + bytes.count <= room else { return }
            guard pwrite(descriptor, bytes, bytes.count, off_t(end)) == bytes.count else {
                ftruncate(descriptor, off_t(end))
                return
            }
            places[key] = (end, payload.count)
            end += bytes.count
        }
    }

    /// The first 16 digits of the sha256: enough against damage, which is all that it is for.
    private static func checksum(_ key: [UInt8], _ payload: [UInt8]) -> [UInt8] {
        var hash = ContentHash()
        hash.update(key)
        hash.update(payload)
        return (try? hash.finish()).map { Array($0.utf8.prefix(16)) } ?? [UInt8](repeating: 0, count: 16)
    }
}
