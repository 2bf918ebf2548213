import Annotations
import Store
import TestSupport
import Testing

@Suite struct LayerTests {
    private let fineTuned = String(repeating: "f", count: 64), again = String(repeating: "e", count: 64)
    private let layers: [Int: [UInt8]] = [-1: Array("embeddings".utf8), 3: Array("the third".utf8)]

    @Test func aFineTunedBackboneComesBackAsItWasStored() async throws {
        let database = try await TestDatabase.create()
        _ = try await database.addModel()
        let store = LayerStore(connection: database.connection)
        let imported = TestDatabase.space.backboneHash
        try await store.store(fineTuned, name: "mail-1", importedHash: imported, layers: layers)
        let found = try await store.learned(fineTuned)
        #expect(found == .init(importedHash: imported, layers: layers))
        #expect(try await store.learned(imported) == nil, "it was imported")
        #expect(try await store.importedHash(of: fineTuned) == imported)
        #expect(try await store.importedHash(of: imported) == imported)
        #expect(await fault { _ = try await store.importedHash(of: again) }?.code == "not-found")
    }

    @Test func layersAlikeAreStoredOnceAndTwiceIsOnce() async throws {
        let database = try await TestDatabase.create()
        _ = try await database.addModel()
        let store = LayerStore(connection: database.connection)
        for (hash, name) in [(fineTuned, "mail-1"), (fineTuned, "mail-1"), (again, "mail-2")] {
            try await store.store(hash, name: name, importedHash: TestDatabase.space.backboneHash, layers: layers)
        }
        #expect(try database.count("learned_layers") == 2)
        #expect(try database.count("backbone_layers") == 4)
        let other = String(repeating: "d", count: 64)
        #expect(
            await fault {
                try await store.store(
                    other, name: "mail-1", importedHash: TestDatabase.space.backboneHash, layers: layers)
            }?.code == "already-exists")
        #expect(try database.count("backbone_layers") == 4, "all or nothing")
    }

    @Test func damagedLayersAreNoticed() async throws {
        let database = try await TestDatabase.create()
        _ = try await database.addModel()
        let store = LayerStore(connection: database.connection)
        try await store.store(
            fineTuned, name: "mail-1", importedHash: TestDatabase.space.backboneHash, layers: layers)
        try await database.connection.execute("UPDATE glossator.learned_layers SET weights = substring(weights FROM 2)")
        #expect(await fault { _ = try await store.learned(fineTuned) }?.code == "layers-damaged")
    }
}
