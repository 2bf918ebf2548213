import Annotations
import Store

/// The protocol of claims and leases between daemons that may die, connections that may break, and people.
///
/// Faithful: every operation on the spool is one atomic step under the conditions of its SQL, and `RetryPolicy` decides
/// about failures. Abstracted: time (a pause may be over at any moment, a silence may be declared at any moment), which
/// ready documents a claim picks (priorities, budgets and locks of others: any one, or all together), and the moment
/// between an execution and its answer, for an answer changes only the memory of who gets it: to lose it is `lose`
/// followed by `arrive`, to die before it comes is to die after it.
struct SpoolModel: Sendable {
    /// What a document does to who annotates it.
    enum Kind: Sendable {
        case good
        /// Whoever computes it dies.
        case poison
        /// Its results are refused by a constraint.
        case refused
        /// It cannot be annotated, and never will be.
        case unreadable
    }

    var kinds: [Kind] = [.good, .good]
    var daemons = 3
    /// Claims that a daemon holds at a time: one is written, one computed, one fetched in advance.
    var claimsAhead = 2
    var limits = SpoolWorld.Events()
    var guards = SpoolGuards.all
    let policy = RetryPolicy()

    func start() -> SpoolWorld {
        SpoolWorld(
            server: SpoolServer(documents: kinds.count, maximumAttempts: policy.maximumAttempts, guards: guards),
            daemons: Array(repeating: SpoolWorld.Daemon(), count: daemons))
    }

    /// Kept as a table: faults carry texts, and the explorer asks a million times.
    private static let decisions: (refused: [SpoolServer.Decision], unreadable: [SpoolServer.Decision]) = {
        func decide(_ fault: Fault) -> [SpoolServer.Decision] {
            (0...3).map { SpoolServer.Decision(RetryPolicy().decide(fault, attempt: $0, jitter: 0.5)) }
        }
        return (decide(Fault(.defect, "refused", "")), decide(Fault(.document, "unreadable", "")))
    }()

    func decision(_ claim: SpoolWorld.HeldClaim, _ document: Int) -> SpoolServer.Decision {
        if claim.stage == .brokenOutside { return .handBack }
        let attempt = claim.attempt(of: document)
        return kinds[document] == .unreadable ? Self.decisions.unreadable[attempt] : Self.decisions.refused[attempt]
    }

    // MARK: - Steps

    func apply(_ action: SpoolAction, to world: inout SpoolWorld) {
        switch action {
        case .claim(let daemon, let documents): claim(documents, by: daemon, isHeard: true, in: &world)
        case .compute(let daemon): compute(daemon, in: &world)
        case .failOutside(let daemon):
            world.events.outsideFaults += 1
            guard let index = world.firstHeld(by: daemon, where: { $0.stage == .fetched }) else { return }
            world.held[index].stage = .brokenOutside
            world.held[index].failing = world.held[index].documents
        case .complete(let daemon):
            guard let index = world.firstHeld(by: daemon) else { return }
            var claim = world.held[index]
            complete(&claim, in: &world)
            settle(claim, at: index, in: &world)
        case .write(let daemon):
            guard let index = world.firstHeld(by: daemon) else { return }
            var claim = world.held[index]
            world.server.write(claim.owed)
            claim.owed = []
            settle(claim, at: index, in: &world)
        case .fail(let daemon):
            guard let index = world.firstHeld(by: daemon) else { return }
            var claim = world.held[index]
            let document = claim.failing.first
            fail(document, of: claim, in: &world)
            claim.failing.remove(DocumentSet(document))
            settle(claim, at: index, in: &world)
        case .handBackOthers(let daemon):
            handBackOthers(daemon, than: known(to: daemon, in: world), in: &world)
            world.daemons[Int(daemon)].isUncertain = false
        case .lose(let daemon, let kind): lose(kind, of: daemon, in: &world)
        case .arrive(let number, let documents): arrive(Int(number), documents, in: &world)
        case .crash(let daemon):
            world.events.crashes += 1
            die(daemon, .crashed, in: &world)
        case .stop(let daemon):
            world.events.stops += 1
            handBackOthers(daemon, than: [], in: &world)
            die(daemon, .stopped, in: &world)
        case .restart(let daemon): restart(daemon, in: &world)
        case .rescue(let document): rescue(Int(document), in: &world)
        case .declareSilent(let document):
            if guards.contains(.rescueOnlyFromTheSilent) { world.events.silences += 1 }
            rescue(Int(document), in: &world)
        case .reannotate, .retryFailed, .delete, .replaceBody: applyPerson(action, to: &world)
        }
    }

    private func applyPerson(_ action: SpoolAction, to world: inout SpoolWorld) {
        switch action {
        case .reannotate(let document):
            world.events.reannotations += 1
            world.server.reannotate(Int(document))
        case .retryFailed(let document):
            world.events.retries += 1
            _ = world.server.retryFailed(Int(document))
        case .delete(let document):
            world.events.deletions += 1
            world.server.delete(Int(document))
        case .replaceBody(let document):
            world.events.replacements += 1
            for index in world.held.indices where world.held[index].documents.contains(Int(document)) {
                world.held[index].otherBody.insert(DocumentSet(Int(document)))
            }
            for index in world.network.indices where world.network[index].claim != nil {
                world.network[index].claim?.otherBody.insert(DocumentSet(Int(document)))
            }
        default: break
        }
    }

    private func claim(_ documents: DocumentSet, by daemon: UInt8, isHeard: Bool, in world: inout SpoolWorld) {
        let lease = world.server.claim(documents, by: daemon)
        guard isHeard else { return }
        var attempts: UInt16 = 0
        documents.forEach { document in
            let told = world.server.documents[document].attempts + (guards.contains(.attemptAtClaim) ? 0 : 1)
            attempts |= UInt16(min(max(told, 0), 3)) << UInt16(2 * document)
        }
        world.held.append(
            SpoolWorld.HeldClaim(daemon: daemon, lease: lease, documents: documents, attempts: attempts))
    }

    private func compute(_ daemon: UInt8, in world: inout SpoolWorld) {
        guard let index = world.firstHeld(by: daemon, where: { $0.stage == .fetched }) else { return }
        let claim = world.held[index]
        for document in kinds.indices where claim.documents.contains(document) && kinds[document] == .poison {
            world.server.documents[document].kills += 1
            return die(daemon, .killed, in: &world)
        }
        world.held[index].failing = DocumentSet(
            kinds.indices.filter { claim.documents.contains($0) && kinds[$0] == .unreadable })
        world.held[index].stage =
            world.held[index].failing == claim.documents ? .answered : .computed
    }

    private func complete(_ claim: inout SpoolWorld.HeldClaim, in world: inout SpoolWorld) {
        let chosen = claim.documents.subtracting(claim.failing)
        let refused = DocumentSet(kinds.indices.filter { chosen.contains($0) && kinds[$0] == .refused })
        let removed = world.server.complete(
            chosen, lease: claim.lease, by: claim.daemon, otherBody: claim.otherBody, refused: refused)
        claim.failing.formUnion(refused)
        claim.stage = .answered
        if !guards.contains(.completionIsAtomic) { claim.owed = removed }
    }

    private func fail(_ document: Int, of claim: SpoolWorld.HeldClaim, in world: inout SpoolWorld) {
        let decision = decision(claim, document)
        let isDone = world.server.fail(document, lease: claim.lease, by: claim.daemon, decision)
        if isDone, decision == .giveUp { judge(document, in: &world) }
    }

    private func handBackOthers(_ daemon: UInt8, than known: [UInt16], in world: inout SpoolWorld) {
        _ = world.server.handBackOthers(of: daemon, than: known)
    }

    func known(to daemon: UInt8, in world: SpoolWorld) -> [UInt16] {
        world.held.filter { $0.daemon == daemon }.map(\.lease)
    }

    private func settle(_ claim: SpoolWorld.HeldClaim, at index: Int, in world: inout SpoolWorld) {
        if claim.stage != .computed, claim.failing.isEmpty, claim.owed.isEmpty {
            world.held.remove(at: index)
        } else {
            world.held[index] = claim
            world.held[index].documents = claim.failing.union(claim.owed)
        }
    }

    private func rescue(_ document: Int, in world: inout SpoolWorld) {
        // Taking from the living whenever one likes is no fault from outside.
        let holder = world.server.documents[document].holder
        if world.isRunning(holder), !guards.contains(.rescueOnlyFromTheSilent) {
            world.server.documents[document].wentDownInCompany = true
        }
        if !world.server.rescue(document) { judge(document, in: &world) }
    }

    /// A good document may go down once in the company of the one that kills; after that it is alone.
    private func judge(_ document: Int, in world: inout SpoolWorld) {
        let row = world.server.documents[document]
        if kinds[document] == .good, Int(row.disturbances) < policy.maximumAttempts - 1 {
            world.server.breach = .innocentGivenUp
        }
    }

    // MARK: - Life and death

    private func die(_ daemon: UInt8, _ condition: SpoolWorld.Condition, in world: inout SpoolWorld) {
        if condition == .killed {
            for document in kinds.indices
            where world.server.documents[document].place == .leased
                && world.server.documents[document].holder == daemon && world.isKnown(document)
            {
                world.server.documents[document].wentDownInCompany = true
            }
        }
        world.held.removeAll { $0.daemon == daemon }
        world.daemons[Int(daemon)] = SpoolWorld.Daemon(condition: condition)
    }

    private func restart(_ daemon: UInt8, in world: inout SpoolWorld) {
        for document in kinds.indices
        where world.server.documents[document].place == .leased && world.server.documents[document].holder == daemon {
            world.server.documents[document].holder = SpoolWorld.departed
        }
        world.network.removeAll { $0.daemon == daemon }
        world.daemons[Int(daemon)] = SpoolWorld.Daemon()
    }

    // MARK: - Network

    private func lose(_ kind: SpoolWorld.Request.Kind, of daemon: UInt8, in world: inout SpoolWorld) {
        world.events.losses += 1
        var request = SpoolWorld.Request(daemon: daemon, kind: kind)
        switch kind {
        case .claim:
            world.daemons[Int(daemon)].isUncertain = true
            request.emptyHanded = world.firstHeld(by: daemon) == nil
        case .handBackOthers: request.known = known(to: daemon, in: world)
        case .complete, .fail: request.claim = world.firstHeld(by: daemon).map { world.held[$0] }
        case .stop:
            world.events.stops += 1
            die(daemon, .crashed, in: &world)
        }
        world.network.append(request)
    }

    private func arrive(_ number: Int, _ documents: DocumentSet, in world: inout SpoolWorld) {
        let request = world.network.remove(at: number)
        switch request.kind {
        case .claim: claim(documents, by: request.daemon, isHeard: false, in: &world)
        case .handBackOthers: handBackOthers(request.daemon, than: request.known, in: &world)
        case .complete:
            guard var claim = request.claim else { return }
            complete(&claim, in: &world)
            world.server.write(claim.owed)
        case .fail:
            guard let claim = request.claim else { return }
            fail(claim.failing.first, of: claim, in: &world)
        case .stop:
            handBackOthers(request.daemon, than: [], in: &world)
            world.daemons[Int(request.daemon)].condition = .stopped
        }
    }
}

extension SpoolServer.Decision {
    init(_ decision: RetryPolicy.Decision) {
        switch decision {
        case .retry: self = .retry
        case .handBack: self = .handBack
        case .giveUp: self = .giveUp
        }
    }
}
