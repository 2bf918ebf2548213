import Annotations
import ArgumentParser
import Foundation
import Model
import Store

struct ModelDiffCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Which labels of a collection would become others under another model.",
        discussion: """
            Computes the labels of both models from stored embeddings, which both must share; nothing is written and no \
            text is read. What changed when a model came into force is in SQL: glossator.model_diff(old, new).

              glossator model diff mail-12 mail-13 --collection mail
            """)

    @Argument(help: "Name or id of the one model.")
    var old: String

    @Argument(help: "Name or id of the other.")
    var new: String

    @Option(name: .long, help: "Whose documents.")
    var collection: String

    @Flag(name: .long, help: "One JSON object a change, instead of counts.")
    var json = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let context = try await ModelContext(options, applicationName: "glossator model diff")
        let (first, second) = (
            try await context.registry.model(named: old), try await context.registry.model(named: new)
        )
        guard first.spaceID == second.spaceID else {
            throw Fault(
                .input, "spaces-differ", "models \(first.name) and \(second.name) do not have the same embeddings",
                hint: "their labels can be compared by reading the texts: glossator annotate --model NAME")
        }
        let heads = (
            try HeadSet(encoded: await context.registry.heads(of: first.id)),
            try HeadSet(encoded: await context.registry.heads(of: second.id))
        )
        let reader = EmbeddingReader(connection: context.connection)
        let bar = ProgressBar("comparing", total: 0, unit: "segments")
        var comparison = LabelComparison()
        var position: EmbeddingReader.Position? = .start
        while let after = position {
            let page = try await reader.page(spaceID: first.spaceID, collection: collection, after: after)
            let changes = try comparison.add(page.embeddings, heads.0, heads.1)
            if json { for change in changes { try Output.write(change.json) } }
            bar.update(done: comparison.segments)
            position = page.next
        }
        bar.finish()
        if !json { Terminal.show(comparison.text(first.name, second.name)) }
    }
}

/// What two models say of the same embeddings.
struct LabelComparison {
    struct Change {
        let documentID: Int64
        let segment: Int
        let task: String
        let old: String
        let new: String

        var json: [UInt8] {
            let value = JSONValue.object([
                "document_id": .integer(documentID), "segment": .integer(segment), "task": .string(task),
                "old_label": .string(old), "new_label": .string(new),
            ])
            var bytes: [UInt8] = []
            value.append(to: &bytes)
            return bytes + [UInt8(ascii: "\n")]
        }
    }

    private struct Kind: Hashable {
        let task: String
        let old: String
        let new: String
    }

    private(set) var segments = 0
    private var counts: [Kind: Int] = [:]
    private var compared: [String: Int] = [:]

    /// - Returns: what changed, segment by segment.
    mutating func add(
        _ page: [EmbeddingReader.StoredEmbedding], _ old: HeadSet, _ new: HeadSet
    ) throws(Fault) -> [Change] {
        var readable: [(EmbeddingReader.StoredEmbedding, [Float])] = []
        for stored in page {
            if let embedding = try EmbeddingCodec.decodeUndamaged(stored.data) { readable.append((stored, embedding)) }
        }
        segments += page.count
        let embeddings = readable.flatMap(\.1)
        let before = try old.choices(of: embeddings, segments: readable.count)
        var changes: [Change] = []
        for after in try new.choices(of: embeddings, segments: readable.count) {
            guard let other = before.first(where: { $0.task.name == after.task.name }) else { continue }
            compared[after.task.name, default: 0] += readable.count
            for (index, (stored, _)) in readable.enumerated() {
                let (was, now) = (other.task.labels[other.labels[index]], after.task.labels[after.labels[index]])
                guard was != now else { continue }
                counts[Kind(task: after.task.name, old: was, new: now), default: 0] += 1
                changes.append(
                    Change(
                        documentID: stored.documentID, segment: stored.segment, task: after.task.name, old: was,
                        new: now))
            }
        }
        return changes
    }

    func text(_ old: String, _ new: String) -> String {
        guard !compared.isEmpty else {
            return "\(old) and \(new) have no classification task in common, or nothing is embedded"
        }
        let totals = compared.sorted { $0.key < $1.key }.map { task, segments in
            let changed = counts.filter { $0.key.task == task }.values.reduce(0, +)
            return String(
                format: "%@: %d of %d labels would change (%.1f %%)", task, changed, segments,
                100 * Double(changed) / Double(max(1, segments)))
        }
        let rows = counts.sorted { ($1.value, $0.key.task, $0.key.old) < ($0.value, $1.key.task, $1.key.old) }
            .prefix(40).map { [$0.key.task, $0.key.old, $0.key.new, String($0.value)] }
        guard !rows.isEmpty else { return totals.joined(separator: "\n") }
        return totals.joined(separator: "\n") + "\n\n"
            + Terminal.table(["task", old, new, "segments"], rows, indent: "")
    }
}
