package import Annotations

/// How a filter (`tokenize`, `embed`, `annotate`) reads its input.
package enum FilterFormat: String, Sendable, CaseIterable {
    /// One text a line.
    case text
    /// One object a line, with `text` or `words`.
    case jsonl
    /// The first line that is not blank decides for all: jsonl when it is an object with `text` or `words`.
    case auto
}

/// One line of a filter's input.
package struct FilterRequest: Sendable, Equatable {
    /// Counted from 1.
    package let line: Int
    /// The words joined by one space when there are `words`.
    package let text: String
    /// Set when the input is split into words already.
    package let words: [String]?
    /// The input's object, to be handed on; without members when the input is plain text.
    package let object: JSONObject

    /// The line of output, LF included: the input's members in their order, with `members` in the place of those of
    /// the same name, the others behind.
    package func answer(_ members: [JSONObject.Member]) -> [UInt8] {
        var answer = object
        for member in members { answer[member.key] = member.value }
        var bytes: [UInt8] = []
        answer.append(to: &bytes)
        bytes.append(0x0A)
        return bytes
    }
}

/// The requests of a filter's input, line by line. Used by one thread at a time.
///
/// In plain text a blank line is a text like any other, so that line n of the output answers line n; in jsonl blank
/// lines are skipped.
package struct FilterInput {
    /// What the input was found to be; `auto` before the first line.
    package private(set) var format: FilterFormat
    /// Bytes of the lines handed out so far.
    package var bytesRead: Int { lines.bytesRead }

    /// Whether the next line can be had without waiting for more input.
    package var hasBufferedLine: Bool { !held.isEmpty || lines.hasBufferedLine }

    private var lines: ByteLines
    private let maximumLineBytes: Int
    /// Blank lines at the beginning, read while the format was still open; the next one is last.
    private var held: [ByteLine] = []

    package init(_ source: ByteSource, format: FilterFormat = .auto, maximumLineBytes: Int = 256 << 20) {
        self.format = format
        self.maximumLineBytes = maximumLineBytes
        lines = ByteLines(source, maximumBytes: maximumLineBytes)
    }

    /// The next request, or nil at the end. After a fault about one line the next call goes on behind it.
    package mutating func next() throws(Fault) -> FilterRequest? {
        if format == .auto { try decideFormat() }
        while let line = try nextLine() {
            if line.isTooLong {
                throw fault("record-too-long", line, "the line is longer than \(maximumLineBytes) bytes")
            }
            if format == .jsonl {
                if line.isBlank { continue }
                return try request(object: line)
            }
            if let offset = firstInvalidUTF8(in: line.bytes) {
                throw fault("invalid-utf8", line, "invalid UTF-8 at byte offset \(offset) of the line")
            }
            let text = String(decoding: line.bytes, as: UTF8.self)
            return FilterRequest(line: line.number, text: text, words: nil, object: JSONObject())
        }
        return nil
    }

    private mutating func nextLine() throws(Fault) -> ByteLine? {
        if let line = held.popLast() { return line }
        return try lines.next()
    }

    private mutating func decideFormat() throws(Fault) {
        var beginning: [ByteLine] = []
        while let line = try lines.next() {
            beginning.append(line)
            if !line.isBlank { break }
        }
        held = beginning.reversed()
        let object = (beginning.last.flatMap { try? JSONValue(parsing: $0.bytes) })?.object
        format = object?["text"] != nil || object?["words"] != nil ? .jsonl : .text
    }

    private func request(object line: ByteLine) throws(Fault) -> FilterRequest {
        let value: JSONValue
        do {
            value = try JSONValue(parsing: line.bytes)
        } catch {
            throw fault(error.code, line, "\(error.message) at byte offset \(error.offset) of the line")
        }
        guard let object = value.object else { throw fault("not-an-object", line, "JSON, but no object") }
        if let words = object["words"], words != .null {
            let strings = words.array?.compactMap(\.string)
            guard let strings, strings.count == words.array?.count else {
                throw fault("wrong-kind", line, "the value of words is not an array of strings")
            }
            return FilterRequest(
                line: line.number, text: strings.joined(separator: " "), words: strings, object: object)
        }
        guard let text = object["text"], text != .null else {
            throw fault("missing-text", line, "the object has neither text nor words")
        }
        guard let string = text.string else { throw fault("wrong-kind", line, "the value of text is not a string") }
        return FilterRequest(line: line.number, text: string, words: nil, object: object)
    }

    private func fault(_ code: String, _ line: ByteLine, _ message: String) -> Fault {
        Fault(.input, code, "\(lines.source.name), line \(line.number): \(message)")
    }
}
