/// Documents by their number in the model; at most eight.
struct DocumentSet: OptionSet, Hashable, Sendable, CustomStringConvertible {
    let rawValue: UInt8

    init(rawValue: UInt8) { self.rawValue = rawValue }
    init(_ document: Int) { rawValue = 1 << UInt8(document) }
    init(_ documents: some Sequence<Int>) { self = documents.reduce(into: []) { $0.insert(DocumentSet($1)) } }

    func contains(_ document: Int) -> Bool { rawValue & (1 << UInt8(document)) != 0 }
    var first: Int { rawValue.trailingZeroBitCount }
    var count: Int { rawValue.nonzeroBitCount }

    func forEach(_ body: (Int) -> Void) {
        var rest = rawValue
        while rest != 0 {
            body(rest.trailingZeroBitCount)
            rest &= rest - 1
        }
    }

    var description: String {
        "{" + (0..<8).filter { contains($0) }.map(String.init).joined(separator: " ") + "}"
    }
}

/// What the protocol relies on. Each can be switched off alone, to see that something breaks without it.
struct SpoolGuards: OptionSet, Hashable, Sendable {
    let rawValue: UInt32
    init(rawValue: UInt32) { self.rawValue = rawValue }
    private init(_ bit: UInt32) { rawValue = 1 << bit }

    static let leaseAtCompletion = Self(0)
    static let bodyAtCompletion = Self(1)
    /// A lease is a number of its own for every claim; without it, a lease is the daemon that holds it.
    static let leaseIsANumber = Self(2)
    static let attemptAtClaim = Self(3)
    static let rescueOnlyFromTheSilent = Self(4)
    static let completionIsAtomic = Self(5)
    static let triedOnesComeAlone = Self(6)
    static let leaseAtHandBack = Self(7)
    static let leaseAtFailure = Self(8)
    static let lostClaimsAreHandedBack = Self(9)
    static let onlyReadyRowsAreClaimed = Self(10)
    static let attemptsAreLimitedAtRescue = Self(11)
    /// A daemon holds nothing beside a document that was tried before: not the claim that it fetched in advance, either.
    static let triedOnesAreHeldAlone = Self(12)
    /// The daemon looks again and again for what it holds without knowing, not only after an answer was lost.
    static let strangersAreLookedFor = Self(13)
    static let reannotationTakesTheLease = Self(14)

    static let all = Self(rawValue: (1 << 15) - 1)

    func without(_ missing: SpoolGuards) -> SpoolGuards { subtracting(missing) }
}

/// What must hold in every state.
enum SpoolProperty: String, Sendable {
    case writtenTwice = "at most one set of results is written for one enqueueing"
    case documentLost = "a document is in exactly one of waiting, leased, done and failed"
    case staleLeaseActs = "a lease that was taken away writes, fails and hands back nothing"
    case anotherBodysResults = "results of another body are not written"
    case leaseShared = "a lease in force is known to one daemon, the one that the row names"
    case attemptsOutOfRange = "attempts are never negative, below the maximum while waiting, never above it"
    case innocentGivenUp = "only a document at fault, or one that outside faults hit again and again, is given up"
    case killsUnlimited = "one document kills at most as many daemons as it may be tried"
    case neverSettled = "with healthy daemons everything ends as done or failed, without waiting for a deadline"
}

/// The database's side: what `Queue` and `DocumentStore` do to `spool`, `failures` and `annotations`.
///
/// One operation is one transaction. Beside what the database knows it keeps what only a witness knows (`written`,
/// `kills`, `disturbances`), and reports in `breach` what a missing guard let happen.
struct SpoolServer: Sendable {
    enum Place: UInt8, Sendable { case waiting, leased, out, deleted }

    enum Decision: UInt8, Sendable { case retry, handBack, giveUp }

    struct Document: Sendable, Equatable {
        var place = Place.waiting
        var attempts: Int8 = 0
        var lease: UInt16 = 0
        var holder: UInt8 = 0
        var isFailed = false
        /// Result sets since it was last put in the spool.
        var written: UInt8 = 0
        var enqueued: UInt8 = 1
        /// Daemons that it took down.
        var kills: UInt8 = 0
        /// Attempts of this enqueueing that something outside ended: a crash, a silence, a lost answer.
        var disturbances: UInt8 = 0
        /// Its holder went down while it knew of it, and a document was the reason.
        var wentDownInCompany = false
        /// The lease was given before it was last put in the spool: what comes back may be another model's.
        var leaseIsOutdated = false
    }

    let guards: SpoolGuards
    let maximumAttempts: Int8
    var documents: [Document]
    var lastLease: UInt16 = 0
    var breach: SpoolProperty?

    init(documents: Int, maximumAttempts: Int, guards: SpoolGuards) {
        self.documents = Array(repeating: Document(), count: documents)
        self.maximumAttempts = Int8(maximumAttempts)
        self.guards = guards
    }

    // MARK: - Daemons

    /// The caller chose documents that may be claimed together (`SpoolModel.choices`).
    mutating func claim(_ chosen: DocumentSet, by daemon: UInt8) -> UInt16 {
        lastLease += 1
        chosen.forEach { document in
            documents[document].place = .leased
            documents[document].lease = lastLease
            documents[document].holder = daemon
            if guards.contains(.attemptAtClaim) { documents[document].attempts += 1 }
        }
        return lastLease
    }

    /// Deletes the rows of `chosen` that the lease still holds and writes their results. Returns those.
    ///
    /// - Parameters:
    ///   - otherBody: those whose text is not the one that was computed any more.
    ///   - refused: those whose results no constraint would let in: they stay leased.
    mutating func complete(
        _ chosen: DocumentSet, lease: UInt16, by daemon: UInt8, otherBody: DocumentSet, refused: DocumentSet
    ) -> DocumentSet {
        var removed: DocumentSet = []
        chosen.subtracting(refused).forEach { document in
            guard accepts(document, lease, daemon, .leaseAtCompletion) else { return }
            if otherBody.contains(document) {
                guard !guards.contains(.bodyAtCompletion) else { return }
                breach = .anotherBodysResults
            }
            leave(document, to: .out)
            removed.insert(DocumentSet(document))
        }
        if guards.contains(.completionIsAtomic) { write(removed) }
        return removed
    }

    /// The second half of a completion; the same transaction, unless that guard is off.
    mutating func write(_ chosen: DocumentSet) {
        chosen.forEach { document in
            documents[document].written += 1
            documents[document].isFailed = false
            if documents[document].written > 1 { breach = .writtenTwice }
        }
    }

    mutating func fail(_ document: Int, lease: UInt16, by daemon: UInt8, _ decision: Decision) -> Bool {
        switch decision {
        case .handBack:
            guard accepts(document, lease, daemon, .leaseAtHandBack) else { return false }
            if guards.contains(.attemptAtClaim) { documents[document].attempts -= 1 }
            leave(document, to: .waiting)
        case .retry:
            guard accepts(document, lease, daemon, .leaseAtFailure) else { return false }
            if !guards.contains(.attemptAtClaim) { documents[document].attempts += 1 }
            leave(document, to: .waiting)
        case .giveUp:
            guard accepts(document, lease, daemon, .leaseAtFailure) else { return false }
            documents[document].isFailed = true
            leave(document, to: .out)
        }
        return true
    }

    /// Returns how many were given back. A daemon that stops knows of none.
    mutating func handBackOthers(of daemon: UInt8, than known: [UInt16]) -> Int {
        var count = 0
        for document in documents.indices
        where documents[document].place == .leased && documents[document].holder == daemon
            && !known.contains(documents[document].lease)
        {
            if guards.contains(.attemptAtClaim) { documents[document].attempts -= 1 }
            leave(document, to: .waiting)
            count += 1
        }
        return count
    }

    /// Returns whether the document waits again; otherwise it was given up.
    mutating func rescue(_ document: Int) -> Bool {
        if !documents[document].wentDownInCompany {
            documents[document].disturbances = min(documents[document].disturbances + 1, UInt8(maximumAttempts))
        }
        let isSpent =
            guards.contains(.attemptsAreLimitedAtRescue) && documents[document].attempts >= maximumAttempts
        if isSpent { documents[document].isFailed = true }
        leave(document, to: isSpent ? .out : .waiting)
        return !isSpent
    }

    // MARK: - People

    /// - Parameter forgives: the failure that a document ended in before is forgotten at once, not when it is done.
    mutating func reannotate(_ document: Int, forgives: Bool = true) {
        if forgives { documents[document].isFailed = false }
        enqueue(document)
    }

    mutating func retryFailed(_ document: Int) -> Bool {
        guard documents[document].isFailed else { return false }
        documents[document].isFailed = false
        guard documents[document].place == .out else { return false }
        enqueue(document)
        return true
    }

    mutating func delete(_ document: Int) {
        documents[document].isFailed = false
        leave(document, to: .deleted)
    }

    private mutating func enqueue(_ document: Int) {
        if documents[document].place == .leased, !guards.contains(.reannotationTakesTheLease) {
            documents[document].leaseIsOutdated = true
        } else {
            leave(document, to: .waiting)
            documents[document].attempts = 0
        }
        documents[document].written = 0
        documents[document].disturbances = 0
        documents[document].enqueued += 1
    }

    private mutating func leave(_ document: Int, to place: Place) {
        documents[document].place = place
        documents[document].lease = 0
        documents[document].holder = 0
        documents[document].wentDownInCompany = false
        documents[document].leaseIsOutdated = false
        if place == .deleted { documents[document].attempts = 0 }
    }

    /// Whether the row passes the statement's condition. What passes without having the right to is a breach.
    private mutating func accepts(
        _ document: Int, _ lease: UInt16, _ daemon: UInt8, _ check: SpoolGuards
    ) -> Bool {
        let row = documents[document]
        let isHeld = row.place == .leased && row.lease == lease && row.holder == daemon && !row.leaseIsOutdated
        let passes =
            if !guards.contains(check) {
                row.place == .leased || row.place == .waiting
            } else if guards.contains(.leaseIsANumber) {
                row.place == .leased && row.lease == lease
            } else {
                row.place == .leased && row.holder == daemon
            }
        if passes, !isHeld { breach = .staleLeaseActs }
        return passes
    }
}
