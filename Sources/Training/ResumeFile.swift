import Annotations
import Foundation
import Model

/// Two files in a folder, of which the newer whole one counts: a run that is killed while it writes has the one before.
///
/// A file is a line of JSON (`Header`), the sections' floats end to end in little-endian fp32, and the sha256 of all that in
/// lower-case hex. It appears under its name whole or not at all.
package struct ResumeFile: Sendable {
    /// What a file says about itself.
    struct Header: Codable, Sendable {
        struct Section: Codable, Sendable {
            let name: String
            let count: Int
        }
        /// Layout of the file.
        var version = 1
        /// Of everything that the run's result depends on: a file of another run is not continued from.
        let fingerprint: String
        let step: Int
        /// AdamW steps of tensors, by name.
        let tensorSteps: [String: Int]
        let losses: [String: JointMean]
        /// What the caller wants to find again; JSON text.
        let notes: String
        let sections: [Section]
    }

    private let folder: URL
    private let names = ["resume.a", "resume.b"]
    private static let hashBytes = 64

    /// - Parameter folder: made when it is missing.
    package init(folder: String) { self.folder = URL(fileURLWithPath: folder, isDirectory: true) }

    /// Writes over the older of the two files.
    ///
    /// - Parameter floats: of a section, in the order of the header's.
    /// - Throws: `resume-write` (`.system`).
    func write(_ header: Header, floats: (Int) -> [Float]) throws(Fault) {
        let target = url(of: steps().enumerated().min { ($0.element ?? -1) < ($1.element ?? -1) }?.offset ?? 0)
        let partial = folder.appendingPathComponent("resume.partial-\(getpid())")
        do {
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data().write(to: partial)
            let file = try FileHandle(forWritingTo: partial)
            defer { try? file.close() }
            var hash = ContentHash()
            func put(_ bytes: [UInt8]) throws {
                hash.update(bytes)
                try file.write(contentsOf: bytes)
            }
            try put([UInt8](JSONEncoder().encode(header)) + [UInt8(ascii: "\n")])
            for index in header.sections.indices {
                let values = floats(index)
                precondition(values.count == header.sections[index].count)
                try put(values.withUnsafeBytes { [UInt8]($0) })
            }
            try file.write(contentsOf: Array(hash.finish().utf8))
            try file.synchronize()
            guard rename(partial.path, target.path) == 0 else { throw POSIXError(.init(rawValue: errno) ?? .EIO) }
        } catch {
            throw Fault(
                .system, "resume-write",
                "cannot write the training run's resume file in \(folder.path): \(error.localizedDescription)",
                hint: "look at the disk's space and permissions; train.directory chooses another folder")
        }
    }

    /// The newest whole file of the run with this fingerprint, and the names of files that were damaged.
    func newest(fingerprint: String) -> (found: (header: Header, sections: [String: [Float]])?, damaged: [String]) {
        var damaged: [String] = []
        let order = steps().enumerated().sorted { ($0.element ?? -1) > ($1.element ?? -1) }.map(\.offset)
        for index in order {
            guard let data = try? Data(contentsOf: url(of: index)) else { continue }
            guard let (header, sections) = Self.parse(data) else {
                damaged.append(url(of: index).path)
                continue
            }
            if header.fingerprint == fingerprint { return ((header, sections), damaged) }
        }
        return (nil, damaged)
    }

    /// Removes the folder with both files, once a run has ended.
    package func remove() { try? FileManager.default.removeItem(at: folder) }

    /// Removes folders of runs that have not gone on for two weeks.
    package static func removeOld(in folder: String) {
        let files = FileManager.default
        let root = URL(fileURLWithPath: folder, isDirectory: true)
        for name in (try? files.contentsOfDirectory(atPath: folder)) ?? [] where name.hasPrefix("run-") {
            let run = root.appendingPathComponent(name)
            let date = try? run.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate
            if let date, date < Date(timeIntervalSinceNow: -14 * 86_400) { try? files.removeItem(at: run) }
        }
    }

    private func url(of index: Int) -> URL { folder.appendingPathComponent(names[index]) }

    /// What the files claim, without looking whether they are whole.
    private func steps() -> [Int?] {
        names.indices.map { index in
            guard let file = try? FileHandle(forReadingFrom: url(of: index)) else { return nil }
            defer { try? file.close() }
            var line = Data()
            while line.count < 16 << 20, let piece = try? file.read(upToCount: 1 << 16), !piece.isEmpty {
                if let end = piece.firstIndex(of: UInt8(ascii: "\n")) {
                    line.append(piece[..<end])
                    return (try? JSONDecoder().decode(Header.self, from: line))?.step
                }
                line.append(piece)
            }
            return nil
        }
    }

    private static func parse(_ data: Data) -> (Header, [String: [Float]])? {
        guard data.count > hashBytes, let end = data.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let body = data.dropLast(hashBytes)
        var hash = ContentHash()
        var offset = body.startIndex
        while offset < body.endIndex {
            let next = min(offset + 1 << 20, body.endIndex)
            hash.update([UInt8](body[offset..<next]))
            offset = next
        }
        guard (try? hash.finish()) == String(decoding: data.suffix(hashBytes), as: UTF8.self),
            let header = try? JSONDecoder().decode(Header.self, from: body[..<end]), header.version == 1
        else { return nil }
        var sections: [String: [Float]] = [:]
        var start = end + 1
        for section in header.sections {
            let count = section.count * MemoryLayout<Float>.stride
            guard section.count >= 0, start + count <= body.endIndex else { return nil }
            sections[section.name] = [Float](unsafeUninitializedCapacity: section.count) { buffer, initialized in
                _ = body[start..<start + count].copyBytes(to: buffer)
                initialized = section.count
            }
            start += count
        }
        return start == body.endIndex ? (header, sections) : nil
    }
}
