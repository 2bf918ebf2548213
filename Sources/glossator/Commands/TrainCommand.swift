import Annotations
import ArgumentParser
import Foundation
import Store
import Training

struct TrainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "train",
        abstract: "Learn from a collection's gold rows: one fine-tune.",
        discussion: """
            Each task with gold gets a head; by default the backbone stays as it is, and --freeze says what else may \
            learn. A share of the documents, chosen by the hash of their text, is held out and judges the result. The new \
            model comes into force if it is shown to be no worse than the one in force on any task and better on one; \
            labels of documents annotated before are then computed again from their embeddings, entities by SELECT \
            glossator.reannotate(collection => …, outdated => true). What was learned from is in \
            glossator.training_rows; a collection with little new gold since its last run is left alone (--min-new).

            Plans: all-frozen (only figures), backbone-frozen, head-frozen:TASK, layers:SPEC (these stay: \
            layers:embeddings,0-3), gradual (upper third learns, the middle third joins layer by layer), none \
            (everything learns). A run with the same rows and options that was interrupted goes on where it was.
            """)

    @Option(name: .long, help: "Collection whose gold to learn from. Default: default.")
    var collection: String?

    @Flag(name: .long, help: "Train every collection that is due by glossator.train_schedule.")
    var due = false

    @Option(name: .long, help: "Train only this task; may be repeated. Default: all that have gold.")
    var task: [String] = []

    @Option(name: .long, help: "if-better, always or never.")
    var promote: FineTune.Promotion = .ifBetter

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Leave a collection alone that was trained before and has fewer documents with new gold. Default: "
                + "train.min-new, 50.", valueName: "documents"))
    var minNew: Int?

    @Option(name: .long, help: "What stays as it is. Default: train.freeze, backbone-frozen.")
    var freeze: String?

    @Option(
        name: .long, help: ArgumentHelp("For what a step remembers. Default: train.memory-mib, 512.", valueName: "MiB"))
    var memory: Int?

    @Flag(name: .long, help: "Show what would learn, at which rates, and stop.")
    var plan = false

    @Option(
        name: .long,
        help:
            "What entity tasks learn: linear, or crf, which finds more and costs memory while it learns. Default: linear."
    )
    var entityHead: String?

    @Flag(name: .long, help: "Put the collection's documents back into the queue when the new model is promoted.")
    var reannotate = false

    @OptionGroup var options: SettingsOptions

    func validate() throws {
        guard due, collection != nil || !task.isEmpty || plan else { return }
        throw ValidationError(
            "--due trains what glossator.train_schedule names: leave --collection, --task and --plan away.")
    }

    func run() async throws {
        let settings = try await options.load(and: [
            ("train.freeze", freeze, "--freeze"), ("train.memory-mib", memory.map(String.init), "--memory"),
            ("train.entity-head", entityHead, "--entity-head"),
            ("train.min-new", minNew.map(String.init), "--min-new"),
            ("train.threads", options.threads.map(String.init), "--threads"),
        ])
        LowPriority.take(settings.integer("train.nice"))
        let context = try await ModelContext(settings, applicationName: "glossator train")
        _ = try settings.jointOptions.plan
        if due {
            try await DueTraining(context: context) { try await train(collection: $0, claimed: $1, context) }.run()
        } else if plan {
            print(try await fineTune(collection ?? "default", context).plan())
        } else {
            try await train(collection: collection ?? "default", claimed: nil, context)
        }
    }

    private func fineTune(_ collection: String, _ context: ModelContext) -> FineTune {
        FineTune(
            context: context, collection: collection, promotion: promote,
            onlyTasks: task.isEmpty ? nil : Set(task), minimumNew: context.settings.integer("train.min-new"))
    }

    private func train(collection: String, claimed: Int64?, _ context: ModelContext) async throws {
        let fineTune = fineTune(collection, context)
        let report: FineTune.Report
        let end = if let claimed { try await fineTune.run(claimed: claimed) } else { try await fineTune.run() }
        switch end {
        case .trained(let trained): report = trained
        case .tooLittleNew(let new, let since):
            Terminal.show(
                "nothing was trained: \(new) documents in \(collection) have gold that is new since run \(since.id) "
                    + "(\(since.startedAt.formatted(.iso8601))), and train.min-new is \(fineTune.minimumNew); "
                    + "--min-new 0 trains all the same")
            return
        }
        Terminal.show(report.text)
        if reannotate, report.decision.promotes {
            let count = try await DocumentStore(connection: context.connection).reannotate(collection: collection)
            Terminal.show("\(count) documents are in the queue again")
        }
    }
}

extension FineTune.Promotion: ExpressibleByArgument {}

extension FineTune.Report {
    /// For a person: what was learned, what it reached on the held-out documents, what came of it.
    var text: String {
        var lines = [
            String(
                format: "run %lld made %@ from %@ in %.1f s; scores on held-out documents:", runID,
                modelName.map { "model " + $0 } ?? "no model", parentName, seconds),
            "",
        ]
        if let encoder = outcome.encoder, !outcome.learnedParts.isEmpty {
            lines[1] =
                "\(outcome.learnedParts.count) parts of the encoder have learned (\(encoder.plan)): embeddings of this model "
                + "are not comparable with those of \(parentName)"
            lines.append("")
        }
        let rows = outcome.tasks.map { training -> [String] in
            let after = outcome.after.score(of: training.task)
            let error = outcome.after.classification[training.task]?.calibration.expectedError
            return [
                training.task, String(training.trainingRows), String(training.validationRows),
                String(training.heldOutRows), "\(training.bestEpoch)", after?.measure ?? "-",
                Terminal.number(outcome.before.score(of: training.task)?.value), Terminal.number(after?.value),
                Terminal.number(error),
            ]
        }
        lines.append(
            Terminal.table(
                ["task", "trained on", "chosen by", "held out", "epoch", "score", "before", "after", "cal. error"], rows
            ))
        lines.append("")
        lines.append((decision.promotes ? "promoted: " : "kept \(parentName) in force: ") + decision.reason)
        return lines.joined(separator: "\n")
    }
}
