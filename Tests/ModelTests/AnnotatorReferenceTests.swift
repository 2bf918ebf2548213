import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Testing

@Suite("Annotating reference texts", .enabled(if: Reference.isAvailable))
struct AnnotatorReferenceTests {
    private struct Line: Decodable { let text: String }

    @Test(
        "every string of the tokenizer's reference gets offsets that the database accepts",
        arguments: Segmentation.allCases)
    func allStrings(segmentation: Segmentation) throws {
        let texts = try Reference.lines(of: "tokenizer_strings.jsonl", as: Line.self).map(\.text)
        let backbone = try Backbone.load(directory: Reference.fixture("tiny").path)
        let bundle = try ModelBundle(
            backbone: backbone, heads: TestBundle.randomHeads(hidden: backbone.configuration.hiddenSize))
        let annotations = try AnnotatorTests.annotate(texts, bundle: bundle, segmentation: segmentation)
        #expect(annotations.count == texts.count && !texts.isEmpty)
        for (annotation, text) in zip(annotations, texts) { AnnotatorTests.checkSanity(annotation, of: text) }
        #expect(annotations.map(\.entities.count).reduce(0, +) > texts.count)
    }

    private struct Embedded: Decodable {
        let index: Int
        let text: String
        let fullLength: Int

        enum CodingKeys: String, CodingKey {
            case index, text
            case fullLength = "full_length"
        }
    }

    @Test("the real encoder is there, so that nothing of the reference is skipped in silence")
    func hasEncoder() {
        #expect(Reference.hasEncoder, "`make encoder` fetches it; GLOSSATOR_ENCODER names another place")
    }

    @Test("texts that fit the window are embedded as the reference does", .enabled(if: Reference.hasEncoder))
    func embeddings() throws {
        let encoder = try #require(Reference.encoder)
        let bundle = try ModelBundle.load(directory: encoder.path)
        let lines = try Reference.lines(of: "minilm_texts.jsonl", as: Embedded.self)
            .filter { $0.fullLength <= bundle.backbone.maximumTokens }
        let expected = try SafetensorsFile(path: Reference.fixture("minilm_embeddings.safetensors").path)
            .matrix("normalized")
        var workspace = AnnotatorWorkspace()
        let results = try Annotator(bundle: bundle)
            .embed(lines.map { AnnotationRequest(text: $0.text) }, workspace: &workspace).map { try $0.get() }
        #expect(!lines.isEmpty)
        for (line, result) in zip(lines, results) {
            #expect(result.tokenCount == line.fullLength && result.windowCount == 1)
            let difference = result.segments[0].embedding.largestDifference(from: Array(expected.row(line.index)))
            #expect(difference <= Tolerance.normalized, "text \(line.index)")
        }
    }
}
