/// Gathers normalised scalars into words, splits every word into pieces, and writes the tokens.
///
/// White space ends a word; a punctuation scalar is a word of its own.
struct WordPieceWriter: ScalarSink {
    private(set) var text = TokenizedText()
    /// The number of the next word, or the given word that everything written now belongs to.
    var wordID: Int32 = 0
    private let countsWords: Bool
    private let vocabulary: Vocabulary
    private let unknownID: Int32
    private let maximumWordLength: Int

    /// The word so far: its UTF-8, and for every byte of it where its scalar comes from. Not kept beyond
    /// `maximumWordLength`, where only the number of scalars and the first and last origin matter.
    private var word: [UInt8] = []
    private var origins: [Origin] = []
    private var length = 0
    private var firstOrigin = Origin.none
    private var lastOrigin = Origin.none
    /// Pieces of the word at hand; nothing is written before the whole word is known to be made of pieces.
    private var pieces: [(id: Int32, end: Int)] = []

    /// - Parameter countsWords: whether `wordID` advances with every word.
    init(vocabulary: Vocabulary, unknownID: Int32, maximumWordLength: Int, countsWords: Bool) {
        self.vocabulary = vocabulary
        self.unknownID = unknownID
        self.maximumWordLength = maximumWordLength
        self.countsWords = countsWords
    }

    /// Whether no word has been begun.
    var isBetweenWords: Bool { length == 0 }

    mutating func append(_ scalar: UInt32, _ kinds: UnicodeFacts.Kinds, _ origin: Origin) {
        if kinds.contains(.whiteSpace) {
            finishWord()
        } else if kinds.contains(.punctuation) {
            finishWord()
            extendWord(scalar, origin)
            finishWord()
        } else {
            extendWord(scalar, origin)
        }
    }

    /// A token that is no word: a special token, or an added one found as a literal.
    mutating func appendToken(_ id: Int32, _ origin: Origin) {
        finishWord()
        text.append(id, origin, word: wordID)
        if countsWords { wordID += 1 }
    }

    /// `[CLS]` or `[SEP]`, which belong to no word and no place.
    mutating func appendEnclosing(_ id: Int32) {
        finishWord()
        text.append(id, .none, word: -1)
    }

    mutating func finishWord() {
        guard length > 0 else { return }
        if length <= maximumWordLength, splitWord() {
            var start = 0
            for piece in pieces {
                text.append(piece.id, origins[start].joined(to: origins[piece.end - 1]), word: wordID)
                start = piece.end
            }
        } else {
            text.append(unknownID, firstOrigin.joined(to: lastOrigin), word: wordID)
        }
        if countsWords { wordID += 1 }
        word.removeAll(keepingCapacity: true)
        origins.removeAll(keepingCapacity: true)
        length = 0
    }

    /// Longest piece first, from the left. False when some part of the word is no piece.
    private mutating func splitWord() -> Bool {
        pieces.removeAll(keepingCapacity: true)
        var start = 0
        while start < word.count {
            guard let piece = vocabulary.longestPiece(of: word, from: start, to: word.count, continuesWord: start > 0)
            else { return false }
            pieces.append(piece)
            start = piece.end
        }
        return true
    }

    private mutating func extendWord(_ scalar: UInt32, _ origin: Origin) {
        if length == 0 { firstOrigin = origin }
        lastOrigin = origin
        length += 1
        guard length <= maximumWordLength else { return }
        if scalar < 0x80 {
            word.append(UInt8(truncatingIfNeeded: scalar))
            origins.append(origin)
        } else {
            appendUTF8(of: scalar, to: &word)
            while origins.count < word.count { origins.append(origin) }
        }
    }
}

/// Keeps normalised text with its origins, for what has to be looked for in it.
struct NormalizedText: ScalarSink {
    private(set) var bytes: [UInt8] = []
    /// A scalar's first byte in `bytes`.
    private(set) var starts: [Int] = []
    private(set) var scalars: [UInt32] = []
    private(set) var origins: [Origin] = []

    mutating func append(_ scalar: UInt32, _ kinds: UnicodeFacts.Kinds, _ origin: Origin) {
        starts.append(bytes.count)
        scalars.append(scalar)
        origins.append(origin)
        appendUTF8(of: scalar, to: &bytes)
    }
}

/// `scalar` came from well-formed text or a Unicode table, so it is no surrogate.
func appendUTF8(of scalar: UInt32, to bytes: inout [UInt8]) {
    func trail(_ shift: UInt32) -> UInt8 { UInt8(truncatingIfNeeded: 0x80 | (scalar >> shift & 0x3F)) }
    switch scalar {
    case ..<0x80: bytes.append(UInt8(truncatingIfNeeded: scalar))
    case ..<0x800:
        bytes.append(UInt8(truncatingIfNeeded: 0xC0 | scalar >> 6))
        bytes.append(trail(0))
    case ..<0x1_0000:
        bytes.append(UInt8(truncatingIfNeeded: 0xE0 | scalar >> 12))
        bytes.append(trail(6))
        bytes.append(trail(0))
    default:
        bytes.append(UInt8(truncatingIfNeeded: 0xF0 | scalar >> 18))
        bytes.append(trail(12))
        bytes.append(trail(6))
        bytes.append(trail(0))
    }
}
