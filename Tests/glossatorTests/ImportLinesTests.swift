import Annotations
import Foundation
import Testing
import glossator

@Suite("Lines of bytes") struct ImportLinesTests {
    private func lines(_ text: String, blockSize: Int = 3, limit: Int = 100) throws -> [ByteLine] {
        try lines(Array(text.utf8), blockSize: blockSize, limit: limit)
    }

    private func lines(_ bytes: [UInt8], blockSize: Int = 3, limit: Int = 100) throws -> [ByteLine] {
        var lines = ByteLines(ByteSource(name: "f", bytes: bytes, blockSize: blockSize), maximumBytes: limit)
        var found: [ByteLine] = []
        while let line = try lines.next() { found.append(line) }
        #expect(lines.bytesRead == bytes.count)
        return found
    }

    private func strings(_ lines: [ByteLine]) -> [String] { lines.map { String(decoding: $0.bytes, as: UTF8.self) } }

    @Test("a line ends at LF and at CRLF, and the last one at the end of the file")
    func endings() throws {
        for blockSize in 1...8 {
            let found = try lines("one\ntwo\r\n\nlast", blockSize: blockSize)
            #expect(strings(found) == ["one", "two", "", "last"])
            #expect(found.map(\.ending) == [.lf, .crlf, .lf, .none])
            #expect(found.map(\.number) == [1, 2, 3, 4])
        }
    }

    @Test("a line break at the end of the file begins no further line")
    func finalBreak() throws {
        #expect(strings(try lines("a\n")) == ["a"])
        #expect(try lines("").isEmpty)
    }

    @Test("U+2028, U+0085 and a CR alone end no line")
    func otherBreaks() throws {
        #expect(strings(try lines("a\u{2028}b\u{85}c\rd\ne")) == ["a\u{2028}b\u{85}c\rd", "e"])
    }

    @Test("a byte-order mark at the beginning is dropped, elsewhere it is a character")
    func byteOrderMark() throws {
        for blockSize in 1...5 {
            #expect(strings(try lines("\u{FEFF}a\n\u{FEFF}b", blockSize: blockSize)) == ["a", "\u{FEFF}b"])
        }
        #expect(try lines("\u{FEFF}").isEmpty)
    }

    @Test("a line longer than the limit is passed over and does not disturb the next", arguments: [1, 4, 64])
    func limit(blockSize: Int) throws {
        let found = try lines("12345\n123456\n12345\r\n123456\r\n1234567890\nab", blockSize: blockSize, limit: 5)
        #expect(found.map(\.isTooLong) == [false, true, false, true, true, false])
        #expect(strings(found) == ["12345", "", "12345", "", "", "ab"])
        #expect(found.map(\.number) == [1, 2, 3, 4, 5, 6])
    }

    @Test("UTF-16 and compressed files are refused as what they are")
    func foreignFiles() {
        let cases: [([UInt8], String)] = [
            ([0xFF, 0xFE, 0x61, 0], "not-utf8"), ([0xFE, 0xFF, 0, 0x61], "not-utf8"),
            ([0x1F, 0x8B, 8, 0], "compressed-input"), ([0x28, 0xB5, 0x2F, 0xFD, 1], "compressed-input"),
        ]
        for (bytes, code) in cases {
            for blockSize in 1...4 {
                let fault = importFault { _ = try lines(bytes, blockSize: blockSize) }
                #expect(fault?.code == code)
                #expect(fault?.hint != nil)
            }
        }
    }

    @Test("a file is read from disk with its size; a missing file and a folder are clear faults")
    func files() throws {
        let folder = try ImportFolder()
        let text = String(repeating: "a line of text\n", count: 50_000)
        let source = try ByteSource(path: folder.write("big.txt", text))
        #expect(source.totalBytes == text.utf8.count)
        var lines = ByteLines(source, maximumBytes: 100)
        var count = 0
        while let line = try lines.next() {
            #expect(line.bytes.count == 14)
            count += 1
        }
        #expect(count == 50_000)

        let missing = importFault { _ = try ByteSource(path: folder.url.path + "/none.txt") }
        #expect(missing?.code == "file-unreadable" && missing?.message.contains("none.txt") == true)
        let directory = importFault { _ = try ByteSource(path: folder.url.path).next() }
        #expect(directory?.code == "file-unreadable" && directory?.message.contains("directory") == true)
    }
}

@Suite("Well-formed UTF-8") struct ImportUTF8Tests {
    @Test("every sequence of the bytes that matter is judged as the standard library judges it")
    func againstStandardLibrary() {
        // Both ends of every range of Unicode's table 3-7.
        let edges: [UInt8] = [
            0x00, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF,
            0xF0, 0xF1, 0xF3, 0xF4, 0xF5, 0xFF,
        ]
        var sequences: [[UInt8]] = [[]]
        var disagreements = 0
        for _ in 0..<4 {
            sequences = sequences.flatMap { head in edges.map { head + [$0] } }
            for sequence in sequences {
                let isValid = String(validating: sequence, as: UTF8.self) != nil
                if (firstInvalidUTF8(in: sequence) == nil) != isValid { disagreements += 1 }
            }
        }
        #expect(disagreements == 0)
    }

    @Test("the offset is that of the first byte of the bad sequence")
    func offsets() {
        let good = Array("aé漢😀".utf8)
        #expect(firstInvalidUTF8(in: good) == nil)
        let bad: [[UInt8]] = [
            [0xC0, 0xAF], [0xE0, 0x80, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0x80], [0xFF],
            [0xE6, 0xBC],
            [0xC3],
        ]
        for sequence in bad { #expect(firstInvalidUTF8(in: good + sequence) == good.count) }
        #expect(firstInvalidUTF8(in: [0xE6, 0xBC, 0x41]) == 0)
    }
}
