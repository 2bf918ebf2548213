package import Annotations
internal import Foundation

/// The spool: claim, hand back, fail, rescue. docs/queue.md draws the states. Every call is one short transaction.
package struct Queue: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    // MARK: Daemons

    /// A row in `glossator.daemons`; its id is what the daemon claims with.
    package func registerDaemon(host: String, pid: Int32, version: String) async throws(Fault) -> Int64 {
        try await connection.run { (session) throws(Fault) in
            try session.query(Self.register, [.text(host), .int4(pid), .text(version)]).only().int64(0)
        }
    }

    /// What a daemon says of itself with each beat.
    package struct Condition: Sendable, Hashable {
        /// `working`, `idle`, `paused: backbone-missing`, …
        package var state: String
        /// Models that it has in memory.
        package var models: [Int64]
        /// How busy its stages were in the last minute.
        package var stages: StageShares

        package init(state: String, models: [Int64] = [], stages: StageShares = StageShares()) {
            self.state = state
            self.models = models
            self.stages = stages
        }
    }

    /// A sign of life. A daemon that is silent for `Queue.silence` loses what it holds. On a connection and a thread of
    /// the daemon's own, so that nothing delays it. Throws `daemon-unknown` when its row is gone.
    package static func beat(daemon: Int64, _ condition: Condition, on session: Session) throws(Fault) {
        let values: [SQLValue] = [
            .int8(daemon), .text(condition.state), .int8s(condition.models), .jsonb(try JSON.text(condition.stages)),
        ]
        guard try session.query(Self.beat, values).affected == 1 else {
            throw Fault(
                .database, "daemon-unknown", "daemon \(daemon) is not in glossator.daemons any more",
                hint: "it was removed, or the database was replaced: register again")
        }
    }

    /// Says goodbye: everything still held goes back without a charge. Returns how many documents that were.
    @discardableResult
    package func stop(daemon: Int64) async throws(Fault) -> Int {
        try await connection.transaction { (session) throws(Fault) in
            let handedBack = try session.query(Self.handBackAll, [.int8(daemon)]).affected
            _ = try session.query(Self.stop, [.int8(daemon)])
            return handedBack
        }
    }

    /// A daemon silent for longer than this has died; by the database's clock. Somebody looks every ten seconds, so
    /// what it held is taken back within a minute.
    package static let silence = Duration.seconds(45)
    /// Even a daemon that beats loses a document after this long, and 10 ms more for every token that it claimed with it
    /// (an encoder reads a hundred tokens a second at the very least): it hangs.
    package static let deadline = Duration.seconds(3600)

    // MARK: Claiming

    /// Takes documents of one collection that wait, in the order of their `due`, and counts an attempt for each. Never
    /// waits for another claimer. A document that was tried before comes alone. Empty when nothing is ready, every
    /// ready collection is paused or has no model, or others were quicker: ask `depth()` which.
    ///
    /// - Parameters:
    ///   - maximumTokens: estimated word pieces; one document is given even if it has more.
    ///   - backbones: claim only for models on these imported backbones (sha256), layers learned since or not; nil for any.
    ///   - avoiding: models that the daemon cannot use at present.
    ///   - isEmptyHanded: the daemon holds nothing else. Only then is it given a document that was tried before: if that
    ///     one kills it, no other is charged for the death.
    package func claim(
        daemon: Int64, maximumDocuments: Int, maximumTokens: Int, backbones: [String]? = nil, avoiding: [Int64] = [],
        isEmptyHanded: Bool = true
    ) async throws(Fault) -> [ClaimedDocument] {
        var passed: [String] = []
        while true {
            let values: [SQLValue] = [
                .int8(daemon), .int4(Int32(clamping: maximumDocuments)), .int8(Int64(maximumTokens)),
                .int8(Self.deadline.components.seconds), backbones.map { .texts($0) } ?? .null, .int8s(avoiding),
                .bool(isEmptyHanded), .texts(passed),
            ]
            let answer = try await connection.run { (session) throws(Fault) in
                try ClaimAnswer(try session.query(Self.claim, values))
            }
            // All that is ready there is in somebody's hands, in a long transaction perhaps: others need not wait for it.
            guard let locked = answer.lockedCollection else { return answer.documents }
            passed.append(locked)
        }
    }

    /// Gives documents back untried: the attempts do not count. Returns how many were still held. One that somebody has
    /// locked stays leased, and is found by `handBackOthers`.
    @discardableResult
    package func handBack(_ leases: [Lease]) async throws(Fault) -> Int {
        guard !leases.isEmpty else { return 0 }
        return try await connection.run { (session) throws(Fault) in
            try session.query(Self.handBack, leases.parameters).affected
        }
    }

    /// Gives back, untried, what a daemon holds beside the claims it knows of: a claim whose answer was lost with the
    /// connection was made all the same, and would be held until its deadline by a daemon that never heard of it.
    ///
    /// - Parameter numbers: lease numbers of the claims that the daemon is working on.
    @discardableResult
    package func handBackOthers(daemon: Int64, than numbers: [Int64]) async throws(Fault) -> Int {
        try await connection.run { (session) throws(Fault) in
            try session.query(Self.handBackOthers, [.int8(daemon), .int8s(numbers)]).affected
        }
    }

    // MARK: Failing

    package enum FailureOutcome: Sendable, Hashable {
        /// The decision was carried out.
        case done
        /// The lease was no longer held, or somebody has locked the document: nothing was written.
        case stale
    }

    /// Carries out what `RetryPolicy` decided about a document that was claimed and failed.
    @discardableResult
    package func fail(
        _ lease: Lease, fault: Fault, decision: RetryPolicy.Decision
    ) async throws(Fault) -> FailureOutcome {
        let rows = try await connection.run { (session) throws(Fault) in
            switch decision {
            case .handBack:
                try session.query(Self.handBack, [lease].parameters).affected
            case .retry(let delay):
                try session.query(Self.retry, [.int8(lease.documentID), .int8(lease.number), .float8(delay.seconds)])
                    .affected
            case .giveUp:
                try session.query(
                    Self.giveUp,
                    [
                        .int8(lease.documentID), .int8(lease.number), .text(fault.blame.rawValue), .text(fault.code),
                        .text(fault.message.withoutNUL),
                        .optional(fault.hint?.withoutNUL), .optional(fault.sqlState),
                    ]
                ).affected
            }
        }
        return rows == 1 ? .done : .stale
    }

    // MARK: Rescuing

    package struct Rescue: Sendable, Hashable {
        /// Documents that wait again.
        package let returned: Int
        /// Documents that went down with a daemon once too often and are in `glossator.failures` now.
        package let givenUp: Int

        package init(returned: Int, givenUp: Int) {
            self.returned = returned
            self.givenUp = givenUp
        }
    }

    /// Takes back what dead daemons hold, at most 10,000 documents a call, and forgets daemons that stopped a week ago.
    /// Any daemon may call it at any time. A server that was away itself gives daemons time to beat again.
    @discardableResult
    package static func rescue(
        silence: Duration = Queue.silence, maximumAttempts: Int = RetryPolicy().maximumAttempts, on session: Session
    ) throws(Fault) -> Rescue {
        _ = try session.query(Self.clampBeats)
        let row = try session.query(
            Self.rescue, [.float8(silence.seconds), .int4(Int32(clamping: maximumAttempts))]
        ).only()
        _ = try session.query(Self.forgetDaemons)
        return Rescue(returned: try row.int(0), givenUp: try row.int(1))
    }

    /// `rescue` on the queue's own connection.
    @discardableResult
    package func rescue(
        silence: Duration = Queue.silence, maximumAttempts: Int = RetryPolicy().maximumAttempts
    ) async throws(Fault) -> Rescue {
        try await connection.run { (session) throws(Fault) in
            try Self.rescue(silence: silence, maximumAttempts: maximumAttempts, on: session)
        }
    }

    /// `beat` on the queue's own connection.
    package func beat(
        daemon: Int64, _ condition: Condition = Condition(state: "working")
    ) async throws(Fault) {
        try await connection.run { (session) throws(Fault) in
            try Self.beat(daemon: daemon, condition, on: session)
        }
    }

    // MARK: Depth

    package struct Depth: Sendable, Hashable {
        /// A claim would find them now.
        package let ready: Int
        /// Wait until after a failed attempt.
        package let delayed: Int
        /// Held by a daemon.
        package let leased: Int
        /// In a paused collection, or one without a model.
        package let blocked: Int
        /// Until the first of the delayed is ready.
        package let nextReadyIn: Duration?
        package init(ready: Int, delayed: Int, leased: Int, blocked: Int, nextReadyIn: Duration?) {
            self.ready = ready
            self.delayed = delayed
            self.leased = leased
            self.blocked = blocked
            self.nextReadyIn = nextReadyIn
        }

        /// Nothing is left that daemons could do.
        package var isDrained: Bool { ready + delayed + leased == 0 }
    }

    /// Counts the spool; reads all of it.
    package func depth() async throws(Fault) -> Depth {
        try await connection.run { (session) throws(Fault) in
            let row = try session.query(Self.depth).only()
            return Depth(
                ready: try row.int(0), delayed: try row.int(1), leased: try row.int(2), blocked: try row.int(3),
                nextReadyIn: row.isNull(4) ? nil : .milliseconds(max(0, Int64(try row.double(4) * 1000))))
        }
    }
}

/// The right to write one document's results, until somebody takes it away.
package struct Lease: Sendable, Hashable {
    package let documentID: Int64
    /// Fencing token; only ever growing.
    package let number: Int64

    package init(documentID: Int64, number: Int64) {
        self.documentID = documentID
        self.number = number
    }
}

/// A document to annotate. All documents of one claim have the same collection, model and segmentation.
package struct ClaimedDocument: Sendable {
    package let lease: Lease
    /// Claims so far, this one included.
    package let attempt: Int
    package let collection: String
    package let modelID: Int64
    package let segmentation: Segmentation
    /// Empty when there is a twin: its results are copied, nothing is to be read.
    package let body: String
    package let bodyHash: [UInt8]
    /// A document of the collection with the same text that the same model has annotated already.
    package let twinID: Int64?
    /// Somebody asked for new results: those of a moment ago will not do.
    package let wantsFresh: Bool
    package var documentID: Int64 { lease.documentID }

    package init(
        lease: Lease, attempt: Int, collection: String, modelID: Int64, segmentation: Segmentation, body: String,
        bodyHash: [UInt8], twinID: Int64? = nil, wantsFresh: Bool = false
    ) {
        self.lease = lease
        self.attempt = attempt
        self.collection = collection
        self.modelID = modelID
        self.segmentation = segmentation
        self.body = body
        self.bodyHash = bodyHash
        self.twinID = twinID
        self.wantsFresh = wantsFresh
    }
}

/// What the claim's statement says.
private struct ClaimAnswer: Sendable {
    var documents: [ClaimedDocument] = []
    /// The collection whose turn it was, when each of its ready rows is held by somebody.
    var lockedCollection: String?

    init(_ rows: Rows) throws(Fault) {
        documents.reserveCapacity(rows.count)
        for row in rows {
            guard !row.isNull(0) else {
                if try !row.bool(10) { lockedCollection = try row.text(3) }
                return
            }
            guard let segmentation = Segmentation(rawValue: try row.text(5)) else {
                throw Fault(
                    .database, "segmentation-unknown",
                    "a collection has a segmentation that this program does not know",
                    hint: "upgrade this program")
            }
            documents.append(
                ClaimedDocument(
                    lease: Lease(documentID: try row.int64(0), number: try row.int64(1)), attempt: try row.int(2),
                    collection: try row.text(3), modelID: try row.int64(4), segmentation: segmentation,
                    body: try row.text(6), bodyHash: try row.bytes(7), twinID: try row.optionalInt64(8),
                    wantsFresh: try row.bool(9)))
        }
    }
}

extension [Lease] {
    /// Two parallel arrays: document ids and lease numbers.
    var parameters: [SQLValue] { [.int8s(map(\.documentID)), .int8s(map(\.number))] }
}

extension Rows {
    /// The row of a statement that always has one.
    func only() throws(Fault) -> Row {
        guard let first else {
            throw Fault(.defect, "result-empty", "a statement returned no row where it always returns one")
        }
        return first
    }
}

extension Duration {
    var seconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}

extension String {
    /// A fault's message may come from anywhere; the row that records it must be storable.
    var withoutNUL: String { contains("\0") ? replacing("\0", with: "\u{FFFD}") : self }
}
