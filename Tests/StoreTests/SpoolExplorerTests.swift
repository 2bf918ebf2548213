import Foundation
import Store
import TestSupport
import Testing

/// The queue's protocol, state by state: docs/queue.md says what it promises, `SpoolModel` what is left out.
@Suite(.serialized) struct SpoolExplorerTests {
    struct Exploration: Sendable, CustomTestStringConvertible {
        let name: String
        let model: SpoolModel
        var testDescription: String { name }

        init(
            _ name: String, _ kinds: [SpoolModel.Kind], daemons: Int = 3,
            _ limit: @Sendable (inout SpoolWorld.Events) -> Void = { _ in }
        ) {
            self.name = name
            var limits = SpoolWorld.Events()
            limit(&limits)
            model = SpoolModel(kinds: kinds, daemons: daemons, limits: limits)
        }
    }

    static let explorations = [
        Exploration("a poison, and everything outside goes wrong once", [.poison, .good]) {
            ($0.crashes, $0.losses, $0.silences) = (1, 1, 1)
        },
        Exploration("refused results, and everything outside goes wrong once", [.good, .refused]) {
            ($0.crashes, $0.losses, $0.silences, $0.outsideFaults) = (1, 1, 1, 1)
        },
        Exploration("shutdowns beside crashes and people", [.good, .good]) {
            ($0.crashes, $0.losses, $0.stops, $0.reannotations) = (1, 1, 1, 1)
        },
        Exploration("lost answers and silences, twice each", [.good, .good]) {
            ($0.losses, $0.silences) = (2, 2)
        },
        Exploration("people beside failures", [.refused, .unreadable]) {
            ($0.silences, $0.reannotations, $0.deletions, $0.retries) = (1, 1, 1, 1)
        },
        Exploration("bodies replaced under a claim", [.good, .good]) {
            ($0.losses, $0.silences, $0.replacements) = (1, 1, 1)
        },
        Exploration("three documents, one a poison", [.poison, .good, .good]) {
            ($0.crashes, $0.silences) = (1, 1)
        },
        Exploration("three documents of three kinds", [.poison, .good, .refused]) {
            ($0.crashes, $0.silences) = (1, 1)
        },
        Exploration("three documents and a lost answer", [.poison, .good, .good]) { $0.losses = 1 },
        Exploration("four daemons", [.poison, .good], daemons: 4) { ($0.crashes, $0.losses) = (1, 1) },
    ]

    @Test(arguments: explorations) func everyReachableStateKeepsTheQueuesPromises(_ exploration: Exploration) {
        let began = ContinuousClock.now
        let report = SpoolExplorer.explore(exploration.model)
        print("spool model, \(exploration.name): \(report), \(ContinuousClock.now - began)")
        #expect(report.isComplete)
        #expect(report.violation == nil, "\(String(describing: report.violation))")
        #expect(!report.ends.isEmpty)
    }

    /// Minutes rather than seconds.
    static let long = [
        Exploration("three documents, and everything outside goes wrong once", [.poison, .good, .good]) {
            ($0.crashes, $0.losses, $0.silences) = (1, 1, 1)
        },
        Exploration("everything outside goes wrong twice", [.good, .good]) {
            ($0.crashes, $0.losses, $0.silences) = (2, 2, 2)
        },
        Exploration("a shutdown, two crashes and a poison", [.poison, .good]) {
            ($0.crashes, $0.losses, $0.silences, $0.stops) = (2, 1, 1, 1)
        },
    ]

    @Test(.enabled(if: ProcessInfo.processInfo.environment["GLOSSATOR_EXPLORE_ALL"] == "1"), arguments: long)
    func soDoesEveryReachableStateWithinWiderBounds(_ exploration: Exploration) {
        everyReachableStateKeepsTheQueuesPromises(exploration)
    }

    @Test(arguments: [[SpoolModel.Kind.poison, .good], [.poison, .good, .good]])
    func aPoisonKillsExactlyThreeDaemonsAndEverythingElseIsDone(kinds: [SpoolModel.Kind]) {
        let report = SpoolExplorer.explore(SpoolModel(kinds: kinds))
        #expect(report.violation == nil, "\(String(describing: report.violation))")
        for ends in report.ends {
            #expect(ends[0] == SpoolExplorer.End(place: .out, isFailed: true, attempts: 3, kills: 3))
            #expect(ends.dropFirst().allSatisfy { $0.place == .out && !$0.isFailed && $0.kills == 0 })
        }
    }

    /// The first claim may have both, and only one of them kills its daemon; both are charged.
    @Test func twoPoisonsKillTwoOrThreeDaemonsEachAndTheRestIsDone() {
        let report = SpoolExplorer.explore(SpoolModel(kinds: [.poison, .poison, .good]))
        #expect(report.violation == nil, "\(String(describing: report.violation))")
        for ends in report.ends {
            #expect(ends.prefix(2).allSatisfy { $0.isFailed && $0.attempts == 3 && 2...3 ~= $0.kills })
            #expect(ends.prefix(2).contains { $0.kills == 3 })
            #expect(ends[2].place == .out && !ends[2].isFailed)
        }
    }

    @Test func whatIsAtFaultIsGivenUpAtOnceOrAtTheThirdAttempt() {
        let report = SpoolExplorer.explore(SpoolModel(kinds: [.refused, .unreadable]))
        let ends = [(3, true), (1, true)].map {
            SpoolExplorer.End(place: .out, isFailed: $0.1, attempts: Int8($0.0), kills: 0)
        }
        #expect(report.ends == [ends])
    }

    /// Daemons have no names, and leases no numbers, for the explorer: a state stands for all that look the same.
    @Test func statesThatAreTakenForTheSameBehaveTheSame() {
        var limits = SpoolWorld.Events()
        (limits.losses, limits.silences, limits.outsideFaults) = (1, 1, 1)
        let model = SpoolModel(kinds: [.good, .refused], limits: limits)
        func successors(of world: SpoolWorld) -> Set<UInt64> {
            Set(
                model.actions(in: world).map { action in
                    var after = world
                    model.apply(action, to: &after)
                    return after.fingerprint
                })
        }
        var known: [UInt64: Set<UInt64>] = [:]
        var open = [model.start()]
        var different = 0
        while let world = open.popLast() {
            let now = successors(of: world)
            if let earlier = known.updateValue(now, forKey: world.fingerprint) {
                if earlier != now { different += 1 }
                continue
            }
            for action in model.actions(in: world) {
                var after = world
                model.apply(action, to: &after)
                open.append(after)
            }
        }
        #expect(different == 0)
        #expect(known.count > 10_000)
    }

    // MARK: - Guards

    struct Mutation: Sendable, CustomTestStringConvertible {
        let missing: SpoolGuards
        let property: SpoolProperty
        let exploration: Exploration
        var testDescription: String { exploration.name }

        init(
            _ name: String, without missing: SpoolGuards, breaks property: SpoolProperty, _ kinds: [SpoolModel.Kind],
            _ limit: @Sendable (inout SpoolWorld.Events) -> Void = { _ in }
        ) {
            self.missing = missing
            self.property = property
            exploration = Exploration(name, kinds, limit)
        }
    }

    static let mutations = [
        Mutation("completes without its lease", without: .leaseAtCompletion, breaks: .staleLeaseActs, [.good]) {
            $0.silences = 1
        },
        Mutation("completes another body", without: .bodyAtCompletion, breaks: .anotherBodysResults, [.good]) {
            $0.replacements = 1
        },
        Mutation("takes its name for a lease", without: .leaseIsANumber, breaks: .staleLeaseActs, [.good]) {
            ($0.losses, $0.silences) = (1, 1)
        },
        Mutation("counts attempts at failure", without: .attemptAtClaim, breaks: .killsUnlimited, [.poison]),
        Mutation("takes from the living", without: .rescueOnlyFromTheSilent, breaks: .innocentGivenUp, [.good]),
        Mutation("deletes, then writes", without: .completionIsAtomic, breaks: .documentLost, [.good]) {
            $0.crashes = 1
        },
        Mutation(
            "claims tried ones in company", without: .triedOnesComeAlone, breaks: .innocentGivenUp, [.poison, .good]),
        Mutation("hands back without its lease", without: .leaseAtHandBack, breaks: .staleLeaseActs, [.good]) {
            ($0.silences, $0.outsideFaults) = (1, 1)
        },
        Mutation("fails without its lease", without: .leaseAtFailure, breaks: .staleLeaseActs, [.refused]) {
            $0.silences = 1
        },
        // Who looks for strangers all the time finds the lost claim as well; so both are away.
        Mutation(
            "forgets lost claims", without: [.lostClaimsAreHandedBack, .strangersAreLookedFor],
            breaks: .neverSettled, [.good]
        ) { $0.losses = 1 },
        Mutation(
            "looks for strangers only once after a loss", without: .strangersAreLookedFor, breaks: .neverSettled,
            [.good]
        ) { $0.losses = 1 },
        Mutation(
            "fetches ahead beside a tried one", without: .triedOnesAreHeldAlone, breaks: .innocentGivenUp,
            [.poison, .good]),
        Mutation("claims leased rows", without: .onlyReadyRowsAreClaimed, breaks: .attemptsOutOfRange, [.good]),
        Mutation(
            "rescues without end", without: .attemptsAreLimitedAtRescue, breaks: .attemptsOutOfRange, [.poison]),
        Mutation(
            "annotates again under a lease", without: .reannotationTakesTheLease, breaks: .staleLeaseActs, [.good]
        ) { $0.reannotations = 1 },
    ]

    @Test(arguments: mutations) func withoutOneGuardSomethingBreaks(_ mutation: Mutation) throws {
        let control = SpoolExplorer.explore(mutation.exploration.model)
        #expect(control.isComplete && control.violation == nil, "\(String(describing: control.violation))")

        var model = mutation.exploration.model
        model.guards = .all.without(mutation.missing)
        let violation = try #require(SpoolExplorer.explore(model).violation)
        #expect(violation.property == mutation.property, "\(violation)")
        print("spool model, a daemon that \(mutation.exploration.name): \(violation)")

        let worlds = SpoolExplorer.replay(violation.trace, of: model)
        #expect(worlds.dropLast().allSatisfy { model.violation(in: $0) == nil })
        if violation.property != .neverSettled {
            #expect(model.violation(in: worlds[worlds.count - 1]) == violation.property)
        }
    }

    @Test func everyGuardIsSwitchedOffOnce() {
        #expect(Self.mutations.reduce(into: SpoolGuards()) { $0.formUnion($1.missing) } == .all)
    }

    // MARK: - Walks

    @Test func longWalksOfManyDaemonsKeepThePromisesToo() {
        var limits = SpoolWorld.Events()
        (limits.crashes, limits.losses, limits.silences, limits.stops, limits.outsideFaults) = (6, 8, 6, 3, 5)
        (limits.reannotations, limits.deletions, limits.retries, limits.replacements) = (3, 1, 3, 1)
        let model = SpoolModel(
            kinds: [.poison, .good, .good, .refused, .good, .unreadable, .poison, .good], daemons: 6, claimsAhead: 3,
            limits: limits)
        var steps = 0
        for seed in UInt64(1)...2000 {
            var random = SeededGenerator(seed: seed)
            let walk = SpoolExplorer.walk(model, steps: 200, patience: 5000, using: &random)
            steps += walk.steps
            if let violation = walk.violation {
                Issue.record("seed \(seed): \(violation)")
                break
            }
        }
        print("spool model, walks: 2000 of 6 daemons and 8 documents, \(steps) steps")
    }
}
