import Annotations
import Testing

@Suite("Tag sets")
struct TagSetTests {
    let tags = TagSet(types: ["PER", "LOC", "\u{301}x"])

    @Test("tags are O, then a pair for every type, and names lead back to them")
    func names() {
        #expect(
            (0..<tags.count).map(tags.name(of:)) == [
                "O", "B-PER", "I-PER", "B-LOC", "I-LOC", "B-\u{301}x", "I-\u{301}x",
            ])
        for tag in 0..<tags.count { #expect(tags.tag(named: tags.name(of: tag)) == tag) }
    }

    @Test(
        "names that are no tag of the set have none",
        arguments: ["", "B-", "I-", "B", "o", "X-PER", "PER", "B-ORG", "b-PER", "B-PER ", "-PER"])
    func unknownNames(name: String) {
        #expect(tags.tag(named: name) == nil)
    }

    @Test("every tag is O, a beginning or an inside of one type")
    func kinds() {
        #expect(tags.type(of: TagSet.outside) == nil)
        #expect(!tags.isBegin(TagSet.outside) && !tags.isInside(TagSet.outside))
        for type in tags.types.indices {
            #expect(tags.type(of: tags.begin(type)) == type && tags.type(of: tags.inside(type)) == type)
            #expect(tags.isBegin(tags.begin(type)) && !tags.isInside(tags.begin(type)))
            #expect(tags.isInside(tags.inside(type)) && !tags.isBegin(tags.inside(type)))
        }
    }

    @Test("an inside follows only its own beginning or inside, everything else follows anything")
    func grammar() {
        for tag in 0..<tags.count {
            for previous in [nil] + (0..<tags.count).map(Optional.some) {
                let isContinuation = tags.name(of: tag).hasPrefix("I")
                let type = tags.name(of: tag).unicodeScalars.dropFirst(2)
                let fits = previous.map { tags.name(of: $0).unicodeScalars.dropFirst(2).elementsEqual(type) } ?? false
                #expect(tags.allows(tag, after: previous) == (!isContinuation || fits))
            }
        }
    }

    @Test("a head has an output for each label, or for each tag")
    func outputs() {
        #expect(AnnotationTask(name: "a", kind: .classification, labels: ["x", "y"]).outputCount == 2)
        #expect(AnnotationTask(name: "b", kind: .entities, labels: ["x", "y"]).outputCount == 5)
        #expect(TagSet(types: []).count == 1)
    }
}
