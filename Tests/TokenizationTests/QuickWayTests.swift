import TestSupport
import Testing
import Tokenization

/// The quick way through a text against its naive twin, which normalises scalar by scalar.
@Suite struct QuickWayTests {
    /// A literal that is looked for in normalised text makes a tokeniser normalise the whole of it first. This one is
    /// in no text.
    private static let neverFound: AddedToken = {
        var token = AddedToken("\u{10FFFF}\u{10FFFE}", id: 9_999)
        token.isNormalized = true
        return token
    }()

    private static let literals: [AddedToken] = {
        var swallowing = AddedToken("<x>", id: 9_000)
        (swallowing.stripsLeft, swallowing.stripsRight) = (true, true)
        return [AddedToken("[MASK]"), AddedToken("[SEP]"), swallowing]
    }()

    /// Letters and digits by themselves and as continuations, words around the lengths where the ways part, and what
    /// scripts other than Latin become.
    private static let tokens: [String] = {
        var tokens = SmallVocabulary.tokens
        let scalars = Array("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789".unicodeScalars.map(String.init))
        tokens += scalars + scalars.map { "##" + $0 }
        tokens += [7, 8, 9, 15, 16, 17, 18].map { String(String(repeating: "wordy", count: 4).prefix($0)) }
        tokens += [
            "$", "-", "=", "\u{3B1}", "##\u{3C3}", "\u{1161}", "##\u{302E}", "\u{8C48}", "\u{3BA}\u{3B1}\u{3B9}",
        ]
        var seen: Set<[UInt8]> = []
        return tokens.filter { seen.insert(Array($0.utf8)).inserted }
    }()

    private static let parts: [String] = [
        " ", " ", " ", "a", "B", "c", "the", "The", "UNAFFABLE", "un", "wordywo", "wordywor", "WordyWordyWordy",
        "wordywordywordyw", "wordywordywordywo", "z", "Z", "0", "12", "9/", ":", "@", "[", "`", "{", "~", "-", "$",
        "\t", "\n", "\r", "\0", "\u{1}", "\u{10}", "\u{1A}", "\u{1F}", "\u{7F}", "\u{85}", "\u{A0}", "\u{AD}",
        "\u{E9}", "\u{C9}", "e\u{301}", "\u{301}", "\u{323}\u{301}", "\u{301}\u{323}", "\u{130}", "\u{DF}", "\u{1E9E}",
        "\u{3A3}", "\u{39A}\u{391}\u{399}", "\u{212A}", "\u{2260}", "\u{37E}", "\u{1FEF}", "\u{344}", "\u{F73}",
        "\u{D55C}", "\u{D558}", "\u{1112}", "\u{4E2D}\u{6587}", "\u{F900}", "\u{2F800}", "\u{304C}", "\u{304B}\u{3099}",
        "\u{958}", "\u{9CB}", "\u{E01}\u{E33}", "\u{302E}", "\u{302E}\u{301}", "\u{301}\u{302E}", "\u{1B44}",
        "\u{1D15E}", "\u{1D165}", "\u{2014}", "\u{2019}", "\u{3002}", "\u{200D}", "\u{1F600}", "\u{1F44D}\u{1F3FD}",
        "\u{2028}", "\u{2001}", "\u{FEFF}", "\u{FFFD}", "\u{E000}", "[MASK]", "[SEP", "[SEP]", " <x> ", "##",
        String(repeating: "q", count: 99), String(repeating: "\u{E9}", count: 50),
    ]

    private func configurations() -> [TokenizerConfiguration] {
        (0..<48).map { number in
            var configuration = TokenizerConfiguration()
            configuration.lowercase = number & 1 == 0
            configuration.stripAccents = number & 2 == 0
            configuration.cleansText = number & 4 == 0
            configuration.splitsChineseCharacters = number & 8 == 0
            configuration.maximumWordLength = [100, 4, 0][number / 16]
            configuration.addedTokens = Self.literals
            return configuration
        }
    }

    private func tokenizers(_ configuration: TokenizerConfiguration) throws -> (quick: Tokenizer, naive: Tokenizer) {
        let vocabulary = try Vocabulary(tokens: Self.tokens.map { Array($0.utf8) })
        var naive = configuration
        naive.addedTokens = Self.literals + [Self.neverFound]
        return (
            try Tokenizer(vocabulary: vocabulary, configuration: configuration),
            try Tokenizer(vocabulary: vocabulary, configuration: naive)
        )
    }

    /// One of `parts`, a letter, or any scalar at all.
    private func part(_ generator: inout SeededGenerator) -> String {
        switch UInt8.random(in: 0..<8, using: &generator) {
        case 0: String(Character(Unicode.Scalar(UInt32.random(in: 0..<0x3_0000, using: &generator)) ?? "\u{E000}"))
        case 1, 2: String(Character(Unicode.Scalar(UInt8.random(in: 97...122, using: &generator))))
        default: Self.parts[Int.random(in: 0..<Self.parts.count, using: &generator)]
        }
    }

    @Test func mixturesOfEverything() throws {
        for (number, configuration) in configurations().enumerated() {
            let (quick, naive) = try tokenizers(configuration)
            var generator = SeededGenerator(seed: UInt64(number))
            for _ in 0..<400 {
                let count = Int.random(in: 0...24, using: &generator)
                let parts = (0..<count).map { _ in part(&generator) }
                let text = parts.joined()
                let scalars = text.unicodeScalars.map { String($0.value, radix: 16) }.joined(separator: " ")
                #expect(quick.tokenize(text) == naive.tokenize(text), "configuration \(number): \(scalars)")
                #expect(quick.tokenize(words: parts) == naive.tokenize(words: parts), "words: \(scalars)")
            }
        }
    }

    /// Every scalar that has a code point of its own among others: alone, in a word, and beside a mark that stays.
    @Test func everyScalarOfTheFirstPlanes() throws {
        for configuration in configurations().prefix(4) {
            let (quick, naive) = try tokenizers(configuration)
            for first in stride(from: UInt32(0), to: 0x3_0000, by: 64) {
                let scalars = (first..<first + 64).compactMap(Unicode.Scalar.init)
                let text = scalars.map { "\($0) a\($0)b\($0)\u{302E}\u{301}" }.joined()
                #expect(quick.tokenize(text) == naive.tokenize(text), "from \(String(first, radix: 16))")
            }
        }
    }
}
