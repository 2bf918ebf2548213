import Annotations
import Foundation
import Model
import Synchronization
import Tensors
import TestSupport
import Testing
import Training

@Suite("Example builder")
struct ExampleBuilderTests {
    private let topic = AnnotationTask(name: "topic", kind: .classification, labels: ["bill", "parcel"])
    private let names = AnnotationTask(name: "names", kind: .entities, labels: ["person", "place"])

    private func backbone() throws -> Backbone {
        var model = TinyModel()
        (model.pooling, model.normalizes) = (.mean, true)
        return try model.withDirectory { try Backbone.load(directory: $0.path) }
    }

    /// Every fifth document says nothing about topics, every third nothing about names.
    private func documents(_ range: Range<Int>) -> [LabelledDocument] {
        range.map { index in
            let isBill = index % 2 == 0
            let name = ["anna", "bert", "carla"][index % 3] + " x\(index)"
            let opening = isBill ? "invoice 9 from " : "package 7 for "
            let span = opening.unicodeScalars.count..<opening.unicodeScalars.count + name.unicodeScalars.count
            let hasNames = index % 3 != 2
            return LabelledDocument(
                id: Int64(index), body: opening + name + (isBill ? " is wrong." : " is late!"),
                bodyHash: SyntheticRows.hash(index),
                labels: index % 5 == 4 ? [:] : ["topic": isBill ? "bill" : "parcel"],
                completeTasks: hasNames ? ["names"] : [],
                entities: hasNames
                    ? [GoldEntity(task: "names", type: "person", start: span.lowerBound, end: span.upperBound)] : [])
        }
    }

    @Test("features and tags belong to their document")
    func contents() throws {
        let set = try ExampleBuilder(backbone: backbone(), tasks: [topic, names]).build(documents(0..<40))
        // Documents 14 and 29 say nothing about either task.
        #expect(set.examples.map(\.id).sorted() == (0..<40).filter { $0 % 15 != 14 }.map(Int64.init))
        #expect(set.unalignedEntities.isEmpty)
        #expect(set.tokenCount > 40 * 5)
        for example in set.examples {
            #expect(example.embedding.count == 32)
            guard let tags = example.tags["names"] else {
                #expect(example.id % 3 == 2)
                #expect(example.words.rows == 0)
                continue
            }
            #expect(tags == ["O", "O", "O", "B-person", "I-person", "O", "O", "O"])
            #expect(example.words.rows == tags.count)
        }
    }

    @Test("neither threads nor the documents' order change a bit")
    func reproducible() throws {
        let backbone = try backbone()
        let all = documents(0..<600)
        let builder = try ExampleBuilder(backbone: backbone, tasks: [topic, names])
        let one = try builder.build(all)
        for other in [try builder.build(all, workers: 3), try builder.build(all.reversed(), workers: 2)] {
            #expect(other.examples.map(\.id) == one.examples.map(\.id))
            #expect(other.examples.map(\.embedding) == one.examples.map(\.embedding))
            #expect(other.examples.map(\.words) == one.examples.map(\.words))
        }
    }

    @Test("copies of a text are read once and keep their own labels")
    func copies() throws {
        let original = documents(0..<1)[0]
        let copy = LabelledDocument(
            id: 99, body: original.body, bodyHash: original.bodyHash, labels: ["topic": "parcel"], completeTasks: [],
            entities: [])
        let builder = try ExampleBuilder(backbone: backbone(), tasks: [topic, names])
        let set = try builder.build([original, copy])
        #expect(set.examples.map(\.labels) == [["topic": "bill"], ["topic": "parcel"]])
        #expect(set.examples[0].embedding == set.examples[1].embedding)
        #expect(set.tokenCount == (try builder.build([original]).tokenCount))
    }

    @Test("entities that no word can carry are counted")
    func unaligned() throws {
        let document = LabelledDocument(
            id: 1, body: "a  b", bodyHash: SyntheticRows.hash(1), labels: [:], completeTasks: ["names"],
            entities: [
                GoldEntity(task: "names", type: "person", start: 1, end: 3),
                GoldEntity(task: "names", type: "place", start: 3, end: 4),
            ])
        let set = try ExampleBuilder(backbone: backbone(), tasks: [names]).build([document])
        #expect(set.unalignedEntities == ["names": 1])
        #expect(set.examples[0].tags["names"] == ["O", "B-place"])
    }

    @Test("an entity type that the task does not have is a fault that names document and type")
    func unknownType() throws {
        let document = LabelledDocument(
            id: 17, body: "a b", bodyHash: SyntheticRows.hash(1), labels: [:], completeTasks: ["names"],
            entities: [GoldEntity(task: "names", type: "ship", start: 0, end: 1)])
        let builder = try ExampleBuilder(backbone: backbone(), tasks: [names])
        let thrown = fault { _ = try builder.build([document]) }
        #expect(thrown?.code == "label-unknown")
        #expect(thrown?.message.contains("17") == true)
        #expect(thrown?.message.contains("ship") == true)
    }

    @Test("progress ends with all documents; cancelling stops")
    func progressAndCancellation() throws {
        let builder = try ExampleBuilder(backbone: backbone(), tasks: [topic, names])
        let seen = Mutex<[Int]>([])
        _ = try builder.build(
            documents(0..<300), workers: 2,
            progress: { step in
                if case .features(let done, let total) = step, total == 280 { seen.withLock { $0.append(done) } }
            })
        let counts = seen.withLock { $0 }
        #expect(counts == counts.sorted())
        #expect(counts.last == 280)
        let thrown = fault { _ = try builder.build(documents(0..<300), workers: 2, isCancelled: { true }) }
        #expect(thrown?.isTransient == true)
    }

    @Test("what was trained annotates as it was evaluated")
    func endToEnd() throws {
        let backbone = try backbone()
        let documents = documents(0..<240)
        let set = try ExampleBuilder(backbone: backbone, tasks: [topic, names]).build(documents)
        let outcome = try HeadTrainer(options: .quick(epochs: 20)).train(set.examples, tasks: [topic, names])
        #expect(try #require(outcome.after.classification["topic"]).accuracy > 0.9)
        #expect(try #require(outcome.after.entities["names"]).micro.f1 > 0.9)

        let annotator = try Annotator(
            bundle: ModelBundle(backbone: backbone, heads: outcome.heads), segmentation: .document)
        var workspace = AnnotatorWorkspace()
        let results = annotator.annotate(documents.map { AnnotationRequest(text: $0.body) }, workspace: &workspace)
        var right = 0
        var entities = 0
        for (document, result) in zip(documents, results) {
            let annotation = try result.get()
            if annotation.segments[0].labels[0].label == (document.id % 2 == 0 ? "bill" : "parcel") { right += 1 }
            guard let gold = document.entities.first else { continue }
            if annotation.entities.contains(where: { $0.start == gold.start && $0.end == gold.end }) { entities += 1 }
        }
        #expect(Double(right) > 0.9 * 240)
        #expect(Double(entities) > 0.9 * 160)
    }
}
