/// What a report shows of a document's text: all of a short one, of a long one what lies around the marked spans, or
/// its beginning where nothing is marked. Spans and lengths are counted in Unicode scalars, as offsets everywhere.
package struct Excerpt: Sendable, Hashable {
    package enum Piece: Sendable, Hashable {
        case text(String, missed: Bool, spurious: Bool)
        /// So many scalars are left out here.
        case gap(Int)
    }

    /// A text up to this long is shown whole.
    package static let whole = 600
    /// Scalars before and after a span in a longer one.
    package static let context = 120
    /// More than these are too much for one error, however many spans it has.
    package static let most = 2_400

    package let pieces: [Piece]

    package init(of text: String, missed: [Range<Int>] = [], spurious: [Range<Int>] = []) {
        let scalars = Array(text.unicodeScalars)
        // A span outside the text belongs to another text; what cannot be shown is left out.
        func inside(_ spans: [Range<Int>]) -> [Range<Int>] {
            spans.map { $0.clamped(to: 0..<scalars.count) }.filter { !$0.isEmpty }
        }
        let (missed, spurious) = (inside(missed), inside(spurious))
        var pieces: [Piece] = []
        var end = 0
        for window in Self.windows(scalars, around: missed + spurious) {
            if window.lowerBound > end { pieces.append(.gap(window.lowerBound - end)) }
            pieces += Self.marked(scalars, window, missed: missed, spurious: spurious)
            end = window.upperBound
        }
        if end < scalars.count { pieces.append(.gap(scalars.count - end)) }
        self.pieces = pieces
    }

    /// In order, not touching.
    private static func windows(_ scalars: [Unicode.Scalar], around spans: [Range<Int>]) -> [Range<Int>] {
        guard scalars.count > whole else { return [0..<scalars.count] }
        guard !spans.isEmpty else { return [0..<wordEnd(scalars, whole)] }
        var windows: [Range<Int>] = []
        var shown = 0
        for span in spans.sorted(by: { $0.lowerBound < $1.lowerBound }) where shown < most {
            let start = wordStart(scalars, span.lowerBound - context)
            // A span that never ends must not show the whole text either.
            let end = wordEnd(scalars, min(span.upperBound, span.lowerBound + most) + context)
            if let last = windows.last, start <= last.upperBound + 20 {
                guard end > last.upperBound else { continue }
                windows[windows.count - 1] = last.lowerBound..<end
                shown += end - last.upperBound
            } else {
                windows.append(start..<end)
                shown += end - start
            }
        }
        return windows
    }

    /// The beginning of the word at `place`, if it is near; never between a letter and its accent.
    private static func wordStart(_ scalars: [Unicode.Scalar], _ place: Int) -> Int {
        guard place > 0 else { return 0 }
        let near = (max(place - 20, 0)..<place).reversed().first { scalars[$0].properties.isWhitespace }
        if let near { return near + 1 }
        var start = place
        while start > 0, scalars[start].properties.isGraphemeExtend { start -= 1 }
        return start
    }

    private static func wordEnd(_ scalars: [Unicode.Scalar], _ place: Int) -> Int {
        guard place < scalars.count else { return scalars.count }
        let near = (place..<min(place + 20, scalars.count)).first { scalars[$0].properties.isWhitespace }
        if let near { return near }
        var end = place
        while end < scalars.count, scalars[end].properties.isGraphemeExtend { end += 1 }
        return end
    }

    private static func marked(
        _ scalars: [Unicode.Scalar], _ window: Range<Int>, missed: [Range<Int>], spurious: [Range<Int>]
    ) -> [Piece] {
        let bounds = (missed + spurious).flatMap { [$0.lowerBound, $0.upperBound] }.filter(window.contains)
        let cuts = Set(bounds + [window.lowerBound, window.upperBound]).sorted()
        return zip(cuts, cuts.dropFirst()).map { start, end in
            var text = String.UnicodeScalarView()
            text.append(contentsOf: scalars[start..<end])
            return .text(
                String(text), missed: missed.contains { $0.contains(start) },
                spurious: spurious.contains { $0.contains(start) })
        }
    }
}
