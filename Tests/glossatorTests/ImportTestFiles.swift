import Annotations
import Foundation
import glossator

/// A folder for one test, gone when the test is.
final class ImportFolder {
    let url: URL

    init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent("glossator-import-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let file = url.appendingPathComponent(name)
        try Data(bytes).write(to: file)
        return file.path
    }

    func write(_ name: String, _ text: String) throws -> String { try write(name, text.utf8) }
}

/// What became of every record of `text`, read as a file called `name`. Blocks of `blockSize` bytes show that no
/// result depends on where a block ends.
func importing(
    _ text: String, as name: String, _ options: ImportOptions = ImportOptions(), blockSize: Int = 7
) throws -> [ImportOutcome] {
    try importing(Array(text.utf8), as: name, options, blockSize: blockSize)
}

func importing(
    _ bytes: [UInt8], as name: String, _ options: ImportOptions = ImportOptions(), blockSize: Int = 7
) throws -> [ImportOutcome] {
    let source = ByteSource(name: name, bytes: bytes, blockSize: blockSize)
    let format = try options.format ?? ImportFormat(fileName: name)
    var reader = try ImportReader(source: source, format: format, options: options)
    var outcomes: [ImportOutcome] = []
    while let outcome = try reader.next() { outcomes.append(outcome) }
    return outcomes
}

extension Collection where Element == ImportOutcome {
    var records: [ImportRecord] { compactMap { if case .record(let record) = $0 { record } else { nil } } }
    var problems: [ImportProblem] {
        flatMap { outcome -> [ImportProblem] in
            if case .refused(let problems) = outcome { problems } else { [] }
        }
    }
    /// `line code` of every problem.
    var complaints: [String] { problems.map { "\($0.line) \($0.code)" } }
}

func importOptions(_ change: (inout ImportOptions) -> Void) -> ImportOptions {
    var options = ImportOptions()
    change(&options)
    return options
}

/// The fault that `body` ends with, or nil.
func importFault(of body: () throws -> Void) -> Fault? {
    do {
        try body()
        return nil
    } catch {
        return error as? Fault
    }
}
