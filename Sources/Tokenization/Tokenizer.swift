package import Annotations

/// BERT's WordPiece tokeniser, equal to the reference implementation id for id and offset for offset.
///
/// A text goes through in one pass: added tokens' literals are cut out, the rest is normalised scalar by scalar,
/// gathered into words, and every word is split into the longest pieces of the vocabulary. Time is linear in the
/// text; a value may be shared by any number of threads.
package struct Tokenizer: Sendable {
    /// With the added tokens that the model's own vocabulary does not have.
    package let vocabulary: Vocabulary
    package let configuration: TokenizerConfiguration
    package let unknownID: Int32
    package let classID: Int32
    package let separatorID: Int32
    /// Nil when the vocabulary has no such token; nothing here needs it.
    package let paddingID: Int32?
    package let maskID: Int32?

    /// Literals looked for in the text as it is, and those looked for once it is normalised.
    private let literals: AddedTokenMatcher
    private let normalizedLiterals: AddedTokenMatcher
    let normalization: NormalizationTable

    /// - Throws: `vocabulary-special-token` when the vocabulary lacks the unknown, class or separator token;
    ///   `tokenizer-added-token` when an added token has no id, or another token's.
    package init(vocabulary: Vocabulary, configuration: TokenizerConfiguration) throws(Fault) {
        guard let unknownID = vocabulary.id(of: configuration.unknownToken) else {
            throw Self.missing(configuration.unknownToken)
        }
        let standard = [
            configuration.unknownToken, configuration.separatorToken, configuration.paddingToken,
            configuration.classToken, configuration.maskToken,
        ]
        var vocabulary = vocabulary
        let known = vocabulary
        // A standard token that the vocabulary lacks is no literal; whether that is a fault is decided below.
        let added = (configuration.addedTokens ?? standard.map { AddedToken($0) })
            .filter { $0.id != nil || !standard.contains($0.content) || known.id(of: $0.content) != nil }
        var raw: [(spelling: [UInt8], id: Int32, token: AddedToken)] = []
        var normalized: [(spelling: [UInt8], id: Int32, token: AddedToken)] = []
        for token in added where !token.content.isEmpty {
            let id = try Self.identify(token, in: &vocabulary)
            if token.isNormalized {
                normalized.append((Self.normalize(token.content, configuration).bytes, id, token))
            } else {
                raw.append((Array(token.content.utf8), id, token))
            }
        }
        guard let classID = vocabulary.id(of: configuration.classToken) else {
            throw Self.missing(configuration.classToken)
        }
        guard let separatorID = vocabulary.id(of: configuration.separatorToken) else {
            throw Self.missing(configuration.separatorToken)
        }
        self.unknownID = unknownID
        self.classID = classID
        self.separatorID = separatorID
        paddingID = vocabulary.id(of: configuration.paddingToken)
        maskID = vocabulary.id(of: configuration.maskToken)
        self.vocabulary = vocabulary
        self.configuration = configuration
        literals = AddedTokenMatcher(raw)
        normalizedLiterals = AddedTokenMatcher(normalized)
        normalization = NormalizationTable(configuration)
    }

    /// The whole text between `[CLS]` and `[SEP]`, never truncated. Word ids count white-space and punctuation units.
    package func tokenize(_ text: String) -> TokenizedText {
        let writer = WordPieceWriter(self, countsWords: true, byteCount: text.utf8.count)
        var normalizer = Normalizer(configuration, sink: writer)
        normalizer.sink.appendEnclosing(classID)
        read(text, into: &normalizer)
        normalizer.sink.appendEnclosing(separatorID)
        return normalizer.sink.text
    }

    /// Words that were split before. Word ids are indices into `words`, offsets count inside the word; a word may have
    /// several tokens, or none when normalisation leaves nothing of it.
    package func tokenize(words: [String]) -> TokenizedText {
        let byteCount = words.reduce(0) { $0 + $1.utf8.count }
        let writer = WordPieceWriter(self, countsWords: false, byteCount: byteCount)
        var normalizer = Normalizer(configuration, sink: writer)
        normalizer.sink.appendEnclosing(classID)
        for (index, word) in words.enumerated() {
            normalizer.sink.wordID = Int32(clamping: index)
            read(word, into: &normalizer)
        }
        normalizer.sink.appendEnclosing(separatorID)
        return normalizer.sink.text
    }
}

extension Tokenizer {
    private static func missing(_ token: String) -> Fault {
        Fault(
            .model, "vocabulary-special-token", "the vocabulary has no '\(token)'",
            hint: "Check that vocab.txt belongs to this model and that tokenizer_config.json spells its special tokens."
        )
    }

    /// The vocabulary's id of an added token, else its own, with which it joins the vocabulary.
    private static func identify(_ token: AddedToken, in vocabulary: inout Vocabulary) throws(Fault) -> Int32 {
        if let id = vocabulary.id(of: token.content) { return id }
        guard let id = token.id, id >= 0 else {
            throw Fault(
                .model, "tokenizer-added-token",
                "added token '\(token.content)' is not in the vocabulary and has no id of its own",
                hint: "Add it to the vocabulary, or give its id in added_tokens_decoder of tokenizer_config.json.")
        }
        vocabulary = try vocabulary.adding(token.content, id: id)
        return id
    }

    private static func normalize(_ text: String, _ configuration: TokenizerConfiguration) -> NormalizedText {
        var normalizer = Normalizer(configuration, sink: NormalizedText())
        for scalar in text.unicodeScalars { normalizer.feed(scalar.value, .none) }
        normalizer.settle()
        return normalizer.sink
    }

    /// One text, or one given word.
    private func read(_ text: String, into normalizer: inout Normalizer<WordPieceWriter>) {
        TextBytes.read(text) { bytes in read(bytes, into: &normalizer) }
    }

    private func read(_ bytes: TextBytes, into normalizer: inout Normalizer<WordPieceWriter>) {
        var position = Position()
        var cursor = 0
        while let match = literals.next(in: bytes, from: &cursor, floor: position.byte) {
            readBetween(bytes, to: match.range.lowerBound, from: &position, into: &normalizer)
            let start = position
            position.skip(bytes, to: match.range.upperBound)
            normalizer.sink.appendToken(match.id, start.origin(to: position))
        }
        readBetween(bytes, to: bytes.count, from: &position, into: &normalizer)
    }

    /// Text between two literals: what stands in another such part has no influence on it.
    private func readBetween(
        _ bytes: TextBytes, to end: Int, from position: inout Position,
        into normalizer: inout Normalizer<WordPieceWriter>
    ) {
        guard position.byte < end else { return }
        if normalizedLiterals.isEmpty {
            while let context = normalizer.sink.readWords(bytes, from: &position, to: end) {
                // At least beyond what stopped the quick way, so that it never looks at the same word twice.
                while position.byte < end,
                    position.byte <= context || !normalizer.isSettled || !normalizer.sink.isBetweenWords
                {
                    feed(bytes, from: &position, into: &normalizer)
                }
            }
            normalizer.settle()
        } else {
            var buffer = Normalizer(configuration, sink: NormalizedText())
            while position.byte < end { feed(bytes, from: &position, into: &buffer) }
            buffer.settle()
            split(buffer.sink, into: &normalizer.sink)
        }
        normalizer.sink.finishWord()
    }

    private func feed<Sink>(
        _ bytes: TextBytes, from position: inout Position, into normalizer: inout Normalizer<Sink>
    ) {
        let (scalar, length) = decode(bytes, position.byte)
        let start = position
        position.advance(by: length)
        normalizer.feed(scalar, start.origin(to: position))
    }

    /// Cuts out the literals that are looked for in normalised text.
    private func split(_ normalized: NormalizedText, into writer: inout WordPieceWriter) {
        var cursor = 0
        var floor = 0
        var index = 0
        func write(until byte: Int) {
            while index < normalized.scalars.count, normalized.starts[index] < byte {
                let scalar = normalized.scalars[index]
                writer.append(scalar, UnicodeFacts.shared.kinds(scalar), normalized.origins[index])
                index += 1
            }
        }
        func next() -> AddedTokenMatcher.Match? {
            TextBytes.read(normalized.bytes) { normalizedLiterals.next(in: $0, from: &cursor, floor: floor) }
        }
        while let match = next() {
            write(until: match.range.lowerBound)
            let first = index
            while index < normalized.starts.count, normalized.starts[index] < match.range.upperBound { index += 1 }
            floor = match.range.upperBound
            guard first < index else { continue }
            writer.appendToken(match.id, normalized.origins[first].joined(to: normalized.origins[index - 1]))
        }
        write(until: normalized.bytes.count)
    }
}
