package import Annotations
import Tensors
import Tokenization

/// One window of a document as an encoder that learns reads it: what goes in, and which of the states that come out belong
/// to which word.
package struct TrainingWindow: Sendable, Hashable {
    /// Token ids, `[CLS]` and `[SEP]` included.
    package let ids: [Int32]
    /// For each word whose first piece this window owns: which of the document's words with tokens it is, and its row.
    package let words: [(index: Int, row: Int)]

    package init(ids: [Int32], words: [(index: Int, row: Int)]) { (self.ids, self.words) = (ids, words) }

    package static func == (a: TrainingWindow, b: TrainingWindow) -> Bool {
        a.ids == b.ids && a.words.elementsEqual(b.words) { $0 == $1 }
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(ids) }
}

/// A document cut into windows, exactly as annotators read it.
package struct TrainingText: Sendable {
    /// In the order of the text, never none.
    package let windows: [TrainingWindow]
}

/// Cuts documents into windows for training.
package struct TextCutter: Sendable {
    private let reader: WindowReader

    /// - Throws: `window-overlap` (`.configuration`) for a backbone with hardly any window.
    package init(backbone: Backbone) throws(Fault) {
        reader = try WindowReader(backbone: backbone, tokenBudget: 1, windowOverlap: nil)
    }

    package func cut(_ request: AnnotationRequest) -> TrainingText {
        let segment = Segment.segments(of: request, by: .document, tokenizer: reader.backbone.tokenizer)[0]
        let (tokens, words) = (segment.tokens, segment.words)
        var next = 0
        let windows = reader.plan(for: tokens).windows.map { window in
            var owned: [(index: Int, row: Int)] = []
            while next < words.count, Int(words.firstTokens[next]) < window.owned.upperBound {
                owned.append((next, window.row(ofToken: Int(words.firstTokens[next]))))
                next += 1
            }
            let ids = [tokens.ids[0]] + tokens.ids[window.content] + [tokens.ids[tokens.ids.count - 1]]
            return TrainingWindow(ids: ids, words: owned)
        }
        return TrainingText(windows: windows)
    }
}
