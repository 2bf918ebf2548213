import Annotations
import Foundation
import Model
import Tensors

/// Where an interrupted run goes on.
extension BackboneRun {
    func goOn(
        from file: ResumeFile, fingerprint: String, found report: ((_ steps: Int, _ damaged: [String]) -> Void)?
    ) {
        let (found, damaged) = joint.resume(from: file, fingerprint: fingerprint)
        report?(found == nil ? 0 : joint.step, damaged)
        guard let found, let notes = try? JSONDecoder().decode(Notes.self, from: Data(found.notes.utf8)) else { return }
        self.notes = notes
        for (epoch, records) in Dictionary(grouping: notes.curve, by: \.epoch).sorted(by: { $0.key < $1.key }) {
            if let score = judge.total(Self.scores(records)) { _ = choice.keeps(score, epoch: epoch) }
        }
        if notes.bestEpoch > 0 { restoreBest(found.more) }
    }

    private static func scores(_ records: [EpochRecord]) -> [String: ValidationScore] {
        var scores: [String: ValidationScore] = [:]
        for record in records {
            guard let metric = record.validationScore, let loss = record.validationLoss else { continue }
            scores[record.task] = ValidationScore(metric: metric, loss: loss)
        }
        return scores
    }

    private func restoreBest(_ sections: [String: [Float]]) {
        var heads: [HeadParameters] = []
        for (task, now) in joint.foundHeads {
            let (weights, bias) = (sections["head/\(task.name)/weight"], sections["head/\(task.name)/bias"])
            guard let weights, let bias, weights.count == now.weights.values.count, bias.count == now.outputs else {
                return
            }
            heads.append(
                HeadParameters(
                    weights: Matrix(rows: now.outputs, columns: now.hidden, values: weights), bias: bias))
        }
        best = (sections.filter { !$0.key.hasPrefix("head/") }, heads)
    }

    func save(to file: ResumeFile, fingerprint: String) throws(Fault) {
        var more: [(name: String, values: [Float])] = []
        if let best {
            more = best.tensors.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            for ((task, _), head) in zip(joint.foundHeads, best.heads) {
                more.append(("head/\(task.name)/weight", head.weights.values))
                more.append(("head/\(task.name)/bias", head.bias))
            }
        }
        let text = (try? JSONEncoder().encode(notes)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
        try joint.save(to: file, fingerprint: fingerprint, notes: text, more: more)
    }

    /// sha256 over everything that decides the result.
    func fingerprint(_ initial: HeadSet?, salt: String) throws(Fault) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        var hash = ContentHash()
        func add(_ text: String) { hash.update(Array((text + "\n").utf8)) }
        func add(_ value: some Encodable) {
            add((try? encoder.encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "")
        }
        add(salt)
        add(backbone.contentHash)
        add("\(backbone.space)")
        add(trainer.probe)
        add(trainer.options)
        add(trainer.caching.precision)
        for task in tasks { add("\(task)") }
        for rows in [partition.training, partition.validation, partition.heldOut] {
            add("part of \(rows.count)")
            for row in rows {
                add("\(row.id) \(row.bodyHash)")
                add(row.labels)
                add(row.tags)
            }
        }
        if let initial { hash.update(try initial.encoded()) }
        return try hash.finish()
    }
}
