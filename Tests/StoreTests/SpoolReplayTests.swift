import Foundation
import Store
import TestSupport
import Testing

/// What the model says of the spool is what PostgreSQL does: random operations on both, compared after each.
@Suite struct SpoolReplayTests {
    @Test(arguments: 0..<4) func theDatabaseDoesWhatTheModelSays(part: UInt64) async throws {
        let database = try await TestDatabase.create()
        try await database.addModel()
        let uptime = try await Self.uptime(of: database)
        var done: [String: Int] = [:]
        for seed in (part * 10 + 1)...(part * 10 + 10) {
            try database.psql("TRUNCATE glossator.documents CASCADE; TRUNCATE glossator.daemons")
            var replay = SpoolReplay(database: database)
            for _ in 0..<3 { try await replay.addDaemon() }
            for _ in 0..<4 { try await replay.addDocument() }
            var random = SeededGenerator(seed: seed)
            var trace: [String] = []
            for _ in 0..<60 {
                let word = try await Self.step(&replay, uptime: uptime, using: &random)
                trace.append(word)
                done[word, default: 0] += 1
                let difference = try await replay.difference()
                let breach = replay.model.breach
                try #require(
                    difference == nil && breach == nil,
                    "seed \(seed), \(trace.joined(separator: ", ")): \(difference ?? "") \(breach?.rawValue ?? "")")
            }
        }
        #expect(done.keys.sorted() == Self.operations.sorted(), "every operation was done")
        print("spool replay, part \(part): \(done.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" })")
    }

    /// Half a second less than the server is up; at least two seconds, in which everybody alive beats.
    private static func uptime(of database: TestDatabase) async throws -> Duration {
        while true {
            let seconds = try #require(
                Double(try database.psql("SELECT extract(epoch FROM clock_timestamp() - pg_postmaster_start_time())")))
            if seconds > 2.5 { return .seconds(seconds - 0.5) }
            try await Task.sleep(for: .milliseconds(200))
        }
    }

    static let operations = [
        "claim", "complete", "fail", "hand back", "hand back others", "stop", "die", "rescue", "fall silent", "hang",
        "reannotate", "retry failed", "delete", "insert",
    ]

    /// How often each is drawn.
    private static let weights = [30, 22, 16, 6, 4, 2, 5, 6, 3, 4, 4, 3, 1, 2]

    private static func step(
        _ replay: inout SpoolReplay, uptime: Duration, using random: inout SeededGenerator
    ) async throws -> String {
        var draw = Int.random(in: 0..<weights.reduce(0, +), using: &random)
        var operation = ""
        for (name, weight) in zip(operations, weights) {
            if draw < weight {
                operation = name
                break
            }
            draw -= weight
        }
        let living = replay.daemons.indices.filter { !replay.gone.contains($0) }
        let daemon = living.randomElement(using: &random) ?? 0
        switch operation {
        case "claim":
            // One in ten comes from a daemon that the database has given up: a request that was long under way.
            let late = Int.random(in: 0..<10, using: &random) == 0 ? replay.gone.sorted().last : nil
            try await replay.claim(
                late ?? daemon, maximumDocuments: .random(in: 1...4, using: &random),
                maximumTokens: .random(in: 1...60, using: &random))
        case "complete", "fail", "hand back": try await work(operation, &replay, using: &random)
        case "hand back others":
            let known = replay.claims.filter { _ in Bool.random(using: &random) }
            try await replay.handBackOthers(daemon, than: known)
        case "stop": try await replay.stop(daemon)
        case "die": try await replay.die(daemon, isForgotten: .random(using: &random))
        case "rescue": try await replay.rescue(silent: nil, hung: [], uptime: uptime)
        case "fall silent": try await replay.rescue(silent: daemon, hung: [], uptime: uptime)
        case "hang":
            let hung = DocumentSet(rawValue: UInt8.random(in: 0...255, using: &random))
            try await replay.rescue(silent: nil, hung: hung, uptime: uptime)
        default: try await people(operation, &replay, using: &random)
        }
        return operation
    }

    private static func work(
        _ operation: String, _ replay: inout SpoolReplay, using random: inout SeededGenerator
    ) async throws {
        // Of all claims that there ever were, the latest most often: most of the others are stale.
        let latest = replay.claims.suffix(4)
        let isLate = Int.random(in: 0..<4, using: &random) == 0
        guard let claim = (isLate ? replay.claims[...] : latest).randomElement(using: &random) else { return }
        let documents = claim.documents.keys.sorted()
        switch operation {
        case "complete":
            let refused = Int.random(in: 0..<4, using: &random) == 0 ? UInt8.random(in: 0...255, using: &random) : 0
            let other = Int.random(in: 0..<4, using: &random) == 0 ? UInt8.random(in: 0...255, using: &random) : 0
            try await replay.complete(
                claim, documents, otherBody: DocumentSet(rawValue: other), refused: DocumentSet(rawValue: refused))
        case "fail":
            guard let document = documents.randomElement(using: &random) else { return }
            // The maximum is the policy's to watch, as it is in the worker.
            var decisions: [RetryPolicy.Decision] = [SpoolReplay.handBack, .giveUp]
            if (claim.documents[document]?.attempt ?? 1) < RetryPolicy().maximumAttempts {
                decisions += [.retry(after: .zero), .retry(after: .zero), .retry(after: SpoolReplay.never)]
            }
            guard let decision = decisions.randomElement(using: &random) else { return }
            try await replay.fail(claim, document, decision)
        default:
            guard let other = replay.claims.randomElement(using: &random) else { return }
            try await replay.handBack(other.lease == claim.lease ? [claim] : [claim, other])
        }
    }

    private static func people(
        _ operation: String, _ replay: inout SpoolReplay, using random: inout SeededGenerator
    ) async throws {
        let documents = replay.ids.indices.filter { _ in Int.random(in: 0..<3, using: &random) == 0 }
        switch operation {
        case "reannotate": try await replay.reannotate(documents)
        case "retry failed": try await replay.retryFailed()
        case "delete":
            guard let document = documents.first else { return }
            try await replay.delete(document)
        default:
            if replay.ids.count < 8 { try await replay.addDocument() }
        }
    }
}
