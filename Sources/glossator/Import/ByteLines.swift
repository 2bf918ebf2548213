package import Annotations

/// One line of bytes, without what ended it.
package struct ByteLine: Sendable, Equatable {
    /// What stood behind the line. U+2028, U+0085 and a CR alone are characters of a text, not ends of a line.
    package enum Ending: Sendable, Equatable {
        case lf
        case crlf
        /// The last line of a file that does not end with a line break.
        case none

        var bytes: [UInt8] {
            switch self {
            case .lf: [0x0A]
            case .crlf: [0x0D, 0x0A]
            case .none: []
            }
        }
    }

    /// Counted from 1.
    package let number: Int
    /// Empty when `isTooLong`.
    package let bytes: [UInt8]
    package let ending: Ending
    /// Longer than the limit; its bytes were passed over.
    package let isTooLong: Bool

    /// Only ASCII spaces and tabs, or nothing.
    var isBlank: Bool { !isTooLong && bytes.allSatisfy { $0 == 0x20 || $0 == 0x09 } }
}

/// Splits a byte source into lines at LF and CRLF. A byte-order mark of UTF-8 at the beginning is dropped.
package struct ByteLines {
    package let source: ByteSource
    /// Bytes of the lines handed out so far, line breaks included.
    package private(set) var bytesRead = 0

    /// Whether the next line lies in memory, whole.
    package var hasBufferedLine: Bool { block[position...].contains(0x0A) }

    private let maximumBytes: Int
    private var block: [UInt8] = []
    private var position = 0
    private var lineNumber = 0
    private var isAtEnd = false

    package init(_ source: ByteSource, maximumBytes: Int) {
        self.source = source
        self.maximumBytes = maximumBytes
    }

    /// The next line, or nil at the end. Throws when reading fails, or when the file is not text in UTF-8 at all.
    package mutating func next() throws(Fault) -> ByteLine? {
        var line: [UInt8] = []
        var length = 0
        var isTooLong = false
        while true {
            if position == block.count, try !refill() {
                if length == 0 { return nil }
                return finish(line, isTooLong: isTooLong, ending: .none)
            }
            let rest = block[position...]
            let end = rest.firstIndex(of: 0x0A)
            let piece = rest[..<(end ?? rest.endIndex)]
            length += piece.count
            // The byte more is the CR of a CRLF.
            if length > maximumBytes + 1 {
                isTooLong = true
                line = []
            } else {
                line.append(contentsOf: piece)
            }
            bytesRead += piece.count
            position = piece.endIndex
            guard end != nil else { continue }
            position += 1
            bytesRead += 1
            if line.last == 0x0D {
                line.removeLast()
                return finish(line, isTooLong: isTooLong, ending: .crlf)
            }
            return finish(line, isTooLong: isTooLong, ending: .lf)
        }
    }

    private mutating func finish(_ bytes: [UInt8], isTooLong: Bool, ending: ByteLine.Ending) -> ByteLine {
        lineNumber += 1
        let isTooLong = isTooLong || bytes.count > maximumBytes
        return ByteLine(number: lineNumber, bytes: isTooLong ? [] : bytes, ending: ending, isTooLong: isTooLong)
    }

    /// Reads the next block. False at the end.
    private mutating func refill() throws(Fault) -> Bool {
        guard !isAtEnd else { return false }
        let isFirst = bytesRead == 0 && block.isEmpty
        block = try source.next()
        position = 0
        if isFirst {
            // A pipe may hand out a byte at a time. Wait for more only where a mark may have begun: somebody who
            // types a short line expects an answer to it.
            while Mark.allCases.contains(where: { $0.isBegun(by: block) }) {
                let more = try source.next()
                if more.isEmpty { break }
                block.append(contentsOf: more)
            }
            try examineBeginning()
        }
        isAtEnd = block.isEmpty
        return position < block.count ? true : try refill()
    }

    private mutating func examineBeginning() throws(Fault) {
        switch Mark.allCases.first(where: { block.starts(with: $0.bytes) }) {
        case nil: break
        case .utf8:
            position = 3
            bytesRead = 3
        case .utf16LittleEndian, .utf16BigEndian:
            throw Fault(
                .input, "not-utf8", "\(source.name) is written in UTF-16",
                hint: "Convert it first: iconv -f UTF-16 -t UTF-8.")
        case .gzip, .zstd:
            throw Fault(
                .input, "compressed-input", "\(source.name) is compressed", hint: "Unpack it first: gunzip or unzstd.")
        }
    }

    /// First bytes that say how a file is written.
    private enum Mark: CaseIterable {
        case utf8, utf16LittleEndian, utf16BigEndian, gzip, zstd

        var bytes: [UInt8] {
            switch self {
            case .utf8: [0xEF, 0xBB, 0xBF]
            case .utf16LittleEndian: [0xFF, 0xFE]
            case .utf16BigEndian: [0xFE, 0xFF]
            case .gzip: [0x1F, 0x8B]
            case .zstd: [0x28, 0xB5, 0x2F, 0xFD]
            }
        }

        /// `block` is not the whole mark, but may become it.
        func isBegun(by block: [UInt8]) -> Bool {
            !block.isEmpty && block.count < bytes.count && bytes.starts(with: block)
        }
    }
}
