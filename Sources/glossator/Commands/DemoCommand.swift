import Annotations
import ArgumentParser
import Foundation

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Everything once, on a PostgreSQL of its own: import, train, annotate, search.",
        discussion: """
            Starts a private PostgreSQL (its own folder, no network), loads support mails and reviews written for this \
            project, learns from the labelled ones, annotates the rest and shows what came of it. Run again, it reuses \
            what is there.
            """)

    @Option(name: .long, help: "Folder of the demo's PostgreSQL and models.")
    var directory: String = ".glossator/demo"

    @Option(name: .long, help: "Directory with a BERT encoder; `make encoder` fetches one.")
    var encoder: String = ".glossator/encoder/all-MiniLM-L6-v2"

    @Flag(name: .long, help: "Only stop the demo's PostgreSQL; its data stays.")
    var stop = false

    @Flag(name: .long, help: "Stop the demo's PostgreSQL and delete its data.")
    var delete = false

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let cluster = try PrivateCluster(wanted: directory)
        if delete {
            try cluster.delete()
            print("the demo is deleted")
            return
        }
        if stop {
            try cluster.stop()
            print("the demo's PostgreSQL is stopped; its data is in \(cluster.directory)")
            return
        }
        guard FileManager.default.fileExists(atPath: encoder + "/config.json") else {
            throw Fault(
                .model, "encoder-missing", "there is no encoder in \(encoder), and the demo does not do without",
                hint: "`make encoder` fetches one; or name a BERT directory of yours with --encoder DIR")
        }
        var options = options
        options.database = cluster.conninfo
        options.modelsDirectory = options.modelsDirectory ?? cluster.directory + "/models"
        options.logLevel = options.logLevel ?? "warning"
        let settings = try await options.load()
        try await Demo(cluster: cluster, settings: settings, encoder: encoder).run()
    }
}
