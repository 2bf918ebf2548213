package import Annotations

/// How a file of documents is written.
package enum ImportFormat: String, Sendable, CaseIterable {
    /// RFC 4180: commas, quotes, a header.
    case csv
    /// Tab-separated, a header, no quoting: a quote is a character like any other.
    case tsv
    /// One JSON object a line.
    case jsonl
    /// A token and its IOB2 tag a line, a blank line behind every sentence.
    case conll
    /// One document a line.
    case text

    /// The format that a file's name says, or a fault that tells how to say it.
    package init(fileName: String) throws(Fault) {
        let base = fileName.split(separator: "/").last.map(String.init) ?? fileName
        let parts = base.split(separator: ".", omittingEmptySubsequences: false)
        let ending = parts.count > 1 ? parts[parts.count - 1].lowercased() : ""
        switch ending {
        case "csv": self = .csv
        case "tsv", "tab": self = .tsv
        case "jsonl", "ndjson": self = .jsonl
        case "conll", "iob", "iob2", "bio": self = .conll
        case "txt", "text": self = .text
        case "gz", "zst", "bz2", "xz", "zip":
            throw Fault(.input, "compressed-input", "\(base) is compressed", hint: "Unpack it first.")
        default:
            let names = Self.allCases.map(\.rawValue).joined(separator: ", ")
            throw Fault(
                .input, "unknown-format", "the name \(base) does not say which format the file has",
                hint: "Say it with --format: \(names).")
        }
    }
}
