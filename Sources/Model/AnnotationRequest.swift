package import Tensors

/// One text to read.
package struct AnnotationRequest: Sendable, Equatable {
    /// What offsets refer to.
    package let text: String
    /// The words that entity heads tag, or nil when the tokenizer finds the words itself.
    package let words: [String]?

    package init(text: String) {
        self.text = text
        words = nil
    }

    /// A text that somebody has split into words already. Offsets refer to the words joined by one space each, and the
    /// text is one segment whatever the segmentation: who splits words has split sentences before.
    package init(words: [String]) {
        text = words.joined(separator: " ")
        self.words = words
    }
}

/// What heads learn from: the frozen backbone's view of one document, read as a single segment.
package struct DocumentFeatures: Sendable, Equatable {
    /// Pooled and normalised as the embedding space says; `[hidden]`.
    package let embedding: [Float]
    /// `[words that have tokens, hidden]`: the final hidden state of each word's first piece. No rows when words were
    /// not asked for.
    package let words: Matrix
    /// The same words' states in every layer, from the embedding layer's output to the last; empty unless asked for.
    package let layers: [Matrix]
    /// Row by row, the word's Unicode scalars in the text, half-open.
    package let wordSpans: [Range<Int>]
    /// Row by row, which word it is: an index into the request's `words`, or the row itself for raw text. Words that
    /// vanish in tokenisation (empty, control characters only) have no row.
    package let wordIndices: [Int]
    /// Of all the text's words, those without a row included; `EntityDecoder` takes both.
    package let wordCount: Int
    /// Word pieces encoded, special tokens and window overlaps included.
    package let tokenCount: Int

    package init(
        embedding: [Float], words: Matrix, layers: [Matrix] = [], wordSpans: [Range<Int>], wordIndices: [Int],
        wordCount: Int, tokenCount: Int
    ) {
        self.embedding = embedding
        self.words = words
        self.layers = layers
        self.wordSpans = wordSpans
        self.wordIndices = wordIndices
        self.wordCount = wordCount
        self.tokenCount = tokenCount
    }

    var isFinite: Bool {
        embedding.allSatisfy(\.isFinite) && words.values.allSatisfy(\.isFinite)
            && layers.allSatisfy { $0.values.allSatisfy(\.isFinite) }
    }
}

extension DocumentFeatures {
    /// How far the same documents' features are apart: the squared difference as a share of the reference's square, words and
    /// embeddings each for themselves, added. What heads of either kind see is in it, and what they make of it is not: with
    /// a few texts an answer changes or it does not, while this tells small harm from smaller.
    package static func distance(of features: [DocumentFeatures], from reference: [DocumentFeatures]) -> Double {
        func share(_ part: (DocumentFeatures) -> [Float]) -> Double {
            var (difference, square) = (0.0, 0.0)
            for (one, other) in zip(features, reference) {
                for (x, y) in zip(part(one), part(other)) {
                    difference += Double((x - y) * (x - y))
                    square += Double(y * y)
                }
            }
            return square > 0 ? difference / square : 0
        }
        return share(\.embedding) + share(\.words.values)
    }
}
