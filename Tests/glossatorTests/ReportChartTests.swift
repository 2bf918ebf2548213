import Foundation
import Testing
import Training
import glossator

@Suite("The report's drawings")
struct ReportChartTests {
    private static func chart(
        _ values: [(Int, Double?)], validation: [(Int, Double?)] = [], kept: Int? = nil
    ) -> LineChart {
        LineChart(
            title: "Loss",
            series: [.init("training", .training, values), .init("validation", .validation, validation)],
            kept: kept)
    }

    /// Curves without the samples of the legend, which come last.
    private static func curves(_ chart: LineChart) throws -> [String] {
        let all = try ParsedMarkup(chart.svg(id: "c")).all("polyline").compactMap { $0["points"] }
        return Array(all.dropLast(chart.series.count))
    }

    // MARK: Curves

    @Test("values lie where the axes say: the frame is 48…348 across and 190…34 up")
    func places() throws {
        let chart = Self.chart([(1, 1), (2, 0.5), (3, 0)], kept: 2)
        #expect(try Self.curves(chart) == ["48,34 198,112 348,190"])
        let parsed = try ParsedMarkup(chart.svg(id: "c"))
        #expect(try parsed.all("line", class: "kept").map { try $0.number("x1") } == [198])
        let labels = parsed.all("text").map(\.text)
        #expect(labels.filter { ["0.0", "0.5", "1.0"].contains($0) }.count == 3)
        #expect(labels.contains("kept") && labels.contains("epoch") && labels.contains("training"))
        #expect(
            parsed.all("circle").dropLast().map(\.text) == [
                "training, epoch 1: 1.000", "training, epoch 2: 0.500", "training, epoch 3: 0.000",
            ])
    }

    @Test("a drawing has the title and the description that its svg element names")
    func accessibility() throws {
        let parsed = try ParsedMarkup(Self.chart([(1, 1), (2, 0.5)], kept: 2).svg(id: "c7"))
        let svg = try #require(parsed.all("svg").first)
        #expect(svg["role"] == "img")
        let title = parsed.elements.first { $0["id"] == svg["aria-labelledby"] }
        #expect(title?.name == "title" && title?.text == "Loss")
        let description = parsed.elements.first { $0["id"] == svg["aria-describedby"] }
        #expect(description?.text == "training: from 1.000 at epoch 1 to 0.500 at epoch 2. Epoch 2 was kept.")
    }

    @Test("one epoch is a point in the middle")
    func oneEpoch() throws {
        let chart = Self.chart([(1, 0.7)], kept: 1)
        #expect(try Self.curves(chart).isEmpty)
        let point = try #require(try ParsedMarkup(chart.svg(id: "c")).all("circle").first)
        #expect(try point.number("cx") == 198)
        #expect((34...190).contains(try point.number("cy")))
    }

    @Test("an epoch without a value is a gap, and a value that is no number is one too and is counted")
    func gaps() throws {
        let chart = Self.chart([(1, 1), (2, 0.5), (3, .nan), (4, 0.25), (5, 0), (6, .infinity), (7, 1e300)])
        #expect(try Self.curves(chart) == ["48,34 98,112", "198,151 248,190"])
        #expect(chart.undrawable == 3)
        let svg = chart.svg(id: "c").markup
        #expect(!svg.contains("nan") && !svg.contains("inf"))
        #expect(try Self.curves(Self.chart([(1, 1), (2, nil), (3, 0), (4, 0)])) == ["248,190 348,190"])
    }

    @Test("without a validation there is one curve, without any value there is none")
    func nothing() throws {
        #expect(Self.chart([(1, 1), (2, 0)], validation: [(1, nil), (2, nil)]).series.map(\.name) == ["training"])
        let empty = Self.chart([])
        #expect(empty.isEmpty)
        #expect(try ParsedMarkup(empty.svg(id: "c")).all("polyline").isEmpty)
        #expect(try ParsedMarkup(Self.chart([(1, .nan), (2, .nan)]).svg(id: "c")).all("circle").count == 1)
    }

    @Test("with many epochs the markers go, the curve stays")
    func many() throws {
        let chart = Self.chart((1...100).map { ($0, 1 / Double($0)) })
        #expect(try ParsedMarkup(chart.svg(id: "c")).all("circle").count == 1)
        #expect(try Self.curves(chart).first?.split(separator: " ").count == 100)
    }

    @Test(
        "an axis goes from a round number to a round number around its values",
        arguments: [
            ([0.0, 1.0], 0.0, 1.0), ([0.29, 0.68], 0.2, 0.7), ([-3, 12], -5, 15), ([0.781, 0.795], 0.78, 0.795),
            ([2_000, 91_000], 0, 100_000), ([], 0, 1),
        ] as [([Double], Double, Double)])
    func rounding(values: [Double], lowest: Double, highest: Double) {
        let scale = Scale(of: values, from: 0, to: 100)
        #expect(abs(scale.lowest - lowest) < 1e-9 && abs(scale.highest - highest) < 1e-9)
        #expect((2...6).contains(scale.ticks.count))
        #expect(Set(scale.ticks.map(scale.label)).count == scale.ticks.count)
        #expect(abs(scale(lowest)) < 1e-9 && abs(scale(highest) - 100) < 1e-9)
    }

    @Test("equal values, however large or small, have an axis around them", arguments: [0, 0.5, -2, 1e-12, 1e11])
    func equal(value: Double) {
        let scale = Scale(of: [value, value], from: 0, to: 100)
        #expect(scale.lowest < value && value < scale.highest)
        #expect((2...7).contains(scale.ticks.count))
        #expect((0...100).contains(scale(value)))
    }

    // MARK: Curves of a run

    @Test("a task's epochs become two charts and a table, which marks the epoch that was kept")
    func learning() throws {
        let epochs = try ReportSamples.epochs([(0.9, 0.8, 0.5), (0.6, 0.7, 0.6), (0.4, 0.9, 0.6)])
        let curves = LearningCurves(epochs, kept: 2, isChosen: true)
        #expect(curves.losses.series.map(\.name) == ["training", "validation"])
        let parsed = try ParsedMarkup(curves.html(id: "x"))
        #expect(parsed.all("svg").count == 2)
        #expect(parsed.text.contains("Epoch 2 of 3 was kept."))
        let rows = parsed.all("tr").map(\.text)
        #expect(rows.count == 4 && rows[2].hasPrefix("20.6000.7000.600") && rows[2].hasSuffix("kept"))
        #expect(rows.filter { $0.contains("kept") }.count == 1)
    }

    @Test("a run that diverged, one without a validation and one without an epoch have a page too")
    func degenerate() throws {
        let diverged = try ReportSamples.epochs([(0.9, 0.8, 0.5), (.nan, .infinity, 0)])
        let parsed = try ParsedMarkup(LearningCurves(diverged, kept: 1, isChosen: true).html(id: "x"))
        #expect(parsed.text.contains("not drawn: 2 that are no numbers"))
        #expect(parsed.text.contains("no number") && parsed.text.contains("∞"))
        let blind = try ParsedMarkup(
            LearningCurves(ReportSamples.epochs([(0.9, nil, nil)]), kept: 1, isChosen: false).html(id: "x"))
        #expect(blind.all("svg").count == 1 && blind.text.contains("no curves of validation"))
        #expect(try ParsedMarkup(LearningCurves([], kept: 0, isChosen: true).html(id: "x")).all("svg").isEmpty)
    }
}

/// Values as a run would record them.
enum ReportSamples {
    /// Training loss, validation loss and validation score of epochs from 1.
    static func epochs(_ values: [(Double, Double?, Double?)]) throws -> [EpochRecord] {
        let records = values.enumerated().map { index, value in
            Record(
                task: "t", epoch: index + 1, trainingLoss: value.0, validationLoss: value.1, validationScore: value.2,
                learningRate: 0.001)
        }
        let encoder = JSONEncoder()
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        return try decoder.decode([EpochRecord].self, from: encoder.encode(records))
    }

    private struct Record: Encodable {
        let task: String
        let epoch: Int
        let trainingLoss: Double
        let validationLoss: Double?
        let validationScore: Double?
        let learningRate: Double
    }
}
