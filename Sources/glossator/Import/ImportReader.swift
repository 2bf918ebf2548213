package import Annotations
import SystemPackage

/// Reads a file of documents record by record, in the file's order, and refuses those that are not fit to be stored.
///
/// A file is read twice: once by `ImportSurvey`, so that a bad one is refused before anything is loaded, and once to
/// load it. Hence a pipe is not accepted. Used by one thread at a time.
package struct ImportReader {
    package let format: ImportFormat
    /// What the columns of a csv or tsv file are used for; nil for the other formats.
    package let columns: ImportColumns?
    /// Size of the file.
    package let totalBytes: Int?
    /// Bytes passed so far, for a progress bar.
    package var bytesRead: Int { records.bytesRead }

    private var records: any RecordSource
    private let check: RecordCheck
    /// Nil where no id can occur twice, because the file gives none.
    private var seen: SeenIdentifiers?

    /// Opens `path`; throws when it cannot be read, when the format is not known, or when columns are missing.
    package init(path: String, options: ImportOptions = ImportOptions()) throws(Fault) {
        let format: ImportFormat
        if let given = options.format { format = given } else { format = try ImportFormat(fileName: path) }
        let source = try ByteSource(path: path)
        guard source.totalBytes != nil else {
            throw Fault(
                .input, "not-a-file", "\(path) is not a regular file, and import reads a file twice",
                hint: "Save it to a file first.")
        }
        try self.init(source: source, format: format, options: options)
    }

    package init(source: ByteSource, format: ImportFormat, options: ImportOptions = ImportOptions()) throws(Fault) {
        self.format = format
        totalBytes = source.totalBytes
        check = RecordCheck(knownLabels: options.knownLabels, refusesOtherTasks: options.refusesOtherTasks)
        let lines = ByteLines(source, maximumBytes: options.maximumRecordBytes)
        let stem = FilePath(source.name).stem ?? "line"
        switch format {
        case .csv, .tsv:
            let delimited = try DelimitedRecords(lines: lines, format: format, stem: stem, options: options)
            columns = delimited.columns
            records = delimited
        case .jsonl:
            columns = nil
            records = JSONRecords(lines: lines, stem: stem, options: options)
        case .conll:
            columns = nil
            records = ConllRecords(lines: lines, stem: stem, options: options)
        case .text:
            columns = nil
            records = TextRecords(lines: lines, stem: stem, options: options)
        }
        let hasIDs = columns.map { $0.id != nil } ?? (format != .text)
        seen = hasIDs ? SeenIdentifiers() : nil
    }

    /// The next record, or what is wrong with it; nil at the end. Throws when reading fails.
    package mutating func next() throws(Fault) -> ImportOutcome? {
        guard let outcome = try records.next() else { return nil }
        guard case .record(var record) = outcome else { return outcome }
        record.entities.sort { ($0.task, $0.start, $0.end) < ($1.task, $1.start, $1.end) }
        var problems = check.problems(of: record)
        if let line = seen?.line(of: record.externalID) {
            problems.append(
                ImportProblem(line: record.line, code: "duplicate-id", message: "line \(line) has the same id"))
        }
        guard problems.isEmpty else { return .refused(problems) }
        seen?.insert(record.externalID, line: record.line)
        return .record(record)
    }
}

/// The ids of a file and the lines they stand on, 20 bytes each however long they are: of a hundred million records
/// their spellings would not fit in memory. Two ids are taken for one if they agree in 128 bits of SipHash.
private struct SeenIdentifiers {
    private var lines: [UInt128: UInt32] = [:]

    func line(of id: String) -> Int? { lines[Self.digest(id)].map(Int.init) }

    mutating func insert(_ id: String, line: Int) { lines[Self.digest(id)] = UInt32(clamping: line) }

    private static func digest(_ id: String) -> UInt128 {
        var halves: [UInt64] = []
        for salt in [UInt8(1), 2] {
            var hasher = Hasher()
            hasher.combine(salt)
            for byte in id.utf8 { hasher.combine(byte) }
            halves.append(UInt64(bitPattern: Int64(hasher.finalize())))
        }
        return UInt128(halves[0]) << 64 | UInt128(halves[1])
    }
}
