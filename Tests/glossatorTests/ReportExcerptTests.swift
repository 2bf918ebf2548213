import Foundation
import Testing
import Training
import glossator

@Suite("Texts in a report")
struct ReportExcerptTests {
    @Test("spans count Unicode scalars, overlap, and cut the text where they begin and end")
    func pieces() {
        // é is two scalars here, the flag two.
        let text = "e\u{301} 🇩🇪 Ann Lee"
        let excerpt = Excerpt(of: text, missed: [6..<13], spurious: [6..<9])
        #expect(
            excerpt.pieces == [
                .text("e\u{301} 🇩🇪 ", missed: false, spurious: false), .text("Ann", missed: true, spurious: true),
                .text(" Lee", missed: true, spurious: false),
            ])
    }

    @Test("a long text is cut to what lies around the spans, at blanks, and says how much is left out")
    func long() {
        let words = (0..<1000).map { "w\($0)" }.joined(separator: " ")
        let scalars = Array(words.unicodeScalars)
        let span = 2000..<2005
        let pieces = Excerpt(of: words, missed: [span]).pieces
        #expect(pieces.count == 5)
        guard case .gap(let before) = pieces.first, case .gap(let after) = pieces.last else {
            Issue.record("no gaps: \(pieces)")
            return
        }
        let shown = pieces.compactMap { if case .text(let text, _, _) = $0 { text } else { nil } }.joined()
        #expect(before + shown.unicodeScalars.count + after == scalars.count)
        #expect((1860...1880).contains(before) && shown.unicodeScalars.count < 300)
        #expect(scalars[before - 1] == " " && scalars[scalars.count - after] == " ")
        #expect(pieces[2] == .text(String(String.UnicodeScalarView(scalars[span])), missed: true, spurious: false))
    }

    @Test("a long text without a span shows its beginning; a short one all of it")
    func beginning() {
        let text = String(repeating: "x", count: 1_000)
        #expect(
            Excerpt(of: text).pieces == [
                .text(String(repeating: "x", count: 600), missed: false, spurious: false), .gap(400),
            ])
        let short = String(repeating: "x", count: 600)
        #expect(Excerpt(of: short).pieces == [.text(short, missed: false, spurious: false)])
        #expect(Excerpt(of: "").pieces.allSatisfy { $0 == .text("", missed: false, spurious: false) })
    }

    @Test("spans near each other share a window; a hundred of them do not show the whole text")
    func windows() {
        let text = String(repeating: "word ", count: 20_000)
        let near = Excerpt(of: text, missed: [5000..<5004], spurious: [5100..<5104]).pieces
        #expect(near.filter { if case .gap = $0 { true } else { false } }.count == 2)
        let far = Excerpt(of: text, missed: (0..<100).map { $0 * 900..<$0 * 900 + 4 }).pieces
        let shown = far.reduce(0) { if case .text(let text, _, _) = $1 { $0 + text.unicodeScalars.count } else { $0 } }
        #expect((Excerpt.most..<Excerpt.most + 400).contains(shown))
        let endless = Excerpt(of: text, missed: [0..<100_000]).pieces
        guard case .text(let first, true, false) = endless.first else {
            Issue.record("\(endless.count)")
            return
        }
        #expect(first.unicodeScalars.count < 3_000)
    }

    @Test("a span that the text does not have is left out")
    func outside() {
        #expect(
            Excerpt(of: "abc", missed: [2..<9, 7..<8, 3..<3]).pieces == [
                .text("ab", missed: false, spurious: false), .text("c", missed: true, spurious: false),
            ])
    }

    @Test("a letter and its accent stay together where a text without blanks is cut")
    func accents() {
        let text = String(repeating: "e\u{301}", count: 1_000)
        // The window would begin at an accent, 881, and end before one, 1123.
        let pieces = Excerpt(of: text, missed: [1001..<1003]).pieces
        #expect(pieces.first == .gap(880) && pieces.last == .gap(2_000 - 1_124))
        #expect(pieces.count == 5)
        // Without a span, at the end of the beginning.
        #expect(Excerpt(of: "x" + text).pieces.last == .gap(2_001 - 601))
    }

    // MARK: The list

    @Test("an error shows gold, answer and text; a document that is gone says so; nothing is taken for markup")
    func list() throws {
        let errors = try JSONDecoder().decode(
            [WorstError].self,
            from: Data(
                """
                [{"task": "t", "document": 1, "gold": "<u>", "predicted": "b&c", "confidence": 0.97, "missed": [],
                  "spurious": []},
                 {"task": "t", "document": 2, "gold": "a", "predicted": "b", "confidence": 0.5, "missed": [],
                  "spurious": []}]
                """.utf8))
        let document = WorstErrorList.Document(externalID: "<i>", body: "<script>alert(1)</script>")
        let parsed = try ParsedMarkup(WorstErrorList(errors: errors, documents: [1: document]).html)
        #expect(parsed.all("script").isEmpty && parsed.all("u").isEmpty && parsed.all("i").isEmpty)
        let items = parsed.all("li").map(\.text)
        #expect(items.count == 2)
        #expect(items[0] == "<i> (document 1): gold <u>, answer b&c with score 0.970<script>alert(1)</script>")
        #expect(items[1].hasPrefix("document 2: gold a") && items[1].contains("The document is gone"))
    }

    @Test("entities that were missed or are spurious are marked in the text and named below")
    func entities() throws {
        let errors = try JSONDecoder().decode(
            [WorstError].self,
            from: Data(
                """
                [{"task": "t", "document": 1, "missed": [{"type": "per", "start": 2, "end": 5}],
                  "spurious": [{"type": "loc", "start": 6, "end": 9}]}]
                """.utf8))
        let document = WorstErrorList.Document(externalID: "d", body: "👍 Ann Lee ran")
        let parsed = try ParsedMarkup(WorstErrorList(errors: errors, documents: [1: document]).html)
        let quote = try #require(parsed.all("blockquote").first)
        #expect(quote.text == "👍 Ann Lee ran")
        #expect(parsed.all("mark", class: "missed").map(\.text).last == "Ann")
        #expect(parsed.all("mark", class: "spurious").map(\.text).last == "Lee")
        #expect(parsed.all("p", class: "mentions").map(\.text) == ["missed: “Ann” (per)", "spurious: “Lee” (loc)"])
    }
}
