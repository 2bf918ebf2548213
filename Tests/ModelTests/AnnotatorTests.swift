import Annotations
import Model
import Tensors
import TestSupport
import Testing

@Suite("Annotating")
struct AnnotatorTests {
    static func annotate(
        _ texts: [String], bundle: ModelBundle, segmentation: Segmentation = .document, tokenBudget: Int = 2048
    ) throws -> [DocumentAnnotation] {
        var workspace = AnnotatorWorkspace()
        let annotator = try Annotator(bundle: bundle, segmentation: segmentation, tokenBudget: tokenBudget)
        return try annotator.annotate(texts.map { AnnotationRequest(text: $0) }, workspace: &workspace)
            .map { try $0.get() }
    }

    /// What must hold for any text: the contract with the database.
    static func checkSanity(
        _ annotation: DocumentAnnotation, of text: String, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let count = text.unicodeScalars.count
        var borders: Set<Int> = [0]
        var scalar = 0
        for character in text {
            scalar += character.unicodeScalars.count
            borders.insert(scalar)
        }
        var previousEnd = 0
        for entity in annotation.entities {
            #expect(
                entity.start >= previousEnd && entity.start < entity.end && entity.end <= count,
                sourceLocation: sourceLocation)
            #expect(borders.contains(entity.start) && borders.contains(entity.end), sourceLocation: sourceLocation)
            #expect(
                entity.surface.utf8.elementsEqual(substring(text, entity.start, entity.end).utf8),
                sourceLocation: sourceLocation)
            #expect(
                entity.surface.first?.isWhitespace == false && entity.surface.last?.isWhitespace == false,
                sourceLocation: sourceLocation)
            #expect((0...1).contains(entity.score), sourceLocation: sourceLocation)
            previousEnd = entity.end
        }
        #expect(!annotation.segments.isEmpty, sourceLocation: sourceLocation)
        for segment in annotation.segments {
            #expect(
                0 <= segment.start && segment.start <= segment.end && segment.end <= count,
                sourceLocation: sourceLocation)
            let isFinite = segment.embedding.allSatisfy { $0.isFinite }
            #expect(isFinite, sourceLocation: sourceLocation)
            #expect(segment.labels.map(\.task) == ["topic", "tone"], sourceLocation: sourceLocation)
            for label in segment.labels { #expect((0...1).contains(label.score), sourceLocation: sourceLocation) }
        }
    }

    @Test("a text alone and the same text in any batch give the same answer", arguments: Segmentation.allCases)
    func batching(segmentation: Segmentation) throws {
        let bundle = try TestBundle.make()
        var texts = (0..<40).map { TestBundle.prose(words: [1, 5, 20, 60, 300][$0 % 5], seed: UInt64($0)) }
        texts.insert("", at: 7)
        let alone = try texts.flatMap { try Self.annotate([$0], bundle: bundle, segmentation: segmentation) }
        for tokenBudget in [1, 100, 2048, 100_000] {
            let together = try Self.annotate(
                texts, bundle: bundle, segmentation: segmentation, tokenBudget: tokenBudget)
            #expect(together.count == texts.count)
            for (a, b) in zip(alone, together) {
                #expect(a.tokenCount == b.tokenCount && a.windowCount == b.windowCount)
                #expect(a.segments.map { [$0.start, $0.end] } == b.segments.map { [$0.start, $0.end] })
                for (a, b) in zip(a.segments, b.segments) {
                    #expect(a.embedding.largestDifference(from: b.embedding) <= Tolerance.batching)
                    #expect(a.labels.map(\.label) == b.labels.map(\.label))
                }
                #expect(a.entities.map { [$0.start, $0.end] } == b.entities.map { [$0.start, $0.end] })
                for (a, b) in zip(a.entities, b.entities) { #expect(abs(a.score - b.score) < Tolerance.batchedScore) }
            }
        }
    }

    @Test("with sentences as segments each is read alone, and its entities are moved to the body")
    func sentences() throws {
        let bundle = try TestBundle.make()
        let text = "  Maria paid the invoice in London.   John was angry!\n\nNo refund from Berlin bank.  "
        let whole = try Self.annotate([text], bundle: bundle, segmentation: .sentence)[0]
        Self.checkSanity(whole, of: text)
        #expect(whole.segments.count == 3)
        var expected: [Entity] = []
        for segment in whole.segments {
            let sentence = substring(text, segment.start, segment.end)
            let alone = try Self.annotate([sentence], bundle: bundle)[0]
            #expect(alone.segments[0].labels.map(\.label) == segment.labels.map(\.label))
            #expect(alone.segments[0].embedding.largestDifference(from: segment.embedding) <= Tolerance.batching)
            expected += alone.entities.map {
                Entity(
                    task: $0.task, type: $0.type, start: $0.start + segment.start, end: $0.end + segment.start,
                    surface: $0.surface, score: $0.score)
            }
        }
        #expect(!expected.isEmpty)
        #expect(
            whole.entities.map { "\($0.type) \($0.start) \($0.end) \($0.surface)" }
                == expected.map { "\($0.type) \($0.start) \($0.end) \($0.surface)" })
    }

    @Test("offsets are right for any script, with marks, emoji, flags and joiners", arguments: Segmentation.allCases)
    func scripts(segmentation: Segmentation) throws {
        let texts = [
            "Jose\u{301} Lima\u{303} met Ame\u{301}lie. So did Zoe\u{308}!", "👩‍👩‍👧 Anna 🇩🇪🇫🇷 Paris 👍🏽 Bob",
            "שָׁלוֹם דוד בן־גוריון. ירושלים", "محمد صلاح يلعب في ليفربول.", "नरेन्द्र मोदी ने दिल्ली में कहा। क्षत्रिय",
            "ประเทศไทย กรุงเทพฯ", "田中さんは東京に行きました。大阪も。", "\u{1112}\u{1161}\u{11AB}\u{1100}\u{116E}\u{11A8} 서울시",
            "‼\u{200D}‼ e\u{301}\u{302}\u{303} x\u{200D}y", "a\r\nb\r\n\r\nc",
            "Z\u{335}a\u{336}l\u{337}g\u{338}o says hi",
        ]
        var model = TestBundle.model
        model.words += ["é", "ש", "ל", "##ו", "م", "##ح", "न", "##र", "東", "京", "ᄒ", "##ᅡ", "##ᆫ", "อ", "!"]
        let bundle = try TestBundle.make(model)
        let annotations = try Self.annotate(texts, bundle: bundle, segmentation: segmentation)
        for (annotation, text) in zip(annotations, texts) { Self.checkSanity(annotation, of: text) }
        #expect(annotations.map(\.entities.count).reduce(0, +) > 10)
    }

    @Test(
        "strange texts give sane answers",
        arguments: [
            "", " ", "\n\t \u{A0}\u{3000}\r\n", "\u{0}", "a\u{0}b\u{0}Maria",
            "\u{1}\u{2}\u{7F}\u{80}\u{9F}\u{FEFF}\u{200B}",
            "[MASK] Maria [SEP] London[CLS] [PAD]x[UNK]", "\u{FFFD}\u{FFFE}\u{10FFFF}\u{E000}", "\u{301}\u{302}",
            "...!!!???",
            "a", "\u{1F1E9}",
        ])
    func strangeTexts(text: String) throws {
        let bundle = try TestBundle.make()
        for segmentation in Segmentation.allCases {
            Self.checkSanity(try Self.annotate([text], bundle: bundle, segmentation: segmentation)[0], of: text)
        }
    }

    @Test("a text of nothing is one segment over its whole length, read as [CLS] [SEP], without entities")
    func nothing() throws {
        let bundle = try TestBundle.make()
        for segmentation in Segmentation.allCases {
            let annotations = try Self.annotate(["", " \n "], bundle: bundle, segmentation: segmentation)
            #expect(annotations.map { $0.segments.map { [$0.start, $0.end] } } == [[[0, 0]], [[0, 3]]])
            #expect(annotations.allSatisfy { $0.entities.isEmpty && $0.tokenCount == 2 && $0.windowCount == 1 })
            let embeddings = annotations.map { $0.segments[0].embedding }
            #expect(embeddings[0].largestDifference(from: embeddings[1]) <= Tolerance.batching)
        }
    }

    @Test("given words are the words of the entities, and offsets refer to them joined by spaces")
    func givenWords() throws {
        let bundle = try TestBundle.make()
        let words = ["Maria", "", "O'Neil,", "\u{200B}", "new york", "London", "e\u{301}", "[SEP]", "bank"]
        let request = AnnotationRequest(words: words)
        #expect(request.text == "Maria  O'Neil, \u{200B} new york London e\u{301} [SEP] bank")
        var starts: Set<Int> = []
        var ends: Set<Int> = []
        var position = 0
        for word in words {
            starts.insert(position)
            position += word.unicodeScalars.count
            ends.insert(position)
            position += 1
        }
        var workspace = AnnotatorWorkspace()
        for seed: UInt64 in 0..<20 {
            let heads = try TestBundle.randomHeads(seed: seed)
            let annotator = try Annotator(
                bundle: ModelBundle(backbone: bundle.backbone, heads: heads), segmentation: .sentence)
            let annotation = try annotator.annotate([request], workspace: &workspace)[0].get()
            Self.checkSanity(annotation, of: request.text)
            #expect(annotation.segments.map { [$0.start, $0.end] } == [[0, request.text.unicodeScalars.count]])
            for entity in annotation.entities {
                #expect(starts.contains(entity.start) && ends.contains(entity.end))
                // Words without tokens are `O`.
                #expect(!(entity.start...entity.end).contains(6), "the empty word lies at 6")
            }
        }
        #expect(
            try Annotator(bundle: bundle).annotate([AnnotationRequest(words: [])], workspace: &workspace)[0].get()
                .entities.isEmpty)
    }

    @Test("without heads there are embeddings and nothing else, and embedding never runs the heads")
    func embedOnly() throws {
        let bundle = try TestBundle.make()
        var workspace = AnnotatorWorkspace()
        let request = AnnotationRequest(text: "Maria went to London.")
        let full = try Annotator(bundle: bundle).annotate([request], workspace: &workspace)[0].get()
        let embedded = try Annotator(bundle: bundle).embed([request], workspace: &workspace)[0].get()
        let bare = try Annotator(bundle: ModelBundle(backbone: bundle.backbone, heads: .none))
            .annotate([request], workspace: &workspace)[0].get()
        #expect(embedded == bare)
        #expect(embedded.segments[0].labels.isEmpty && embedded.entities.isEmpty)
        #expect(embedded.segments[0].embedding == full.segments[0].embedding)
    }

    @Test("labels from stored embeddings are those of the annotation")
    func relabelling() throws {
        let bundle = try TestBundle.make()
        let texts = (0..<5).map { TestBundle.prose(words: 12, seed: UInt64($0)) }
        let annotations = try Self.annotate(texts, bundle: bundle)
        let stored = annotations.flatMap { $0.segments[0].embedding }
        let choices = try bundle.heads.choices(of: stored, segments: 5)
        #expect(choices.map(\.task.name) == annotations[0].segments[0].labels.map(\.task) && !choices.isEmpty)
        for (index, choice) in choices.enumerated() {
            let labels = annotations.map { $0.segments[0].labels[index] }
            #expect(choice.labels.map { choice.task.labels[$0] } == labels.map(\.label))
            #expect(choice.scores == labels.map(\.score))
            #expect(choice.margins == labels.map(\.margin))
        }
        #expect(throws: Fault.self) { try bundle.heads.choices(of: Array(stored.dropLast()), segments: 5) }
        #expect(try HeadSet.none.choices(of: stored, segments: 5).isEmpty)
    }

    @Test("cancelled: finished texts keep their results, the others fail without blame")
    func cancellation() throws {
        let annotator = try Annotator(bundle: TestBundle.make(), tokenBudget: 64)
        let requests = (0..<10).map { AnnotationRequest(text: TestBundle.prose(words: 20, seed: UInt64($0))) }
        var workspace = AnnotatorWorkspace()
        var batches = 0
        var reports: [AnnotationProgress] = []
        let results = annotator.annotate(
            requests, workspace: &workspace,
            isCancelled: {
                batches += 1; return batches > 4
            },
            progress: { reports.append($0) })
        #expect(results.count == 10)
        let finished = results.prefix { (try? $0.get()) != nil }.count
        #expect((1..<10).contains(finished))
        for result in results.dropFirst(finished) {
            let fault = #expect(throws: Fault.self) { try result.get() }
            #expect(fault?.code == "cancelled" && fault?.blame == .system && fault?.isTransient == true)
        }
        #expect(reports.count == 4)
        #expect(reports.last?.finishedRequests == finished)
        #expect(annotator.annotate([], workspace: &workspace).isEmpty)
    }

    @Test("progress ends with all requests and all tokens")
    func progress() throws {
        let texts = (0..<30).map { TestBundle.prose(words: 50, seed: UInt64($0)) }
        var last: AnnotationProgress?
        var workspace = AnnotatorWorkspace()
        let results = try Annotator(bundle: TestBundle.make(), tokenBudget: 200).annotate(
            texts.map { AnnotationRequest(text: $0) }, workspace: &workspace, progress: { last = $0 })
        #expect(last?.finishedRequests == 30)
        #expect(try last?.encodedTokens == results.map { try $0.get().tokenCount }.reduce(0, +))
    }

    @Test("numbers that overflow fail their text and no other")
    func overflow() throws {
        let huge = Matrix(rows: 7, columns: 32, values: [Float](repeating: 3e38, count: 7 * 32))
        let head = try EntityHead(task: TestBundle.names, weights: huge, bias: [Float](repeating: 0, count: 7))
        let bundle = try TestBundle.make(heads: HeadSet(tasks: [TestBundle.names], entities: [head]))
        var workspace = AnnotatorWorkspace()
        let results = try Annotator(bundle: bundle).annotate(
            [AnnotationRequest(text: "Maria went home."), AnnotationRequest(text: "")], workspace: &workspace)
        let fault = #expect(throws: Fault.self) { try results[0].get() }
        #expect(fault?.code == "scores-not-finite")
        #expect(try results[1].get().entities.isEmpty)
    }

    @Test("settings that cannot work are refused")
    func settings() throws {
        let bundle = try TestBundle.make()
        for (budget, overlap, code) in [(0, nil, "token-budget"), (9, -1, "window-overlap"), (9, 62, "window-overlap")]
        {
            let fault = #expect(throws: Fault.self) {
                try Annotator(bundle: bundle, tokenBudget: budget, windowOverlap: overlap)
            }
            #expect(fault?.code == code && fault?.blame == .configuration)
        }
        _ = try Annotator(bundle: bundle, tokenBudget: 1, windowOverlap: 61)
    }
}
