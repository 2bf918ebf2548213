package import Foundation

/// Small parts of the drawings.
enum Drawing {
    /// A drawing with the title and the description that a screen reader reads.
    static func svg(
        id: String, width: Double, height: Double, title: String, description: String, class style: String? = nil,
        _ content: [HTML]
    ) -> HTML {
        .tag(
            "svg", class: style,
            with: [
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": "0 0 \(coordinate(width)) \(coordinate(height))", "role": "img",
                "aria-labelledby": "\(id)-title", "aria-describedby": "\(id)-text",
            ],
            all: [
                .tag("title", with: ["id": "\(id)-title"], HTML(title)),
                .tag("desc", with: ["id": "\(id)-text"], HTML(description)),
            ] + content)
    }

    static func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, class style: String) -> HTML {
        .tag(
            "line", class: style,
            with: ["x1": coordinate(x1), "y1": coordinate(y1), "x2": coordinate(x2), "y2": coordinate(y2)])
    }

    static func rectangle(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, class style: String, title: String? = nil
    ) -> HTML {
        .tag(
            "rect", class: style,
            with: [
                "x": coordinate(x), "y": coordinate(y), "width": coordinate(width), "height": coordinate(height),
            ], all: hint(title))
    }

    static func circle(
        _ x: Double, _ y: Double, radius: Double, class style: String, title: String? = nil
    ) -> HTML {
        .tag(
            "circle", class: style,
            with: ["cx": coordinate(x), "cy": coordinate(y), "r": coordinate(radius)], all: hint(title))
    }

    static func text(_ x: Double, _ y: Double, _ text: String, class style: String) -> HTML {
        .tag("text", class: style, with: ["x": coordinate(x), "y": coordinate(y)], HTML(text))
    }

    /// Disc, square or triangle.
    static func marker(_ look: LineChart.Look, _ x: Double, _ y: Double, title: String?) -> HTML {
        let style = "marker \(look.rawValue)"
        switch look {
        case .training: return circle(x, y, radius: 3, class: style, title: title)
        case .validation: return rectangle(x - 2.75, y - 2.75, 5.5, 5.5, class: style, title: title)
        case .score:
            let corners = [(x, y - 3.8), (x + 3.6, y + 2.8), (x - 3.6, y + 2.8)]
            return .tag(
                "polygon", class: style,
                with: ["points": corners.map { "\(coordinate($0)),\(coordinate($1))" }.joined(separator: " ")],
                all: hint(title))
        }
    }

    private static func hint(_ title: String?) -> [HTML] { title.map { [.tag("title", HTML($0))] } ?? [] }
}

/// Numbers as a person reads them.
package enum Figure {
    /// Three decimals; what is no number says so.
    package static func text(_ value: Double) -> String {
        if value.isNaN { return "no number" }
        if value.isInfinite { return value < 0 ? "−∞" : "∞" }
        return abs(value) >= 1e6 ? String(format: "%.3g", value) : String(format: "%.3f", value)
    }

    /// A dash for what was not measured.
    package static func text(_ value: Double?) -> String { value.map { text($0) } ?? "–" }

    /// With its sign, which is a minus and not a hyphen.
    package static func change(_ value: Double?) -> String {
        guard let value else { return "–" }
        let size = text(abs(value))
        return size == "0.000" ? "±0.000" : (value < 0 ? "−" : "+") + size
    }

    /// With a comma between thousands.
    package static func count(_ value: Int) -> String {
        let digits = String(value.magnitude)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return (value < 0 ? "−" : "") + text
    }

    package static func rate(_ value: Double) -> String { String(format: "%.2e", value) }

    package static func percent(_ share: Double) -> String { String(format: "%.0f %%", 100 * share) }

    /// "2 min 16 s".
    package static func time(_ seconds: Double) -> String {
        guard seconds.isFinite, seconds < 1e9 else { return "–" }
        if seconds < 60 { return String(format: "%.1f s", max(seconds, 0)) }
        let whole = Int(seconds.rounded())
        if whole < 3600 { return "\(whole / 60) min \(whole % 60) s" }
        return "\(whole / 3600) h \(whole / 60 % 60) min"
    }

    package static func instant(_ date: Date) -> String {
        date.formatted(.iso8601).replacing("T", with: " ").replacing("Z", with: " UTC")
    }
}
