import Foundation
package import Training

/// Which labels are taken for which: a table with counts where it fits, else a map of the whole and a table of what is
/// confused most.
package struct ConfusionMatrix: Sendable {
    package struct Pair: Sendable, Hashable {
        package let gold: Int
        package let answer: Int
        package let count: Int
        /// Of the rows with this gold label.
        package let share: Double
    }

    /// More columns than these are no table that one reads.
    package static let mostTableLabels = 12
    private static let mostPairs = 15

    package let labels: [String]
    /// `counts[gold][answer]`.
    package let counts: [[Int]]

    package init(labels: [String], counts: [[Int]]) {
        self.labels = labels
        self.counts = counts
    }

    package init(_ metrics: ClassificationMetrics) {
        self.init(labels: metrics.labels.map(\.label), counts: metrics.confusion)
    }

    package var isTable: Bool { labels.count <= Self.mostTableLabels }

    /// Wrong answers, the most frequent first.
    package var confusions: [Pair] {
        labels.indices.flatMap { gold in
            labels.indices.filter { $0 != gold && counts[gold][$0] > 0 }.map { pair(gold, $0) }
        }.sorted { ($1.count, $1.share, $0.gold, $0.answer) < ($0.count, $0.share, $1.gold, $1.answer) }
    }

    private func pair(_ gold: Int, _ answer: Int) -> Pair {
        let total = counts[gold].reduce(0, +)
        let count = counts[gold][answer]
        return Pair(gold: gold, answer: answer, count: count, share: total == 0 ? 0 : Double(count) / Double(total))
    }

    package func html(id: String) -> HTML {
        guard !isTable else { return table }
        let (all, most) = (confusions, confusions.prefix(Self.mostPairs))
        let pairs = ReportTable(
            caption: HTML(
                all.count > most.count
                    ? "The \(most.count) of \(all.count) confused pairs that occur most" : "All confused pairs"),
            columns: [.text("gold"), .text("answer"), .number("rows"), .number("share of gold")],
            rows: most.map { [.name(labels[$0.gold]), .name(labels[$0.answer]), .count($0.count), share($0.share)] })
        return .all([
            .figure(
                """
                Rows are gold, columns are answers, numbered as in the table of labels. Squares on the diagonal are \
                right, discs beside it are wrong; the fuller, the larger the share of the gold label's rows.
                """, map(id: id)), most.isEmpty ? .tag("p", "No answer is wrong.") : pairs.html,
        ])
    }

    private func share(_ value: Double) -> HTML { HTML(Figure.percent(value)) }

    // MARK: A table

    private var table: HTML {
        let header = HTML.tag(
            "tr",
            all: [HTML.tag("th", with: ["scope": "col"], "gold\u{A0}↓ answer\u{A0}→")]
                + labels.map { .tag("th", class: "number", with: ["scope": "col"], .name($0)) })
        let rows = labels.indices.map { gold in
            HTML.tag(
                "tr",
                all: [HTML.tag("th", with: ["scope": "row"], .name(labels[gold]))]
                    + labels.indices.map { cell(pair(gold, $0)) })
        }
        return ReportTable.scrolling(
            .tag(
                "table", class: "confusion",
                .tag("caption", "Confusion matrix: rows by gold label and answer; right answers stand in frames"),
                .tag("thead", header), .tag("tbody", all: rows)))
    }

    private func cell(_ pair: Pair) -> HTML {
        .tag(
            "td", class: pair.gold == pair.answer ? "number right" : "number wrong",
            with: ["style": "--share:\(String(format: "%.2f", pair.share))"],
            .count(pair.count),
            pair.count == 0 ? .empty : .tag("small", " ", share(pair.share)))
    }

    // MARK: A map

    package static let mapLeft = 30.0
    package static let mapTop = 24.0
    package static let mapSide = 600.0

    /// Side of a cell.
    package var cellSize: Double { Self.mapSide / Double(max(labels.count, 1)) }

    package func map(id: String) -> HTML {
        let (size, side) = (cellSize, Self.mapSide)
        let step = max(1, Int((Double(labels.count) / 10).rounded(.up)))
        let numbers = labels.indices.filter { $0 == 0 || ($0 + 1) % step == 0 }.flatMap { index -> [HTML] in
            let middle = (Double(index) + 0.5) * size
            return [
                Drawing.text(Self.mapLeft + middle, Self.mapTop - 7, String(index + 1), class: "tick middle"),
                Drawing.text(Self.mapLeft - 6, Self.mapTop + middle + 4, String(index + 1), class: "tick end"),
                Drawing.line(
                    Self.mapLeft, Self.mapTop + middle, Self.mapLeft + side, Self.mapTop + middle, class: "grid"),
                Drawing.line(
                    Self.mapLeft + middle, Self.mapTop, Self.mapLeft + middle, Self.mapTop + side, class: "grid"),
            ]
        }
        let cells = labels.indices.flatMap { gold in
            labels.indices.filter { counts[gold][$0] > 0 }.map { mark(pair(gold, $0)) }
        }
        let right = labels.indices.reduce(0) { $0 + counts[$1][$1] }
        let total = counts.reduce(0) { $0 + $1.reduce(0, +) }
        return Drawing.svg(
            id: id, width: Self.mapLeft + side + 6, height: Self.mapTop + side + 6,
            title: "Confusion matrix of \(labels.count) labels",
            description: "\(right) of \(total) rows lie on the diagonal, \(confusions.count) pairs are confused.",
            class: "map",
            numbers + [Drawing.rectangle(Self.mapLeft, Self.mapTop, side, side, class: "border")] + cells)
    }

    /// Its area is the share, but never so small that it cannot be seen.
    private func mark(_ pair: Pair) -> HTML {
        let size = cellSize * max(pair.share.squareRoot(), 0.3)
        let x = Self.mapLeft + (Double(pair.answer) + 0.5) * cellSize
        let y = Self.mapTop + (Double(pair.gold) + 0.5) * cellSize
        let title =
            "\(labels[pair.gold]) → \(labels[pair.answer]): \(pair.count) rows, \(Figure.percent(pair.share))"
        return pair.gold == pair.answer
            ? Drawing.rectangle(x - size / 2, y - size / 2, size, size, class: "right", title: title)
            : Drawing.circle(x, y, radius: size / 2, class: "wrong", title: title)
    }
}
