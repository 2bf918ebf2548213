import Annotations
import Testing
import Tokenization

@Suite struct TokenizerTests {
    @Test(
        arguments: [
            ("unaffable", ["un", "##aff", "##able"]),  // longest piece first, from the left
            ("unaffablez", ["[UNK]"]),  // one part that is no piece spoils the word
            ("The", ["the"]),
            ("a,b", ["a", ",", "b"]),
            ("a\u{2E52}b", ["[UNK]"]),  // punctuation that is newer than the reference's Unicode
            ("CAF\u{C9}", ["cafe"]),
            ("cafe\u{301}", ["cafe"]),
            ("a\u{4E2D}\u{6587}b", ["a", "\u{4E2D}", "\u{6587}", "b"]),
            ("\u{130}", ["i"]),
            ("\u{3A3}", ["\u{3C3}"]),  // no final sigma: every scalar by itself
            ("\u{D55C}", ["\u{1112}", "##\u{1161}", "##\u{11AB}"]),  // Hangul is decomposed
            ("a\u{B}b", ["a", "##b"]),  // a control character although it is white space
            ("a\u{85}b", ["a", "##b"]),
            ("a\u{200B}b\u{FEFF}\u{E000}\u{FFFD}c", ["a", "##b", "##c"]),
            ("a\u{3000}b\u{A0}c\u{2028}a\tb\r\nc", ["a", "b", "c", "a", "b", "c"]),
            ("", []),
            (" \t\n\u{A0}", []),
            ("\u{301}\u{302}", []),
            ("\u{417}\u{434}", ["\u{437}", "##\u{434}"]),
        ] as [(String, [String])])
    func uncasedPieces(text: String, expected: [String]) throws {
        #expect(try SmallVocabulary.tokenizer().pieces(text).map { Array($0.utf8) } == expected.map { Array($0.utf8) })
    }

    @Test(
        arguments: [
            (false, nil, "The CAF\u{C9}", ["The", "[UNK]"]),
            (false, nil, "caf\u{E9}", ["caf\u{E9}"]),
            (false, nil, "cafe\u{301}", ["cafe\u{301}"]),
            (false, true, "caf\u{E9}", ["cafe"]),
            (false, true, "The", ["The"]),
            (true, false, "CAF\u{C9}", ["caf\u{E9}"]),
            (true, false, "CAFE\u{301}", ["cafe\u{301}"]),
            (true, false, "\u{130}", ["i", "##\u{307}"]),
            (true, true, "CAF\u{C9}", ["cafe"]),
        ] as [(Bool, Bool?, String, [String])])
    func caseAndAccents(lowercase: Bool, stripAccents: Bool?, text: String, expected: [String]) throws {
        let tokenizer = try SmallVocabulary.tokenizer {
            $0.lowercase = lowercase
            $0.stripAccents = stripAccents
        }
        #expect(tokenizer.pieces(text).map { Array($0.utf8) } == expected.map { Array($0.utf8) })
    }

    @Test func withoutCleaningControlCharactersStayAndWhiteSpaceStillSplits() throws {
        let tokenizer = try SmallVocabulary.tokenizer { $0.cleansText = false }
        #expect(tokenizer.pieces("a\u{1}b") == ["[UNK]"])
        #expect(tokenizer.pieces("a\u{B}b\u{85}c") == ["a", "b", "c"])
    }

    @Test func ideographsStayTogetherWhenAskedTo() throws {
        let tokenizer = try SmallVocabulary.tokenizer { $0.splitsChineseCharacters = false }
        #expect(tokenizer.pieces("\u{4E2D}\u{6587}") == ["[UNK]"])
        #expect(tokenizer.pieces("\u{4E2D}") == ["\u{4E2D}"])
    }

    @Test(
        arguments: [
            ("[MASK]", ["[MASK]"]),
            ("a[MASK]b", ["a", "[MASK]", "b"]),
            ("[mask]", ["[", "mask", "]"]),
            ("[[SEP]]", ["[", "[SEP]", "]"]),
            ("[MASK", ["[", "mask"]),
            ("[CLS][CLS] [UNK]", ["[CLS]", "[CLS]", "[UNK]"]),
        ] as [(String, [String])])
    func specialTokensAreFoundFirstAndAsTheyAreSpelt(text: String, expected: [String]) throws {
        #expect(try SmallVocabulary.tokenizer().pieces(text) == expected)
    }

    @Test func aHundredNormalisedScalarsAreAWordAndOneMoreIsUnknown() throws {
        let tokenizer = try SmallVocabulary.tokenizer()
        func text(_ count: Int) -> String { String(repeating: "a", count: count) }
        #expect(tokenizer.tokenize(text(100)).count == 102)
        #expect(tokenizer.pieces(text(101)) == ["[UNK]"])
        // Accents are gone and Hangul is taken apart before anything is counted.
        #expect(tokenizer.tokenize(String(repeating: "a\u{301}", count: 100)).count == 102)
        #expect(tokenizer.pieces(String(repeating: "\u{D55C}", count: 34)) == ["[UNK]"])
        #expect(tokenizer.tokenize(text(101)).scalarOffsets == [[0, 0], [0, 101], [0, 0]])
    }

    @Test func offsetsCountScalarsAndBytesOfTheTextAsGiven() throws {
        let tokenized = try SmallVocabulary.tokenizer().tokenize(
            " CAF\u{C9}\u{301} \u{D55C}, un\u{AD}affable[SEP]\u{1F600}")
        let names = [
            "[CLS]", "cafe", "\u{1112}", "##\u{1161}", "##\u{11AB}", ",", "un", "##aff", "##able", "[SEP]", "[UNK]",
            "[SEP]",
        ]
        #expect(tokenized.ids == names.map(SmallVocabulary.id))
        #expect(
            tokenized.scalarOffsets == [
                [0, 0], [1, 5], [7, 8], [7, 8], [7, 8], [8, 9], [10, 12], [13, 16], [16, 20], [20, 25], [25, 26],
                [0, 0],
            ])
        #expect(
            tokenized.byteOffsets == [
                [0, 0], [1, 6], [9, 12], [9, 12], [9, 12], [12, 13], [14, 16], [18, 21], [21, 25], [25, 30], [30, 34],
                [0, 0],
            ])
        #expect(tokenized.wordIDs == [-1, 0, 1, 1, 1, 2, 3, 3, 3, 4, 5, -1])
    }

    @Test func givenWordsKeepTheirNumbersAndOffsetsInside() throws {
        let words = ["The", "", "a b", "\u{200B}", "un[MASK]", "caf\u{E9}s"]
        let tokenized = try SmallVocabulary.tokenizer().tokenize(words: words)
        let names = ["[CLS]", "the", "a", "b", "un", "[MASK]", "cafe", "##s", "[SEP]"]
        #expect(tokenized.ids == names.map(SmallVocabulary.id))
        #expect(tokenized.wordIDs == [-1, 0, 2, 2, 4, 4, 5, 5, -1])
        #expect(
            tokenized.scalarOffsets == [
                [0, 0], [0, 3], [0, 1], [2, 3], [0, 2], [2, 8], [0, 4], [4, 5], [0, 0],
            ])
        #expect(tokenized.byteOffsets[7] == [5, 6])
        #expect(try SmallVocabulary.tokenizer().tokenize(words: []).ids == [2, 3])
    }

    @Test func addedTokensHonourTheirFlags() throws {
        let tokenizer = try SmallVocabulary.tokenizer {
            var left = AddedToken("<left>", id: 100)
            left.stripsLeft = true
            var right = AddedToken("<right>", id: 101)
            right.stripsRight = true
            var whole = AddedToken("unit", id: 102)
            whole.isWholeWord = true
            var normalized = AddedToken("\u{C4}b", id: 103)
            normalized.isNormalized = true
            $0.addedTokens = [left, right, whole, normalized, AddedToken("[CLS]"), AddedToken("un")]
        }
        #expect(tokenizer.pieces("a <left> b") == ["a", "<left>", "b"])
        #expect(tokenizer.tokenize("a <left> b").scalarOffsets == [[0, 0], [0, 1], [1, 8], [9, 10], [0, 0]])
        #expect(tokenizer.tokenize("a <right> b").scalarOffsets == [[0, 0], [0, 1], [2, 10], [10, 11], [0, 0]])
        #expect(tokenizer.pieces("unit a.unit units") == ["unit", "a", ".", "unit", "[UNK]"])
        #expect(tokenizer.pieces("c\u{E4}Bc AB") == ["c", "\u{C4}b", "c", "\u{C4}b"])
        #expect(tokenizer.tokenize("c\u{E4}Bc").byteOffsets == [[0, 0], [0, 1], [1, 4], [4, 5], [0, 0]])
        #expect(tokenizer.pieces("cun") == ["c", "un"])
        #expect(tokenizer.pieces("[MASK]") == ["[", "mask", "]"])
        #expect(tokenizer.vocabulary.id(of: "unit") == 102)
    }

    @Test func specialTokensMustBeInTheVocabulary() throws {
        for missing in ["[UNK]", "[CLS]", "[SEP]"] {
            let vocabulary = try Vocabulary(
                tokens: ["[UNK]", "[CLS]", "[SEP]", "a"].map { Array(($0 == missing ? "b" : $0).utf8) })
            let fault = #expect(throws: Fault.self) {
                try Tokenizer(vocabulary: vocabulary, configuration: TokenizerConfiguration())
            }
            #expect(fault?.code == "vocabulary-special-token")
            #expect(fault?.message.contains(missing) == true)
        }
        let fault = #expect(throws: Fault.self) {
            try SmallVocabulary.tokenizer { $0.addedTokens = [AddedToken("<new>")] }
        }
        #expect(fault?.code == "tokenizer-added-token")
    }

    @Test func paddingAndMaskAreOptional() throws {
        let vocabulary = try Vocabulary(tokens: ["[UNK]", "[CLS]", "[SEP]"].map { Array($0.utf8) })
        let tokenizer = try Tokenizer(vocabulary: vocabulary, configuration: TokenizerConfiguration())
        #expect(tokenizer.paddingID == nil && tokenizer.maskID == nil)
        #expect(tokenizer.tokenize("[MASK]").ids == [1, 0, 0, 0, 2])
    }
}
