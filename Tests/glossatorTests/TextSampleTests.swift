import Testing
import glossator

@Suite struct TextSampleTests {
    @Test func spreadsEvenly() {
        let texts = (0..<1000).map { "text \($0)" }
        #expect(TextSample(of: texts, count: 4).texts == ["text 0", "text 250", "text 500", "text 750"])
        #expect(TextSample(of: texts, count: 5000).texts == texts)
        #expect(TextSample(of: [], count: 5).texts.isEmpty)
    }

    @Test func readsNoTextTwice() {
        #expect(TextSample(of: ["a", "b", "a", "a"], count: 9).texts == ["a", "b"])
    }

    @Test("long texts are cut between characters, and the whole is bounded")
    func bounds() {
        let long = TextSample(of: ["x" + String(repeating: "😀", count: 5000)], count: 9)
        #expect(long.texts.map(\.unicodeScalars.count) == [TextSample.maximumCharacters])
        let many = TextSample(of: (0..<500).map { "\($0) " + String(repeating: "x", count: 990) }, count: 256)
        #expect(many.texts.reduce(0) { $0 + $1.utf8.count } <= TextSample.maximumBytes)
        #expect(many.texts.count > 100)
        #expect(many.texts.first?.hasPrefix("0 ") == true && many.texts.last?.hasPrefix("49") == true)
        #expect(many.few().texts.reduce(0) { $0 + $1.utf8.count } <= 8 << 10)
        // One that is too long alone is better than none.
        #expect(TextSample(of: ["abc"], count: 1, maximumBytes: 2).texts == ["abc"])
    }
}
