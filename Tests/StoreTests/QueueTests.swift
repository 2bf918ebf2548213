import Annotations
import Foundation
import Store
import TestSupport
import Testing

@Suite struct QueueTests {
    private func ready() async throws -> (database: TestDatabase, daemon: Int64) {
        let database = try await TestDatabase.create()
        try await database.addModel()
        return (database, try await database.newDaemon())
    }

    private func claim(
        _ database: TestDatabase, _ daemon: Int64, documents: Int = 100, tokens: Int = 1_000_000,
        backbones: [String]? = nil
    ) async throws -> [ClaimedDocument] {
        try await database.queue.claim(
            daemon: daemon, maximumDocuments: documents, maximumTokens: tokens, backbones: backbones)
    }

    @Test func aClaimBringsBodiesInOrderAndCountsAnAttempt() async throws {
        let (database, daemon) = try await ready()
        let ids = try await database.add("eins", "zwei 😀", "drei")
        let claimed = try await claim(database, daemon)
        #expect(claimed.map(\.documentID) == ids)
        #expect(claimed.map(\.body) == ["eins", "zwei 😀", "drei"])
        #expect(claimed.allSatisfy { $0.attempt == 1 && $0.collection == "mail" && $0.segmentation == .document })
        #expect(Set(claimed.map(\.lease.number)).count == 1)
        #expect(claimed[0].bodyHash.count == 32)
        #expect(try await claim(database, daemon).isEmpty)
        let depth = try await database.queue.depth()
        #expect(depth.leased == 3 && depth.ready == 0 && !depth.isDrained)
    }

    @Test func twoClaimersNeverShare() async throws {
        let (database, _) = try await ready()
        let bodies = (0..<600).map { DocumentStore.NewDocument(body: "text \($0)") }
        _ = try await database.documents.insert(bodies, into: "mail")
        let ids = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let queue = Queue(connection: try await database.another())
                    let daemon = try await queue.registerDaemon(host: "h", pid: 1, version: "t")
                    var mine: [Int64] = []
                    while true {
                        let claimed = try await queue.claim(daemon: daemon, maximumDocuments: 7, maximumTokens: 10_000)
                        if claimed.isEmpty {
                            if try await queue.depth().ready == 0 { return mine }
                            continue
                        }
                        mine += claimed.map(\.documentID)
                    }
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(ids.count == 600)
        #expect(Set(ids).count == 600)
    }

    @Test func aClaimEndsWhereItsTokensEnd() async throws {
        let (database, daemon) = try await ready()
        try await database.add(String(repeating: "x", count: 300), String(repeating: "x", count: 300), "short")
        #expect(try await claim(database, daemon, tokens: 150).count == 1)
        #expect(try await claim(database, daemon, tokens: 1).count == 1, "one document is always given")
        #expect(try await claim(database, daemon, tokens: 150).count == 1)
    }

    @Test func leasesOnlyGrow() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a", "b", "c")
        var last: Int64 = 0
        for _ in 0..<3 {
            let number = try #require(try await claim(database, daemon, documents: 1).first?.lease.number)
            #expect(number > last)
            last = number
        }
    }

    @Test func higherPrioritiesGoFirst() async throws {
        let (database, daemon) = try await ready()
        let ids = try await database.add("a", "b", "c")
        #expect(
            try database.psql("SELECT glossator.reannotate(document_ids => ARRAY[\(ids[2])], priority => 5)") == "1")
        #expect(try await claim(database, daemon).map(\.documentID) == [ids[2], ids[0], ids[1]])
    }

    @Test func pausedCollectionsAndThoseWithoutAModelAreLeftAlone() async throws {
        let database = try await TestDatabase.create()
        let daemon = try await database.newDaemon()
        try await database.add("a", to: "mail")
        #expect(try await claim(database, daemon).isEmpty)
        #expect(try await database.queue.depth().blocked == 1)
        try await database.addModel()
        try database.psql("SELECT glossator.pause('mail')")
        #expect(try await claim(database, daemon).isEmpty)
        #expect(try await database.queue.depth() == Queue.Depth(blocked: 1))
        try await database.add("b", to: "other")
        #expect(try await claim(database, daemon).map(\.collection) == ["other"])
        try database.psql("SELECT glossator.resume('mail')")
        #expect(try await claim(database, daemon).map(\.collection) == ["mail"])
    }

    @Test func aDaemonClaimsOnlyForBackbonesThatItHas() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a")
        #expect(try await claim(database, daemon, backbones: ["00"]).isEmpty)
        #expect(try await claim(database, daemon, backbones: ["00", TestDatabase.space.backboneHash]).count == 1)
    }

    /// Learned layers are in the database: what a machine needs is the backbone that they replace parts of.
    @Test func aBackboneThatHasLearnedIsThereWhereTheImportedOneIs() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a")
        let (imported, learned) = (TestDatabase.space.backboneHash, String(repeating: "f", count: 64))
        try await LayerStore(connection: database.connection).store(
            learned, name: "mail-1", importedHash: imported, layers: [0: Array("a layer".utf8)])
        let space = EmbeddingSpace(backboneHash: learned, pooling: .mean, normalization: .l2, dimensions: 4)
        let model = try await database.models.insertModel(
            name: "mail-1", space: space, heads: Array("heads".utf8), tasks: [TestDatabase.topics])
        try await database.models.promote(modelID: model, collection: "mail")
        #expect(try await claim(database, daemon, backbones: [String(repeating: "0", count: 64)]).isEmpty)
        let claimed = try await claim(database, daemon, backbones: [imported])
        #expect(claimed.map(\.modelID) == [model])
    }

    @Test func oneClaimHasOneCollectionsModelAndSegmentation() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a", "b", to: "mail")
        try await database.documents.setCollection("news", segmentation: .sentence)
        try await database.add("c", to: "news")
        #expect(try await claim(database, daemon).map(\.segmentation) == [.document, .document])
        #expect(try await claim(database, daemon).map(\.segmentation) == [.sentence])
    }

    @Test func handedBackDocumentsAreNotCharged() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a", "b")
        let claimed = try await claim(database, daemon)
        #expect(try await database.queue.handBack([claimed[0].lease]) == 1)
        #expect(try await database.queue.handBack([claimed[0].lease]) == 0, "it is not held any more")
        let again = try await claim(database, daemon)
        #expect(again.map(\.documentID) == [claimed[0].documentID])
        #expect(again[0].attempt == 1)
        #expect(try await database.queue.handBack(claimed.map(\.lease) + again.map(\.lease)) == 2)
        #expect(try await claim(database, daemon).map(\.attempt) == [1, 1])
    }

    @Test func aFailedDocumentWaits() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a")
        let claimed = try #require(try await claim(database, daemon).first)
        let fault = Fault(.document, "x", "x", isTransient: true)
        try await database.queue.fail(claimed.lease, fault: fault, decision: .retry(after: .seconds(60)))
        #expect(try await claim(database, daemon).isEmpty)
        let depth = try await database.queue.depth()
        #expect(depth.delayed == 1)
        #expect(try #require(depth.nextReadyIn) > .seconds(50))
    }

    @Test func aStoppedDaemonHoldsNothing() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a", "b")
        _ = try await claim(database, daemon)
        #expect(try await database.queue.stop(daemon: daemon) == 2)
        #expect(try await database.status.daemons().isEmpty)
        #expect(try await claim(database, try await database.newDaemon()).map(\.attempt) == [1, 1])
    }

    @Test func aStaleLeaseCanNeitherCompleteNorFailNorHandBack() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a")
        let zombie = try #require(try await claim(database, daemon).first)
        try database.psql("UPDATE glossator.daemons SET beat_at = now() - interval '1 hour'")
        try await Task.sleep(for: .seconds(1))
        #expect(try await database.queue.rescue(silence: .seconds(1)) == Queue.Rescue(returned: 1, givenUp: 0))
        let other = try await database.newDaemon()
        let holder = try #require(try await claim(database, other).first)
        #expect(holder.attempt == 2)

        let late = try await database.queue.complete([database.result(of: zombie)])
        #expect(late.discarded == [zombie.documentID] && late.written.isEmpty)
        let fault = Fault(.document, "x", "x", isTransient: true)
        for decision in [RetryPolicy.Decision.giveUp, .retry(after: .zero), .handBack] {
            #expect(try await database.queue.fail(zombie.lease, fault: fault, decision: decision) == .stale)
        }
        #expect(try await database.queue.handBack([zombie.lease]) == 0)
        #expect(try database.count("annotations") == 0)
        #expect(try database.count("spool", "lease = \(holder.lease.number) AND daemon_id = \(other)") == 1)
        #expect(try await database.queue.complete([database.result(of: holder)]).written == [holder.documentID])
    }

    @Test func aBeatKeepsTheLease() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a")
        let claimed = try await claim(database, daemon)
        try database.psql("UPDATE glossator.daemons SET beat_at = now() - interval '1 hour'")
        try await database.queue.beat(daemon: daemon)
        #expect(try await database.queue.rescue(silence: .seconds(30)) == Queue.Rescue(returned: 0, givenUp: 0))
        #expect(try await database.queue.complete([database.result(of: claimed[0])]).written.count == 1)
        #expect(await fault { try await database.queue.beat(daemon: 4711) }?.code == "daemon-unknown")
    }

    @Test func evenABeatingDaemonLosesWhatItHoldsForTooLong() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a")
        _ = try await claim(database, daemon)
        try database.psql("UPDATE glossator.spool SET deadline = now() - interval '1 second'")
        #expect(try await database.queue.rescue().returned == 1)
    }

    @Test func aServerThatWasAwayGivesDaemonsTimeToBeat() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a")
        _ = try await claim(database, daemon)
        try database.psql("UPDATE glossator.daemons SET beat_at = now() - interval '1 hour'")
        // Longer than this server is up: nobody has been silent for that long while it was there to be spoken to.
        let uptime = try #require(
            Int(try database.psql("SELECT ceil(extract(epoch FROM now() - pg_postmaster_start_time()))::int")))
        #expect(try await database.queue.rescue(silence: .seconds(uptime + 60)).returned == 0)
        try await Task.sleep(for: .seconds(1))
        #expect(try await database.queue.rescue(silence: .seconds(1)).returned == 1)
    }

    @Test func aClockThatWasSetBackDoesNotKeepTheDeadAlive() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a")
        _ = try await claim(database, daemon)
        try database.psql("UPDATE glossator.daemons SET beat_at = now() + interval '3 hours'")
        #expect(try await database.queue.rescue(silence: .seconds(1)).returned == 0, "its silence begins now")
        try await Task.sleep(for: .seconds(1.2))
        #expect(try await database.queue.rescue(silence: .seconds(1)).returned == 1)
    }

    @Test func aDocumentThatWasTriedIsGivenOnlyToWhoHoldsNothingElse() async throws {
        let (database, daemon) = try await ready()
        let ids = try await database.add("tried", "new")
        try database.psql("UPDATE glossator.spool SET attempts = 1 WHERE document_id = \(ids[0])")
        func claim(emptyHanded: Bool) async throws -> [Int64] {
            try await database.queue.claim(
                daemon: daemon, maximumDocuments: 9, maximumTokens: .max, isEmptyHanded: emptyHanded
            ).map(\.documentID)
        }
        #expect(try await claim(emptyHanded: false).isEmpty)
        #expect(try await claim(emptyHanded: true) == [ids[0]])
        #expect(try await claim(emptyHanded: false) == [ids[1]])
    }

    @Test func aDocumentThatKillsDaemonsIsFoundOutAlone() async throws {
        let (database, _) = try await ready()
        let ids = try await database.add("good 1", "poison", "good 2")
        var written: Set<Int64> = []
        // Every daemon that touches the poison dies on the spot, with all it holds.
        for _ in 0..<20 {
            let daemon = try await database.newDaemon()
            let claimed = try await claim(database, daemon)
            if claimed.isEmpty { break }
            if claimed.contains(where: { $0.documentID == ids[1] }) {
                try database.psql("UPDATE glossator.daemons SET stopped_at = now() WHERE id = \(daemon)")
                _ = try await database.queue.rescue()
            } else {
                written.formUnion(try await database.queue.complete(claimed.map { database.result(of: $0) }).written)
            }
        }
        #expect(written == [ids[0], ids[2]])
        let failure = try #require(try await database.status.failures().first)
        #expect(failure.documentID == ids[1] && failure.code == "daemon-died" && failure.attempts == 3)
        #expect(try await database.queue.depth().isDrained)
    }

    @Test func afterThreeAttemptsADocumentIsGivenUp() async throws {
        let (database, daemon) = try await ready()
        let id = try await database.add("a")[0]
        let policy = RetryPolicy(backoff: Backoff(first: .zero))
        let fault = Fault(.document, "out-of-luck", "could not", hint: "try", sqlState: "XX000", isTransient: true)
        for attempt in 1...3 {
            let claimed = try #require(try await claim(database, daemon).first)
            #expect(claimed.attempt == attempt)
            let decision = policy.decide(fault, attempt: claimed.attempt, jitter: 0.5)
            #expect(try await database.queue.fail(claimed.lease, fault: fault, decision: decision) == .done)
        }
        #expect(try await claim(database, daemon).isEmpty)
        let failure = try #require(try await database.status.failures().first)
        #expect(failure.documentID == id && failure.attempts == 3 && failure.code == "out-of-luck")
        #expect(try database.psql("SELECT class, collection FROM glossator.failures") == "document|mail")
        #expect(failure.message == "could not" && failure.hint == "try" && failure.sqlState == "XX000")
        let progress = try #require(try await database.status.progress().first)
        #expect(progress.failed == 1 && progress.queued == 0 && progress.done == 0)

        #expect(await Self.refusal { try await database.documents.retryFailed(collection: nil, code: nil) } == "22023")
        #expect(try await database.documents.retryFailed(collection: "mail", code: "another") == 0)
        #expect(try await database.documents.retryFailed(collection: nil, code: "out-of-luck") == 1)
        let again = try #require(try await claim(database, daemon).first)
        #expect(again.attempt == 1)
        _ = try await database.queue.complete([database.result(of: again)])
        #expect(try database.count("failures") == 0)
    }

    private static func refusal(_ body: () async throws -> Int) async -> String? {
        await fault { _ = try await body() }?.sqlState
    }

    @Test(arguments: [
        "lease = 1", "daemon_id = 1", "lease = 1, daemon_id = 1, deadline = now()",
        "lease = 1, daemon_id = 1, attempts = 1", "attempts = -1", "estimated_tokens = 0",
    ])
    func theSchemaKnowsOnlyTwoStates(change: String) async throws {
        let (database, _) = try await ready()
        try await database.add("a")
        #expect(throws: (any Error).self) { try database.psql("UPDATE glossator.spool SET \(change)") }
    }

    @Test func aDeletedDocumentLeavesTheSpool() async throws {
        let (database, daemon) = try await ready()
        try await database.add("a", "b")
        let claimed = try await claim(database, daemon)
        try database.psql("DELETE FROM glossator.documents WHERE id = \(claimed[0].documentID)")
        let summary = try await database.queue.complete(claimed.map { database.result(of: $0) })
        #expect(summary.written == [claimed[1].documentID])
        #expect(summary.discarded == [claimed[0].documentID])
    }

    @Test func aClaimWhoseAnswerWasLostIsGivenBackAndTheKnownOnesAreKept() async throws {
        let database = try await TestDatabase.create()
        try await database.addModel()
        try await database.add("one", "two", "three")
        let daemon = try await database.newDaemon()
        func claim(_ count: Int) async throws -> [ClaimedDocument] {
            try await database.queue.claim(daemon: daemon, maximumDocuments: count, maximumTokens: 1000)
        }
        let known = try await claim(1)
        _ = try await claim(2)
        #expect(try await database.queue.handBackOthers(daemon: daemon, than: known.map(\.lease.number)) == 2)
        let depth = try await database.queue.depth()
        #expect(depth.leased == 1 && depth.ready == 2)
        #expect(try await claim(5).map(\.attempt) == [1, 1])
    }
}

extension Queue.Depth {
    fileprivate init(blocked: Int) {
        self.init(ready: 0, delayed: 0, leased: 0, blocked: blocked, nextReadyIn: nil)
    }
}
