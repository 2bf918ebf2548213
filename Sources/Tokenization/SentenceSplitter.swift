/// A sentence: where it stands in its text, half-open, without white space around it.
package struct Sentence: Sendable, Hashable {
    /// Unicode scalars of the text.
    package let scalars: Range<Int>
    /// UTF-8 bytes of the text.
    package let bytes: Range<Int>
}

/// Cuts texts of any language into sentences by rule.
///
/// - A blank line ends a sentence, and so does a line end, unless the next line goes on in lower case.
/// - A terminator of a script that has its own (`。`, `।`, `؟`, `።` …) ends one wherever it stands.
/// - `!` and `?` end one before white space; `…` and `.` when what follows may be a beginning, and when the stop belongs
///   to no abbreviation, initial, ordinal or number. Nothing is cut inside a run without white space, such as an address.
/// - Closing quotes and brackets, further terminators, emoji and footnote marks go with the sentence before them.
///
/// Where writing is ambiguous it rather leaves two sentences together than cuts one in two.
package struct SentenceSplitter {
    /// The sentences in order: they cover everything but white space and never overlap; a text without terminators is
    /// one sentence, an empty one has none. Linear in the text.
    package static func sentences(in text: String) -> [Sentence] {
        TextBytes.read(text) { bytes in
            var splitter = SentenceSplitter(bytes: bytes)
            splitter.scan()
            return splitter.sentences
        }
    }

    private var reader: SentenceReader
    private var sentences: [Sentence] = []
    private var position = Position()
    /// The sentence at hand: where it begins (nil between sentences) and where its last scalar ends.
    private var start: Position?
    private var end = Position()
    /// Whether it has more than punctuation, and whether its first letter is a small one.
    private var hasContent = false
    private var beginsSmall: Bool?

    private init(bytes: TextBytes) { reader = SentenceReader(bytes: bytes) }

    private mutating func scan() {
        while position.byte < reader.bytes.count {
            let (scalar, length) = decode(reader.bytes, position.byte)
            let kinds = UnicodeFacts.shared.kinds(scalar)
            if kinds.contains(.whiteSpace) {
                if SentenceReader.isLineEnd(scalar) { readLineEnds() } else { position.advance(by: length) }
                continue
            }
            if start == nil {
                start = position
                hasContent = false
                beginsSmall = nil
            }
            position.advance(by: length)
            end = position
            if !kinds.contains(.punctuation) {
                hasContent = true
                if beginsSmall == nil, let letter = Letter(scalar) { beginsSmall = letter == .small }
            } else if let terminator = Terminator(scalar) {
                readTerminator(terminator)
            }
        }
        close()
    }

    private mutating func close() {
        guard let start else { return }
        sentences.append(Sentence(scalars: start.scalar..<end.scalar, bytes: start.byte..<end.byte))
        self.start = nil
    }

    /// A run of white space with line ends in it.
    private mutating func readLineEnds() {
        var lineEnds = 0
        var isParagraph = false
        var previous: UInt32 = 0
        while position.byte < reader.bytes.count {
            let (scalar, length) = decode(reader.bytes, position.byte)
            guard UnicodeFacts.shared.kinds(scalar).contains(.whiteSpace) else { break }
            if SentenceReader.isLineEnd(scalar), !(previous == 0x0D && scalar == 0x0A) { lineEnds += 1 }
            if scalar == 0x2029 || scalar == 0x0C { isParagraph = true }
            previous = scalar
            position.advance(by: length)
        }
        if isParagraph || lineEnds > 1 || reader.letter(at: position.byte) != .small { close() }
    }

    /// The terminator before `position`, and everything that goes with it.
    private mutating func readTerminator(_ first: Terminator) {
        let stop = position
        var strongest = first
        var stops = first == .stop ? 1 : 0
        var hasCloser = false
        while position.byte < reader.bytes.count {
            let (scalar, length) = decode(reader.bytes, position.byte)
            if let terminator = Terminator(scalar) {
                if terminator == .stop { stops += 1 }
                strongest = max(strongest, terminator)
            } else if reader.isCloser(at: position.byte) {
                hasCloser = true
            } else if let behind = reader.footnote(at: position.byte) ?? reader.spacedCloser(at: position.byte) {
                hasCloser = hasCloser || UnicodeFacts.shared.kinds(scalar).contains(.whiteSpace)
                position.skip(reader.bytes, to: behind)
                end = position
                continue
            } else if !SentenceReader.isTrailing(scalar) {
                break
            }
            position.advance(by: length)
            end = position
        }
        guard hasContent else { return }
        if strongest == .stop, stops > 1 { strongest = .ellipsis }
        let ends =
            switch strongest {
            case .plain: endsAtPlainTerminator(hasCloser: hasCloser)
            case .mark: endsAtMark(hasCloser: hasCloser)
            case .ellipsis: endsAtEllipsis()
            case .stop: endsAtStop(stop, hasCloser: hasCloser)
            }
        if ends { close() }
    }
}

extension SentenceSplitter {
    private func endsAtPlainTerminator(hasCloser: Bool) -> Bool {
        // Japanese goes on behind a quotation with a particle: 「…。」と言った.
        guard hasCloser, let next = reader.scalar(at: position.byte) else { return true }
        return ![0x3068, 0x3063, 0x3001, 0xFF0C].contains(next)
    }

    private func endsAtMark(hasCloser: Bool) -> Bool {
        let next = reader.lookAhead(from: position.byte)
        guard next.isSeparated else { return reader.isUnspacedLetter(at: position.byte) }
        if next.beginsWithTerminator || next.letter == .small && next.isBehindDash { return false }
        return !(hasCloser && next.letter == .small && beginsSmall != true)
    }

    private func endsAtEllipsis() -> Bool {
        let next = reader.lookAhead(from: position.byte)
        return next.isSeparated && !next.beginsWithTerminator && next.letter != .small
    }

    private func endsAtStop(_ stop: Position, hasCloser: Bool) -> Bool {
        let next = reader.lookAhead(from: position.byte)
        guard next.isSeparated else {
            return reader.isUnspacedLetter(at: position.byte) && reader.isUnspacedLetter(before: stop.byte - 1)
        }
        if next.beginsWithTerminator || next.letter == .small && next.isBehindDash { return false }
        let word = reader.word(before: stop.byte)
        if word.isNumber { return endsAtNumber(word, next) }
        let spelling = word.spelling
        if !hasCloser {
            if SentenceTables.neverLast.contains(spelling) { return false }
            if SentenceTables.beforeNumber.contains(spelling), next.isDigit { return false }
            if word.isInitial || word.hasInnerStop || SentenceTables.maybeLast.contains(spelling) {
                guard next.letter != .small else { return false }
                if word.letterCount > 1, !word.hasInnerStop { return true }
                return next.letter == .uncased || SentenceTables.beginners.contains(reader.word(at: next.byte))
            }
        }
        guard next.letter == .small else { return true }
        // Before a small letter only in texts that begin sentences small, or behind what is hardly an abbreviation.
        return beginsSmall == true || !hasCloser && word.letterCount >= 5
    }

    /// `1. First` begins a list, `3. Mai` and `2. kapitola` are ordinals.
    private func endsAtNumber(_ word: SentenceReader.Word, _ next: SentenceReader.Following) -> Bool {
        if let start, word.start <= start.byte { return false }
        guard next.letter != .small else { return beginsSmall == true && word.letterCount > 2 }
        return word.letterCount > 2 || !SentenceTables.afterOrdinal.contains(reader.word(at: next.byte))
    }
}
