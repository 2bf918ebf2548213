import Annotations
import Tokenization

/// A stretch of a request's text that is embedded and classified as one, with its tokens.
struct Segment {
    /// Where it begins and ends in the request's text.
    let start: TextPosition
    let end: TextPosition
    let tokens: TokenizedText
    let words: SegmentWords

    /// The segments of a request in reading order, never none.
    ///
    /// A text without sentences (empty, white space only) is one segment of its whole length; so is a text whose words
    /// are given.
    static func segments(
        of request: AnnotationRequest, by segmentation: Segmentation, tokenizer: Tokenizer
    ) -> [Segment] {
        let origin = TextPosition(byte: 0, scalar: 0)
        var whole: TextPosition {
            TextPosition(byte: request.text.utf8.count, scalar: request.text.unicodeScalars.count)
        }
        if let words = request.words {
            let tokens = tokenizer.tokenize(words: words)
            return [
                Segment(
                    start: origin, end: whole, tokens: tokens, words: SegmentWords(given: words, tokens: tokens))
            ]
        }
        switch segmentation {
        case .document: return [Segment(raw: request.text, start: origin, end: whole, tokenizer: tokenizer)]
        case .sentence:
            let sentences = SentenceSplitter.sentences(in: request.text)
            guard !sentences.isEmpty else {
                return [Segment(raw: request.text, start: origin, end: whole, tokenizer: tokenizer)]
            }
            let utf8 = request.text.utf8
            return sentences.map { sentence in
                let bytes =
                    utf8.index(
                        utf8.startIndex, offsetBy: sentence.bytes.lowerBound)..<utf8.index(
                        utf8.startIndex, offsetBy: sentence.bytes.upperBound)
                return Segment(
                    raw: String(request.text[bytes]),
                    start: TextPosition(byte: sentence.bytes.lowerBound, scalar: sentence.scalars.lowerBound),
                    end: TextPosition(byte: sentence.bytes.upperBound, scalar: sentence.scalars.upperBound),
                    tokenizer: tokenizer)
            }
        }
    }

    private init(start: TextPosition, end: TextPosition, tokens: TokenizedText, words: SegmentWords) {
        (self.start, self.end, self.tokens, self.words) = (start, end, tokens, words)
    }

    private init(raw text: String, start: TextPosition, end: TextPosition, tokenizer: Tokenizer) {
        let tokens = tokenizer.tokenize(text)
        self.init(start: start, end: end, tokens: tokens, words: SegmentWords(raw: tokens, origin: start))
    }
}

/// The words of a segment that have tokens: what entity heads tag.
struct SegmentWords {
    /// Word by word, the index of its first and last piece among the segment's tokens. Ascending.
    private(set) var firstTokens: [Int32] = []
    private(set) var lastTokens: [Int32] = []
    /// Word by word, which word of the segment it is. For given words an index into them, else the word itself.
    private(set) var indices: [Int32] = []
    /// How many words the segment has, those without tokens included.
    let totalCount: Int

    private enum Positions {
        /// Spans are those of the tokens, moved by the segment's start.
        case tokens(TokenizedText, origin: TextPosition)
        /// Spans are those of the given words in their text.
        case given(starts: [TextPosition], ends: [TextPosition])
    }
    private let positions: Positions

    var count: Int { firstTokens.count }

    /// The tokenizer's own words. A span ends with the word's last piece.
    init(raw tokens: TokenizedText, origin: TextPosition) {
        (firstTokens, lastTokens) = Self.pieces(of: tokens)
        indices = firstTokens.indices.map { Int32(truncatingIfNeeded: $0) }
        totalCount = firstTokens.count
        positions = .tokens(tokens, origin: origin)
    }

    /// Given words, which lie in the text one space apart.
    init(given words: [String], tokens: TokenizedText) {
        (firstTokens, lastTokens) = Self.pieces(of: tokens)
        indices = firstTokens.map { tokens.places[Int($0)].word }
        totalCount = words.count
        var starts: [TextPosition] = []
        var ends: [TextPosition] = []
        var position = TextPosition(byte: 0, scalar: 0)
        for word in words {
            starts.append(position)
            position.byte += word.utf8.count
            position.scalar += word.unicodeScalars.count
            ends.append(position)
            position.byte += 1
            position.scalar += 1
        }
        positions = .given(starts: starts, ends: ends)
    }

    /// Positions in the request's text of the word with index `word` of `indices`.
    func span(ofWord word: Int) -> (start: TextPosition, end: TextPosition) {
        switch positions {
        case .given(let starts, let ends): return (starts[word], ends[word])
        case .tokens(let tokens, let origin):
            let first = tokens.places[Int(firstTokens[word])]
            let last = tokens.places[Int(lastTokens[word])]
            return (
                TextPosition(
                    byte: origin.byte + Int(first.byteStart), scalar: origin.scalar + Int(first.scalarStart)),
                TextPosition(byte: origin.byte + Int(last.byteEnd), scalar: origin.scalar + Int(last.scalarEnd))
            )
        }
    }

    private static func pieces(of tokens: TokenizedText) -> (first: [Int32], last: [Int32]) {
        var first: [Int32] = []
        var last: [Int32] = []
        first.reserveCapacity(tokens.count)
        last.reserveCapacity(tokens.count)
        var current: Int32 = -1
        for (token, place) in tokens.places.enumerated() where place.word >= 0 {
            if place.word != current {
                first.append(Int32(truncatingIfNeeded: token))
                last.append(Int32(truncatingIfNeeded: token))
                current = place.word
            } else {
                last[last.count - 1] = Int32(truncatingIfNeeded: token)
            }
        }
        return (first, last)
    }
}
