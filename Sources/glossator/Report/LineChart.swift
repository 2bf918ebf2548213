import Foundation

/// Curves over a run's epochs, as SVG. A series is told from another by dash and marker as well as by colour.
package struct LineChart: Sendable {
    package struct Series: Sendable {
        package let name: String
        package let look: Look
        /// By epoch; an epoch without a value is a gap.
        package let values: [(epoch: Int, value: Double?)]

        package init(_ name: String, _ look: Look, _ values: [(epoch: Int, value: Double?)]) {
            self.name = name
            self.look = look
            self.values = values
        }
    }

    /// The style sheet has a colour and a dash for each.
    package enum Look: String, Sendable {
        case training
        case validation
        case score
    }

    package static let width = 360.0
    package static let height = 230.0
    /// Where curves may be; axes and their numbers lie around it.
    package static let frame = (left: 48.0, top: 34.0, right: 348.0, bottom: 190.0)
    /// With more points than these the markers would hide the curve.
    private static let mostMarkers = 40

    package let title: String
    package let series: [Series]
    /// The epoch whose weights were kept.
    package let kept: Int?
    package let horizontal: Scale
    package let vertical: Scale

    package init(title: String, series: [Series], kept: Int?) {
        self.title = title
        self.series = series.filter { $0.values.contains { $0.value != nil } }
        self.kept = kept
        let epochs = self.series.flatMap { $0.values.map(\.epoch) }
        horizontal = Scale(
            whole: epochs.min() ?? 0, epochs.max() ?? 1, from: Self.frame.left, to: Self.frame.right)
        vertical = Scale(
            of: self.series.flatMap { $0.values.compactMap(\.value) }, from: Self.frame.bottom, to: Self.frame.top)
    }

    package var isEmpty: Bool { series.isEmpty }

    /// Values that are no numbers one could draw; the page says how many.
    package var undrawable: Int {
        series.reduce(0) { $0 + $1.values.filter { $0.value.map { !Scale.canShow($0) } ?? false }.count }
    }

    /// - Parameter id: unique in the page.
    package func svg(id: String) -> HTML {
        Drawing.svg(
            id: id, width: Self.width, height: Self.height, title: title, description: description,
            [grid, keptMark] + series.map(curve) + [legend])
    }

    /// What a person who does not see the curves has to know.
    package var description: String {
        var sentences = series.map { series in
            let drawn = series.values.compactMap { point in point.value.map { (epoch: point.epoch, value: $0) } }
            guard let first = drawn.first, let last = drawn.last else { return "\(series.name): no values." }
            guard drawn.count > 1 else { return "\(series.name): \(Figure.text(first.value)) at epoch \(first.epoch)." }
            return "\(series.name): from \(Figure.text(first.value)) at epoch \(first.epoch) to "
                + "\(Figure.text(last.value)) at epoch \(last.epoch)."
        }
        if let kept, kept > 0 { sentences.append("Epoch \(kept) was kept.") }
        return sentences.joined(separator: " ")
    }

    private var grid: HTML {
        let frame = Self.frame
        let lines = vertical.ticks.flatMap { tick -> [HTML] in
            let y = vertical(tick)
            return [
                Drawing.line(frame.left, y, frame.right, y, class: "grid"),
                Drawing.text(frame.left - 6, y + 3.5, vertical.label(tick), class: "tick end"),
            ]
        }
        let epochs = horizontal.ticks.flatMap { tick -> [HTML] in
            let x = horizontal(tick)
            return [
                Drawing.line(x, frame.bottom, x, frame.bottom + 4, class: "axis"),
                Drawing.text(x, frame.bottom + 16, horizontal.label(tick), class: "tick middle"),
            ]
        }
        return .all(
            lines + epochs + [
                Drawing.line(frame.left, frame.bottom, frame.right, frame.bottom, class: "axis"),
                Drawing.text((frame.left + frame.right) / 2, frame.bottom + 32, "epoch", class: "tick middle"),
            ])
    }

    private var keptMark: HTML {
        guard let kept, Double(kept) >= horizontal.lowest, Double(kept) <= horizontal.highest, kept > 0 else {
            return .empty
        }
        let (x, frame) = (horizontal(Double(kept)), Self.frame)
        // The word stands on the side where there is room for it.
        let isRight = x > (frame.left + frame.right) / 2
        return .all([
            Drawing.line(x, frame.top, x, frame.bottom, class: "kept"),
            Drawing.text(x + (isRight ? -4 : 4), frame.top + 9, "kept", class: isRight ? "tick end" : "tick"),
        ])
    }

    private func curve(_ series: Series) -> HTML {
        var runs: [[(epoch: Int, value: Double)]] = [[]]
        for point in series.values {
            if let value = point.value, Scale.canShow(value) {
                runs[runs.count - 1].append((point.epoch, value))
            } else if runs.last?.isEmpty == false {
                runs.append([])
            }
        }
        let hasMarkers = series.values.count <= Self.mostMarkers
        let parts = runs.filter { !$0.isEmpty }.flatMap { run -> [HTML] in
            let places = run.map { (horizontal(Double($0.epoch)), vertical($0.value)) }
            let line = HTML.tag(
                "polyline", class: "curve \(series.look.rawValue)",
                with: ["points": places.map { "\(coordinate($0)),\(coordinate($1))" }.joined(separator: " ")])
            guard hasMarkers || run.count == 1 else { return [line] }
            let markers = zip(run, places).map { point, place in
                Drawing.marker(
                    series.look, place.0, place.1,
                    title: "\(series.name), epoch \(point.epoch): \(Figure.text(point.value))")
            }
            return run.count == 1 ? markers : [line] + markers
        }
        return .tag("g", all: parts)
    }

    private var legend: HTML {
        let step = (Self.frame.right - Self.frame.left) / Double(max(series.count, 1))
        return .all(
            series.enumerated().flatMap { index, series -> [HTML] in
                let x = Self.frame.left + Double(index) * step
                return [
                    .tag(
                        "polyline", class: "curve \(series.look.rawValue)",
                        with: ["points": "\(coordinate(x)),14 \(coordinate(x + 26)),14"]),
                    Drawing.marker(series.look, x + 13, 14, title: nil),
                    Drawing.text(x + 32, 18, series.name, class: "tick"),
                ]
            })
    }
}
