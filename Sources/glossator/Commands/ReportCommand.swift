import Annotations
import ArgumentParser
import Foundation
import Store
import SystemPackage

struct ReportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "report",
        abstract: "Write a training run as one HTML page: curves, confusions, entities, calibration, worst errors.",
        discussion: """
            The page needs no network and runs no script. It contains texts of the documents that the model gets \
            wrong, as they are in the database now. docs/report.md says how to read it.
            """)

    @Option(name: .long, help: "Collection whose newest finished run to show. Default: default.")
    var collection: String?

    @Option(name: .long, help: "Another run, by its id in glossator.training_runs.")
    var run: Int64?

    @Option(
        name: .long,
        help: ArgumentHelp(
            "Default: report-COLLECTION-RUN.html in this directory; - is standard output.", valueName: "FILE"))
    var output: String?

    @OptionGroup var options: SettingsOptions

    func run() async throws {
        let context = try await ModelContext(options, applicationName: "glossator report")
        let choice = RunChoice(runs: TrainingRunStore(connection: context.connection))
        let row = try await choice.find(run, in: collection)
        let report = try await RunReport(row, connection: context.connection)
        let page = ReportPage(report: report, writtenAt: Date()).html
        if output == "-" { return try Output.write(Array(page.utf8)) }
        let path = output ?? ReportFile.name(collection: row.collection, run: row.id)
        try ReportFile.write(page, to: path)
        print(path)
    }
}

/// The run that a report is about. A run has something to show when it ended well.
struct RunChoice {
    let runs: TrainingRunStore

    /// - Throws: `not-found`, `report-no-run`, `report-run-running`, `report-run-failed`.
    func find(_ id: Int64?, in collection: String?) async throws(Fault) -> TrainingRunStore.RunRow {
        if let id {
            let run = try await runs.run(id: id)
            if let collection, collection != run.collection {
                throw Fault(
                    .input, "report-no-run",
                    "training run \(id) is one of collection \(run.collection), not of \(collection)",
                    hint: "leave --collection out")
            }
            return try finished(run)
        }
        let name = collection ?? "default"
        if let run = try await runs.runs(collection: name, finished: true, limit: 1).first { return run }
        if let run = try await runs.runs(collection: name, limit: 1).first { return try finished(run) }
        let others = Set(try await runs.runs(limit: 100).map(\.collection)).sorted()
        throw Fault(
            .input, "report-no-run", "collection \(name) has no training run yet",
            hint: others.isEmpty
                ? "glossator train --collection \(name)"
                : "collections with runs: \(others.joined(separator: ", ")); name one with --collection")
    }

    private func finished(_ run: TrainingRunStore.RunRow) throws(Fault) -> TrainingRunStore.RunRow {
        switch run.status {
        case "running":
            throw Fault(
                .input, "report-run-running", "training run \(run.id) has not ended yet",
                hint: "wait for it, or name another run with --run")
        case "failed":
            throw Fault(
                .input, "report-run-failed", "training run \(run.id) failed: \(run.message ?? "no reason is recorded")",
                hint: "it recorded no figures; train again, or name another run with --run")
        default: return run
        }
    }
}

/// Where a page goes.
package enum ReportFile {
    /// A collection's name may hold what no file's name should.
    package static func name(collection: String, run: Int64) -> String {
        let name = collection.unicodeScalars.map { scalar -> Character in
            scalar.properties.isAlphabetic || scalar.properties.numericType != nil
                || "-_".unicodeScalars.contains(scalar)
                ? Character(scalar) : "-"
        }
        return "report-\(String(name))-\(run).html"
    }

    /// - Throws: `report-file`.
    static func write(_ page: String, to path: String) throws(Fault) {
        do {
            let file = try FileDescriptor.open(
                FilePath(path), .writeOnly, options: [.create, .truncate],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try file.closeAfter { _ = try file.writeAll(Array(page.utf8)) }
        } catch {
            throw Fault(
                .system, "report-file", "\(path) cannot be written: \(error)",
                hint: "name another file with --output; - is standard output")
        }
    }
}
