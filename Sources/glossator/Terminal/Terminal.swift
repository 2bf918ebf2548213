import Annotations
import Foundation

/// What a person sees: results on standard output, everything else on standard error.
package enum Terminal {
    static let isInteractive = isatty(STDERR_FILENO) == 1
    static let printsForPerson = isatty(STDOUT_FILENO) == 1

    static func complain(_ fault: Fault) {
        note("glossator: \(fault.message) [\(fault.code)]")
        if let hint = fault.hint { note("  hint: \(hint)") }
    }

    /// A line on standard error.
    static func note(_ line: String) { write(line + "\n", to: STDERR_FILENO) }

    /// A line on standard output, at once: who reads it through a pipe watches the steps as they come.
    static func show(_ line: String) { write(line + "\n", to: STDOUT_FILENO) }

    /// Writes everything or gives up silently where nobody reads any more: standard error has no other channel to report to.
    private static func write(_ text: String, to descriptor: Int32) {
        var bytes = Array(text.utf8)[...]
        while !bytes.isEmpty {
            let written = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
            guard written > 0 else { return }
            bytes = bytes.dropFirst(written)
        }
    }

    /// A few decimals, or a dash.
    static func number(_ value: Double?, decimals: Int = 3) -> String {
        value.map { String(format: "%.\(decimals)f", $0) } ?? "-"
    }

    /// Rewrites the current line of an interactive standard error.
    static func overwriteLine(_ line: String) { write("\r\u{1B}[K" + line, to: STDERR_FILENO) }

    /// Columns aligned, numbers right; widths count Unicode scalars.
    package static func table(_ header: [String], _ rows: [[String]], indent: String = "  ") -> String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].unicodeScalars.count }.max() ?? 0 }
        let isNumeric = header.indices.map { column in
            !rows.isEmpty && rows.allSatisfy { Double($0[column].replacing(",", with: "")) != nil || $0[column] == "-" }
        }
        func line(_ cells: [String]) -> String {
            let padded = cells.enumerated().map { column, cell in
                let padding = String(repeating: " ", count: widths[column] - cell.unicodeScalars.count)
                return isNumeric[column] ? padding + cell : cell + padding
            }
            return indent + padded.joined(separator: "  ").trimmingSuffix(while: { $0 == " " })
        }
        let rule = indent + widths.map { String(repeating: "-", count: $0) }.joined(separator: "  ")
        return ([line(header), rule] + rows.map(line)).joined(separator: "\n")
    }

    /// A body on one line, cut to `limit` scalars for a listing.
    package static func excerpt(_ text: String, limit: Int = 72) -> String {
        var scalars = String.UnicodeScalarView()
        var count = 0
        for scalar in text.unicodeScalars {
            if count == limit {
                scalars.append("…")
                break
            }
            scalars.append(scalar.value < 0x20 || scalar.value == 0x7F ? " " : scalar)
            count += 1
        }
        return String(scalars)
    }
}

extension StringProtocol {
    fileprivate func trimmingSuffix(while predicate: (Character) -> Bool) -> SubSequence {
        var end = endIndex
        while end > startIndex, predicate(self[index(before: end)]) { end = index(before: end) }
        return self[startIndex..<end]
    }
}
