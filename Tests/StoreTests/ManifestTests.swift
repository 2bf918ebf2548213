import Annotations
import Store
import TestSupport
import Testing

/// What runs have learned from: which gold is new, and that the record of it stays.
@Suite struct ManifestTests {
    private func database() async throws -> (TestDatabase, ids: [Int64], model: Int64) {
        let database = try await TestDatabase.create()
        let model = try await database.addModel()
        return (database, try await database.add("Anja waits.", "Nobody waits.", "Else."), model)
    }

    private func newTasks(_ database: TestDatabase) async throws -> [[String]] {
        try await database.gold.allLabelledDocuments(in: "mail").map { $0.newTasks.sorted() }
    }

    /// A run over all gold there is.
    private func run(_ database: TestDatabase, parent: Int64, end: TrainingRunStore.End) async throws -> Int64 {
        let run = try await database.runs.start(
            collection: "mail", parentModelID: parent, options: "{}", counts: "{}", codeVersion: "test")
        let rows = try await database.gold.allLabelledDocuments(in: "mail").flatMap { document in
            document.goldIDs.map { task, ids in
                TrainingRunStore.ManifestRow(
                    documentID: document.id, task: task, part: "training", isNew: document.newTasks.contains(task),
                    goldIDs: ids)
            }
        }
        try await database.runs.record(rows, of: run)
        try await database.runs.finish(run: run, end: end, message: "test")
        return run
    }

    @Test func goldIsNewUntilARunThatMadeAModelHasHadIt() async throws {
        let (database, ids, model) = try await database()
        try await database.gold.insert(labels: [.init(documentID: ids[0], task: "tone", label: "calm")])
        try await database.gold.insert(
            entities: [
                .init(documentID: ids[0], entity: GoldEntity(task: "names", type: "person", start: 0, end: 4))
            ], complete: [.init(documentID: ids[1], task: "names")])
        #expect(try await newTasks(database) == [["names", "tone"], ["names"]])
        let entity = try #require(Int64(database.psql("SELECT id FROM glossator.gold_entities")))
        let documents = try await database.gold.allLabelledDocuments(in: "mail")
        #expect(documents[0].goldIDs["names"] == [entity] && documents[1].goldIDs["names"] == [])

        // A run that failed, and one that only looked, have learned nothing.
        _ = try await run(database, parent: model, end: .failed(mayPass: false))
        _ = try await run(database, parent: model, end: .kept(modelID: nil))
        #expect(try await newTasks(database) == [["names", "tone"], ["names"]])
        #expect(try await database.runs.lastThatLearned(collection: "mail") == nil)
        let learned = try await run(database, parent: model, end: .kept(modelID: model))
        #expect(try await newTasks(database) == [[], []])
        #expect(try await database.runs.lastThatLearned(collection: "mail")?.id == learned)
        #expect(try database.count("training_rows", "run_id = \(learned) AND is_new") == 3)

        // A correction is new; so is an entity that was taken back.
        try await database.gold.insert(labels: [.init(documentID: ids[0], task: "tone", label: "cross")])
        #expect(try await newTasks(database) == [["tone"], []])
        try database.psql("UPDATE glossator.gold_entities SET retracted_at = now()")
        try await database.gold.insert(complete: [.init(documentID: ids[0], task: "names")])
        #expect(try await newTasks(database) == [["names", "tone"], []])
        _ = try await run(database, parent: model, end: .promoted(modelID: model))
        #expect(try await newTasks(database) == [[], []])
        // Going back to what an earlier run had is new: the last one had something else.
        try await database.gold.insert(
            entities: [
                .init(documentID: ids[0], entity: GoldEntity(task: "names", type: "person", start: 0, end: 4))
            ])
        _ = try await run(database, parent: model, end: .kept(modelID: model))
        #expect(try await newTasks(database) == [[], []])
        try database.psql("UPDATE glossator.gold_entities SET retracted_at = now() WHERE retracted_at IS NULL")
        #expect(try await newTasks(database) == [["names"], []])
        // What the other collection's runs learn is theirs.
        let other = try await database.add("Anja waits.", to: "other")
        try await database.gold.insert(labels: [.init(documentID: other[0], task: "tone", label: "calm")])
        #expect(try await database.gold.allLabelledDocuments(in: "other").map(\.newTasks) == [["tone"]])
    }

    @Test func whatWasNotPromotedIsNotLearned() async throws {
        let (database, ids, first) = try await database()
        func unlearned() async throws -> [Set<String>] {
            try await database.gold.allLabelledDocuments(in: "mail").map(\.unlearnedTasks)
        }
        func learn(_ name: String, parent: Int64, promotes: Bool) async throws -> Int64 {
            let run = try await database.runs.start(
                collection: "mail", parentModelID: parent, options: "{}", counts: "{}", codeVersion: "test")
            let documents = try await database.gold.allLabelledDocuments(in: "mail")
            let rows = documents.map {
                TrainingRunStore.ManifestRow(
                    documentID: $0.id, task: "tone", part: "training", isNew: true, goldIDs: $0.goldIDs["tone"] ?? [])
            }
            try await database.runs.record(rows, of: run)
            // Twice is once: an answer may be lost.
            try await database.runs.record(rows, of: run)
            let id = try #require(
                Int64(
                    database.psql(
                        """
                        INSERT INTO glossator.models (name, space_id, heads, heads_sha256, parent_id, training_run_id)
                        SELECT '\(name)', space_id, heads, heads_sha256, \(parent), \(run) FROM glossator.models
                        WHERE id = \(first) RETURNING id
                        """)))
            try await database.runs.finish(
                run: run, end: promotes ? .promoted(modelID: id) : .kept(modelID: id), message: "test")
            return id
        }
        try await database.gold.insert(labels: [.init(documentID: ids[0], task: "tone", label: "calm")])
        let second = try await learn("second", parent: first, promotes: true)
        #expect(try await unlearned() == [[]])
        try await database.gold.insert(labels: [.init(documentID: ids[1], task: "tone", label: "cross")])
        _ = try await learn("third", parent: second, promotes: false)
        #expect(try await newTasks(database) == [[], []])
        #expect(try await unlearned() == [[], ["tone"]])
        _ = try await learn("fourth", parent: second, promotes: true)
        #expect(try await unlearned() == [[], []])
        #expect(try database.psql("SELECT count(*) FROM glossator.lineage('mail')") == "3")
        try database.psql("SELECT glossator.rollback('mail')")
        #expect(try await unlearned() == [[], ["tone"]])
        // A run goes when its model goes, and not before.
        #expect(throws: (any Error).self) { try database.psql("DELETE FROM glossator.training_runs") }
    }

    @Test func aManifestStaysAsItIsAndGoesWithItsRun() async throws {
        let (database, ids, model) = try await database()
        try await database.gold.insert(labels: [.init(documentID: ids[0], task: "tone", label: "calm")])
        let id = try await run(database, parent: model, end: .kept(modelID: model))
        #expect(throws: (any Error).self) { try database.psql("UPDATE glossator.training_rows SET part = 'held_out'") }
        // A run that was closed writes nothing.
        let row = TrainingRunStore.ManifestRow(
            documentID: ids[0], task: "tone", part: "training", isNew: true, goldIDs: [1])
        let lost = await fault { try await database.runs.record([row], of: id) }
        #expect(lost?.code == "training-lost")
        #expect(throws: (any Error).self) { try database.psql("DELETE FROM glossator.training_rows") }
        // The manifest outlives its documents, and not its run.
        try database.psql("DELETE FROM glossator.documents")
        #expect(try database.count("training_rows") == 1)
        try database.psql("DELETE FROM glossator.training_runs")
        #expect(try database.count("training_rows") == 0)
    }
}
