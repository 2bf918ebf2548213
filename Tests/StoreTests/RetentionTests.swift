import Annotations
import Foundation
import Store
import TestSupport
import Testing

/// Which models can be removed, and what stays of them.
@Suite struct RetentionTests {
    private let database: TestDatabase

    init() async throws {
        database = try await TestDatabase.create()
        try await database.addModel("base")
        try await database.add("one")
    }

    /// A training run that made a model; promoted or not.
    @discardableResult
    private func train(_ promotes: Bool = true) async throws -> String {
        let run = try await database.runs.start(
            collection: "mail", parentModelID: 1, options: "{}", counts: "{}", codeVersion: "t")
        let name = "mail-\(run)"
        let id = try await database.models.insertModel(
            name: name, space: TestDatabase.space, heads: Array(name.utf8), tasks: [TestDatabase.topics], parentID: 1,
            trainingRunID: run)
        try await database.runs.record(
            [.init(documentID: 1, task: "topic", part: "training", isNew: true, goldIDs: [1])], of: run)
        try await database.runs.finish(
            run: run, end: promotes ? .promoted(modelID: id) : .kept(modelID: id), message: "")
        return name
    }

    private func age() throws {
        try database.psql(
            """
            ALTER TABLE glossator.models DISABLE TRIGGER models_immutable;
            UPDATE glossator.models SET created_at = created_at - interval '40 days';
            ALTER TABLE glossator.models ENABLE TRIGGER models_immutable;
            UPDATE glossator.training_runs SET started_at = started_at - interval '40 days',
                finished_at = finished_at - interval '40 days'
            """)
    }

    private func models() throws -> String {
        try database.psql(
            "SELECT string_agg(name, ' ' ORDER BY id) FROM glossator.models "
                + "WHERE heads IS NOT NULL AND removed_at IS NULL"
        )
    }

    @Test func aModelInUseIsRefusedWithTheUse() async throws {
        let (first, second) = (try await train(), try await train())
        for (name, use) in [("base", "the default model"), (second, "in force in collection"), (first, "rollback")] {
            let refusal = await fault { try await database.models.remove(model: name) }
            #expect(
                refusal?.code == "not-possible-now" && refusal?.message.contains(use) == true,
                "\(name): \(refusal as Any)")
        }
        let run = try await database.runs.start(
            collection: "mail", parentModelID: 3, options: "{}", counts: "{}", codeVersion: "t")
        _ = try await database.models.rollback(collection: "mail")
        _ = try await database.models.rollback(collection: "mail")
        let refusal = await fault { try await database.models.remove(model: second) }
        #expect(refusal?.message.contains("training run \(run)") == true)
        try await database.runs.finish(run: run, end: .failed(mayPass: true), message: "")
        try await database.models.remove(model: second)
        #expect(try models() == "base \(first)")
        #expect(await fault { try await database.models.remove(model: "none") }?.code == "not-found")
    }

    @Test func whatIsRemovedComesIntoForceNowhere() async throws {
        let name = try await train(false)
        try await database.models.remove(model: name)
        let id = try await database.models.model(named: name).id
        #expect(try await database.models.model(id: id).removedAt != nil)
        for collection in ["mail", nil] {
            let refusal = await fault { try await database.models.promote(modelID: id, collection: collection) }
            #expect(refusal?.message.isEmpty == false)
            #expect(try await database.models.modelInForce(collection: "mail").modelName == "base")
        }
        #expect(await fault { _ = try await database.models.heads(of: id) }?.code == "model-removed")
        try await database.models.remove(model: name)
        #expect(throws: (any Error).self) {
            try database.psql("UPDATE glossator.models SET removed_at = NULL, heads = '\\x00' WHERE id = \(id)")
        }
    }

    @Test func oldModelsGoAndManifestsOfWhatIsLearnedStay() async throws {
        var names: [String] = []
        for promotes in [true, false, true, false, true] { names.append(try await train(promotes)) }
        #expect(try await database.models.prune(keep: 0, days: 30) == 0, "all are young")
        try age()
        #expect(try await database.models.prunable(keep: 3, days: 30).map(\.name) == Array(names[..<2]))
        #expect(try await database.models.prune(keep: 3, days: 30) == 2)
        #expect(try models() == "base \(names[2]) \(names[3]) \(names[4])")
        #expect(try await database.models.prune(keep: 0, days: 30) == 1, "in force and rollback stay")
        #expect(try models() == "base \(names[2]) \(names[4])")
        let manifests = "SELECT string_agg(run_id::text, ' ' ORDER BY run_id) FROM glossator.training_rows"
        #expect(try database.psql(manifests) == "3 5", "the others' models are gone")
        #expect(try database.count("training_runs") == 5)
        #expect(throws: (any Error).self) { try database.psql("DELETE FROM glossator.training_rows") }
        #expect(await fault { _ = try await database.models.prune(keep: -1, days: 0) }?.hint != nil)
    }

    @Test func manifestsOfAncestorsStay() async throws {
        try await train()
        try database.psql(
            "INSERT INTO glossator.models (name, space_id, heads, heads_sha256, parent_id) "
                + "SELECT 'child', space_id, heads, heads_sha256, id FROM glossator.models WHERE name = 'mail-1'")
        try await database.models.promote(modelID: database.models.model(named: "child").id, collection: "mail")
        try await database.models.promote(modelID: database.models.model(named: "child").id, collection: "mail")
        try database.psql("DELETE FROM glossator.model_history")
        try age()
        #expect(try await database.models.prune(keep: 0, days: 30) == 1)
        #expect(try database.count("training_rows") == 1, "what an ancestor has learned is learned")
    }

    @Test func layersThatAnotherEncoderHasStay() async throws {
        let layers = LayerStore(connection: database.connection)
        let imported = TestDatabase.space.backboneHash
        let hashes = ["c", "d"].map { String(repeating: $0, count: 64) }
        for (index, hash) in hashes.enumerated() {
            try await layers.store(
                hash, name: "learned \(index)", importedHash: imported, layers: [0: [1, 2, 3], 1: [UInt8(index)]])
            _ = try await database.models.insertModel(
                name: "tuned \(index)",
                space: EmbeddingSpace(backboneHash: hash, pooling: .mean, normalization: .l2, dimensions: 4),
                heads: [1],
                tasks: [])
        }
        #expect(try database.count("learned_layers") == 3)
        try await database.models.remove(model: "tuned 0")
        #expect(try database.count("learned_layers") == 2, "the shared one and the other's own")
        #expect(try database.count("backbone_layers") == 2)
        try await database.models.remove(model: "tuned 1")
        #expect(try database.count("learned_layers") == 0)
    }
}
