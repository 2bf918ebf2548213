package import Annotations
import Tensors
import Tokenization

/// One window of a document as an encoder that learns reads it: what goes in, and which of the states that come out belong
/// to which word.
package struct TrainingWindow: Sendable, Hashable {
    /// Token ids, `[CLS]` and `[SEP]` included.
    package let ids: [Int32]
    /// For each word whose first piece this window owns: its index among the document's words, and its row.
    package let words: [(index: Int, row: Int)]

    package static func == (a: TrainingWindow, b: TrainingWindow) -> Bool {
        a.ids == b.ids && a.words.elementsEqual(b.words) { $0 == $1 }
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(ids) }
}

/// A document cut into windows, exactly as annotators read it.
package struct TrainingText: Sendable {
    /// In the order of the text, never none.
    package let windows: [TrainingWindow]
    /// Unicode scalars of every word with tokens, by the index that windows use; nil for one without.
    package let wordSpans: [Range<Int>]
    package let wordIndices: [Int]
}

/// Cuts documents into windows for training.
package struct TextCutter: Sendable {
    private let reader: WindowReader

    /// - Throws: `window-overlap` (`.configuration`) for a backbone with hardly any window.
    package init(backbone: Backbone) throws(Fault) {
        reader = try WindowReader(backbone: backbone, tokenBudget: 1, windowOverlap: nil)
    }

    package func cut(_ text: String) -> TrainingText {
        let segments = Segment.segments(
            of: AnnotationRequest(text: text), by: .document, tokenizer: reader.backbone.tokenizer)
        let segment = segments[0]
        let (tokens, words) = (segment.tokens, segment.words)
        var next = 0
        let windows = reader.plan(for: tokens).windows.map { window in
            var owned: [(index: Int, row: Int)] = []
            while next < words.count, Int(words.firstTokens[next]) < window.owned.upperBound {
                owned.append((Int(words.indices[next]), window.row(ofToken: Int(words.firstTokens[next]))))
                next += 1
            }
            let ids = [tokens.ids[0]] + tokens.ids[window.content] + [tokens.ids[tokens.ids.count - 1]]
            return TrainingWindow(ids: ids, words: owned)
        }
        return TrainingText(
            windows: windows,
            wordSpans: (0..<words.count).map { word in
                let span = words.span(ofWord: word)
                return span.start.scalar..<max(span.start.scalar, span.end.scalar)
            }, wordIndices: words.indices.map(Int.init))
    }
}
