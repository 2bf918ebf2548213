import Testing
import Tokenization

@Suite struct WindowTests {
    /// `a a a …` with `count` content tokens.
    private func text(_ count: Int) throws -> TokenizedText {
        try SmallVocabulary.tokenizer().tokenize(Array(repeating: "a", count: count).joined(separator: " "))
    }

    @Test(
        arguments: [
            (0, 5, 1, [1..<1]),
            (3, 5, 1, [1..<4]),
            (4, 5, 1, [1..<4, 3..<5]),
            (5, 5, 1, [1..<4, 3..<6]),
            (6, 5, 0, [1..<4, 4..<7]),
            (7, 5, 0, [1..<4, 4..<7, 7..<8]),
            (7, 5, 2, [1..<4, 2..<5, 3..<6, 4..<7, 5..<8]),
            (2, 3, 0, [1..<2, 2..<3]),
            (2, 0, 9, [1..<2, 2..<3]),  // no room and no progress: one token at a time
            (3, 5, -1, [1..<4]),
        ] as [(Int, Int, Int, [Range<Int>])])
    func ranges(count: Int, maximum: Int, stride: Int, expected: [Range<Int>]) throws {
        #expect(try text(count).windowRanges(maximumTokens: maximum, stride: stride) == expected)
    }

    @Test func windowsCarryTheirOwnSpecialTokensAndTheTextsOffsets() throws {
        let whole = try SmallVocabulary.tokenizer().tokenize("a b c unaffable")
        let windows = try #require(whole.windows(maximumTokens: 5, stride: 1))
        #expect(windows.map(\.ids) == [[2, 8, 9, 10, 3], [2, 10, 5, 6, 3], [2, 6, 7, 3]])
        #expect(windows[1].scalarOffsets == [[0, 0], [4, 5], [6, 8], [8, 11], [0, 0]])
        #expect(windows[1].byteOffsets == windows[1].scalarOffsets)
        #expect(windows[2].wordIDs == [-1, 3, 3, -1])
        #expect(whole.prefix(maximumTokens: 5) == windows[0])
    }

    @Test func aTextThatFitsIsItsOnlyWindow() throws {
        let whole = try text(3)
        #expect(whole.windows(maximumTokens: 5, stride: 4) == [whole])
        #expect(whole.prefix(maximumTokens: 5) == whole)
        #expect(whole.prefix(maximumTokens: 0).ids == [2, 3])
    }

    @Test func windowsThatCannotAdvanceAreNone() throws {
        let whole = try text(9)
        #expect(whole.windows(maximumTokens: 2, stride: 0) == nil)
        #expect(whole.windows(maximumTokens: 6, stride: 4) == nil)
        #expect(whole.windows(maximumTokens: 6, stride: -1) == nil)
        #expect(TokenizedText().windows(maximumTokens: 4, stride: 1) == [TokenizedText()])
        #expect(TokenizedText().windowRanges(maximumTokens: 4, stride: 1) == [0..<0])
    }
}
