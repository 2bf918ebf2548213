/// Gathers normalised scalars into words, splits every word into pieces, and writes the tokens.
///
/// White space ends a word; a punctuation scalar is a word of its own.
struct WordPieceWriter: ScalarSink {
    private(set) var text = TokenizedText()
    /// The number of the next word, or the given word that everything written now belongs to.
    var wordID: Int32 = 0
    let table: NormalizationTable
    private let countsWords: Bool
    private let trie: ByteTrie
    let words: WordTable
    private let unknownID: Int32
    let maximumWordLength: Int

    /// The word so far: its UTF-8, and for every byte of it where its scalar comes from. Not kept beyond
    /// `maximumWordLength`, where only the number of scalars and the first and last origin matter.
    private var word: [UInt8] = []
    private var origins: [Origin] = []
    private var length = 0
    private var firstOrigin = Origin.none
    private var lastOrigin = Origin.none

    /// - Parameters:
    ///   - countsWords: whether `wordID` advances with every word.
    ///   - byteCount: how long the text is, so that its tokens need room only once.
    init(_ tokenizer: Tokenizer, countsWords: Bool, byteCount: Int) {
        table = tokenizer.normalization
        trie = tokenizer.vocabulary.trie
        words = tokenizer.vocabulary.words
        unknownID = tokenizer.unknownID
        maximumWordLength = tokenizer.configuration.maximumWordLength
        self.countsWords = countsWords
        text.reserveCapacity(byteCount / 4 + 2)
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

    mutating func extendWord(_ scalar: UInt32, _ origin: Origin) {
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

    mutating func finishWord() {
        guard length > 0 else { return }
        // Taken out while tokens are written: one access to this value at a time.
        var (bytes, places): ([UInt8], [Origin]) = ([], [])
        swap(&bytes, &word)
        swap(&places, &origins)
        let whole = firstOrigin.joined(to: lastOrigin)
        appendWord(
            0..<bytes.count, length: length, whole: whole, byte: { bytes[$0] },
            origin: { places[$0].joined(to: places[$1 - 1]) })
        swap(&bytes, &word)
        swap(&places, &origins)
        forgetWord()
    }

    /// Begins anew, with nothing of the word written.
    mutating func forgetWord() {
        word.removeAll(keepingCapacity: true)
        origins.removeAll(keepingCapacity: true)
        length = 0
    }

    /// Writes a word that is one piece.
    @inline(__always)
    mutating func appendPiece(_ id: Int32, _ origin: Origin) {
        text.append(id, origin, word: wordID)
        if countsWords { wordID += 1 }
    }

    /// Writes a word's pieces, the longest first from the left; the unknown token when it is too long, or when some part
    /// of it is no piece.
    /// - Parameters:
    ///   - range: of the word's bytes, wherever `byte` has them.
    ///   - length: in scalars.
    ///   - origin: that of the bytes from the first index to the second.
    @inline(__always)
    mutating func appendWord(
        _ range: Range<Int>, length: Int, whole: Origin, byte: (Int) -> UInt8,
        origin: (Int, Int) -> Origin
    ) {
        let count = text.count
        var start = range.lowerBound
        var root = ByteTrie.wordStart
        while start < range.upperBound, length <= maximumWordLength,
            let piece = trie.longestPrefix(from: start, to: range.upperBound, below: root, byte: byte)
        {
            text.append(piece.value, origin(start, piece.end), word: wordID)
            start = piece.end
            root = ByteTrie.continuation
        }
        if start < range.upperBound || length > maximumWordLength {
            text.removeLast(text.count - count)
            text.append(unknownID, whole, word: wordID)
        }
        if countsWords { wordID += 1 }
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
