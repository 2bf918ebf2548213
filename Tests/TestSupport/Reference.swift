package import Foundation

/// The reference outputs and data sets that are not part of the repository.
///
/// `GLOSSATOR_REFERENCE` names a folder that holds `fixtures/` and `data/`; `GLOSSATOR_ENCODER` a directory with
/// all-MiniLM-L6-v2 (`make encoder` obtains one). Suites that need them say so with
/// `.enabled(if: Reference.isAvailable)`; `.ci/run` sets both and fails when they are missing.
package enum Reference {
    package static let isAvailable = environment("GLOSSATOR_REFERENCE") != nil
    package static let hasEncoder = isAvailable && encoder != nil

    /// The directory of the real encoder: `GLOSSATOR_ENCODER`, or where `make encoder` puts it; nil when it is not there.
    package static let encoder: URL? = {
        let made = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().appendingPathComponent(".glossator/encoder/all-MiniLM-L6-v2")
        let url = environment("GLOSSATOR_ENCODER").map { URL(fileURLWithPath: $0) } ?? made
        return FileManager.default.fileExists(atPath: url.appendingPathComponent("config.json").path) ? url : nil
    }()

    package static func fixture(_ name: String) throws -> URL { try file("fixtures/\(name)") }
    package static func data(_ name: String) throws -> URL { try file("data/\(name)") }

    /// The objects of a `.jsonl` fixture, one a line.
    package static func lines<T: Decodable>(of name: String, as type: T.Type) throws -> [T] {
        let decoder = JSONDecoder()
        return try Data(contentsOf: fixture(name)).split(separator: UInt8(ascii: "\n"))
            .map { try decoder.decode(T.self, from: $0) }
    }

    private static func file(_ name: String) throws -> URL {
        guard let root = environment("GLOSSATOR_REFERENCE") else { throw Missing(name: "GLOSSATOR_REFERENCE") }
        let url = URL(fileURLWithPath: root).appendingPathComponent(name)
        guard FileManager.default.fileExists(atPath: url.path) else { throw Missing(name: url.path) }
        return url
    }

    private static func environment(_ name: String) -> String? {
        guard let value = ProcessInfo.processInfo.environment[name], !value.isEmpty else { return nil }
        return value
    }

    package struct Missing: Error { package let name: String }
}
