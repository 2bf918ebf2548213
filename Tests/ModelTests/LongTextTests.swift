import Annotations
import Model
import Tensors
import TestSupport
import Testing
import Tokenization

@Suite("Long texts")
struct LongTextTests {
    /// The slow twin: encodes every window alone, keeps every state of every window, and only then chooses for each
    /// token the window in which it stands most centrally.
    struct Twin {
        var embedding: [Float]
        var entities: [Entity]
        var windowCount: Int

        init(_ text: String, bundle: ModelBundle, overlap: Int) throws {
            let backbone = bundle.backbone
            let tokens = backbone.tokenizer.tokenize(text)
            let count = tokens.ids.count - 2
            let contents = WindowPlanTests.contents(
                count: count, capacity: backbone.maximumTokens - 2, overlap: overlap)
            let states = contents.map { content in
                let ids =
                    [tokens.ids[0]] + tokens.ids[content.lowerBound + 1..<content.upperBound + 1] + [
                        tokens.ids[count + 1]
                    ]
                var workspace = EncoderWorkspace()
                backbone.encoder.encode(RaggedBatch([ids]), workspace: &workspace)
                return workspace.hidden
            }
            let chosen = (0..<count).map { token in
                let window = WindowPlanTests.naiveOwner(of: token, in: contents)
                return Array(states[window].row(token - contents[window].lowerBound + 1))
            }
            let last = states[states.count - 1]
            var pooled = [Array(states[0].row(0))] + chosen + [Array(last.row(last.rows - 1))]
            if backbone.space.pooling == .cls { pooled = states.map { Array($0.row(0)) } }
            embedding = (0..<backbone.space.dimensions).map { dimension in
                Float(pooled.reduce(0.0) { $0 + Double($1[dimension]) } / Double(pooled.count))
            }
            embedding.normalize(backbone.space.normalization)

            let head = bundle.heads.entities[0]
            let places = tokens.places
            let firsts = (1...max(count, 1)).filter { $0 <= count && places[$0].word != places[$0 - 1].word }
            let hidden = Matrix(
                rows: firsts.count, columns: backbone.space.dimensions, values: firsts.flatMap { chosen[$0 - 1] })
            entities = EntityDecoder.decode(logits: head.logits(of: hidden), tagSet: head.tagSet).map { span in
                let end = span.lastWord + 1 < firsts.count ? firsts[span.lastWord + 1] - 1 : count
                let (start, stop) = (Int(places[firsts[span.firstWord]].scalarStart), Int(places[end].scalarEnd))
                return Entity(
                    task: head.task.name, type: head.task.labels[span.type], start: start, end: stop,
                    surface: substring(text, start, stop), score: span.score)
            }
            windowCount = contents.count
        }
    }

    @Test(
        "merging windows while reading gives what keeping all states of all windows gives",
        arguments: [
            (TinyModel.Pooling.mean, nil), (.mean, 0), (.mean, 40), (.cls, nil),
        ] as [(TinyModel.Pooling, Int?)])
    func equalsTwin(pooling: TinyModel.Pooling, overlap: Int?) throws {
        var model = TestBundle.model
        model.pooling = pooling
        let bundle = try TestBundle.make(model)
        let annotator = try Annotator(bundle: bundle, tokenBudget: 150, windowOverlap: overlap)
        var workspace = AnnotatorWorkspace()
        for words in [3, 40, 55, 70, 200, 331] {
            let text = TestBundle.prose(words: words, seed: UInt64(words))
            let annotation = try annotator.annotate([AnnotationRequest(text: text)], workspace: &workspace)[0].get()
            let twin = try Twin(text, bundle: bundle, overlap: overlap ?? 15)
            #expect(annotation.windowCount == twin.windowCount)
            #expect(annotation.segments[0].embedding.largestDifference(from: twin.embedding) <= Tolerance.batching)
            #expect(
                annotation.entities.map { "\($0.type) \($0.start) \($0.end) \($0.surface)" }
                    == twin.entities.map { "\($0.type) \($0.start) \($0.end) \($0.surface)" })
            for (a, b) in zip(annotation.entities, twin.entities) {
                #expect(abs(a.score - b.score) < Tolerance.batchedScore)
            }
        }
    }

    @Test("a text exactly at the limit is one window, one token more are two")
    func limit() throws {
        let bundle = try TestBundle.make()
        var workspace = AnnotatorWorkspace()
        let annotator = try Annotator(bundle: bundle)
        for (tokens, windows) in [(61, 1), (62, 1), (63, 2), (62 + 47, 2), (62 + 48, 3)] {
            let text = Array(repeating: "the", count: tokens).joined(separator: " ")
            let annotation = try annotator.annotate([AnnotationRequest(text: text)], workspace: &workspace)[0].get()
            #expect(annotation.windowCount == windows, "\(tokens) content tokens")
        }
    }

    @Test("no text is cut: a name at the end of a long text changes the answer")
    func endCounts() throws {
        let bundle = try TestBundle.make()
        let prose = TestBundle.prose(words: 400, seed: 1)
        let annotations = try AnnotatorTests.annotate([prose + " the", prose + " maria"], bundle: bundle)
        #expect(annotations[0].segments[0].embedding != annotations[1].segments[0].embedding)
    }

    @Test("a word of a megabyte is read as the one unknown token it is")
    func hugeWord() throws {
        let word = String(repeating: "maria", count: 200_000)
        for segmentation in Segmentation.allCases {
            let annotation = try AnnotatorTests.annotate(
                ["x " + word], bundle: TestBundle.make(), segmentation: segmentation)[0]
            #expect(annotation.tokenCount == 4)
            #expect(annotation.entities.allSatisfy { $0.start == 0 || $0.start == 2 })
        }
    }

    @Test(
        "10 MB go through in bounded pieces, in both segmentations", .timeLimit(.minutes(5)),
        arguments: Segmentation.allCases)
    func tenMegabytes(segmentation: Segmentation) throws {
        var model = TestBundle.model
        (model.layers, model.hidden, model.heads, model.intermediate) = (1, 8, 2, 8)
        let bundle = try TestBundle.make(model, heads: TestBundle.randomHeads(hidden: 8))
        let block = "Maria lives in London and works for the old bank of York. José says no! "
        let text = String(repeating: block, count: 10 << 20 / block.utf8.count)
        let annotation = try AnnotatorTests.annotate([text], bundle: bundle, segmentation: segmentation)[0]
        #expect(annotation.segments.count == (segmentation == .document ? 1 : 2 * (10 << 20 / block.utf8.count)))
        #expect(annotation.segments.last?.end == text.unicodeScalars.count - 1 + (segmentation == .document ? 1 : 0))
        #expect(annotation.windowCount > 10_000)
        #expect(annotation.entities.count > 1000)
        let scalars = Array(text.unicodeScalars)
        var previousEnd = 0
        for entity in annotation.entities {
            #expect(entity.start >= previousEnd)
            #expect(entity.surface.unicodeScalars.elementsEqual(scalars[entity.start..<entity.end]))
            previousEnd = entity.end
        }
    }
}
