/// What can happen next, and whether what happened is allowed.
extension SpoolModel {
    func actions(in world: SpoolWorld) -> [SpoolAction] {
        var actions: [SpoolAction] = []
        for daemon in 0..<UInt8(world.daemons.count) {
            if world.daemons[Int(daemon)].condition == .running {
                addClaims(by: daemon, in: world, to: &actions)
                addWork(of: daemon, in: world, to: &actions)
                if world.events.crashes < limits.crashes { actions.append(.crash(daemon)) }
                if world.events.stops < limits.stops {
                    actions.append(.stop(daemon))
                    if world.events.losses < limits.losses { actions.append(.lose(daemon, .stop)) }
                }
            } else {
                actions.append(.restart(daemon))
            }
        }
        for (number, request) in world.network.enumerated() {
            if request.kind == .claim {
                for documents in picks(emptyHanded: request.emptyHanded, in: world) {
                    actions.append(.arrive(UInt8(number), documents))
                }
            } else {
                actions.append(.arrive(UInt8(number), []))
            }
        }
        addRescues(in: world, to: &actions)
        addPeople(in: world, to: &actions)
        return actions
    }

    private func addClaims(by daemon: UInt8, in world: SpoolWorld, to actions: inout [SpoolAction]) {
        let mayLose = world.events.losses < limits.losses
        let mustHandBack = world.daemons[Int(daemon)].isUncertain && guards.contains(.lostClaimsAreHandedBack)
        if mustHandBack || (guards.contains(.strangersAreLookedFor) && holdsStrangers(daemon, in: world)) {
            actions.append(.handBackOthers(daemon))
            if mayLose { actions.append(.lose(daemon, .handBackOthers)) }
        }
        guard !mustHandBack else { return }
        let mine = world.held.filter { $0.daemon == daemon }
        guard mine.count < claimsAhead else { return }
        if guards.contains(.triedOnesAreHeldAlone), mine.contains(where: \.hasTriedOnes) { return }
        let picks = picks(emptyHanded: mine.isEmpty, in: world)
        for documents in picks { actions.append(.claim(daemon, documents)) }
        if mayLose, !picks.isEmpty { actions.append(.lose(daemon, .claim)) }
    }

    private func holdsStrangers(_ daemon: UInt8, in world: SpoolWorld) -> Bool {
        let known = known(to: daemon, in: world)
        return world.server.documents.contains {
            $0.place == .leased && $0.holder == daemon && !known.contains($0.lease)
        }
    }

    /// Sets of documents that one claim may take: any of those that may come together (of many: one, or all), or one
    /// that must come alone.
    func picks(emptyHanded: Bool, in world: SpoolWorld) -> [DocumentSet] {
        var picks: [DocumentSet] = []
        var together: DocumentSet = []
        for (document, row) in world.server.documents.enumerated() {
            guard row.place == .waiting || (!guards.contains(.onlyReadyRowsAreClaimed) && row.place == .leased)
            else { continue }
            if row.attempts == 0 || !guards.contains(.triedOnesComeAlone) {
                together.insert(DocumentSet(document))
            } else if emptyHanded || !guards.contains(.triedOnesAreHeldAlone) {
                picks.append(DocumentSet(document))
            }
        }
        guard together.count <= 3 else {
            together.forEach { picks.append(DocumentSet($0)) }
            return picks + [together]
        }
        var subset = together.rawValue
        while subset != 0 {
            picks.append(DocumentSet(rawValue: subset))
            subset = (subset - 1) & together.rawValue
        }
        return picks
    }

    private func addWork(of daemon: UInt8, in world: SpoolWorld, to actions: inout [SpoolAction]) {
        if world.firstHeld(by: daemon, where: { $0.stage == .fetched }) != nil {
            actions.append(.compute(daemon))
            if world.events.outsideFaults < limits.outsideFaults { actions.append(.failOutside(daemon)) }
        }
        guard let index = world.firstHeld(by: daemon) else { return }
        let claim = world.held[index]
        let mayLose = world.events.losses < limits.losses
        switch claim.stage {
        case .fetched: break
        case .computed:
            actions.append(.complete(daemon))
            if mayLose { actions.append(.lose(daemon, .complete)) }
        case .answered where !claim.owed.isEmpty: actions.append(.write(daemon))
        case .answered, .brokenOutside:
            actions.append(.fail(daemon))
            if mayLose { actions.append(.lose(daemon, .fail)) }
        }
    }

    private func addRescues(in world: SpoolWorld, to actions: inout [SpoolAction]) {
        guard world.daemons.contains(where: { $0.condition == .running }) else { return }
        for (document, row) in world.server.documents.enumerated() where row.place == .leased {
            if !world.isRunning(row.holder) {
                actions.append(.rescue(UInt8(document)))
            } else if !guards.contains(.rescueOnlyFromTheSilent) || world.events.silences < limits.silences {
                actions.append(.declareSilent(UInt8(document)))
            }
        }
    }

    private func addPeople(in world: SpoolWorld, to actions: inout [SpoolAction]) {
        for (document, row) in world.server.documents.enumerated() where row.place != .deleted {
            if world.events.reannotations < limits.reannotations { actions.append(.reannotate(UInt8(document))) }
            if world.events.deletions < limits.deletions { actions.append(.delete(UInt8(document))) }
            if row.isFailed, world.events.retries < limits.retries { actions.append(.retryFailed(UInt8(document))) }
            if row.place == .leased, world.events.replacements < limits.replacements {
                actions.append(.replaceBody(UInt8(document)))
            }
        }
    }

    // MARK: - Properties

    /// The property that this state violates.
    func violation(in world: SpoolWorld) -> SpoolProperty? {
        if let breach = world.server.breach { return breach }
        let maximum = world.server.maximumAttempts
        for (document, row) in world.server.documents.enumerated() {
            let ceiling = maximum - (row.place == .waiting ? 1 : 0)
            if row.attempts < 0 || row.attempts > ceiling { return .attemptsOutOfRange }
            // A lost hand-back that arrives late takes back the count of an attempt that is under way.
            if row.kills > row.enqueued * UInt8(maximum) + world.events.losses { return .killsUnlimited }
            if row.place == .out, !row.isFailed, row.written == 0,
                !world.held.contains(where: { $0.owed.contains(document) })
            {
                return .documentLost
            }
            if row.place == .leased {
                let holders = world.held.filter { $0.lease == row.lease && $0.documents.contains(document) }
                if holders.count > 1 || holders.contains(where: { $0.daemon != row.holder }) { return .leaseShared }
            }
        }
        return nil
    }

    func isSettled(_ world: SpoolWorld) -> Bool {
        world.server.documents.allSatisfy { $0.place == .out || $0.place == .deleted }
    }
}
