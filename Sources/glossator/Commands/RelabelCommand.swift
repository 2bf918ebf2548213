import Annotations
import ArgumentParser
import Logging
import Store

struct RelabelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "relabel",
        abstract: "Compute labels again from stored embeddings, without reading a text.",
        discussion: """
            When a model comes into force whose embeddings are those of the model before (a fine-tune of the heads), \
            the labels of all documents are computed again from what is stored, and shown all at once. Daemons do it by \
            themselves; this does it now, or waits for the daemon that is at it. Entities need the text: SELECT \
            glossator.reannotate(collection => …, outdated => true).
            """)

    @Option(
        name: .long,
        help:
            "Relabel this collection, even if nothing is known to be outdated. Default: all that wait to be relabelled."
    )
    var collection: String?

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let context = try await ModelContext(options, applicationName: "glossator relabel")
        var relabeller = Relabeller(connection: context.connection, logger: Logger(label: "glossator.relabel"))
        if let collection, try await relabeller.store.request(collection: collection) == nil {
            Terminal.show("collection \(collection) has no documents")
            return
        }
        let bar = ProgressBar("relabelling", total: 0, unit: "documents")
        relabeller.progress = { bar.update(done: $0.documents, total: $0.ofDocuments) }
        var ended = 0
        while true {
            if let outcome = try await relabeller.work(collection: collection, isCancelled: { false }) {
                bar.finish()
                ended += 1
                Terminal.show(outcome.text)
            } else if let open = try await relabeller.store.open()
                .first(where: { collection == nil || $0.collection == collection })
            {
                bar.update(done: open.documents, total: open.ofDocuments)
                try await Task.sleep(for: .seconds(1))
            } else {
                break
            }
        }
        bar.finish()
        if ended == 0 { Terminal.show("no labels wait to be computed again") }
    }
}

extension Relabeller.Outcome {
    var text: String {
        "\(relabel.collection): \(relabelled) labels are by model \(relabel.modelName) now; \(changed) of them are "
            + "another label than before"
            + (changed > 0 ? " (SELECT * FROM glossator.model_diff(old, '\(relabel.modelName)'))" : "")
    }
}
