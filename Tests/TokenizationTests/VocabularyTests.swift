import Annotations
import Testing
import Tokenization

@Suite struct VocabularyTests {
    @Test func linesAreTokensInOrder() throws {
        let vocabulary = try Vocabulary(file: Array("\u{FEFF}[PAD]\r\n[UNK]\n\nthe\n##s\n\n".utf8))
        #expect(vocabulary.count == 5)
        #expect(vocabulary.token(0) == "[PAD]" && vocabulary.token(3) == "the" && vocabulary.token(4) == "##s")
        #expect(vocabulary.token(2) == nil && vocabulary.token(5) == nil && vocabulary.token(-1) == nil)
        #expect(vocabulary.id(of: "##s") == 4 && vocabulary.id(of: "s") == nil && vocabulary.id(of: "") == nil)
    }

    @Test func canonicallyEquivalentSpellingsAreTwoTokens() throws {
        let vocabulary = try SmallVocabulary.vocabulary()
        #expect(vocabulary.id(of: "caf\u{E9}") == 17)
        #expect(vocabulary.id(of: "cafe\u{301}") == 18)
        #expect(vocabulary.token(17)?.unicodeScalars.count == 4 && vocabulary.token(18)?.unicodeScalars.count == 5)
    }

    @Test(
        arguments: [
            (Array("a\nb\na\n".utf8), "vocabulary-duplicate"),
            ([0x61, 0x0A, 0xC3, 0x0A], "vocabulary-not-utf8"),
            ([], "vocabulary-empty"),
            ([0x0A, 0x0A], "vocabulary-empty"),
        ] as [([UInt8], String)])
    func whatIsNoVocabularyIsRefused(bytes: [UInt8], code: String) {
        let fault = #expect(throws: Fault.self) { try Vocabulary(file: bytes) }
        #expect(fault?.code == code)
        #expect(fault?.blame == .model)
    }

    @Test func aFaultNamesTheDuplicateAndTheBadLine() {
        #expect(throws: Fault.self) { try Vocabulary(file: Array("a\nb\na\n".utf8)) }
        do {
            _ = try Vocabulary(file: Array("a\nb\na\n".utf8))
        } catch {
            #expect(error.message.contains("'a' twice, as 0 and 2"))
        }
        do {
            _ = try Vocabulary(file: [0x61, 0x0A, 0xC3, 0x0A])
        } catch {
            #expect(error.message.contains("line 2"))
        }
    }
}
