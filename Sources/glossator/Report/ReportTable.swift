/// A table whose rows begin with what they are about. On a narrow screen it scrolls sideways in a frame of its own.
struct ReportTable {
    struct Column {
        let title: HTML
        let isNumber: Bool

        static func text(_ title: HTML) -> Column { Column(title: title, isNumber: false) }
        static func number(_ title: HTML) -> Column { Column(title: title, isNumber: true) }
    }

    let caption: HTML
    let columns: [Column]
    var rows: [[HTML]] = []
    /// Rows that sum up the others.
    var totals: [[HTML]] = []

    var html: HTML {
        let header = columns.map { column in
            HTML.tag("th", class: column.isNumber ? "number" : nil, with: ["scope": "col"], column.title)
        }
        var parts: [HTML] = [
            .tag("caption", caption), .tag("thead", .tag("tr", all: header)), .tag("tbody", all: rows.map(row)),
        ]
        if !totals.isEmpty { parts.append(.tag("tfoot", all: totals.map(row))) }
        return Self.scrolling(.tag("table", all: parts))
    }

    private func row(_ cells: [HTML]) -> HTML {
        .tag(
            "tr",
            all: zip(columns, cells).enumerated().map { index, pair in
                let style = pair.0.isNumber ? "number" : nil
                return index == 0
                    ? .tag("th", class: style, with: ["scope": "row"], pair.1) : .tag("td", class: style, pair.1)
            })
    }

    /// What is wider than the page can be reached by the keyboard too.
    static func scrolling(_ content: HTML) -> HTML {
        .tag("div", class: "wide", with: ["tabindex": "0"], content)
    }
}

extension HTML {
    static func number(_ value: Double?) -> HTML { HTML(Figure.text(value)) }
    static func count(_ value: Int) -> HTML { HTML(Figure.count(value)) }

    /// Shut until it is asked for; open in print, which the style sheet does.
    static func details(_ summary: HTML, _ content: HTML...) -> HTML {
        .tag("details", all: [.tag("summary", summary)] + content)
    }

    static func figure(_ caption: HTML, _ content: HTML...) -> HTML {
        .tag("figure", all: content + [.tag("figcaption", caption)])
    }
}
