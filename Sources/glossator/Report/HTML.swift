/// A part of a page. A string becomes one by being escaped, so that no text, label or name can be taken for markup;
/// what is built is XML as well as HTML, so that a test can parse it.
package struct HTML: Sendable, Hashable, ExpressibleByStringInterpolation {
    package let markup: String

    /// Text, for content and attributes alike. Characters that XML forbids are shown as their pictures (U+2400…).
    package init(_ text: some StringProtocol) {
        var markup = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "&": markup += "&amp;"
            case "<": markup += "&lt;"
            case ">": markup += "&gt;"
            case "\"": markup += "&quot;"
            case "'": markup += "&#39;"
            // A bare carriage return is a line break to a parser of HTML or XML; two of them would be one.
            case "\r": markup += "&#13;"
            case "\t", "\n": markup.unicodeScalars.append(scalar)
            case "\0"..."\u{1F}": markup.unicodeScalars.append(Unicode.Scalar(0x2400 + scalar.value) ?? "\u{FFFD}")
            case "\u{7F}": markup += "\u{2421}"
            // The last two no XML may contain; the others mean nothing in a page, and a validator of HTML complains.
            case "\u{80}"..."\u{9F}", "\u{FFFE}", "\u{FFFF}": markup += "\u{FFFD}"
            default: markup.unicodeScalars.append(scalar)
            }
        }
        self.markup = markup
    }

    package init(stringLiteral text: String) { self.init(text) }

    private init(markup: String) { self.markup = markup }

    /// The program's own markup, as it stands: a literal cannot carry anybody's data.
    package init(trusted markup: StaticString) { self.init(markup: markup.description) }

    package static let empty = HTML(markup: "")

    /// Parts one after another.
    package static func all(_ parts: [HTML]) -> HTML { HTML(markup: parts.map(\.markup).joined()) }

    /// Parts with commas between them.
    package static func list(_ parts: [HTML]) -> HTML { HTML(markup: parts.map(\.markup).joined(separator: ", ")) }

    package static func tag(
        _ name: StaticString, class style: String? = nil, with attributes: KeyValuePairs<String, String> = [:],
        _ content: HTML...
    ) -> HTML {
        tag(name, class: style, with: attributes, all: content)
    }

    package static func tag(
        _ name: StaticString, class style: String? = nil, with attributes: KeyValuePairs<String, String> = [:],
        all content: [HTML]
    ) -> HTML {
        var markup = "<\(name)"
        if let style { markup += " class=\"\(HTML(style).markup)\"" }
        for (key, value) in attributes { markup += " \(key)=\"\(HTML(value).markup)\"" }
        guard !isVoid(name) else { return HTML(markup: markup + "/>") }
        markup += ">"
        for part in content { markup += part.markup }
        return HTML(markup: markup + "</\(name)>")
    }

    /// HTML knows no short form for other elements: `<p/>` would stay open.
    private static func isVoid(_ name: StaticString) -> Bool { ["meta", "br", "wbr"].contains(name.description) }

    /// Text that somebody else named, kept from turning the text around it when it is written from right to left.
    /// It may be broken where its parts meet: labels are long words with underscores more often than not.
    package static func name(_ text: String) -> HTML {
        let parts = text.split(omittingEmptySubsequences: false) { "_-/.".contains($0) }
        let joined = parts.map { part -> [HTML] in
            part.endIndex < text.endIndex ? [HTML(text[part.startIndex...part.endIndex]), tag("wbr")] : [HTML(part)]
        }
        return tag("bdi", all: joined.flatMap(\.self))
    }

    /// A whole document with the declaration that a browser needs to follow the standard.
    package static func document(title: String, style: StaticString, _ body: [HTML]) -> String {
        let page = tag(
            "html", with: ["xmlns": "http://www.w3.org/1999/xhtml", "lang": "en"],
            tag(
                "head", tag("meta", with: ["charset": "utf-8"]),
                // Nothing is fetched and nothing runs, whatever a text says.
                tag(
                    "meta",
                    with: [
                        "http-equiv": "Content-Security-Policy",
                        "content": "default-src 'none'; style-src 'unsafe-inline'",
                    ]),
                tag("meta", with: ["name": "viewport", "content": "width=device-width, initial-scale=1"]),
                tag("meta", with: ["name": "color-scheme", "content": "light dark"]),
                tag("title", HTML(title)), tag("style", HTML(trusted: style))),
            tag("body", all: body))
        return "<!DOCTYPE html>\n" + page.markup + "\n"
    }
}
