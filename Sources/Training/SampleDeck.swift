package import Annotations
import Tensors

/// In which order a run takes its examples: a pure function of seed, epoch and the examples' tasks.
package struct SampleDeck: Sendable {
    /// Examples that were put together because the same task decides how often they come up.
    private let groups: [[Int]]
    private let sampling: JointOptions.Sampling
    private let random: CounterRandom
    private static let stream: UInt32 = 0xDEC

    /// An example that several tasks have labels for counts as one of the rarest of them.
    package init(_ examples: [JointExample], tasks: [AnnotationTask], sampling: JointOptions.Sampling, seed: UInt64) {
        let counts = tasks.map { task in examples.reduce(0) { $0 + ($1.says(task) ? 1 : 0) } }
        var groups = [[Int]](repeating: [], count: tasks.count)
        for (index, example) in examples.enumerated() {
            let rarest = tasks.indices.filter { example.says(tasks[$0]) }.min { (counts[$0], $0) < (counts[$1], $1) }
            if let rarest { groups[rarest].append(index) }
        }
        self.groups = groups.filter { !$0.isEmpty }
        self.sampling = sampling
        random = CounterRandom(seed: seed, stream: Self.stream)
    }

    /// Examples of an epoch, as many whatever the sampling.
    package var count: Int { groups.reduce(0) { $0 + $1.count } }

    /// Indices into the examples, in order; `epoch` counts from 1.
    ///
    /// Where a task is to come up more often than it has examples, it goes on into its next shuffle, and where less often
    /// an epoch ends in the middle of one: over the epochs every example comes up as often as the others of its group.
    package func order(epoch: Int) -> [Int] {
        var drawn: [Int] = []
        for (group, members) in groups.enumerated() {
            let quota = quotas[group]
            var position = (epoch - 1) * quota
            let end = position + quota
            while position < end {
                let (turn, first) = position.quotientAndRemainder(dividingBy: members.count)
                let order = random.permutation(of: members.count, step: step(of: group, turn: turn))
                let taken = min(end - position, members.count - first)
                drawn += order[first..<first + taken].map { members[$0] }
                position += taken
            }
        }
        return random.permutation(of: drawn.count, step: step(of: groups.count, turn: epoch)).map { drawn[$0] }
    }

    private func step(of group: Int, turn: Int) -> Int { turn * (groups.count + 1) + group }

    /// Examples of each group in an epoch.
    private var quotas: [Int] {
        let weights = groups.map { members -> Double in
            switch sampling {
            case .proportional: Double(members.count)
            case .squareRoot: Double(members.count).squareRoot()
            case .uniform: 1
            }
        }
        let whole = weights.reduce(0, +)
        guard sampling != .proportional else { return groups.map(\.count) }
        // Rounded so that the sum is what it would be.
        var (taken, sum) = (0, 0.0)
        return weights.map { weight in
            sum += weight
            let end = Int((Double(count) * sum / whole).rounded())
            defer { taken = end }
            return end - taken
        }
    }
}
