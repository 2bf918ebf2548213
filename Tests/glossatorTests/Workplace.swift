import Foundation
import TestSupport
import Testing

/// What one test works with: a database of its own, a folder, and the program set up for both.
final class Workplace: Sendable {
    let folder: URL
    let database: String
    let program: Program

    /// The state of the database in which a test begins.
    enum State: String {
        case empty
        case migrated
        /// The tiny encoder is imported and is the default model.
        case ready
    }

    init(_ state: State = .ready) async throws {
        folder = try Self.newFolder()
        var bare = Program(folder: folder)
        bare.environment["GLOSSATOR_WORKER_THREADS"] = "1"
        bare.environment["GLOSSATOR_MODELS_DIRECTORY"] = Self.models.path
        let prepared = bare
        let fill: @Sendable (String) async throws -> Void = { conninfo in
            var program = prepared
            program.environment["DATABASE_URL"] = conninfo
            let migration = try await program.run("migrate")
            try #require(migration.code == 0, "\(migration)")
            guard state == .ready else { return }
            let imported = try await program.run("model", "import", Self.encoder.get().path)
            try #require(imported.code == 0, "\(imported)")
        }
        database =
            state == .empty
            ? try await TemporaryDatabase.create()
            : try await TemporaryDatabase.create(like: "glossator_" + state.rawValue, fill: fill)
        bare.environment["DATABASE_URL"] = database
        program = bare
    }

    deinit { try? FileManager.default.removeItem(at: folder) }

    /// A folder that goes with the process, if not before.
    static func newFolder() throws -> URL {
        let folder = root.appendingPathComponent(UUID().uuidString)
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        return folder
    }

    /// Everything that the tests of this process write, beside databases.
    private static let root: URL = {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("glossator-e2e-\(ProcessInfo.processInfo.processIdentifier)")
        atexit { Workplace.removeRoot() }
        return folder
    }()
    private static func removeRoot() { try? FileManager.default.removeItem(at: root) }

    /// Shared by all tests, as by all programs of one machine; it holds backbones by content.
    static let models = root.appendingPathComponent("models")

    /// The tiny encoder's directory.
    static let encoder = Result<URL, any Error> {
        let directory = root.appendingPathComponent("tiny")
        try tiny.write(to: directory)
        return directory
    }

    static let tiny: TinyModel = {
        var model = TinyModel()
        model.pooling = .mean
        model.normalizes = true
        return model
    }()

    // MARK: Short words

    func glossator(_ arguments: String..., within limit: Duration = .seconds(60)) async throws -> Program.Outcome {
        try await start(arguments).wait(within: limit)
    }

    /// Runs and requires exit code 0.
    @discardableResult
    func succeed(
        _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> Program.Outcome {
        let outcome = try await start(arguments).wait()
        try #require(
            outcome.code == 0, "\(arguments.joined(separator: " ")): \(outcome)", sourceLocation: sourceLocation)
        return outcome
    }

    func start(_ arguments: String...) throws -> RunningProgram { try start(arguments) }

    func start(_ arguments: [String]) throws -> RunningProgram { try program.start(arguments) }

    var databaseName: String { String(database.split(separator: "=").last ?? "") }

    @discardableResult
    func psql(_ statements: String...) throws -> String {
        var last = ""
        for statement in statements {
            last = try TemporaryCluster.shared().psql(statement, database: databaseName)
        }
        return last
    }

    /// Counts rows of `glossator.table`.
    func count(_ table: String, _ condition: String = "true") throws -> Int {
        try #require(Int(psql("SELECT count(*) FROM glossator.\(table) WHERE \(condition)")))
    }

    func write(_ name: String, _ bytes: some Sequence<UInt8>) throws -> String {
        let file = folder.appendingPathComponent(name)
        try Data(bytes).write(to: file)
        return file.path
    }

    func write(_ name: String, _ text: String) throws -> String { try write(name, text.utf8) }

    /// `count` short documents in a collection, by SQL.
    func addDocuments(_ count: Int, to collection: String = "mail") throws {
        try psql(
            """
            INSERT INTO glossator.documents (collection, external_id, body)
            SELECT '\(collection)', 'd' || n, 'delivery of the parcel number ' || n || ' was late'
            FROM generate_series(1, \(count)) AS n
            """)
    }

    /// Rows of every table that a refused command must leave alone, as one text.
    func contents() throws -> String {
        try psql(
            """
            SELECT (SELECT count(*) FROM glossator.collections), (SELECT count(*) FROM glossator.documents),
                (SELECT count(*) FROM glossator.spool), (SELECT count(*) FROM glossator.gold_labels),
                (SELECT count(*) FROM glossator.gold_entities), (SELECT count(*) FROM glossator.gold_complete),
                (SELECT count(*) FROM glossator.models), (SELECT count(*) FROM glossator.backbones),
                (SELECT count(*) FROM glossator.annotations), (SELECT count(*) FROM glossator.failures)
            """)
    }
}

/// Requires that a command was refused with this code, and says it in words that name no document.
func expectRefusal(
    _ outcome: Program.Outcome, _ exit: Int32, _ code: String, naming: String..., notQuoting secret: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
) {
    #expect(outcome.code == exit, "\(outcome)", sourceLocation: sourceLocation)
    #expect(outcome.errors.contains("[\(code)]"), "\(outcome)", sourceLocation: sourceLocation)
    for word in naming { #expect(outcome.errors.contains(word), "\(outcome)", sourceLocation: sourceLocation) }
    if let secret { #expect(!outcome.errors.contains(secret), "\(outcome)", sourceLocation: sourceLocation) }
    #expect(outcome.output.isEmpty, "\(outcome)", sourceLocation: sourceLocation)
}
