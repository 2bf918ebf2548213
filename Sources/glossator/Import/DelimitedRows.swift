import Annotations

/// One row of a csv or tsv file.
enum DelimitedRow: Equatable {
    case fields(line: Int, [String])
    case broken(ImportProblem)
}

/// Splits lines into rows of fields: RFC 4180 when `quotes` (a row may run over several lines), else at every
/// delimiter. Blank lines are no rows.
struct DelimitedRows {
    private(set) var lines: ByteLines
    let delimiter: UInt8
    let quotes: Bool
    let maximumBytes: Int

    init(lines: ByteLines, delimiter: UInt8, quotes: Bool, maximumBytes: Int) {
        self.lines = lines
        self.delimiter = delimiter
        self.quotes = quotes
        self.maximumBytes = maximumBytes
    }

    mutating func next() throws(Fault) -> DelimitedRow? {
        while let line = try lines.next() {
            // Tabs delimit in tsv: a line of nothing but tabs is a row of empty fields.
            if line.bytes.allSatisfy({ $0 == 0x20 }) && !line.isTooLong { continue }
            return quotes ? try quotedRow(from: line) : plainRow(from: line)
        }
        return nil
    }

    private func plainRow(from line: ByteLine) -> DelimitedRow {
        if line.isTooLong { return .broken(.tooLong(line: line.number, limit: maximumBytes)) }
        if let offset = firstInvalidUTF8(in: line.bytes) {
            return .broken(.invalidUTF8(line: line.number, offset: offset))
        }
        let fields = line.bytes.split(separator: delimiter, omittingEmptySubsequences: false)
        return .fields(line: line.number, fields.map { String(decoding: $0, as: UTF8.self) })
    }

    /// Reads lines until every quote is closed. A row that is broken is read to its end all the same, so that the
    /// next one begins where it should.
    private mutating func quotedRow(from first: ByteLine) throws(Fault) -> DelimitedRow {
        var row = QuotedFields(delimiter: delimiter)
        var line = first
        var problem: ImportProblem?
        while true {
            if line.isTooLong { return .broken(.tooLong(line: first.number, limit: maximumBytes)) }
            if problem == nil, let offset = firstInvalidUTF8(in: line.bytes) {
                problem = .invalidUTF8(line: line.number, offset: offset)
            }
            if let offset = row.read(line.bytes) {
                return .broken(
                    ImportProblem(
                        line: line.number, code: "misplaced-quote",
                        message: "a quote at byte offset \(offset) of the line neither opens nor closes a field"))
            }
            guard row.isOpen else { break }
            row.append(line.ending.bytes)
            if row.bytes.count > maximumBytes {
                problem = .tooLong(line: first.number, limit: maximumBytes)
            }
            if problem != nil { row.forget() }
            guard let following = try lines.next() else {
                return .broken(
                    ImportProblem(
                        line: first.number, code: "unclosed-quote",
                        message: "a quote that opens in the row that begins here is never closed"))
            }
            line = following
        }
        if let problem { return .broken(problem) }
        return .fields(line: first.number, row.fields)
    }
}

/// The state of RFC 4180 between two lines of one row.
private struct QuotedFields {
    private enum State { case atStart, bare, quoted, afterQuote }

    let delimiter: UInt8
    private(set) var bytes: [UInt8] = []
    private var ends: [Int] = []
    private var state = State.atStart

    init(delimiter: UInt8) { self.delimiter = delimiter }

    /// A quoted field goes on behind the end of the line.
    var isOpen: Bool { state == .quoted }

    /// Fields of a complete row.
    var fields: [String] {
        var start = 0
        return ends.map { end in
            defer { start = end }
            return String(decoding: bytes[start..<end], as: UTF8.self)
        }
    }

    /// Reads a line. Returns the offset of a quote that may not stand where it does.
    mutating func read(_ line: [UInt8]) -> Int? {
        let quote = UInt8(ascii: "\"")
        var offset = 0
        while offset < line.count {
            switch state {
            case .atStart where line[offset] == quote: state = .quoted
            case .atStart where line[offset] == delimiter: ends.append(bytes.count)
            case .atStart, .bare:
                let rest = line[offset...]
                offset = rest.firstIndex { $0 == delimiter || $0 == quote } ?? line.count
                bytes.append(contentsOf: rest[..<offset])
                state = .bare
                guard offset < line.count else { break }
                if line[offset] == quote { return offset }
                ends.append(bytes.count)
                state = .atStart
            case .quoted:
                let rest = line[offset...]
                offset = rest.firstIndex(of: quote) ?? line.count
                bytes.append(contentsOf: rest[..<offset])
                if offset < line.count { state = .afterQuote }
            case .afterQuote where line[offset] == quote:
                bytes.append(quote)
                state = .quoted
            case .afterQuote where line[offset] == delimiter:
                ends.append(bytes.count)
                state = .atStart
            case .afterQuote: return offset - 1
            }
            offset += 1
        }
        if state != .quoted { ends.append(bytes.count) }
        return nil
    }

    mutating func append(_ more: [UInt8]) { bytes.append(contentsOf: more) }

    /// Drops what was read, once the row is known to be broken.
    mutating func forget() {
        bytes = []
        ends = []
    }
}
