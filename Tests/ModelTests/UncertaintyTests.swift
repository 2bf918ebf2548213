import Annotations
import Foundation
import Model
import Tensors
import TestSupport
import Testing

@Suite("What a model is unsure of")
struct UncertaintyTests {
    @Test("a margin is the distance between the two most probable labels, wherever they stand")
    func margins() throws {
        for labels in 1...6 {
            var random = SeededGenerator(seed: UInt64(labels))
            let names = (0..<labels).map { "label \($0)" }
            func values(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -2...2, using: &random) } }
            let head = try ClassificationHead(
                task: AnnotationTask(name: "task", kind: .classification, labels: names),
                weights: Matrix(rows: labels, columns: 5, values: values(labels * 5)), bias: values(labels))
            let embeddings = Matrix(rows: 40, columns: 5, values: values(200))
            let probabilities = head.probabilities(of: embeddings)
            for (row, label) in head.labels(of: embeddings).enumerated() {
                let sorted = (0..<labels).map { probabilities[row, $0] }.sorted(by: >)
                #expect(label.margin == sorted[0] - (labels > 1 ? sorted[1] : 0))
                #expect(label.label == names[(0..<labels).first { probabilities[row, $0] == sorted[0] }!])
            }
        }
    }

    @Test("a document is as uncertain as its most uncertain segment; labels without a margin say nothing")
    func mostUncertainSegment() {
        func label(_ task: String, _ margin: Float?) -> ScoredLabel {
            ScoredLabel(task: task, label: "x", score: 0.5, margin: margin)
        }
        #expect(
            TaskUncertainty.ofLabels([
                [label("a", 0.75), label("b", 0)], [label("a", 0.25), label("b", 1)], [label("a", nil)],
            ]) == [TaskUncertainty(task: "a", uncertainty: 0.75), TaskUncertainty(task: "b", uncertainty: 1)])
        #expect(TaskUncertainty.ofLabels([[label("a", nil)]]).isEmpty)
    }

    @Test(
        "an annotation has an uncertainty of each trained task, and one signature", arguments: Segmentation.allCases)
    func annotated(segmentation: Segmentation) throws {
        let backbone = try TestBundle.make().backbone
        let bundle = try ModelBundle(backbone: backbone, heads: TestBundle.contextHeads())
        let texts = [
            TestBundle.prose(words: 30, seed: 1) + ". " + TestBundle.prose(words: 9, seed: 2) + ".", "Ada", "",
        ]
        let annotations = try AnnotatorTests.annotate(texts, bundle: bundle, segmentation: segmentation)
        for (text, annotation) in zip(texts, annotations) {
            #expect(annotation.uncertainties.map(\.task) == ["topic", "tone", "names", "places"])
            #expect(annotation.uncertainties.allSatisfy { (0...1).contains($0.uncertainty) })
            #expect(
                Array(annotation.uncertainties.prefix(2))
                    == TaskUncertainty.ofLabels(annotation.segments.map(\.labels)))
            #expect(
                annotation.signature
                    == EmbeddingSignature(dimensions: 32).of(annotation.segments.map { $0.embedding[...] }))
            // A text without words has nothing to ask for.
            #expect(annotation.uncertainties.suffix(2).allSatisfy { ($0.uncertainty == 0) == text.isEmpty })
        }
        // Nothing of one text is left for the next.
        for (text, annotation) in zip(texts, annotations) {
            let alone = try AnnotatorTests.annotate([text], bundle: bundle, segmentation: segmentation)[0]
            for (a, b) in zip(alone.uncertainties, annotation.uncertainties) {
                #expect(abs(a.uncertainty - b.uncertainty) < Tolerance.batchedScore)
            }
        }
    }

    @Test("an entity task's uncertainty is that of its words' best sequence")
    func entities() throws {
        let bundle = try TestBundle.make()
        let text = TestBundle.prose(words: 12, seed: 5)
        let annotation = try AnnotatorTests.annotate([text], bundle: bundle)[0]
        var workspace = AnnotatorWorkspace()
        let features = try FeatureExtractor(backbone: bundle.backbone)
            .features(of: [AnnotationRequest(text: text)], wantsWords: true, workspace: &workspace)[0]
        let head = bundle.heads.entities[0]
        let sequence = EntityDecoder.sequence(logits: head.logits(of: features.words), tagSet: head.tagSet)
        let expected = 1 - exp(sequence.logProbability / Double(features.wordCount))
        #expect(abs(Double(annotation.uncertainties.last!.uncertainty) - expected) < Double(Tolerance.batchedScore))
    }

    @Test("signatures are near where vectors are near, and do not depend on length")
    func signatures() {
        let signatures = EmbeddingSignature(dimensions: 384)
        var random = SeededGenerator(seed: 3)
        func vector() -> [Float] { (0..<384).map { _ in Float.random(in: -1...1, using: &random) } }
        var bits = [Int](repeating: 0, count: 64)
        for _ in 0..<200 {
            let (a, b) = (vector(), vector())
            let signature = signatures.of([a[...]])
            for bit in 0..<64 where signature >> UInt64(bit) & 1 == 1 { bits[bit] += 1 }
            #expect(signatures.of([a.map { $0 / 8 }[...]]) == signature)
            #expect(signatures.of([a.map { -$0 }[...]]) == ~signature)
            #expect(signatures.of([a[...], a[...]]) == signature)
            // At an angle of acos(cosine), 64 · angle / π bits differ, give or take four deviations.
            for mix: Float in [0, 0.3, 1, 3] {
                let mixed = zip(a, b).map { $0 + mix * $1 }
                let angle = acos(Double(min(1, Similarity.cosine(a, mixed))))
                let expected = 64 * angle / .pi
                let distance = Double((signature ^ signatures.of([mixed[...]])).nonzeroBitCount)
                #expect(abs(distance - expected) <= 4.5 * (expected * (1 - angle / .pi)).squareRoot() + 0.5)
            }
        }
        #expect(bits.allSatisfy { (60...140).contains($0) }, "every plane divides")
        #expect(signatures.of([ArraySlice<Float>]()) == 0)
    }

    @Test("signatures of many documents are those of each")
    func manySignatures() {
        let signatures = EmbeddingSignature(dimensions: 37)
        var random = SeededGenerator(seed: 4)
        let embeddings = (0..<37 * 40).map { _ in Float.random(in: -1...1, using: &random) }
        let documents = [0..<1, 1..<4, 4..<5] + (5..<40).map { $0..<$0 + 1 }
        let expected = documents.map { document in
            signatures.of(document.map { embeddings[$0 * 37..<($0 + 1) * 37] })
        }
        #expect(signatures.of(embeddings, documents: documents) == expected)
        #expect(Set(expected).count == documents.count)
        #expect(signatures.of([], documents: []) == [])
    }

    /// Stored signatures are compared with new ones: a change here would need all of them computed again.
    @Test("signatures stay what they were")
    func signaturesAreFixed() {
        // The normals' coordinates in the first dimensions are the bits of SplitMix64's first words from state 0.
        let signatures = EmbeddingSignature(dimensions: 3)
        #expect(signatures.of([[1, 0, 0]]) == 0xe220_a839_7b1d_cdaf)
        #expect(signatures.of([[0, 1, 0]]) == 0x6e78_9e6a_a1b9_65f4)
        #expect(signatures.of([[0, 0, 1]]) == 0x06c4_5d18_8009_454f)
        #expect(signatures.of([[0, 0, 0]]) == 0)
        #expect(signatures.of([[4, 0, 0], [0, 1, 0], [0, 0, 1]]) == 0xe220_a839_7b1d_cdaf)
    }
}
