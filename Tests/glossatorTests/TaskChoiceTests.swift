import Annotations
import Store
import Testing
import glossator

@Suite("Which tasks a run trains")
struct TaskChoiceTests {
    private static let topic = AnnotationTask(name: "topic", kind: .classification, labels: ["b", "a"])
    private static let names = AnnotationTask(name: "names", kind: .entities, labels: ["person"])

    @Test("declared labels keep their places, new ones come behind, new tasks after the declared")
    func order() throws {
        let counts = GoldStore.Counts(
            documents: 9, labels: ["topic": ["z": 1, "a": 2, "c": 3], "mood": ["sad": 1, "glad": 2]],
            entities: ["names": ["place": 1]], complete: ["names": 1])
        let tasks = try choose(counts, declared: [Self.topic, Self.names])
        #expect(tasks.map(\.name) == ["topic", "names", "mood"])
        #expect(tasks.map(\.labels) == [["b", "a", "c", "z"], ["person", "place"], ["glad", "sad"]])
        #expect(tasks.map(\.kind) == [.classification, .entities, .classification])
    }

    @Test("a declared task without gold is not trained; one with complete documents but no entity is")
    func withoutGold() throws {
        let counts = GoldStore.Counts(documents: 5, complete: ["names": 5])
        #expect(try choose(counts, declared: [Self.topic, Self.names]).map(\.name) == ["names"])
    }

    @Test("--task chooses among the tasks with gold and refuses others")
    func only() throws {
        let counts = GoldStore.Counts(documents: 5, labels: ["topic": ["a": 5], "mood": ["glad": 5]])
        #expect(try choose(counts, declared: [Self.topic], only: ["mood"]).map(\.name) == ["mood"])
        let fault = #expect(throws: Fault.self) { try choose(counts, declared: [Self.names], only: ["names", "mood"]) }
        #expect(fault?.code == "task-without-gold")
        #expect(fault?.message.contains("names") == true)
    }

    @Test("no gold at all is refused, and so is one name for labels and entities")
    func refusals() {
        let nothing = #expect(throws: Fault.self) {
            try choose(GoldStore.Counts(documents: 0), declared: [Self.topic])
        }
        #expect(nothing?.code == "no-gold")
        let clashes = [
            (GoldStore.Counts(documents: 1, labels: ["x": ["a": 1]], entities: ["x": ["p": 1]]), [AnnotationTask]()),
            (GoldStore.Counts(documents: 1, entities: ["topic": ["p": 1]]), [Self.topic]),
            (GoldStore.Counts(documents: 1, labels: ["names": ["a": 1]]), [Self.names]),
        ]
        for (counts, declared) in clashes {
            let fault = #expect(throws: Fault.self) { try choose(counts, declared: declared) }
            #expect(fault?.code == "task-kind-clash")
        }
    }

    private func choose(
        _ counts: GoldStore.Counts, declared: [AnnotationTask], only: Set<String>? = nil
    ) throws(Fault) -> [AnnotationTask] {
        try TaskChoice(counts: counts, declared: declared, only: only).tasks(collection: "mail")
    }
}
