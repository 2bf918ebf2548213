import Foundation
import Testing
import Training
import glossator

@Suite("The report's matrices, diagrams and tables")
struct ReportFigureTests {
    // MARK: Confusion matrix

    @Test("few labels are a table of counts; the shares shade it")
    func table() throws {
        let matrix = ConfusionMatrix(labels: ["a", "<script>"], counts: [[3, 1], [0, 0]])
        let parsed = try ParsedMarkup(matrix.html(id: "m"))
        #expect(parsed.all("svg").isEmpty && parsed.all("script").isEmpty)
        #expect(parsed.all("td").map(\.text) == ["3 75 %", "1 25 %", "0", "0"])
        #expect(
            parsed.all("td").compactMap { $0["style"] } == ["0.75", "0.25", "0.00", "0.00"].map { "--share:" + $0 })
        #expect(parsed.all("td", class: "right").map(\.text) == ["3 75 %", "0"])
        #expect(parsed.all("th").map { $0["scope"] } == ["col", "col", "col", "row", "row"])
    }

    @Test("one label is a table of one cell, none an empty one")
    func fewest() throws {
        #expect(
            try ParsedMarkup(ConfusionMatrix(labels: ["a"], counts: [[5]]).html(id: "m")).all("td").map(\.text)
                == ["5 100 %"])
        #expect(try ParsedMarkup(ConfusionMatrix(labels: [], counts: []).html(id: "m")).all("td").isEmpty)
    }

    @Test("77 labels are a map and the pairs that are confused most")
    func manyLabels() throws {
        var counts = (0..<77).map { gold in (0..<77).map { $0 == gold ? 6 : 0 } }
        counts[3][5] = 2
        counts[70][1] = 10
        counts[60][60] = 90
        counts[60][61] = 10
        counts[10] = [Int](repeating: 0, count: 77)
        let matrix = ConfusionMatrix(labels: (0..<77).map { "l\($0)" }, counts: counts)
        #expect(matrix.confusions.map { [$0.gold, $0.answer, $0.count] } == [[70, 1, 10], [60, 61, 10], [3, 5, 2]])
        #expect(matrix.confusions.map(\.share) == [0.625, 0.1, 0.25])
        let parsed = try ParsedMarkup(matrix.html(id: "m"))
        #expect(parsed.all("rect", class: "right").count == 76)
        let wrong = parsed.all("circle", class: "wrong")
        #expect(wrong.count == 3)
        // A cell is 600 / 77 wide, the map begins at (30, 24); a disc's area is the share of its cell's.
        let cell = 600.0 / 77
        #expect(abs(try wrong[0].number("cx") - (30 + 5.5 * cell)) < 0.01)
        #expect(abs(try wrong[0].number("cy") - (24 + 3.5 * cell)) < 0.01)
        #expect(abs(try wrong[0].number("r") - cell / 4) < 0.01)
        #expect(wrong[0].text == "l3 → l5: 2 rows, 25 %")
        #expect(parsed.all("tbody").first?.text == "l70l11062 %l60l611010 %l3l5225 %")
        #expect(parsed.all("desc").first?.text == "540 of 562 rows lie on the diagonal, 3 pairs are confused.")
    }

    @Test("a map without rows, and one without an error, say so without dividing by zero")
    func emptyMap() throws {
        let labels = (0..<20).map(String.init)
        let none = [[Int]](repeating: [Int](repeating: 0, count: 20), count: 20)
        let parsed = try ParsedMarkup(ConfusionMatrix(labels: labels, counts: none).html(id: "m"))
        #expect(parsed.all("circle").isEmpty && parsed.all("rect", class: "right").isEmpty)
        #expect(parsed.text.contains("No answer is wrong.") && !parsed.text.contains("nan"))
    }

    // MARK: Reliability

    @Test("a bin's bar is as high as its share of right answers; its count stands below")
    func reliability() throws {
        let calibration = Calibration(of: [(0.9, true), (0.9, true), (0.9, true), (0.9, false), (0.2, false)])
        let parsed = try ParsedMarkup(ReliabilityDiagram(calibration).svg(id: "r"))
        let bars = parsed.all("rect", class: "bar")
        #expect(bars.count == 2)
        let bar = try #require(bars.last)
        // Bins are 20 wide from 48 on, the share 1 is 180 high, from 204 up to 24; a bar keeps 1 free on either side.
        #expect(try ["x", "y", "width", "height"].map(bar.number) == [309, 69, 18, 135])
        let point = try #require(parsed.all("circle").last)
        #expect(try [point.number("cx"), point.number("cy")] == [318, 69])
        let gap = try #require(parsed.all("line", class: "gap").last)
        #expect(try [gap.number("y1"), gap.number("y2")] == [69, 42])
        #expect(parsed.all("text", class: "small").map(\.text) == ["1", "4"])
        let counts = try parsed.all("rect", class: "count").map { try $0.number("height") }
        #expect(counts.count == 15 && counts.filter { $0 > 0 } == [9, 36])
    }

    @Test("without an answer the diagram is its axes")
    func emptyReliability() throws {
        let diagram = ReliabilityDiagram(Calibration(of: []))
        #expect(diagram.description == "There are no answers to judge by.")
        #expect(try ParsedMarkup(diagram.svg(id: "r")).all("rect", class: "bar").isEmpty)
    }

    @Test("a bin that is no number is left out")
    func brokenBin() throws {
        let decoder = JSONDecoder()
        decoder.nonConformingFloatDecodingStrategy = .convertFromString(
            positiveInfinity: "Infinity", negativeInfinity: "-Infinity", nan: "NaN")
        let calibration = try decoder.decode(
            Calibration.self,
            from: Data(
                """
                {"expectedError": "NaN", "bins": [
                    {"lower": 0, "upper": 0.5, "count": 3, "confidence": "NaN", "accuracy": 1},
                    {"lower": 0.5, "upper": 1, "count": 2, "confidence": 0.75, "accuracy": 0.5}]}
                """.utf8))
        let parsed = try ParsedMarkup(ReliabilityDiagram(calibration).svg(id: "r"))
        #expect(try parsed.all("rect", class: "bar").map { try $0.number("x") } == [199])
    }

    // MARK: Entities

    @Test("entity types have a row each, and all together, compared with before where there was one")
    func entities() throws {
        let after = try EntityScorer.score(
            gold: [["B-per", "O", "B-<loc>"]], predicted: [["B-per", "O", "O"]])
        let before = try EntityScorer.score(gold: [["B-per", "O"]], predicted: [["O", "O"]])
        let parsed = try ParsedMarkup(EntityTable(after, before: before).html)
        let rows = parsed.all("tr").map(\.text)
        #expect(rows[1] == "<loc>1000.0000.0000.000–")
        #expect(rows[2] == "per1111.0001.0001.0000.000")
        #expect(rows[3] == "all (micro)2111.0000.5000.6670.000")
        #expect(parsed.text.contains("1 documents, 3 words, 0.667 of them"))
        // No entity at all: no mean over types.
        let nothing = try EntityScorer.score(gold: [["O"]], predicted: [["O"]])
        let empty = try ParsedMarkup(EntityTable(nothing, before: nil).html).all("tr").map(\.text)
        #expect(empty[2] == "mean of the types (macro)––––")
    }
}
