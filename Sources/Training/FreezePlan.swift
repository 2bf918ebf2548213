package import Annotations

/// What a fine-tune leaves as it is, by name:
///
///     all-frozen             nothing learns: features and figures only
///     backbone-frozen        the heads learn
///     head-frozen:A[,B…]     these tasks' heads stay as they are; all else learns
///     layers:SPEC            the encoder's parts in SPEC stay; all else learns
///     gradual[:EPOCH,…]      lower third frozen, upper third learns, middle third joins layer by layer from the top
///     none                   everything learns
///
/// SPEC is a list of `embeddings`, a layer or a range of layers, `0-1,4`; layers count from 0, the one next to the
/// embeddings. EPOCHs, ascending from 1, say when each next middle layer joins; without them it is one an epoch, from
/// the second. A middle layer without an epoch stays frozen. In `gradual` the embeddings go with the lower third.
package enum FreezePlan: Sendable, Hashable {
    case allFrozen
    case backboneFrozen
    /// Names of tasks.
    case headFrozen([String])
    /// Frozen layers; -1 stands for the embeddings.
    case layers(Set<Int>)
    /// Nil: one layer an epoch.
    case gradual(epochs: [Int]?)
    case none

    /// - Throws: `freeze-plan` when `text` is none of the plans above.
    package init(parsing text: String) throws(Fault) {
        let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        let items = parts.count == 2 ? parts[1].split(separator: ",", omittingEmptySubsequences: false) : []
        switch (parts.first, parts.count) {
        case ("all-frozen", 1): self = .allFrozen
        case ("backbone-frozen", 1): self = .backboneFrozen
        case ("none", 1): self = .none
        case ("gradual", 1): self = .gradual(epochs: nil)
        case ("gradual", 2):
            let epochs = items.compactMap { Int($0) }
            guard epochs.count == items.count, zip([0] + epochs, epochs).allSatisfy({ $0 < $1 }) else {
                throw Self.problem(text, "its epochs must be whole numbers from 1, ascending", "Example: gradual:2,4,6")
            }
            self = .gradual(epochs: epochs)
        case ("head-frozen", 2):
            guard items.allSatisfy({ !$0.isEmpty }) else {
                throw Self.problem(text, "it names no task", "Example: head-frozen:topic")
            }
            self = .headFrozen(items.map(String.init))
        case ("layers", 2): self = .layers(try Self.layers(items, of: text))
        case ("head-frozen", 1): throw Self.problem(text, "it names no task", "Example: head-frozen:topic")
        case ("layers", 1): throw Self.problem(text, "it names no layer", "Example: layers:embeddings,0-3")
        default: throw Self.problem(text, "there is no such plan", Self.names)
        }
    }

    private static func layers(_ items: [Substring], of text: String) throws(Fault) -> Set<Int> {
        var frozen: Set<Int> = []
        for item in items {
            if item == "embeddings" {
                frozen.insert(-1)
                continue
            }
            let ends = item.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
            guard (1...2).contains(ends.count), let first = ends[0], let last = ends[ends.count - 1], first <= last,
                last < 10_000
            else {
                throw problem(
                    text, "'\(item)' is no layer and no range of layers",
                    "Layers count from 0: layers:0-1,4, or layers:embeddings,0-3.")
            }
            frozen.formUnion(first...last)
        }
        return frozen
    }

    private static let names =
        "Plans: all-frozen, backbone-frozen, head-frozen:TASK, layers:0-1,4, gradual, gradual:2,4,6, none."

    private static func problem(_ text: String, _ problem: String, _ hint: String) -> Fault {
        Fault(.configuration, "freeze-plan", "the freeze plan '\(text)' is not understood: \(problem)", hint: hint)
    }

    /// Refuses layers, epochs and tasks that an encoder of `layers` layers and heads for `tasks` do not have.
    ///
    /// - Throws: `freeze-plan`.
    package func validate(layers count: Int, tasks: [String]) throws(Fault) {
        switch self {
        case .headFrozen(let names):
            for name in names where !tasks.contains(name) {
                throw Self.problem(
                    "\(self)", "there is no task '\(name)'", "Tasks: \(tasks.sorted().joined(separator: ", ")).")
            }
        case .layers(let frozen):
            if let layer = frozen.max(), layer >= count {
                throw Self.problem(
                    "\(self)", "there is no layer \(layer)", "This encoder's layers are 0 to \(count - 1).")
            }
        case .gradual(let epochs?):
            let middle = Self.thirds(of: count).middle
            if epochs.count > middle.count {
                throw Self.problem(
                    "\(self)", "it has \(epochs.count) epochs for \(middle.count) middle layers",
                    "This encoder's middle layers are \(middle.lowerBound) to \(middle.upperBound - 1).")
            }
        default: break
        }
    }

    /// Where the middle third of an encoder of `count` layers lies; 12 layers are 0–3, 4–7, 8–11.
    package static func thirds(of count: Int) -> (lower: Range<Int>, middle: Range<Int>, upper: Range<Int>) {
        (0..<count / 3, count / 3..<2 * count / 3, 2 * count / 3..<count)
    }

    /// The parts of an encoder of `count` layers that learn in an epoch, counted from 1.
    package func trainable(epoch: Int, layers count: Int) -> TrainableLayers {
        switch self {
        case .allFrozen, .backboneFrozen: return .none
        case .headFrozen, .none: return .all(of: count)
        case .layers(let frozen): return TrainableLayers((-1..<count).filter { !frozen.contains($0) })
        case .gradual(let epochs):
            let (_, middle, upper) = Self.thirds(of: count)
            let joined = epochs.map { $0.filter { $0 <= epoch }.count } ?? max(epoch - 1, 0)
            return TrainableLayers(Array(middle.suffix(joined)) + Array(upper))
        }
    }

    /// Whether the head of `task` learns.
    package func trainsHead(of task: String) -> Bool {
        switch self {
        case .allFrozen: false
        case .headFrozen(let names): !names.contains(task)
        default: true
        }
    }

    /// Whether heads are kept as they are beside parts that learn.
    package var keepsHeads: Bool { if case .headFrozen = self { true } else { false } }

    /// Whether any part of the encoder ever learns.
    package func trainsEncoder(epochs: Int, layers count: Int) -> Bool {
        trainable(epoch: max(epochs, 1), layers: count) != .none
    }
}

extension FreezePlan: CustomStringConvertible {
    /// As `init(parsing:)` reads it.
    package var description: String {
        switch self {
        case .allFrozen: "all-frozen"
        case .backboneFrozen: "backbone-frozen"
        case .headFrozen(let names): "head-frozen:\(names.joined(separator: ","))"
        case .layers(let frozen):
            "layers:" + frozen.sorted().map { $0 == -1 ? "embeddings" : String($0) }.joined(separator: ",")
        case .gradual(nil): "gradual"
        case .gradual(let epochs?): "gradual:" + epochs.map(String.init).joined(separator: ",")
        case .none: "none"
        }
    }
}
