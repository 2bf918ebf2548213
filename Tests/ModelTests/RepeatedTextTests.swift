import Annotations
import Model
import Synchronization
import TestSupport
import Testing

@Suite("Repeated texts")
struct RepeatedTextTests {
    private static let mail = "the parcel is late. call me. the parcel is late. thank you"

    private static func run(
        _ texts: [String], _ segmentation: Segmentation
    ) throws -> (annotations: [DocumentAnnotation], encodedTokens: Int) {
        var workspace = AnnotatorWorkspace()
        let annotator = try Annotator(bundle: TestBundle.make(), segmentation: segmentation, tokenBudget: 64)
        var encoded = 0
        let results = annotator.annotate(
            texts.map { AnnotationRequest(text: $0) }, workspace: &workspace, progress: { encoded = $0.encodedTokens })
        return (try results.map { try $0.get() }, encoded)
    }

    @Test("what stands in a call several times is encoded once, and every place gets its own answer in order")
    func documents() throws {
        let texts = ["a", Self.mail, "a", "b c", Self.mail, "a", ""]
        let distinct = ["a", Self.mail, "b c", ""]
        let (all, encoded) = try Self.run(texts, .document)
        let (few, fewer) = try Self.run(distinct, .document)
        #expect(encoded == fewer)
        #expect(all == texts.map { text in few[distinct.firstIndex(of: text) ?? 0] })
        // What a document counts for does not depend on its neighbours.
        #expect(all.map(\.tokenCount) == texts.map { text in few[distinct.firstIndex(of: text) ?? 0].tokenCount })
    }

    @Test("repeated sentences of one text and of others keep their places")
    func sentences() throws {
        let other = "call me. the parcel is late."
        let (annotations, encoded) = try Self.run([Self.mail, other], .sentence)
        #expect(annotations.map(\.segments.count) == [4, 2])
        let first = annotations[0].segments
        #expect(first[0].embedding == first[2].embedding)
        #expect(first[0].start == 0 && first[2].start == 29)
        #expect(annotations[1].segments[0].embedding == first[1].embedding)
        #expect(annotations[1].segments[0].start == 0)
        #expect(encoded < annotations.reduce(0) { $0 + $1.tokenCount })
        for (annotation, text) in zip(annotations, [Self.mail, other]) {
            AnnotatorTests.checkSanity(annotation, of: text)
        }
        // Entities of the repeated sentence stand where it stands.
        let alone = try Self.run(["the parcel is late."], .sentence).annotations[0]
        let moved = annotations[0].entities.filter { $0.start >= 29 && $0.end <= 48 }
        #expect(moved.map(\.start) == alone.entities.map { $0.start + 29 })
        #expect(moved.map(\.surface) == alone.entities.map(\.surface))
    }

    @Test("the same tokens as other words are not the same text")
    func words() throws {
        var workspace = AnnotatorWorkspace()
        let annotator = try Annotator(bundle: TestBundle.make())
        let requests = [AnnotationRequest(words: ["a-b"]), AnnotationRequest(words: ["a", "-", "b"])]
        let both = try annotator.annotate(requests, workspace: &workspace).map { try $0.get() }
        for (request, together) in zip(requests, both) {
            let alone = try annotator.annotate([request], workspace: &workspace)[0].get()
            #expect(alone.entities.map(\.surface) == together.entities.map(\.surface))
        }
    }

    @Test("a workspace with a clock measures every stage")
    func measured() throws {
        let now = ContinuousClock.now
        let count = Mutex(0)
        var workspace = AnnotatorWorkspace(now: {
            count.withLock { count in
                count += 1
                return now + .seconds(count)
            }
        })
        let annotator = try Annotator(bundle: TestBundle.make(), tokenBudget: 16)
        _ = annotator.annotate(
            [AnnotationRequest(text: Self.mail), AnnotationRequest(text: "another")], workspace: &workspace)
        let times = workspace.meter.take()
        #expect(times.tokenize == .seconds(1))
        #expect(times.plan == .seconds(1))
        #expect(times.encode == times.decode && times.encode > .seconds(1))
    }
}
