import Annotations
import Model
import Tensors
import TestSupport
import Testing

@Suite("Entity heads with a context")
struct EntityContextTests {
    private func layers(words: Int, hidden: Int, count: Int, seed: UInt64) -> [Matrix] {
        var random = SeededGenerator(seed: seed)
        return (0..<count).map { _ in
            Matrix(
                rows: words, columns: hidden,
                values: (0..<words * hidden).map { _ in Float.random(in: -2...2, using: &random) })
        }
    }

    private func head(_ heads: HeadSet) throws -> EntityHead { try #require(heads.entities.last) }

    @Test(
        "logits are those of the formula, for texts longer and shorter than the window", arguments: [0, 1, 3],
        [1, 2, 3, 9])
    func formula(radius: Int, words: Int) throws {
        let head = try head(TestBundle.contextHeads(radius: radius))
        let context = try #require(head.context)
        let layers = layers(words: words, hidden: 32, count: 3, seed: 3)
        let logits = head.logits(of: layers[2], layers: layers)
        let mixed = (0..<words).map { word in
            (0..<32).map { column in
                layers.indices.reduce(0.0) { $0 + Double(context.mix[$1]) * Double(layers[$1][word, column]) }
            }
        }
        for word in 0..<words {
            let view = (word - radius...word + radius).flatMap {
                mixed.indices.contains($0) ? mixed[$0] : [Double](repeating: 0, count: 32)
            }
            let outputs = (0..<context.bias.count).map { unit in
                max(
                    zip(context.weights.row(unit), view).reduce(Double(context.bias[unit])) {
                        $0 + Double($1.0) * $1.1
                    }, 0)
            }
            for tag in 0..<5 {
                let naive = zip(head.weights.row(tag), outputs).reduce(Double(head.bias[tag])) {
                    $0 + Double($1.0) * $1.1
                }
                #expect(abs(Double(logits[word, tag]) - naive) < Double(Tolerance.trainingPath))
            }
        }
    }

    @Test("no words, no logits")
    func nothing() throws {
        let head = try head(TestBundle.contextHeads())
        let none = layers(words: 0, hidden: 32, count: 3, seed: 1)
        #expect(head.logits(of: none[2], layers: none) == Matrix(rows: 0, columns: 5))
    }

    @Test("annotations are those of the same texts' features, whatever windows and batches cut the words into")
    func equalsFeatures() throws {
        for radius in [0, 1, 5] {
            let bundle = try TestBundle.make(heads: TestBundle.contextHeads(radius: radius))
            let head = try head(bundle.heads)
            let requests =
                (0..<12).map {
                    AnnotationRequest(text: TestBundle.prose(words: [1, 4, 30, 400][$0 % 4], seed: UInt64($0)))
                }
                + [AnnotationRequest(text: ""), AnnotationRequest(words: ["Maria", "", "Smith-Peter", "of", "York"])]
            var workspace = AnnotatorWorkspace()
            let features = try FeatureExtractor(backbone: bundle.backbone)
                .features(of: requests, wantsWords: true, wantsLayers: true, workspace: &workspace)
            let expected = features.map { document in
                EntityDecoder.decode(
                    logits: head.logits(of: document.words, layers: document.layers),
                    wordIndices: document.wordIndices, wordCount: document.wordCount, tagSet: head.tagSet,
                    transitions: head.context?.transitions)
            }
            #expect(expected.map(\.count).reduce(0, +) > 20)
            for budget in [1, 70, 200, 100_000] {
                let annotator = try Annotator(bundle: bundle, tokenBudget: budget)
                let found = try annotator.annotate(requests, workspace: &workspace).map { try $0.get() }
                for (annotation, (document, spans)) in zip(found, zip(features, expected)) {
                    let entities = annotation.entities.filter { $0.task == head.task.name }
                    let rows = Dictionary(uniqueKeysWithValues: zip(document.wordIndices, document.wordSpans))
                    #expect(spans.map { head.task.labels[$0.type] } == entities.map(\.type), "budget \(budget)")
                    #expect(spans.map { rows[$0.firstWord]?.lowerBound } == entities.map(\.start))
                    #expect(spans.map { rows[$0.lastWord]?.upperBound } == entities.map(\.end))
                    for (a, b) in zip(spans, entities) { #expect(abs(a.score - b.score) < Tolerance.batchedScore) }
                }
            }
        }
    }

    @Test("a linear head says the same whether or not a head beside it looks at all layers")
    func besideLinear() throws {
        let both = try TestBundle.contextHeads()
        let alone = try both.restricted(to: ["topic", "names", "tone"])
        #expect(both.layers == 2 && alone.layers == nil)
        let texts = (0..<8).map { TestBundle.prose(words: [3, 20, 150][$0 % 3], seed: UInt64($0)) }
        let backbone = try TestBundle.make().backbone
        let a = try AnnotatorTests.annotate(texts, bundle: ModelBundle(backbone: backbone, heads: both))
        let b = try AnnotatorTests.annotate(texts, bundle: ModelBundle(backbone: backbone, heads: alone))
        #expect(a.map { $0.entities.filter { $0.task == "names" } } == b.map(\.entities))
        #expect(a.map { $0.segments.map(\.labels) } == b.map { $0.segments.map(\.labels) })
    }

    @Test("the features of all layers end in those of the last, which are the same without them")
    func layersOfFeatures() throws {
        let extractor = try FeatureExtractor(backbone: TestBundle.make().backbone)
        let requests = [30, 200].map { AnnotationRequest(text: TestBundle.prose(words: $0, seed: 5)) }
        var workspace = AnnotatorWorkspace()
        let last = try extractor.features(of: requests, wantsWords: true, workspace: &workspace)
        let all = try extractor.features(of: requests, wantsWords: true, wantsLayers: true, workspace: &workspace)
        for (last, all) in zip(last, all) {
            #expect(last.layers.isEmpty && all.layers.count == 3)
            #expect(all.layers[2] == last.words && all.words == last.words)
            #expect(all.layers[0] != all.layers[1] && all.layers[1] != all.layers[2])
        }
    }

    @Test("are written and read again, bit for bit; a file without such a head keeps the old layout")
    func roundTrip() throws {
        let heads = try TestBundle.contextHeads()
        let bytes = try heads.encoded()
        let again = try HeadSet(encoded: bytes)
        #expect(again == heads)
        #expect(again.layers == 2)
        #expect(again.entities.map(\.kind) == [.linear, .crf])
        #expect(try again.encoded() == bytes)
        #expect(try SafetensorsFile(bytes: bytes, label: "heads").metadata["glossator_heads"] == "2")
        let linear = try heads.restricted(to: ["names"]).encoded()
        #expect(try SafetensorsFile(bytes: linear, label: "heads").metadata["glossator_heads"] == "1")
    }

    private func expectFault(_ code: String, _ body: () throws -> Void) {
        let fault = #expect(throws: Fault.self) { try body() }
        #expect(fault?.code == code)
        #expect(fault?.blame == .model)
    }

    @Test("parts that do not fit each other, the file or the backbone are refused")
    func misfits() throws {
        let good = try #require(head(TestBundle.contextHeads()).context)
        func context(
            mix: [Float]? = nil, weights: Matrix? = nil, bias: [Float]? = nil, transitions: Matrix? = nil,
            hidden: Int = 32
        ) throws -> EntityContext {
            try EntityContext(
                mix: mix ?? good.mix, weights: weights ?? good.weights, bias: bias ?? good.bias,
                transitions: TagTransitions(scores: transitions ?? good.transitions.scores), hidden: hidden)
        }
        expectFault("heads-invalid") { _ = try context(mix: []) }
        expectFault("heads-invalid") { _ = try context(mix: [1, .nan, 1]) }
        expectFault("heads-invalid") { _ = try context(weights: Matrix(rows: 12, columns: 64)) }
        expectFault("heads-invalid") { _ = try context(weights: Matrix(rows: 12, columns: 100)) }
        expectFault("heads-invalid") { _ = try context(bias: [1]) }
        expectFault("heads-invalid") { _ = try context(transitions: Matrix(rows: 5, columns: 4)) }
        expectFault("heads-invalid") { _ = try context(hidden: 0) }
        expectFault("heads-invalid") { _ = try context(hidden: 33) }
        let five = [Float](repeating: 0, count: 5)
        expectFault("heads-invalid") {
            _ = try EntityHead(
                task: TestBundle.places, weights: Matrix(rows: 5, columns: 11), bias: five, context: good)
        }
        expectFault("heads-invalid") {
            _ = try EntityHead(
                task: TestBundle.places, weights: Matrix(rows: 5, columns: 12), bias: five,
                context: context(transitions: Matrix(rows: 3, columns: 3)))
        }
        let deeper = try EntityHead(
            task: AnnotationTask(name: "deep", kind: .entities, labels: ["a", "b"]),
            weights: Matrix(rows: 5, columns: 12), bias: five, context: context(mix: [1, 1, 1, 1]))
        let shallow = try head(TestBundle.contextHeads())
        expectFault("heads-invalid") {
            _ = try HeadSet(tasks: [deeper.task, shallow.task], entities: [deeper, shallow])
        }
        let backbone = try TestBundle.make().backbone
        expectFault("heads-misfit") {
            _ = try ModelBundle(backbone: backbone, heads: HeadSet(tasks: [deeper.task], entities: [deeper]))
        }
    }

    @Test("files with a part missing, a part too many or a kind of another day are refused")
    func damagedFiles() throws {
        let heads = try TestBundle.contextHeads().restricted(to: ["places"])
        let file = try SafetensorsFile(bytes: heads.encoded(), label: "heads")
        let tasks = try #require(file.metadata["tasks"])
        func encode(without name: String? = nil, tasks: String) throws -> [UInt8] {
            let tensors = try file.names.filter { $0 != name }.map { name in
                name.hasSuffix("mix") || name.hasSuffix("bias")
                    ? SafetensorsWriter.Tensor(name, vector: try file.vector(name))
                    : SafetensorsWriter.Tensor(name, try file.matrix(name))
            }
            return try SafetensorsWriter.encode(
                tensors: tensors, metadata: ["format": "pt", "glossator_heads": "2", "tasks": tasks])
        }
        #expect(try HeadSet(encoded: encode(tasks: tasks)) == heads)
        for part in ["mix", "window_weight", "window_bias", "transitions"] {
            expectFault("tensor-missing") {
                _ = try HeadSet(encoded: encode(without: "places.\(part)", tasks: tasks))
            }
        }
        let later = tasks.replacing("\"crf\"", with: "\"lstm\"")
        expectFault("heads-invalid") { _ = try HeadSet(encoded: encode(tasks: later)) }
        let linear = tasks.replacing("\"crf\"", with: "\"linear\"")
        expectFault("heads-invalid") { _ = try HeadSet(encoded: encode(tasks: linear)) }
    }
}
