import Annotations
import Store
import TestSupport
import Testing

@Suite struct RegistryTests {
    @Test func aModelComesBackAsItWasStored() async throws {
        let database = try await TestDatabase.create()
        let id = try await database.addModel("support-1")
        let row = try await database.models.model(named: "support-1")
        #expect(row.id == id && row.space == TestDatabase.space && row.tasks == [TestDatabase.topics] && row.isDefault)
        #expect(try await database.models.model(id: id) == row)
        #expect(try await database.models.model(named: "\(id)") == row)
        #expect(try await database.models.models() == [row])
        #expect(try await database.models.heads(of: id) == Array("heads of support-1".utf8))
        #expect(try await database.models.backbones().map(\.files) == [["config.json"]])
        #expect(await fault { _ = try await database.models.model(named: "nope") }?.code == "not-found")
        #expect(await fault { _ = try await database.models.heads(of: 4711) }?.code == "not-found")
        #expect(await fault { try await database.addModel("support-1") }?.code == "already-exists")
    }

    @Test func aBackboneIsKnownByItsContent() async throws {
        let database = try await TestDatabase.create()
        func backbone(_ hash: String, _ name: String) -> ModelRegistry.BackboneRow {
            .init(
                sha256: String(repeating: hash, count: 32), name: name, hiddenSize: 4, layers: 1, maximumTokens: 64,
                vocabularySize: 9, files: [])
        }
        try await database.models.importBackbone(backbone("aa", "first"))
        #expect(try await database.models.importBackbone(backbone("aa", "second name")).name == "first")
        #expect(
            await fault { _ = try await database.models.importBackbone(backbone("bb", "first")) }?.code
                == "already-exists")
        #expect(try await database.models.backbones().count == 1)
        let space = EmbeddingSpace(
            backboneHash: String(repeating: "aa", count: 32), pooling: .cls, normalization: .none, dimensions: 4)
        let id = try await database.models.spaceID(of: space)
        #expect(try await database.models.spaceID(of: space) == id)
        let unknown = EmbeddingSpace(backboneHash: "ff", pooling: .cls, normalization: .none, dimensions: 4)
        #expect(await fault { _ = try await database.models.spaceID(of: unknown) }?.code == "row-missing")
    }

    @Test func damagedHeadsAreNoticed() async throws {
        let database = try await TestDatabase.create()
        let id = try await database.addModel()
        try database.psql(
            "ALTER TABLE glossator.models DISABLE TRIGGER models_immutable; UPDATE glossator.models SET heads = set_byte(heads, length(heads) - 1, get_byte(heads, length(heads) - 1) # 1)"
        )
        #expect(await fault { _ = try await database.models.heads(of: id) }?.code == "heads-damaged")
    }

    @Test(arguments: ["name = 'x'", "heads = ''", "metrics = '{\"a\": 1}'", "tasks = '[]'"])
    func modelsDoNotChange(change: String) async throws {
        let database = try await TestDatabase.create()
        try await database.addModel()
        #expect(throws: TemporaryCluster.Failure.self) { try database.psql("UPDATE glossator.models SET \(change)") }
    }

    @Test func promotingAndRollingBackWalkAlongTheHistory() async throws {
        let database = try await TestDatabase.create()
        let models = database.models
        let first = try await database.addModel("first")
        let second = try await database.addModel("second", makeDefault: false)
        let third = try await database.addModel("third", makeDefault: false)
        try await database.add("text")
        func inForce() async throws -> Int64? { try await models.modelInForce(collection: "mail").modelID }
        #expect(try await inForce() == first)
        try await models.promote(modelID: second, collection: "mail")
        try await models.promote(modelID: second, collection: "mail")
        try database.psql("SELECT glossator.promote('mail', 'third')")
        #expect(try await inForce() == third)
        #expect(try await models.modelInForce(collection: "unheard of").modelID == first)
        #expect(try await models.rollback(collection: "mail") == second)
        #expect(try await models.rollback(collection: "mail") == first)
        #expect(try await models.modelInForce(collection: "mail").isDefault)
        #expect(await fault { _ = try await models.rollback(collection: "mail") }?.code == "not-found")
        // The default model has a history of its own.
        try await models.promote(modelID: third, collection: nil)
        #expect(try await inForce() == third)
        #expect(try await models.models().filter(\.isDefault).map(\.id) == [third])
        #expect(try await models.rollback(collection: nil) == first)
        #expect(await fault { _ = try await models.rollback(collection: nil) }?.code == "not-possible-now")
        #expect(await fault { try await models.promote(modelID: 4711, collection: "mail") }?.code == "not-found")
        #expect(await fault { try await models.promote(modelID: first, collection: "nope") }?.code == "not-found")
    }

    @Test func trainingRunsAreOneAtATimeAndPromoteInTheirLastTransaction() async throws {
        let database = try await TestDatabase.create()
        let first = try await database.addModel("first")
        func start() async throws -> Int64 {
            try await database.runs.start(
                collection: "mail", parentModelID: first, options: #"{"seed": 1}"#, counts: #"{"train": 3}"#,
                codeVersion: "0.1")
        }
        let run = try await start()
        #expect(await fault { _ = try await start() }?.code == "training-running")
        try await database.runs.beat(run: run)
        let second = try await database.models.insertModel(
            name: "second", space: TestDatabase.space, heads: [1, 2, 3], tasks: [], parentID: first, trainingRunID: run,
            metrics: #"{"f1": 0.5}"#)
        try await database.runs.finish(
            run: run, end: .promoted(modelID: second), metricsBefore: nil, metricsAfter: #"{"f1": 0.5}"#,
            message: "better")
        #expect(try await database.models.modelInForce(collection: "mail").modelID == second)
        let row = try #require(try await database.runs.runs(collection: "mail").first)
        #expect(row.status == "promoted" && row.modelID == second && row.message == "better" && row.finishedAt != nil)
        #expect(await fault { try await database.runs.beat(run: run) }?.code == "training-lost")

        let dead = try await start()
        try database.psql(
            "UPDATE glossator.training_runs SET beat_at = now() - interval '10 minutes' WHERE id = \(dead)")
        let next = try await start()
        #expect(
            await fault { try await database.runs.finish(run: dead, end: .promoted(modelID: first), message: "late") }?
                .code
                == "training-lost")
        #expect(try await database.models.modelInForce(collection: "mail").modelID == second)
        try await database.runs.finish(run: next, end: .kept(modelID: nil), message: "no better")
        #expect(try await database.runs.runs().map(\.status) == ["kept", "failed", "promoted"])
    }

    @Test func aModelOnlyReplacesTheOneItWasComparedWith() async throws {
        let database = try await TestDatabase.create()
        let first = try await database.addModel("first")
        let run = try await database.runs.start(
            collection: "mail", parentModelID: first, options: "{}", counts: "{}", codeVersion: "0.1")
        let second = try await database.models.insertModel(
            name: "second", space: TestDatabase.space, heads: [1, 2, 3], tasks: [], parentID: first, trainingRunID: run,
            metrics: "{}")
        // Somebody promotes by hand while the run is looked at.
        let other = try await database.addModel("other")
        try database.psql("SELECT glossator.promote('mail', \(other))")
        let end = TrainingRunStore.End.promoted(modelID: second, over: first)
        #expect(try await !database.runs.finish(run: run, end: end, message: "better"))
        #expect(try await database.models.modelInForce(collection: "mail").modelID == other)
        #expect(try await database.runs.runs().map(\.status) == ["running"])
        // And takes it back.
        try database.psql("SELECT glossator.promote('mail', \(first))")
        #expect(try await database.runs.finish(run: run, end: end, message: "better"))
        #expect(try await database.models.modelInForce(collection: "mail").modelID == second)
        #expect(try await database.runs.runs().map(\.status) == ["promoted"])
    }
}
