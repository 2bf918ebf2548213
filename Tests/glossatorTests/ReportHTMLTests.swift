import Foundation
import Testing
import glossator

@Suite("The report's markup")
struct ReportHTMLTests {
    @Test(
        "a text comes out of a parser as it went in, as content and as an attribute",
        arguments: [
            "<script>alert(1)</script>", "\"quoted\" & 'single'", "</p><p onclick=\"x\">", "&amp; &lt; &#39;", "a\tb",
            "]]>", "<!-- -->", "日本語 e\u{301} 👩‍👩‍👧 \u{202E}desrever", "\u{10FFFD}", "",
        ])
    func roundTrip(text: String) throws {
        let parsed = try ParsedMarkup(.tag("p", with: ["title": text], HTML(text)))
        #expect(parsed.elements.map(\.name) == ["part", "p"])
        // A parser turns a tab in an attribute into a space.
        #expect(parsed.elements[1]["title"] == text.replacing("\t", with: " "))
        #expect(Array(parsed.text.unicodeScalars) == Array(text.unicodeScalars))
    }

    @Test("what no XML may contain is shown as a picture or as a replacement, one for one")
    func forbidden() throws {
        let text = String(String.UnicodeScalarView((0...0x9F).compactMap(Unicode.Scalar.init)))
        let parsed = Array(try ParsedMarkup(HTML(text)).text.unicodeScalars)
        #expect(parsed.count == 0xA0)
        #expect(parsed[0] == "\u{2400}" && parsed[0x1B] == "\u{241B}" && parsed[0x7F] == "\u{2421}")
        #expect(parsed[0x09] == "\t" && parsed[0x0A] == "\n" && parsed[0x0D] == "\r")
        #expect(parsed[0x20..<0x7F].elementsEqual(text.unicodeScalars.dropFirst(0x20).prefix(0x5F)))
        #expect(parsed[0x80...].allSatisfy { $0 == "\u{FFFD}" })
        #expect(try ParsedMarkup("\u{FFFE}\u{FFFF}" as HTML).text == "\u{FFFD}\u{FFFD}")
    }

    @Test("an interpolated string is text, however it looks")
    func interpolation() {
        let label = "<b>"
        let html: HTML = "label \(label)"
        #expect(html.markup == "label &lt;b&gt;")
    }

    @Test("elements without content are closed by a tag, as HTML wants it, and void ones are not")
    func empty() {
        #expect(HTML.tag("td").markup == "<td></td>")
        #expect(HTML.tag("br").markup == "<br/>")
        #expect(HTML.tag("p", class: "a", "x", .tag("b", "y")).markup == "<p class=\"a\">x<b>y</b></p>")
    }

    @Test("a name may be broken after each of its parts, and is the same text")
    func names() throws {
        let parsed = try ParsedMarkup(HTML.name("card_payment-fee_"))
        #expect(parsed.text == "card_payment-fee_" && parsed.all("wbr").count == 3)
        #expect(try ParsedMarkup(HTML.name("")).text.isEmpty)
    }

    @Test("figures are the same everywhere, and what is no number says so")
    func figures() {
        #expect(Figure.text(0.12345) == "0.123")
        #expect(Figure.text(Double.nan) == "no number" && Figure.text(Double.infinity) == "∞")
        #expect(Figure.text(nil) == "–")
        #expect([0.05, -0.05, 0.0001, -0.0001].map { Figure.change($0) } == ["+0.050", "−0.050", "±0.000", "±0.000"])
        #expect(
            [0, 7, 999, 1000, 1_234_567, -1000].map(Figure.count) == ["0", "7", "999", "1,000", "1,234,567", "−1,000"])
        #expect(
            [0.5, 59.94, 60, 136, 3600, 7261].map(Figure.time) == [
                "0.5 s", "59.9 s", "1 min 0 s", "2 min 16 s", "1 h 0 min", "2 h 1 min",
            ])
    }

    @Test("a file's name holds nothing of a collection's that a shell or a folder would understand")
    func fileName() {
        #expect(ReportFile.name(collection: "mail", run: 7) == "report-mail-7.html")
        #expect(ReportFile.name(collection: "../a/b c<script>", run: 1) == "report----a-b-c-script--1.html")
        #expect(ReportFile.name(collection: "Größe_日本", run: 2) == "report-Größe_日本-2.html")
    }
}
