/// Visits every state that a model can reach, the near ones first, and walks at random where there are too many.
struct SpoolExplorer {
    struct Violation: CustomStringConvertible {
        let property: SpoolProperty
        /// From the start; the shortest there is when it was found by `explore`.
        let trace: [SpoolAction]

        var description: String {
            let steps = trace.enumerated().map { "\n  \($0 + 1). \($1)" }.joined()
            return "violated after \(trace.count) steps: \(property.rawValue)\(steps)"
        }
    }

    /// How one document ended.
    struct End: Hashable, CustomStringConvertible {
        let place: SpoolServer.Place
        let isFailed: Bool
        let attempts: Int8
        let kills: UInt8

        var description: String { isFailed ? "failed(\(attempts), kills \(kills))" : "\(place)(kills \(kills))" }
    }

    struct Report: CustomStringConvertible {
        var states = 0
        var transitions = 0
        var depth = 0
        /// Every reachable state was visited.
        var isComplete = true
        var violation: Violation?
        /// All the ways in which the documents can end.
        var ends: Set<[End]> = []

        var description: String {
            "\(states) states, \(transitions) transitions, \(depth) steps deep, "
                + (isComplete ? "complete" : "cut off")
        }
    }

    let model: SpoolModel
    private var report = Report()
    private var numbers: [UInt64: UInt32] = [:]
    private var parents: [(state: UInt32, action: SpoolAction)] = []
    /// States from which every document can still be done or failed: the settled ones first.
    private var hopeful: [UInt32] = []
    private var healthySteps: [(from: UInt32, to: UInt32)] = []

    private init(_ model: SpoolModel) { self.model = model }

    /// - Parameters:
    ///   - maximumStates: where to stop; what was not visited is not accused.
    ///   - checksProgress: whether to look for states that nothing healthy leads out of.
    static func explore(
        _ model: SpoolModel, maximumStates: Int = 3_000_000, checksProgress: Bool = true
    ) -> Report {
        var explorer = SpoolExplorer(model)
        explorer.visitAll(maximumStates: maximumStates)
        if explorer.report.violation == nil, checksProgress { explorer.findStuckState() }
        return explorer.report
    }

    private mutating func visitAll(maximumStates: Int) {
        let start = model.start()
        numbers[start.fingerprint] = 0
        parents.append((0, .claim(0, [])))
        var level: [(UInt32, SpoolWorld)] = [(0, start)]
        while !level.isEmpty {
            var next: [(UInt32, SpoolWorld)] = []
            for (number, world) in level {
                if report.isComplete, parents.count >= maximumStates { report.isComplete = false }
                if !report.isComplete {
                    hopeful.append(number)
                    continue
                }
                visit(number, world, next: &next)
                if report.violation != nil { return }
            }
            level = next
            if !next.isEmpty { report.depth += 1 }
        }
    }

    private mutating func visit(_ number: UInt32, _ world: SpoolWorld, next: inout [(UInt32, SpoolWorld)]) {
        if model.isSettled(world) {
            hopeful.append(number)
            report.ends.insert(
                world.server.documents.map {
                    End(place: $0.place, isFailed: $0.isFailed, attempts: $0.attempts, kills: $0.kills)
                })
        }
        for action in model.actions(in: world) {
            var after = world
            model.apply(action, to: &after)
            report.transitions += 1
            let fingerprint = after.fingerprint
            let known = numbers[fingerprint]
            let reached = known ?? UInt32(parents.count)
            if action.isHealthy { healthySteps.append((number, reached)) }
            guard known == nil else { continue }
            numbers[fingerprint] = reached
            parents.append((number, action))
            report.states = parents.count
            if let property = model.violation(in: after) {
                report.violation = Violation(property: property, trace: trace(to: reached))
                return
            }
            next.append((reached, after))
        }
    }

    /// Backwards along healthy steps from where everything is settled; the first state that is not met is stuck.
    private mutating func findStuckState() {
        var starts = [UInt32](repeating: 0, count: parents.count + 1)
        for step in healthySteps { starts[Int(step.to) + 1] += 1 }
        for index in 1..<starts.count { starts[index] += starts[index - 1] }
        var places = starts
        var sources = [UInt32](repeating: 0, count: healthySteps.count)
        for step in healthySteps {
            sources[Int(places[Int(step.to)])] = step.from
            places[Int(step.to)] += 1
        }
        var isMet = [Bool](repeating: false, count: parents.count)
        for state in hopeful { isMet[Int(state)] = true }
        while let state = hopeful.popLast() {
            for index in starts[Int(state)]..<starts[Int(state) + 1] where !isMet[Int(sources[Int(index)])] {
                isMet[Int(sources[Int(index)])] = true
                hopeful.append(sources[Int(index)])
            }
        }
        if let stuck = isMet.firstIndex(of: false) {
            report.violation = Violation(property: .neverSettled, trace: trace(to: UInt32(stuck)))
        }
    }

    private func trace(to state: UInt32) -> [SpoolAction] {
        var trace: [SpoolAction] = []
        var state = state
        while state != 0 {
            trace.append(parents[Int(state)].action)
            state = parents[Int(state)].state
        }
        return trace.reversed()
    }

    // MARK: - Walks

    /// One way through a model that is too large to be visited: at random, then on with healthy steps until everything
    /// is settled. Returns how many steps that took, and what went wrong.
    static func walk(
        _ model: SpoolModel, steps: Int, patience: Int, using random: inout some RandomNumberGenerator
    ) -> (steps: Int, violation: Violation?) {
        var world = model.start()
        var trace: [SpoolAction] = []
        while trace.count < steps + patience {
            if trace.count >= steps, model.isSettled(world) { return (trace.count, nil) }
            var actions = model.actions(in: world)
            if trace.count >= steps { actions.removeAll { !$0.isHealthy } }
            guard let action = actions.randomElement(using: &random) else { break }
            model.apply(action, to: &world)
            trace.append(action)
            if let property = model.violation(in: world) {
                return (trace.count, Violation(property: property, trace: trace))
            }
        }
        return model.isSettled(world)
            ? (trace.count, nil) : (trace.count, Violation(property: .neverSettled, trace: trace))
    }

    /// The states of a trace, its start included; what is printed can be run again.
    static func replay(_ trace: [SpoolAction], of model: SpoolModel) -> [SpoolWorld] {
        var worlds = [model.start()]
        for action in trace {
            var world = worlds[worlds.count - 1]
            model.apply(action, to: &world)
            worlds.append(world)
        }
        return worlds
    }
}
