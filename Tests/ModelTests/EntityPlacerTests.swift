import Annotations
import Model
import TestSupport
import Testing

@Suite("Entity offsets")
struct EntityPlacerTests {
    static let task = AnnotationTask(name: "ner", kind: .entities, labels: ["PER", "LOC"])

    /// A candidate over the scalars `range`, both counts taken the slow way.
    static func candidate(_ range: Range<Int>, in text: String, type: Int = 0, score: Float = 0.5)
        -> EntityPlacer.Candidate
    {
        func position(_ scalar: Int) -> TextPosition {
            let byte = text.unicodeScalars.prefix(scalar).reduce(0) { $0 + UTF8.width($1) }
            return TextPosition(byte: byte, scalar: scalar)
        }
        return EntityPlacer.Candidate(
            type: type, start: position(range.lowerBound), end: position(range.upperBound), score: score)
    }

    static func place(_ ranges: [Range<Int>], in text: String) -> [Entity] {
        EntityPlacer(text: text).entities(of: task, from: ranges.map { candidate($0, in: text) })
    }

    /// What PostgreSQL's `substr(body, start + 1, end - start)` gives.
    static func substring(_ text: String, _ start: Int, _ end: Int) -> String {
        var view = String.UnicodeScalarView()
        view.append(contentsOf: text.unicodeScalars.dropFirst(start).prefix(end - start))
        return String(view)
    }

    /// The slow twin of widening: every cluster of the text, counted from its start.
    static func naive(_ range: Range<Int>, in text: String) -> Range<Int>? {
        var clusters: [(range: Range<Int>, isWhiteSpace: Bool)] = []
        var scalar = 0
        for character in text {
            let count = character.unicodeScalars.count
            clusters.append(
                (scalar..<scalar + count, character.unicodeScalars.first!.properties.isWhitespace))
            scalar += count
        }
        let kept = clusters.filter { $0.range.overlaps(range) && !$0.isWhiteSpace }
        guard let first = kept.first, let last = kept.last else { return nil }
        return first.range.lowerBound..<last.range.upperBound
    }

    @Test(
        "combining marks, emoji, flags, Indic and Hangul clusters are never cut",
        arguments: [
            ("Jose\u{301} Lima", 0..<4, 0..<5),  // the accent behind the last letter
            ("👩‍👩‍👧 team", 0..<1, 0..<5),  // a family of five scalars
            ("x 🇩🇪🇫🇷", 3..<4, 2..<4),  // the second half of the first flag
            ("नमस्ते", 0..<3, 0..<6),  // the conjunct sa-virama-ta with its vowel sign
            ("\u{1112}\u{1161}\u{11AB}국", 0..<1, 0..<3),  // Hangul as jamo
            ("\u{5E9}\u{5C1}\u{5DC}\u{5D5}\u{5DD} דוד", 0..<1, 0..<2),  // Hebrew shin with its dot
            ("👍🏽 Bob", 0..<1, 0..<2),  // a skin tone
        ])
    func widens(text: String, range: Range<Int>, expected: Range<Int>) throws {
        let entity = try #require(Self.place([range], in: text).first)
        #expect(entity.start..<entity.end == expected)
        #expect(
            entity.surface.unicodeScalars.elementsEqual(Self.substring(text, entity.start, entity.end).unicodeScalars))
    }

    @Test("white space at the ends goes, also when a mark sits on it; nothing else is no entity")
    func trims() {
        #expect(Self.place([0..<7], in: " \u{A0}Ann \n").map { [$0.start, $0.end] } == [[2, 5]])
        #expect(Self.place([1..<5], in: "a \u{301}bcd").map { [$0.start, $0.end] } == [[3, 5]])
        #expect(Self.place([1..<3], in: "a \r\n b").isEmpty)
        #expect(Self.place([1..<1], in: "abc").isEmpty)
    }

    @Test("two entities in one cluster: the surer one stays")
    func overlap() {
        let text = "ab👩‍👩cd"  // a b woman joiner woman c d
        let weak = Self.candidate(0..<3, in: text, score: 0.3)
        let strong = Self.candidate(4..<6, in: text, type: 1, score: 0.9)
        let behind = Self.candidate(6..<7, in: text, score: 0.1)
        let entities = EntityPlacer(text: text).entities(of: Self.task, from: [weak, strong, behind])
        #expect(entities.map { [$0.start, $0.end] } == [[2, 6], [6, 7]])
        #expect(entities.map(\.type) == ["LOC", "PER"])
    }

    @Test("a candidate that reaches behind the text ends with it")
    func beyondTheText() {
        let beyond = EntityPlacer.Candidate(
            type: 0, start: TextPosition(byte: 2, scalar: 2), end: TextPosition(byte: 9, scalar: 9), score: 1)
        let outside = EntityPlacer.Candidate(
            type: 0, start: TextPosition(byte: 7, scalar: 7), end: TextPosition(byte: 9, scalar: 9), score: 1)
        let entities = EntityPlacer(text: "abcd").entities(of: Self.task, from: [beyond, outside])
        #expect(entities.map { [$0.start, $0.end] } == [[2, 4]])
        #expect(EntityPlacer(text: "").entities(of: Self.task, from: [beyond]).isEmpty)
    }

    @Test("on random mixtures of scripts the result is what counting every cluster gives")
    func equalsNaive() throws {
        let scalars: [Unicode.Scalar] = [
            "a", "B", " ", "\n", "\r", "\t", "\u{301}", "\u{200D}", "👩", "🏽", "🇩", "🇪", "é", "न", "\u{94D}", "त", "한",
            "\u{1112}", "\u{1161}", "\u{0}", "‼", "\u{FE0F}", "ש", "\u{5C1}", "\u{600}", "中", "\u{E0020}",
        ]
        var random = SeededGenerator(seed: 7)
        for round in 0..<400 {
            var view = String.UnicodeScalarView()
            let count = Int.random(in: 1...60, using: &random)
            for _ in 0..<count { view.append(scalars.randomElement(using: &random)!) }
            let text = String(view)
            var ranges: [Range<Int>] = []
            var position = 0
            while position < count {
                let start = Int.random(in: position..<count, using: &random)
                let end = min(count, start + Int.random(in: 1...5, using: &random))
                ranges.append(start..<end)
                position = end
            }
            let placed = Self.place(ranges, in: text)
            // Candidates score the same, so the first of two that overlap stays.
            var expected: [Range<Int>] = []
            for range in ranges {
                guard let wide = Self.naive(range, in: text), wide.lowerBound >= expected.last?.upperBound ?? 0 else {
                    continue
                }
                expected.append(wide)
            }
            #expect(placed.map { $0.start..<$0.end } == expected, "round \(round)")
            for entity in placed {
                #expect(entity.surface.utf8.elementsEqual(Self.substring(text, entity.start, entity.end).utf8))
            }
        }
    }

    @Test("ten thousand entities in 10 MB cost no more than a walk through the text", .timeLimit(.minutes(1)))
    func longText() {
        // No two ASCII scalars before an entity: the hardest text to find borders in.
        let block = "Ann\u{2003}" + String(repeating: "é", count: 510) + "\u{2003}"
        let text = String(repeating: block, count: 10_000)
        let scalars = block.unicodeScalars.count
        let candidates = (0..<10_000).map { index in
            EntityPlacer.Candidate(
                type: 0, start: TextPosition(byte: index * block.utf8.count, scalar: index * scalars),
                end: TextPosition(byte: index * block.utf8.count + 3, scalar: index * scalars + 3), score: 1)
        }
        var entities: [Entity] = []
        let seconds = ContinuousClock().measure {
            entities = EntityPlacer(text: text).entities(of: Self.task, from: candidates)
        }
        #expect(entities.count == 10_000)
        #expect(entities.allSatisfy { $0.surface == "Ann" })
        // Measured 0.1 s; a walk from the start for each entity would take hours.
        #expect(seconds < .seconds(20))
    }

    @Test("one cluster of a megabyte with an entity at each of its marks is looked at once", .timeLimit(.minutes(1)))
    func endlessCluster() {
        let text = String(repeating: "‼\u{200D}", count: 200_000)
        let candidates = (0..<200_000).map { index in
            EntityPlacer.Candidate(
                type: 0, start: TextPosition(byte: index * 6, scalar: index * 2),
                end: TextPosition(byte: index * 6 + 3, scalar: index * 2 + 1), score: 1)
        }
        let entities = EntityPlacer(text: text).entities(of: Self.task, from: candidates)
        #expect(entities.map { [$0.start, $0.end] } == [[0, 400_000]])
    }
}
