package import Training

/// Whether a task's scores mean what they say: a bar a bin of confidence, as high as the share of right answers in it,
/// and below how many answers it holds.
package struct ReliabilityDiagram: Sendable {
    package static let width = 360.0
    package static let height = 318.0
    package static let frame = (left: 48.0, top: 24.0, right: 348.0, bottom: 204.0)
    /// The strip of counts.
    package static let strip = (top: 230.0, bottom: 266.0)

    package let bins: [Calibration.Bin]
    package let horizontal = Scale.share(from: frame.left, to: frame.right)
    package let vertical = Scale.share(from: frame.bottom, to: frame.top)

    package init(_ calibration: Calibration) {
        bins = calibration.bins.filter { bin in
            // What is no number is not drawn; sums may end a hair above 1.
            [bin.lower, bin.upper, bin.confidence, bin.accuracy].allSatisfy { (0...1.000_1).contains($0) }
        }
    }

    package func svg(id: String) -> HTML {
        Drawing.svg(
            id: id, width: Self.width, height: Self.height, title: "Reliability diagram", description: description,
            [axes] + bins.filter { $0.count > 0 }.map(mark) + [diagonal, counts])
    }

    package var description: String {
        let filled = bins.filter { $0.count > 0 }
        guard !filled.isEmpty else { return "There are no answers to judge by." }
        return filled.map { bin in
            "\(Self.range(bin)): \(bin.count) answers, mean score \(Figure.text(bin.confidence)), "
                + "right \(Figure.text(bin.accuracy))."
        }.joined(separator: " ")
    }

    private var axes: HTML {
        let frame = Self.frame
        let ticks = vertical.ticks.flatMap { tick -> [HTML] in
            let (x, y) = (horizontal(tick), vertical(tick))
            return [
                Drawing.line(frame.left, y, frame.right, y, class: "grid"),
                Drawing.text(frame.left - 6, y + 3.5, vertical.label(tick), class: "tick end"),
                Drawing.line(x, Self.strip.bottom, x, Self.strip.bottom + 4, class: "axis"),
                Drawing.text(x, Self.strip.bottom + 16, horizontal.label(tick), class: "tick middle"),
            ]
        }
        return .all(
            ticks + [
                Drawing.line(frame.left, frame.bottom, frame.right, frame.bottom, class: "axis"),
                Drawing.line(frame.left, Self.strip.bottom, frame.right, Self.strip.bottom, class: "axis"),
                Drawing.text(12, 11, "right", class: "tick"),
                Drawing.text(12, Self.strip.top - 4, "rows", class: "tick"),
                Drawing.text(
                    (frame.left + frame.right) / 2, Self.strip.bottom + 34, "score of the answer",
                    class: "tick middle"),
            ])
    }

    private var diagonal: HTML {
        Drawing.line(horizontal(0), vertical(0), horizontal(1), vertical(1), class: "diagonal")
    }

    /// The bar, and from its mean score to the diagonal the gap that the calibration error averages.
    private func mark(_ bin: Calibration.Bin) -> HTML {
        let (x, y) = (horizontal(bin.lower) + 1, vertical(bin.accuracy))
        let middle = horizontal(bin.confidence)
        return .all([
            Drawing.rectangle(
                x, y, horizontal(bin.upper) - x - 1, Self.frame.bottom - y, class: "bar",
                title: "\(Self.range(bin)): right \(Figure.text(bin.accuracy)), \(bin.count) answers"),
            Drawing.line(middle, y, middle, vertical(bin.confidence), class: "gap"),
            Drawing.circle(middle, y, radius: 3, class: "marker validation"),
        ])
    }

    private var counts: HTML {
        let most = max(bins.map(\.count).max() ?? 0, 1)
        return .all(
            bins.flatMap { bin -> [HTML] in
                let height = (Self.strip.bottom - Self.strip.top) * Double(bin.count) / Double(most)
                let (left, right) = (horizontal(bin.lower) + 1, horizontal(bin.upper) - 1)
                let y = Self.strip.bottom - height
                return [
                    Drawing.rectangle(left, y, right - left, height, class: "count"),
                    bin.count == 0
                        ? .empty
                        : Drawing.text((left + right) / 2, y - 3, Self.short(bin.count), class: "tick small middle"),
                ]
            })
    }

    /// Five digits are wider than a bin.
    private static func short(_ count: Int) -> String { count < 10_000 ? String(count) : "\(count / 1000)k" }

    static func range(_ bin: Calibration.Bin) -> String {
        "\(Figure.text(bin.lower))–\(Figure.text(bin.upper))"
    }
}
