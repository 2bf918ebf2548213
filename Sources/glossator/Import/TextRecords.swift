import Annotations

/// Records of a plain text file: one document a line; blank lines are skipped.
struct TextRecords: RecordSource {
    private var lines: ByteLines
    private let stem: String
    private let maximumBytes: Int

    var bytesRead: Int { lines.bytesRead }

    init(lines: ByteLines, stem: String, options: ImportOptions) {
        self.lines = lines
        self.stem = stem
        maximumBytes = options.maximumRecordBytes
    }

    mutating func next() throws(Fault) -> ImportOutcome? {
        while let line = try lines.next() {
            if line.isTooLong { return .refused([.tooLong(line: line.number, limit: maximumBytes)]) }
            if let offset = firstInvalidUTF8(in: line.bytes) {
                return .refused([.invalidUTF8(line: line.number, offset: offset)])
            }
            let body = String(decoding: line.bytes, as: UTF8.self)
            if body.isBlank { continue }
            return .record(ImportRecord(line: line.number, externalID: "\(stem):\(line.number)", body: body))
        }
        return nil
    }
}
