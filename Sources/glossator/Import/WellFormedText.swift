/// Offset of the first byte that does not belong to well-formed UTF-8, or nil.
///
/// Strict as Unicode's table 3-7: no overlong forms, no surrogates, nothing above U+10FFFF, no sequence cut short.
/// The offset is that of the ill-formed sequence's first byte.
package func firstInvalidUTF8(in bytes: [UInt8]) -> Int? {
    var index = 0
    while index < bytes.count {
        let lead = bytes[index]
        if lead < 0x80 {
            index += 1
            continue
        }
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xBF
        switch lead {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, second) = (3, 0xA0...0xBF)
        case 0xED: (length, second) = (3, 0x80...0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, second) = (4, 0x90...0xBF)
        case 0xF1...0xF3: length = 4
        case 0xF4: (length, second) = (4, 0x80...0x8F)
        default: return index
        }
        guard index + length <= bytes.count, second.contains(bytes[index + 1]) else { return index }
        for trail in (index + 2)..<(index + max(2, length)) where bytes[trail] & 0xC0 != 0x80 { return index }
        index += length
    }
    return nil
}

extension String {
    /// Nothing but white space, in any script's sense of it.
    var isBlank: Bool { unicodeScalars.allSatisfy(\.properties.isWhitespace) }

    /// PostgreSQL's text cannot hold U+0000.
    var containsNUL: Bool { utf8.contains(0) }

    /// The name of a column or key, short enough for a message even when the file has text where names belong.
    var shortened: String {
        unicodeScalars.count <= 40 ? self : String(String.UnicodeScalarView(unicodeScalars.prefix(39))) + "…"
    }
}
