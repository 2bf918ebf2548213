import Annotations
import Store
import TestSupport
import Testing

/// One operation each, on both sides; what the two answer must agree.
extension SpoolReplay {
    mutating func claim(_ daemon: Int, maximumDocuments: Int, maximumTokens: Int) async throws {
        let answer = try await database.queue.claim(
            daemon: daemons[daemon], maximumDocuments: maximumDocuments, maximumTokens: maximumTokens)
        #expect(answer.isEmpty == ready.isEmpty)
        guard let first = answer.first else { return }
        var documents: [Int: ClaimedDocument] = [:]
        for document in answer {
            let index = try #require(ids.firstIndex(of: document.documentID))
            #expect(ready.contains(index))
            #expect(document.attempt == Int(model.documents[index].attempts) + 1)
            documents[index] = document
        }
        let number = first.lease.number
        #expect(answer.allSatisfy { $0.lease.number == number })
        #expect(claims.allSatisfy { $0.number < number })
        #expect(answer.count <= maximumDocuments)
        #expect(answer.count == 1 || answer.allSatisfy { $0.attempt == 1 })
        #expect(answer.count == 1 || answer.reduce(0) { $0 + Self.estimatedTokens($1) } <= maximumTokens)
        let lease = model.claim(DocumentSet(documents.keys), by: UInt8(daemon))
        claims.append(Claim(daemon: daemon, lease: lease, number: number, documents: documents))
    }

    /// - Parameters:
    ///   - otherBody: results are of another text.
    ///   - refused: the database finds an entity that the text does not have.
    mutating func complete(
        _ claim: Claim, _ documents: [Int], otherBody: DocumentSet, refused: DocumentSet
    ) async throws {
        let results = documents.compactMap { document in
            claim.documents[document].map {
                result(of: $0, isOther: otherBody.contains(document), isRefused: refused.contains(document))
            }
        }
        // Only what could be written is looked at closely enough to be refused.
        let refused = DocumentSet(
            documents.filter { refused.contains($0) && !otherBody.contains($0) && holds($0, claim) })
        let written = model.complete(
            DocumentSet(documents), lease: claim.lease, by: UInt8(claim.daemon), otherBody: otherBody, refused: refused)
        let summary = try await database.queue.complete(results)
        #expect(indices(summary.written) == written)
        #expect(indices(summary.refused.map(\.lease.documentID)) == refused)
        #expect(
            indices(summary.discarded) == DocumentSet(documents).subtracting(written).subtracting(refused))
        written.forEach { writers[$0] = claim.daemon }
    }

    private func indices(_ found: [Int64]) -> DocumentSet {
        DocumentSet(ids.indices.filter { found.contains(ids[$0]) })
    }

    private func result(of document: ClaimedDocument, isOther: Bool, isRefused: Bool) -> CompletedDocument {
        let claimed = ClaimedDocument(
            lease: document.lease, attempt: document.attempt, collection: document.collection,
            modelID: document.modelID, segmentation: document.segmentation, body: document.body,
            bodyHash: isOther ? [UInt8](repeating: 1, count: 32) : document.bodyHash)
        let good = database.result(of: claimed)
        let nonsense = Entity(task: "names", type: "word", start: 0, end: 2, surface: "??", score: 0.5)
        return CompletedDocument(
            claimed, spaceID: good.spaceID,
            annotation: DocumentAnnotation(
                segments: good.annotation.segments, entities: isRefused ? [nonsense] : good.annotation.entities,
                tokenCount: 7, windowCount: 1))
    }

    mutating func fail(_ claim: Claim, _ document: Int, _ decision: RetryPolicy.Decision) async throws {
        guard let lease = claim.documents[document]?.lease else { return }
        let isDone = model.fail(
            document, lease: claim.lease, by: UInt8(claim.daemon), SpoolServer.Decision(decision))
        let outcome = try await database.queue.fail(
            lease, fault: Fault(.document, "replayed", "could not"), decision: decision)
        #expect((outcome == .done) == isDone)
        guard isDone else { return }
        if decision == .retry(after: Self.never) { delayed.insert(DocumentSet(document)) }
        if decision == .giveUp { noteFailure(document) }
    }

    mutating func handBack(_ claims: [Claim]) async throws {
        var count = 0
        for claim in claims {
            for document in claim.documents.keys
            where model.fail(document, lease: claim.lease, by: UInt8(claim.daemon), .handBack) {
                count += 1
            }
        }
        #expect(try await database.queue.handBack(claims.flatMap(\.leases)) == count)
    }

    mutating func handBackOthers(_ daemon: Int, than known: [Claim]) async throws {
        let count = model.handBackOthers(of: UInt8(daemon), than: known.map(\.lease))
        let answer = try await database.queue.handBackOthers(daemon: daemons[daemon], than: known.map(\.number))
        #expect(answer == count)
    }

    mutating func stop(_ daemon: Int) async throws {
        let count = model.handBackOthers(of: UInt8(daemon), than: [])
        #expect(try await database.queue.stop(daemon: daemons[daemon]) == count)
        gone.insert(daemon)
        try await addDaemon()
    }

    /// Without a goodbye: its row says that it is over, or is away.
    mutating func die(_ daemon: Int, isForgotten: Bool) async throws {
        try await execute(
            isForgotten
                ? "DELETE FROM glossator.daemons WHERE id = \(daemons[daemon])"
                : "UPDATE glossator.daemons SET stopped_at = now() WHERE id = \(daemons[daemon])")
        gone.insert(daemon)
        try await addDaemon()
    }

    /// - Parameters:
    ///   - silent: a daemon that has not beaten for an hour, and will be heard of again.
    ///   - hung: documents whose deadline has passed.
    mutating func rescue(silent: Int?, hung: DocumentSet, uptime: Duration) async throws {
        if let silent {
            let seconds = "CASE id WHEN \(daemons[silent]) THEN 3600 ELSE 0 END"
            try await execute("UPDATE glossator.daemons SET beat_at = now() - make_interval(secs => \(seconds))")
        }
        var (returned, givenUp) = (0, 0)
        for (document, row) in model.documents.enumerated() where row.place == .leased {
            let holder = Int(row.holder)
            if hung.contains(document) {
                try await execute(
                    "UPDATE glossator.spool SET deadline = now() - interval '1 s' WHERE document_id = \(ids[document])")
            }
            guard gone.contains(holder) || holder == silent || hung.contains(document) else { continue }
            if model.rescue(document) {
                returned += 1
            } else {
                givenUp += 1
                noteFailure(document)
            }
        }
        // Silence counts from the server's start at the earliest, so it has to be shorter than the server is up.
        let answer = try await database.queue.rescue(silence: silent == nil ? .seconds(3600) : uptime)
        #expect(answer == Queue.Rescue(returned: returned, givenUp: givenUp))
        try await execute("UPDATE glossator.daemons SET beat_at = now()")
    }

    mutating func reannotate(_ documents: [Int]) async throws {
        var count = 0
        for document in documents where model.documents[document].place != .deleted {
            model.reannotate(document, forgives: Self.reannotationForgives)
            delayed.remove(DocumentSet(document))
            count += 1
        }
        let answer = try await database.documents.reannotate(collection: "mail", documentIDs: documents.map { ids[$0] })
        #expect(answer == count)
    }

    mutating func retryFailed() async throws {
        var count = 0
        for document in model.documents.indices where model.retryFailed(document) {
            delayed.remove(DocumentSet(document))
            count += 1
        }
        #expect(try await database.documents.retryFailed(collection: "mail", code: nil) == count)
    }

    mutating func delete(_ document: Int) async throws {
        model.delete(document)
        writers[document] = nil
        try await execute("DELETE FROM glossator.documents WHERE id = \(ids[document])")
    }
}
