import Annotations
import Foundation
import Model
import Tensors

/// Where an interrupted run goes on.
extension BackboneRun {
    func goOn(
        from file: ResumeFile, fingerprint: String, found report: ((_ steps: Int, _ damaged: [String]) -> Void)?
    ) {
        var kept: (notes: Notes, best: Best?)?
        let (found, damaged) = joint.resume(from: file, fingerprint: fingerprint) { text, sections in
            guard let notes = try? JSONDecoder().decode(Notes.self, from: Data(text.utf8)) else { return false }
            let best = notes.bestEpoch > 0 ? best(in: sections) : nil
            guard notes.bestEpoch == 0 || best != nil else { return false }
            kept = (notes, best)
            return true
        }
        report?(found ? joint.step : 0, damaged)
        guard found, let kept else { return }
        (notes, best) = kept
        for (epoch, records) in Dictionary(grouping: notes.curve, by: \.epoch).sorted(by: { $0.key < $1.key }) {
            if let score = judge.total(Self.scores(records)) { _ = choice.keeps(score, epoch: epoch) }
        }
    }

    private static func scores(_ records: [EpochRecord]) -> [String: ValidationScore] {
        var scores: [String: ValidationScore] = [:]
        for record in records {
            guard let metric = record.validationScore, let loss = record.validationLoss else { continue }
            scores[record.task] = ValidationScore(metric: metric, loss: loss)
        }
        return scores
    }

    /// Nil when something is missing.
    private func best(in sections: [String: [Float]]) -> Best? {
        var heads: [HeadParameters] = []
        for (task, now) in joint.foundHeads {
            let (weights, bias) = (sections["head/\(task.name)/weight"], sections["head/\(task.name)/bias"])
            guard let weights, let bias, weights.count == now.weights.values.count, bias.count == now.outputs else {
                return nil
            }
            heads.append(
                HeadParameters(
                    weights: Matrix(rows: now.outputs, columns: now.hidden, values: weights), bias: bias))
        }
        let tensors = sections.filter { !$0.key.hasPrefix("head/") }
        let isWhole = joint.parameters.tensors.allSatisfy {
            !joint.everTrainable.contains($0.layer) || tensors[$0.name]?.count == $0.range.count
        }
        return isWhole ? (tensors, heads) : nil
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
        // Without notes the file would be refused.
        let text = (try? JSONEncoder().encode(notes)).map { String(decoding: $0, as: UTF8.self) } ?? ""
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
