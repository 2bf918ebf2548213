import Annotations
import Foundation
import Store
import Training

/// Everything that a report says about one finished training run, read once and decoded.
struct RunReport {
    /// One of the run's options, as its JSON spells it.
    struct Option {
        let key: String
        let value: String
        /// Nil where the program knows no default, or where it is the value.
        let otherDefault: String?
    }

    /// A model that the run began with or made.
    struct ModelName {
        let name: String
        let trainedTasks: Set<String>
    }

    let run: TrainingRunStore.RunRow
    /// Nil when the run was recorded before there were records.
    let record: RunRecord?
    let before: Evaluation?
    let after: Evaluation?
    let options: [Option]
    let models: [Int64: ModelName]
    /// Those that the worst errors name and that still exist.
    let documents: [Int64: WorstErrorList.Document]

    /// - Throws: `report-record` when a column holds what this program does not understand, and database faults.
    init(_ run: TrainingRunStore.RunRow, connection: Connection) async throws(Fault) {
        self.run = run
        record = try run.record.map { text throws(Fault) in
            try Self.checkVersion(text, run: run.id)
            return try Self.decode(RunRecord.self, text, "record", run: run.id)
        }
        before = try run.metricsBefore.map { text throws(Fault) in
            try Self.decode(Evaluation.self, text, "metrics_before", run: run.id)
        }
        after = try run.metricsAfter.map { text throws(Fault) in
            try Self.decode(Evaluation.self, text, "metrics_after", run: run.id)
        }
        options = try Self.options(run.options)
        models = Dictionary(
            uniqueKeysWithValues: try await ModelRegistry(connection: connection).models().map { model in
                let trained = model.tasks.filter(\.trained).map(\.name)
                return (model.id, ModelName(name: model.name, trainedTasks: Set(trained)))
            })
        let wanted = Set(record?.worst.map(\.document) ?? []).sorted()
        documents =
            wanted.isEmpty
            ? [:]
            : try await DocumentStore(connection: connection).documents(ids: wanted).mapValues {
                WorstErrorList.Document(externalID: $0.externalID, body: $0.body)
            }
    }

    /// Those that were learned or judged, in the order in which the run learned them.
    var tasks: [String] {
        var names = (record?.tasks ?? []).map(\.task) + (record?.encoder?.probe ?? []).map(\.task)
        names += (after?.scores ?? []).map(\.task)
        var seen = Set<String>()
        return names.filter { seen.insert($0).inserted }
    }

    func training(of task: String) -> TaskTraining? { record?.tasks.first { $0.task == task } }
    func probe(of task: String) -> TaskTraining? { record?.encoder?.probe.first { $0.task == task } }

    /// Whether the model that the run began with could already do the task: else its score before is that of chance.
    func wasKnown(_ task: String) -> Bool {
        run.parentModelID.flatMap { models[$0] }?.trainedTasks.contains(task) ?? false
    }

    private struct Version: Decodable { let version: Int }

    private static func checkVersion(_ text: String, run: Int64) throws(Fault) {
        let version = try decode(Version.self, text, "record", run: run).version
        guard version > 1 else { return }
        throw Fault(
            .database, "report-record", "training run \(run) has a record of version \(version); this program reads 1",
            hint: "use the program that trained, or a newer one")
    }

    private static func decode<Value: Decodable>(
        _ type: Value.Type, _ text: String, _ column: String, run: Int64
    ) throws(Fault) -> Value {
        do {
            return try JSONText.decoder.decode(type, from: Data(text.utf8))
        } catch {
            throw Fault(
                .database, "report-record", "\(column) of training run \(run) is not what a run writes",
                hint: "it was written by another version, or changed by hand; train again")
        }
    }

    /// In the order of their names, objects inside flattened (`a.b`), with the defaults of this program.
    private static func options(_ text: String) throws(Fault) -> [Option] {
        func flat(_ text: String) -> [(key: String, value: String)] {
            guard let value = try? JSONValue(parsing: Array(text.utf8)) else { return [] }
            return flatten(value, "")
        }
        let defaults = flat(try JSONText.of(RunOptions()))
        var options = flat(text)
        // An option without a value leaves no key.
        if options.contains(where: { $0.key == "heads.seed" }) {
            options += defaults.filter { usual in !options.contains { $0.key == usual.key } }.map { ($0.key, "none") }
        }
        return options.sorted { $0.key < $1.key }.map { key, value in
            let usual = defaults.first { $0.key == key }?.value
            // 1 and 1.0 are one number.
            let isUsual = usual == value || (usual.flatMap(Double.init).map { $0 == Double(value) } ?? false)
            return Option(key: key, value: value, otherDefault: isUsual ? nil : usual)
        }
    }

    private static func flatten(_ value: JSONValue, _ key: String) -> [(key: String, value: String)] {
        guard let object = value.object else {
            return [(key, value.scalar ?? String(decoding: value.encoded, as: UTF8.self))]
        }
        return object.members.flatMap { flatten($0.value, key.isEmpty ? $0.key : "\(key).\($0.key)") }
    }
}
