import Foundation
import Testing
import TestSupport
import Tokenization

/// Sizes at which anything worse than linear would take minutes.
@Suite struct LargeTextTests {
    private func elapsed(_ body: () throws -> Void) rethrows -> Duration { try ContinuousClock().measure(body) }

    @Test(arguments: [
        "a b, caf\u{E9} ", "\u{4E2D}\u{6587}", "\u{D55C} ", "[SEP]", "e\u{301}\u{323} ", "a.b c! ", "[[[[ ",
    ])
    func tenMegabytesTakeSeconds(unit: String) throws {
        let tokenizer = try SmallVocabulary.tokenizer()
        let text = String(repeating: unit, count: 10_000_000 / unit.utf8.count)
        let time = elapsed {
            let tokenized = tokenizer.tokenize(text)
            #expect(tokenized.places[tokenized.count - 2].byteEnd > 9_999_000)
            #expect(!SentenceSplitter.sentences(in: text).isEmpty)
        }
        #expect(time < Tolerance.largeText)
    }

    @Test(arguments: [
        "a", "\u{E9}", "\u{301}", "\u{323}\u{301}", "\u{16AF0}\u{1E8D0}", "\u{D55C}", "[", ".", "\u{1}", "\u{200B}a",
    ])
    func oneWordOfAMegabyteTakesSeconds(unit: String) throws {
        let tokenizer = try SmallVocabulary.tokenizer()
        let text = "a" + String(repeating: unit, count: 1_000_000 / unit.utf8.count)
        let time = elapsed {
            let tokenized = tokenizer.tokenize(text)
            #expect(tokenized.count >= 3)
            #expect(SentenceSplitter.sentences(in: text).count == 1)
        }
        #expect(time < Tolerance.largeText)
    }

    @Test func aLongWordIsOneUnknownTokenFromEndToEnd() throws {
        let tokenized = try SmallVocabulary.tokenizer().tokenize(
            "a " + String(repeating: "\u{E9}", count: 500_000) + " b")
        #expect(tokenized.ids == [2, 8, 1, 9, 3])
        #expect(tokenized.scalarOffsets[2] == [2, 500_002])
        #expect(tokenized.byteOffsets[2] == [2, 1_000_002])
    }
}
