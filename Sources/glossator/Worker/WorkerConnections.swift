import Annotations
import Store

/// The worker's connections: a stage must never wait for another stage's statement. The heartbeat opens one more, on its
/// own thread.
struct WorkerConnections: Sendable {
    let claiming: Connection
    let loading: Connection
    let writing: Connection
    let keeping: Connection
    let listening: Connection?

    init(_ settings: ConnectionSettings, listens: Bool) async throws(Fault) {
        func open(_ role: String, statementTimeout: Duration? = nil) async throws(Fault) -> Connection {
            var settings = settings
            settings.applicationName = "glossator \(role)"
            // What the queue asks takes milliseconds; a server process that does not answer is to be noticed soon.
            if let statementTimeout {
                settings.statementTimeout = min(settings.statementTimeout ?? statementTimeout, statementTimeout)
            }
            return try await Connection.open(settings)
        }
        claiming = try await open("claim", statementTimeout: .seconds(30))
        try await Migrator(connection: claiming).requireCurrent()
        loading = try await open("load", statementTimeout: .seconds(60))
        writing = try await open("write", statementTimeout: .seconds(60))
        keeping = try await open("keep")
        guard listens else {
            listening = nil
            return
        }
        let connection = try await open("listen", statementTimeout: .seconds(30))
        listening = try await connection.listen(to: "glossator_spool") ? connection : nil
    }
}
