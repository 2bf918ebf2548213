import Foundation
import FoundationXML
import Testing
import glossator

/// A page or a part of it, read by an XML parser: what it does not accept fails the test.
struct ParsedMarkup {
    struct Element {
        let name: String
        let attributes: [String: String]
        /// Of the element and of all inside it.
        var text = ""

        subscript(attribute: String) -> String? { attributes[attribute] }
        func number(_ attribute: String) throws -> Double { try #require(attributes[attribute].flatMap(Double.init)) }
        var classes: [String] { (attributes["class"] ?? "").split(separator: " ").map(String.init) }
    }

    /// In the order in which they begin.
    let elements: [Element]

    init(_ markup: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
        let reader = Reader()
        let parser = XMLParser(data: Data(markup.utf8))
        parser.delegate = reader
        let isRead = parser.parse()
        try #require(
            isRead && reader.open.isEmpty, "line \(parser.lineNumber): \(String(describing: parser.parserError))",
            sourceLocation: sourceLocation)
        elements = reader.elements
    }

    init(_ html: HTML, sourceLocation: SourceLocation = #_sourceLocation) throws {
        try self.init("<part>\(html.markup)</part>", sourceLocation: sourceLocation)
    }

    func all(_ name: String, class style: String? = nil) -> [Element] {
        elements.filter { $0.name == name && (style.map($0.classes.contains) ?? true) }
    }

    var text: String { elements.first?.text ?? "" }

    private final class Reader: NSObject, XMLParserDelegate {
        var elements: [Element] = []
        var open: [Int] = []

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
            attributes: [String: String]
        ) {
            open.append(elements.count)
            elements.append(Element(name: name, attributes: attributes))
        }

        func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
            open.removeLast()
        }

        func parser(_ parser: XMLParser, foundCharacters text: String) {
            for index in open { elements[index].text += text }
        }
    }
}
