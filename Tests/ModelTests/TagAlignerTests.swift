import Annotations
import Model
import Testing

@Suite("Tag alignment")
struct TagAlignerTests {
    let tagSet = TagSet(types: ["PER", "LOC"])
    //                  Anna   Lee    went    to      New     York    .
    let words = [0..<4, 5..<8, 9..<13, 14..<16, 17..<20, 21..<25, 25..<26]

    private func align(_ spans: [(String, Int, Int)]) -> (names: [String], unaligned: Int) {
        let entities = spans.map { GoldEntity(task: "ner", type: $0.0, start: $0.1, end: $0.2) }
        let (tags, unaligned) = TagAligner.tags(for: entities, words: words, tagSet: tagSet)
        return (tags.map(tagSet.name(of:)), unaligned)
    }

    @Test("spans on word borders become B- and I- tags, whatever their order in the list")
    func exact() {
        let (names, unaligned) = align([("LOC", 17, 25), ("PER", 0, 8)])
        #expect(names == ["B-PER", "I-PER", "O", "O", "B-LOC", "I-LOC", "O"])
        #expect(unaligned == 0)
    }

    @Test("a span that cuts words takes the whole words")
    func cutWords() {
        let (names, unaligned) = align([("PER", 2, 6)])
        #expect(names == ["B-PER", "I-PER", "O", "O", "O", "O", "O"])
        #expect(unaligned == 0)
    }

    @Test("neighbours of one type stay two entities")
    func neighbours() {
        #expect(align([("LOC", 17, 20), ("LOC", 21, 25)]).names[4...5] == ["B-LOC", "B-LOC"])
    }

    @Test("of overlapping spans the first, then the longer one stays, and the others are counted")
    func overlapping() {
        let (names, unaligned) = align([("LOC", 5, 13), ("PER", 0, 4), ("PER", 0, 8), ("LOC", 2, 3)])
        #expect(names == ["B-PER", "I-PER", "O", "O", "O", "O", "O"])
        #expect(unaligned == 3)
    }

    @Test("spans between words, beyond the text, empty or backwards, and unknown types are counted")
    func unaligned() {
        let (names, unaligned) = align([("LOC", 4, 5), ("LOC", 90, 99), ("LOC", 9, 9), ("PER", 8, 2), ("DATE", 9, 13)])
        #expect(names.allSatisfy { $0 == "O" })
        #expect(unaligned == 5)
    }

    @Test("no words: everything is unaligned")
    func noWords() {
        let entity = GoldEntity(task: "ner", type: "PER", start: 0, end: 1)
        let (tags, unaligned) = TagAligner.tags(for: [entity], words: [], tagSet: tagSet)
        #expect(tags.isEmpty)
        #expect(unaligned == 1)
    }
}
