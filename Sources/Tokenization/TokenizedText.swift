/// Where a token comes from, in the text as it was given: Unicode scalars and UTF-8 bytes, half-open.
struct Origin: Sendable {
    var scalarStart: Int32
    var scalarEnd: Int32
    var byteStart: Int32
    var byteEnd: Int32

    static let none = Origin(scalarStart: 0, scalarEnd: 0, byteStart: 0, byteEnd: 0)

    /// From this origin's start to the other's end.
    func joined(to other: Origin) -> Origin {
        Origin(
            scalarStart: scalarStart, scalarEnd: other.scalarEnd, byteStart: byteStart, byteEnd: other.byteEnd)
    }
}

/// Where a token stands in its text, half-open, and to which word it belongs.
///
/// Offsets refer to the whole text (to the word, for pre-split input); those of the enclosing special tokens are 0, 0.
/// Texts of 2 GiB and more have clamped offsets.
package struct TokenPlace: Sendable, Equatable {
    /// Unicode scalars.
    package var scalarStart: Int32
    package var scalarEnd: Int32
    /// UTF-8 bytes.
    package var byteStart: Int32
    package var byteEnd: Int32
    /// The index of the given word, or for raw text the running number of the white-space and punctuation unit. -1 for
    /// the enclosing special tokens.
    package var word: Int32
}

/// A text's tokens: `[CLS]`, the content, `[SEP]`. Parallel arrays with one entry a token.
package struct TokenizedText: Sendable, Equatable {
    package var ids: [Int32] = []
    package var places: [TokenPlace] = []

    package init() {}

    /// Tokens, the two enclosing ones included.
    package var count: Int { ids.count }

    /// Where the content lies in the arrays: everything but the enclosing special tokens.
    package var contentRange: Range<Int> { count < 2 ? 0..<0 : 1..<count - 1 }

    mutating func reserveCapacity(_ count: Int) {
        ids.reserveCapacity(count)
        places.reserveCapacity(count)
    }

    mutating func removeLast(_ count: Int) {
        ids.removeLast(count)
        places.removeLast(count)
    }

    @inline(__always)
    mutating func append(_ id: Int32, _ origin: Origin, word: Int32) {
        ids.append(id)
        places.append(
            TokenPlace(
                scalarStart: origin.scalarStart, scalarEnd: origin.scalarEnd, byteStart: origin.byteStart,
                byteEnd: origin.byteEnd, word: word))
    }
}

extension TokenizedText {
    /// The first `maximumTokens` tokens, the enclosing two included and kept: plain truncation.
    /// Fewer than 2 counts as 2.
    package func prefix(maximumTokens: Int) -> TokenizedText {
        guard count > max(2, maximumTokens) else { return self }
        return window(1..<max(2, maximumTokens) - 1)
    }

    /// Overlapping windows over the content, as indices into the arrays (the first content token has index 1).
    ///
    /// Every window but the last holds `maximumTokens - 2` tokens, so that a window and the two special tokens fit in
    /// `maximumTokens`; each repeats the last `stride` tokens of the one before; the last is the first to reach the
    /// end. A text that fits is one window, empty when there is no content. A capacity below one token counts as one,
    /// a stride that would not advance as the largest that does.
    package func windowRanges(maximumTokens: Int, stride: Int) -> [Range<Int>] {
        let content = contentRange
        let capacity = max(3, maximumTokens) - 2
        guard content.count > capacity else { return [content] }
        let step = capacity - min(max(0, stride), capacity - 1)
        var ranges: [Range<Int>] = []
        var start = content.lowerBound
        while true {
            let end = min(start + capacity, content.upperBound)
            ranges.append(start..<end)
            if end == content.upperBound { return ranges }
            start += step
        }
    }

    /// The windows of `windowRanges`, each enclosed in its own `[CLS]` and `[SEP]`; offsets and word ids stay those of
    /// the whole text. Nil when the text does not fit and the arguments make no windows: no room for content, or a
    /// stride that is negative or not smaller than the room.
    package func windows(maximumTokens: Int, stride: Int) -> [TokenizedText]? {
        guard count > maximumTokens else { return [self] }
        guard maximumTokens > 2, stride >= 0, stride < maximumTokens - 2 else { return nil }
        return windowRanges(maximumTokens: maximumTokens, stride: stride).map(window)
    }

    /// A part of the content between the enclosing special tokens.
    package func window(_ range: Range<Int>) -> TokenizedText {
        func part<Value>(_ values: [Value]) -> [Value] {
            guard let first = values.first, let last = values.last else { return [] }
            return [first] + values[range.clamped(to: 0..<values.count)] + [last]
        }
        var window = TokenizedText()
        window.ids = part(ids)
        window.places = part(places)
        return window
    }
}
