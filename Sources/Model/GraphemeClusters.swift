/// A position in a text, counted both ways.
package struct TextPosition: Sendable, Equatable {
    /// UTF-8 bytes from the text's start.
    package var byte: Int
    /// Unicode scalars from the text's start.
    package var scalar: Int

    package init(byte: Int, scalar: Int) {
        self.byte = byte
        self.scalar = scalar
    }
}

/// Finds the grapheme clusters around positions of a text, for a reader that goes through it once from left to right.
///
/// Swift counts a string's `Character`s from its start, which over thousands of entities in a long text is quadratic.
/// Between two neighbouring ASCII scalars other than CR LF there is always a cluster border, so this goes back to the
/// nearest such place, or to the last cluster found, and only from there on segments the text. Each byte is looked
/// at a bounded number of times however many positions are asked for.
package struct GraphemeClusters {
    /// One cluster, half-open.
    package struct Cluster: Sendable, Equatable {
        package let start: TextPosition
        package let end: TextPosition
        /// Whether its first scalar is white space: such a cluster at an end is not part of an entity, even if a
        /// combining mark sits on it.
        package let isWhiteSpace: Bool
    }

    private let text: String
    private let utf8: String.UTF8View
    private var current: Cluster

    package init(_ text: String) {
        var contiguous = text
        contiguous.makeContiguousUTF8()  // makes index arithmetic on bytes O(1)
        self.text = contiguous
        utf8 = contiguous.utf8
        let origin = TextPosition(byte: 0, scalar: 0)
        current = Cluster(start: origin, end: origin, isWhiteSpace: false)
    }

    /// The cluster that holds the scalar at `position`, which lies on a scalar's first byte inside the text. Positions
    /// may only grow from call to call; one before the last cluster's end gives that cluster, one behind the text an
    /// empty cluster at its end.
    package mutating func cluster(at position: TextPosition) -> Cluster {
        if position.byte < current.end.byte { return current }
        guard position.byte < utf8.count else {
            return Cluster(start: position, end: position, isWhiteSpace: true)
        }
        var start = current.end
        let border = safeBorder(before: position.byte, notBefore: start.byte)
        if border > start.byte {
            start = TextPosition(byte: border, scalar: position.scalar - scalarCount(from: border, to: position.byte))
        }
        while true {
            let cluster = self.cluster(startingAt: start)
            if position.byte < cluster.end.byte {
                current = cluster
                return cluster
            }
            start = cluster.end
        }
    }

    private func cluster(startingAt start: TextPosition) -> Cluster {
        // A substring begins a cluster at its own start. `text.index(after:)` would first look for one backwards,
        // which a long run of flags or joined emoji makes slow.
        let rest = text[utf8.index(utf8.startIndex, offsetBy: start.byte)...]
        let byteCount = utf8.distance(from: rest.startIndex, to: rest.index(after: rest.startIndex))
        let endByte = start.byte + byteCount
        return Cluster(
            start: start,
            end: TextPosition(byte: endByte, scalar: start.scalar + scalarCount(from: start.byte, to: endByte)),
            isWhiteSpace: rest.unicodeScalars[rest.startIndex].properties.isWhitespace)
    }

    /// The last place at or before `byte`, and not before `limit`, that is surely a cluster border.
    private func safeBorder(before byte: Int, notBefore limit: Int) -> Int {
        var border = byte
        var index = utf8.index(utf8.startIndex, offsetBy: byte)
        while border > limit {
            let before = utf8.index(before: index)
            let (left, right) = (utf8[before], utf8[index])
            let isCarriageReturnLineFeed = left == 0x0D && right == 0x0A
            if left < 0x80, right < 0x80, !isCarriageReturnLineFeed { return border }
            border -= 1
            index = before
        }
        return limit
    }

    private func scalarCount(from start: Int, to end: Int) -> Int {
        let range =
            utf8.index(utf8.startIndex, offsetBy: start)..<utf8.index(utf8.startIndex, offsetBy: end)
        // Continuation bytes are 10xxxxxx.
        return utf8[range].reduce(0) { $0 + ($1 & 0xC0 == 0x80 ? 0 : 1) }
    }

    /// The scalars between two cluster borders.
    package func surface(from start: TextPosition, to end: TextPosition) -> String {
        let range =
            utf8.index(utf8.startIndex, offsetBy: start.byte)..<utf8.index(utf8.startIndex, offsetBy: end.byte)
        return String(text[range])
    }
}
