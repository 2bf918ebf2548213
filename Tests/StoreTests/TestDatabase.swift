import Annotations
import Foundation
import Store
import TestSupport

/// A migrated database of one test, and short words for what many tests do.
struct TestDatabase {
    let conninfo: String
    let connection: Connection

    static func create() async throws -> TestDatabase {
        let conninfo = try await TemporaryDatabase.create(like: "migrated") { conninfo in
            let connection = try await Connection.open(ConnectionSettings(conninfo: conninfo))
            _ = try await Migrator(connection: connection).migrate()
            await connection.close()
        }
        return TestDatabase(
            conninfo: conninfo, connection: try await Connection.open(ConnectionSettings(conninfo: conninfo)))
    }

    var settings: ConnectionSettings { ConnectionSettings(conninfo: conninfo) }
    /// Half a second for a server that does not answer.
    var impatient: ConnectionSettings {
        ConnectionSettings(
            conninfo: conninfo, statementTimeout: .milliseconds(250), answerGrace: .milliseconds(250))
    }
    var name: String { String(conninfo.split(separator: "=").last ?? "") }
    var queue: Queue { Queue(connection: connection) }
    var documents: DocumentStore { DocumentStore(connection: connection) }
    var models: ModelRegistry { ModelRegistry(connection: connection) }
    var gold: GoldStore { GoldStore(connection: connection) }
    var status: StatusReader { StatusReader(connection: connection) }
    var runs: TrainingRunStore { TrainingRunStore(connection: connection) }

    func another() async throws -> Connection { try await Connection.open(settings) }

    @discardableResult
    func psql(_ statements: String...) throws -> String {
        var last = ""
        for statement in statements { last = try TemporaryCluster.shared().psql(statement, database: name) }
        return last
    }

    static let space = EmbeddingSpace(
        backboneHash: String(repeating: "ab", count: 32), pooling: .mean, normalization: .l2, dimensions: 4)
    static let topics = ModelRegistry.TaskRow(
        AnnotationTask(name: "topic", kind: .classification, labels: ["a", "b"]), trained: true)

    static let names = ModelRegistry.TaskRow(
        AnnotationTask(name: "names", kind: .entities, labels: ["word"]), trained: true)

    /// A backbone and a default model; returns its id.
    @discardableResult
    func addModel(
        _ name: String = "first", makeDefault: Bool = true, tasks: [ModelRegistry.TaskRow] = [topics]
    ) async throws -> Int64 {
        try await models.importBackbone(
            ModelRegistry.BackboneRow(
                sha256: Self.space.backboneHash, name: "tiny", hiddenSize: 4, layers: 1, maximumTokens: 64,
                vocabularySize: 100, files: ["config.json"]))
        return try await models.insertModel(
            name: name, space: Self.space, heads: Array("heads of \(name)".utf8), tasks: tasks,
            makeDefault: makeDefault)
    }

    /// Inserts bodies into a collection; returns their ids.
    @discardableResult
    func add(_ bodies: String..., to collection: String = "mail") async throws -> [Int64] {
        try await documents.insert(bodies.map { DocumentStore.NewDocument(body: $0) }, into: collection).map(\.id)
    }

    func newDaemon() async throws -> Int64 { try await queue.registerDaemon(host: "here", pid: 1, version: "test") }

    /// What a model might say about a claimed document: its first word is an entity.
    func result(
        of document: ClaimedDocument, embedding: [Float] = [0.5, -0.5, 0.25, 1], uncertainty: Float = 0.25,
        signature: UInt64? = nil
    ) -> CompletedDocument {
        let scalars = Array(document.body.unicodeScalars)
        let word = scalars.prefix { $0 != " " }
        var surface = String.UnicodeScalarView()
        surface.append(contentsOf: word)
        let entities =
            word.isEmpty
            ? []
            : [Entity(task: "names", type: "word", start: 0, end: word.count, surface: String(surface), score: 0.75)]
        return CompletedDocument(
            document, spaceID: 1,
            annotation: DocumentAnnotation(
                segments: [
                    SegmentAnnotation(
                        start: 0, end: scalars.count, labels: [ScoredLabel(task: "topic", label: "a", score: 0.875)],
                        embedding: embedding)
                ], entities: entities, tokenCount: 7, windowCount: 1,
                uncertainties: [
                    TaskUncertainty(task: "topic", uncertainty: uncertainty),
                    TaskUncertainty(task: "names", uncertainty: uncertainty / 2),
                ], signature: signature ?? UInt64(document.documentID) << 60 | 3))
    }

    /// Counts rows of `glossator.table`.
    func count(_ table: String, _ condition: String = "true") throws -> Int {
        Int(try psql("SELECT count(*) FROM glossator.\(table) WHERE \(condition)")) ?? -1
    }
}

extension Connection {
    /// Runs SQL as the room's own statements are run.
    func execute(_ sql: String) async throws(Fault) {
        try await run { (session) throws(Fault) in try session.execute(sql, named: "of the test") }
    }
}

/// The fault that `body` throws, or nil.
func fault(_ body: () async throws -> Void) async -> Fault? {
    do {
        try await body()
        return nil
    } catch {
        return error as? Fault
    }
}
