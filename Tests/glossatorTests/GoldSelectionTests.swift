import Annotations
import Testing
import Training
import glossator

@Suite("Which gold a run reads")
struct GoldSelectionTests {
    private let split = Split(holdout: 0.2, validation: 0.1)
    private let tone = AnnotationTask(name: "tone", kind: .classification, labels: ["calm", "cross"])
    private let rare = AnnotationTask(name: "rare", kind: .classification, labels: ["yes"])

    private func documents(
        _ count: Int, new: ClosedRange<Int>? = nil, unlearned: ClosedRange<Int>? = nil, task: String = "tone"
    ) -> [LabelledDocument] {
        (0..<count).map { id in
            let mixed = UInt64(id + 1) &* 0x9e37_79b9_7f4a_7c15
            return LabelledDocument(
                id: Int64(id), body: "text \(id)",
                bodyHash: (0..<8).map { UInt8(truncatingIfNeeded: mixed >> (8 * $0)) },
                labels: [task: task == "rare" ? "yes" : id % 2 == 0 ? "calm" : "cross"], completeTasks: [],
                entities: [],
                newTasks: new?.contains(id) == true ? [task] : [],
                unlearnedTasks: unlearned?.contains(id) == true ? [task] : [])
        }
    }

    @Test("a run that starts afresh reads all, one that goes on samples what was learned and keeps all that judges")
    func replay() {
        let all = documents(400, unlearned: 390...399)
        #expect(GoldSelection(all, tasks: [tone], split: split, replay: nil).documents == all)
        let chosen = GoldSelection(all, tasks: [tone], split: split, replay: 20)
        func count(_ part: Split.Part, _ documents: [LabelledDocument]) -> Int {
            documents.count { split.part(of: $0.bodyHash) == part }
        }
        #expect(count(.heldOut, chosen.documents) == count(.heldOut, all))
        #expect(count(.validation, chosen.documents) == count(.validation, all))
        let unlearned = all.filter { !$0.unlearnedTasks.isEmpty }
        #expect(unlearned.allSatisfy(chosen.documents.contains))
        #expect(count(.training, chosen.documents) == 20 + count(.training, unlearned))
        #expect(chosen.leftOut == all.count - chosen.documents.count)
    }

    @Test("new gold counts where it can be learned")
    func newGold() {
        let known = documents(40, new: 0...4)
        #expect(GoldSelection(known, tasks: [tone, rare], split: split, replay: nil).newDocuments == 5)
        // Sixty documents of one class make no task, tonight and every other night.
        let poor = documents(60, new: 0...59, task: "rare")
        #expect(GoldSelection(poor, tasks: [tone, rare], split: split, replay: nil).newDocuments == 0)
        #expect(GoldSelection(known, tasks: [rare], split: split, replay: nil).documents.isEmpty)
    }

    @Test("an entity task of one type that every document has can be learned")
    func entitiesOfOneType() {
        let names = AnnotationTask(name: "names", kind: .entities, labels: ["person"])
        func documents(_ count: Int, marked: Int) -> [LabelledDocument] {
            self.documents(count).map { document in
                LabelledDocument(
                    id: document.id, body: document.body, bodyHash: document.bodyHash, labels: [:],
                    completeTasks: ["names"],
                    entities: document.id < Int64(marked)
                        ? [GoldEntity(task: "names", type: "person", start: 0, end: 4)] : [], newTasks: ["names"])
            }
        }
        func new(_ documents: [LabelledDocument]) -> Int {
            GoldSelection(documents, tasks: [names], split: split, replay: nil).newDocuments
        }
        #expect(new(documents(12, marked: 12)) == 12)
        #expect(new(documents(12, marked: 1)) == 12)
        #expect(new(documents(12, marked: 0)) == 0)
        #expect(new(documents(7, marked: 7)) == 0)
    }

    @Test("stored embeddings stand for texts when they are what the encoder says")
    func storedEmbeddings() async throws {
        let all = documents(50)
        func read(_ documents: [LabelledDocument]) -> [(bodyHash: [UInt8], embedding: [Float])] {
            documents.map { ($0.bodyHash, [1, Float($0.id)]) }
        }
        let right = Dictionary(uniqueKeysWithValues: all.prefix(40).map { ($0.id, [Float(2), 2 * Float($0.id)]) })
        let stored = try #require(try await StoredFeatures(all, stored: right, read: read))
        #expect(stored.check.isGood && stored.check.sampled == 32 && stored.embeddings.count == 40)
        let wrong = right.mapValues { [$0[1], -$0[0]] }
        #expect(try await StoredFeatures(all, stored: wrong, read: read)?.check.isGood == false)
        let none = try await StoredFeatures(all, stored: [:], read: read)
        #expect(none == nil)
    }
}
