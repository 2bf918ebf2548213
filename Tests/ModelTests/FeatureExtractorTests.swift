import Annotations
import Model
import Tensors
import TestSupport
import Testing

@Suite("Features for training")
struct FeatureExtractorTests {
    @Test("heads on features say what the annotator says: windows, words and pooling are the same")
    func equalsAnnotator() throws {
        let bundle = try TestBundle.make()
        let extractor = try FeatureExtractor(backbone: bundle.backbone, tokenBudget: 200)
        let requests =
            (0..<12).map { AnnotationRequest(text: TestBundle.prose(words: [4, 30, 150][$0 % 3], seed: UInt64($0))) }
            + [AnnotationRequest(text: ""), AnnotationRequest(words: ["Maria", "", "Smith-Peter", "of", "York"])]
        var workspace = AnnotatorWorkspace()
        let features = try extractor.features(of: requests, wantsWords: true, workspace: &workspace)
        let annotations = try Annotator(bundle: bundle).annotate(requests, workspace: &workspace).map { try $0.get() }
        #expect(features.count == requests.count)
        let head = bundle.heads.entities[0]
        for (document, annotation) in zip(features, annotations) {
            #expect(document.embedding.largestDifference(from: annotation.segments[0].embedding) <= Tolerance.batching)
            #expect(document.tokenCount == annotation.tokenCount)
            #expect(
                document.words.rows == document.wordSpans.count && document.words.rows == document.wordIndices.count)
            let spans = EntityDecoder.decode(
                logits: head.logits(of: document.words), wordIndices: document.wordIndices,
                wordCount: document.wordCount, tagSet: head.tagSet)
            #expect(spans.map { head.task.labels[$0.type] } == annotation.entities.map(\.type))
            let rows = Dictionary(uniqueKeysWithValues: zip(document.wordIndices, document.wordSpans))
            #expect(spans.map { rows[$0.firstWord]?.lowerBound } == annotation.entities.map(\.start))
            #expect(spans.map { rows[$0.lastWord]?.upperBound } == annotation.entities.map(\.end))
        }
        #expect(features[13].wordIndices == [0, 2, 3, 4])
        #expect(features[13].wordSpans == [0..<5, 7..<18, 19..<21, 22..<26])
        #expect(features[13].wordCount == 5)
    }

    @Test("words nobody asked for are not kept")
    func withoutWords() throws {
        var workspace = AnnotatorWorkspace()
        let features = try FeatureExtractor(backbone: TestBundle.make().backbone)
            .features(of: [AnnotationRequest(text: "Maria went home.")], wantsWords: false, workspace: &workspace)
        #expect(features[0].words.rows == 0 && features[0].wordSpans.isEmpty && features[0].wordIndices.isEmpty)
        #expect(features[0].embedding.count == 32)
    }

    @Test("a cancelled reading is a transient fault of nobody")
    func cancelled() throws {
        var workspace = AnnotatorWorkspace()
        let extractor = try FeatureExtractor(backbone: TestBundle.make().backbone)
        let fault = #expect(throws: Fault.self) {
            try extractor.features(
                of: [AnnotationRequest(text: "a")], wantsWords: true, workspace: &workspace, isCancelled: { true })
        }
        #expect(fault?.code == "cancelled" && fault?.isTransient == true)
    }
}
