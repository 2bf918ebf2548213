import Annotations
import Foundation
import Store

/// Loads a file: first all of it is read and checked, then it is written in steps of some hundred records.
struct ImportRun: Sendable {
    struct Summary: Sendable, Equatable {
        var inserted = 0
        /// There already, with the same text.
        var identical = 0
        var labels = 0
        var entities = 0
        /// Records left out with --skip-invalid.
        var skipped = 0

        func text(collection: String) -> String {
            var parts = ["\(inserted) documents loaded into collection \(collection)"]
            if identical > 0 { parts.append("\(identical) were there already") }
            if labels + entities > 0 { parts.append("\(labels) gold labels and \(entities) gold entities added") }
            if skipped > 0 { parts.append("\(skipped) records skipped") }
            return parts.joined(separator: ", ")
        }
    }

    let context: ModelContext
    let collection: String
    var annotator: String?
    var segmentation: Segmentation?
    var skipsInvalid = false
    var allowsNewLabels = false
    /// What the load is called; nil: collection and file name.
    var batch: String?
    var priority: Int?
    /// Records, and bytes of text, written in one transaction.
    var stepRecords = 500
    var stepBytes = 4 << 20

    func load(_ file: String, _ options: ImportOptions) async throws -> Summary {
        var options = options
        if let declared = try await GoldStore(connection: context.connection).declared(in: collection) {
            (options.knownLabels, options.refusesOtherTasks) = (declared, true)
        } else if !allowsNewLabels {
            options.knownLabels = try await declaredLabels()
        }
        var summary = Summary()
        summary.skipped = try survey(file, options).refused
        let conflicting = try await linesInConflict(file, options)
        summary.skipped += conflicting.count
        let store = DocumentStore(connection: context.connection)
        try await store.setCollection(collection, segmentation: segmentation)
        let batch = self.batch ?? Self.batchName(collection, file)
        let housekeeping = Housekeeping(connection: context.connection)
        try await housekeeping.openBatch(batch, priority: priority)
        var reader = try ImportReader(path: file, options: options)
        let bar = ProgressBar("loading", total: reader.totalBytes ?? 0, unit: "bytes")
        var step: [ImportRecord] = []
        var bytes = 0
        while let outcome = try reader.next() {
            guard case .record(let record) = outcome, !conflicting.contains(record.line) else { continue }
            step.append(record)
            bytes += record.body.utf8.count
            if step.count == stepRecords || bytes >= stepBytes {
                try await write(step, from: file, batch: batch, into: &summary)
                (step, bytes) = ([], 0)
                bar.update(done: reader.bytesRead)
            }
        }
        try await write(step, from: file, batch: batch, into: &summary)
        // An import that was interrupted leaves its batch open: it is not finished before the rest was loaded.
        try await housekeeping.closeBatch(batch)
        bar.update(done: reader.bytesRead)
        bar.finish()
        return summary
    }

    /// `mail/letters.csv`, shortened from the front to the 200 bytes that a name may have.
    static func batchName(_ collection: String, _ file: String) -> String {
        var name = Substring(collection + "/" + (file as NSString).lastPathComponent)
        while name.utf8.count > 200 { name = name.dropFirst() }
        return String(name)
    }

    /// Lines whose id the collection has with another text, or with marked entities that these overlap. Found before
    /// anything is loaded: a file is loaded whole or not at all, unless the person said otherwise.
    private func linesInConflict(_ file: String, _ options: ImportOptions) async throws -> Set<Int> {
        let store = DocumentStore(connection: context.connection)
        if try await store.documents(in: collection, limit: 1).isEmpty { return [] }
        var reader = try ImportReader(path: file, options: options)
        let bar = ProgressBar("comparing", total: reader.totalBytes ?? 0, unit: "bytes")
        var lines: [Int] = []
        var step: [ImportRecord] = []
        let gold = GoldStore(connection: context.connection)
        func compare() async throws {
            var markings: [(line: Int, marking: GoldStore.Marking)] = []
            let ids = try await store.ids(of: step.map(\.externalID), in: collection)
            let stored = ids.isEmpty ? [:] : try await store.documents(ids: Array(ids.values))
            for record in step {
                guard let id = ids[record.externalID], let document = stored[id] else { continue }
                // Bytes, not canonical equivalence: a body that is composed differently is another body.
                if document.body.utf8.elementsEqual(record.body.utf8) {
                    markings += record.entities.map { (record.line, .init(documentID: id, entity: $0)) }
                } else {
                    lines.append(record.line)
                }
            }
            let overlaps = try await gold.conflicts(markings.map(\.marking), annotator: annotator)
            for index in overlaps where lines.last != markings[index].line { lines.append(markings[index].line) }
            step = []
            bar.update(done: reader.bytesRead)
        }
        while let outcome = try reader.next() {
            guard case .record(let record) = outcome else { continue }
            step.append(record)
            if step.count == stepRecords { try await compare() }
        }
        try await compare()
        bar.finish()
        guard let first = lines.first else { return [] }
        guard skipsInvalid else {
            throw Fault(
                .input, "document-conflict",
                "\(file), line \(first): collection \(collection) has another text under this id, or entities marked that "
                    + "these overlap" + (lines.count > 1 ? " (and so for \(lines.count - 1) more lines)" : "")
                    + "; nothing was loaded",
                hint:
                    "bodies never change, and entities of one task do not overlap: use another id or collection, delete "
                    + "the documents or retract the entities first, or leave these records out with --skip-invalid")
        }
        Terminal.note(
            "\(lines.count) records of \(file) are skipped, they contradict what is stored; first line \(first)")
        return Set(lines)
    }

    private func survey(_ file: String, _ options: ImportOptions) throws(Fault) -> ImportSurvey {
        var reader = try ImportReader(path: file, options: options)
        let bar = ProgressBar("checking", total: reader.totalBytes ?? 0, unit: "bytes")
        let survey = try ImportSurvey.of(&reader) { bar.update(done: $0) }
        bar.finish()
        guard let refusal = survey.refusal(of: file) else { return survey }
        guard skipsInvalid else { throw refusal }
        Terminal.note("\(survey.refused) records of \(file) are skipped:")
        for problem in survey.problems { Terminal.note("  \(problem)") }
        if survey.problemCount > survey.problems.count {
            Terminal.note("  and \(survey.problemCount - survey.problems.count) more problems")
        }
        return survey
    }

    /// What the model in force declares; gold outside it is most likely a misspelling.
    private func declaredLabels() async throws -> [String: Set<String>] {
        guard let id = try await context.registry.modelInForce(collection: collection).modelID else { return [:] }
        let model = try await context.registry.model(id: id)
        return Dictionary(uniqueKeysWithValues: model.tasks.map { ($0.name, Set($0.labels)) })
    }

    private func write(
        _ records: [ImportRecord], from file: String, batch: String, into summary: inout Summary
    ) async throws {
        guard !records.isEmpty else { return }
        let outcomes = try await DocumentStore(connection: context.connection).insert(
            records.map {
                .init(externalID: $0.externalID, body: $0.body, metadata: try JSONText.of($0.metadata))
            }, into: collection, batch: batch)
        var labels: [GoldStore.Label] = []
        var entities: [GoldStore.Marking] = []
        var complete: [GoldStore.Complete] = []
        for (record, outcome) in zip(records, outcomes) {
            switch outcome {
            case .inserted: summary.inserted += 1
            case .identical: summary.identical += 1
            case .conflict:
                // Somebody else inserted it since the comparison.
                throw Fault(
                    .input, "document-conflict",
                    "\(file), line \(record.line): another text was stored under this id meanwhile",
                    hint: "run the import again: it goes on where it stopped")
            }
            labels += record.labels.map { .init(documentID: outcome.id, task: $0.task, label: $0.label) }
            entities += record.entities.map { .init(documentID: outcome.id, entity: $0) }
            complete += record.completeTasks.sorted().map { .init(documentID: outcome.id, task: $0) }
        }
        guard !labels.isEmpty || !entities.isEmpty || !complete.isEmpty else { return }
        let gold = try await GoldStore(connection: context.connection).insert(
            labels: labels, entities: entities, complete: complete, annotator: annotator,
            source: "import \(file)")
        summary.labels += gold.labels
        summary.entities += gold.entities
    }
}
