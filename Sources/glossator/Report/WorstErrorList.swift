package import Training

/// The held-out documents that a task's head gets wrong worst, with their texts.
package struct WorstErrorList {
    /// A document as it is now.
    package struct Document: Sendable, Hashable {
        let externalID: String
        let body: String

        package init(externalID: String, body: String) {
            self.externalID = externalID
            self.body = body
        }
    }

    let errors: [WorstError]
    /// By id; a document that is not among them was deleted after the run.
    let documents: [Int64: Document]

    package init(errors: [WorstError], documents: [Int64: Document]) {
        self.errors = errors
        self.documents = documents
    }

    private var hasEntities: Bool { errors.contains { $0.gold == nil } }

    package var html: HTML {
        guard !errors.isEmpty else { return .empty }
        let legend: HTML =
            hasEntities
            ? .tag(
                "p", class: "note", .tag("mark", class: "missed", "missed"), " an entity that only people see · ",
                .tag("mark", class: "spurious", "spurious"), " one that only the model sees · ",
                .tag("mark", class: "missed spurious", "both"), " the two overlap")
            : .tag("p", class: "note", "The surest wrong answers first. Often it is the gold that is wrong.")
        return .all([legend, .tag("ol", class: "errors", all: errors.map { .tag("li", item($0)) })])
    }

    private func item(_ error: WorstError) -> HTML {
        guard let document = documents[error.document] else {
            return .all([
                heading(error, id: HTML("document \(error.document)")),
                .tag("p", class: "gone", "The document is gone: it was deleted after the run."),
            ])
        }
        let excerpt = Excerpt(
            of: document.body, missed: error.missed.map(\.range), spurious: error.spurious.map(\.range))
        return .all([
            heading(error, id: .all([.name(document.externalID), HTML(" (document \(error.document))")])),
            .tag("blockquote", with: ["dir": "auto"], all: excerpt.pieces.map(piece)),
            mentions("missed", error.missed, document.body), mentions("spurious", error.spurious, document.body),
        ])
    }

    private func heading(_ error: WorstError, id: HTML) -> HTML {
        guard let gold = error.gold, let predicted = error.predicted else {
            return .tag("p", .tag("strong", id))
        }
        return .tag(
            "p", .tag("strong", id), ": gold ", .tag("b", class: "missed", .name(gold)), ", answer ",
            .tag("b", class: "spurious", .name(predicted)), HTML(" with score \(Figure.text(error.confidence))"))
    }

    private func piece(_ piece: Excerpt.Piece) -> HTML {
        switch piece {
        case .gap(let count): .tag("span", class: "gap", HTML(" […\(Figure.count(count)) characters…] "))
        case .text(let text, false, false): HTML(text)
        case .text(let text, let missed, let spurious):
            .tag(
                "mark",
                class: [missed ? "missed" : "", spurious ? "spurious" : ""].filter { !$0.isEmpty }
                    .joined(separator: " "), HTML(text))
        }
    }

    /// The spans once more in words, for who does not see the marks.
    private func mentions(_ what: String, _ mentions: [WorstError.Mention], _ body: String) -> HTML {
        guard !mentions.isEmpty else { return .empty }
        let scalars = Array(body.unicodeScalars)
        let items = mentions.sorted { ($0.start, $0.end) < ($1.start, $1.end) }.map { mention -> HTML in
            var surface = String.UnicodeScalarView()
            surface.append(contentsOf: scalars[mention.range.clamped(to: 0..<scalars.count)])
            return .all(["“", .name(Terminal.excerpt(String(surface))), "” (", .name(mention.type), ")"])
        }
        return .tag("p", class: "mentions", .tag("b", class: what, HTML(what)), ": ", .list(items))
    }
}

extension WorstError.Mention {
    fileprivate var range: Range<Int> { start..<max(start, end) }
}
