package import Annotations
package import Foundation

/// What `glossator status` shows.
package struct StatusReader: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    /// How far a collection or a batch is. Every document is in exactly one of queued, running, done and failed.
    package struct Progress: Sendable, Hashable {
        /// The collection, or the batch.
        package let name: String
        package let total: Int
        package let queued: Int
        package let running: Int
        package let done: Int
        package let failed: Int
        /// Results taken from the same text instead of computed.
        package let reused: Int
        /// Within the last minute.
        package let documentsPerSecond: Double
        /// Nil while nothing is being done.
        package let eta: Duration?
        /// How long the document that is next has been waiting (a collection only).
        package let oldest: Duration?
    }

    /// A row a collection.
    package func progress() async throws(Fault) -> [Progress] {
        try await connection.rows(of: Self.progress) { (row) throws(Fault) in try Self.progress(row) }
    }

    /// Batches that are not finished, and the newest of those that are, `limit` in all.
    package func batches(limit: Int = 10) async throws(Fault) -> [Progress] {
        try await connection.rows(of: Self.batches, [.int4(Int32(clamping: limit))]) { (row) throws(Fault) in
            try Self.progress(row)
        }
    }

    private static func progress(_ row: Row) throws(Fault) -> Progress {
        Progress(
            name: try row.text(0), total: try row.int(1), queued: try row.int(2), running: try row.int(3),
            done: try row.int(4), failed: try row.int(5), reused: try row.int(6), documentsPerSecond: try row.double(7),
            eta: row.isNull(8) ? nil : .seconds(try row.double(8)),
            oldest: row.isNull(9) ? nil : .seconds(try row.double(9)))
    }

    package struct Failure: Sendable, Hashable {
        package let documentID: Int64
        package let collection: String
        package let externalID: String
        package let attempts: Int
        package let code: String
        package let message: String
        package let hint: String?
        package let sqlState: String?
        package let failedAt: Date
    }

    /// The newest failures.
    package func failures(limit: Int = 20) async throws(Fault) -> [Failure] {
        try await connection.rows(of: Self.failures, [.int4(Int32(clamping: limit))]) { (row) throws(Fault) in
            Failure(
                documentID: try row.int64(0), collection: try row.text(1), externalID: try row.text(2),
                attempts: try row.int(3), code: try row.text(4), message: try row.text(5),
                hint: try row.optionalText(6), sqlState: try row.optionalText(7), failedAt: try row.date(8))
        }
    }

    package struct Daemon: Sendable, Hashable {
        package let id: Int64
        package let host: String
        package let pid: Int
        package let version: String
        package let startedAt: Date
        /// By the database's clock.
        package let silentFor: Duration
        /// Documents it holds.
        package let leased: Int
        /// What it said of itself with its last beat.
        package let state: String
        /// How busy its stages were in the minute before its last beat; nil before the first.
        package let stages: StageShares?
        package var isAlive: Bool { silentFor < Queue.silence }
    }

    /// Daemons that did not say goodbye, newest first.
    package func daemons() async throws(Fault) -> [Daemon] {
        try await connection.rows(of: Self.daemons) { (row) throws(Fault) in
            Daemon(
                id: try row.int64(0), host: try row.text(1), pid: try row.int(2), version: try row.text(3),
                startedAt: try row.date(4), silentFor: .milliseconds(Int64(try row.double(5) * 1000)),
                leased: try row.int(6), state: try row.text(7),
                // Another version's daemon may say something else.
                stages: try? JSON.value(of: try row.text(8)))
        }
    }

    package struct Throughput: Sendable, Hashable {
        package let documents: Int
        package let tokens: Int
        /// What the counts are over: the window, or less when the first of them is younger.
        package let window: Duration
        package var documentsPerSecond: Double { window > .zero ? Double(documents) / window.seconds : 0 }
        package var tokensPerSecond: Double { window > .zero ? Double(tokens) / window.seconds : 0 }
    }

    /// What was written within the last `window`, by all daemons.
    package func throughput(window: Duration = .seconds(60)) async throws(Fault) -> Throughput {
        let found = try await connection.rows(of: Self.throughput, [.float8(window.seconds)]) { (row) throws(Fault) in
            Throughput(
                documents: try row.int(0), tokens: try row.int(1),
                window: .milliseconds(Int64(try row.double(2) * 1000)))
        }
        return found.first ?? Throughput(documents: 0, tokens: 0, window: window)
    }

    private static let progress = Statement(
        "status_progress",
        """
        SELECT collection, total, queued, running, done, failed, reused, documents_per_second,
            extract(epoch FROM eta)::double precision, extract(epoch FROM oldest)::double precision
        FROM glossator.progress ORDER BY collection
        """)

    private static let batches = Statement(
        "status_batches",
        """
        SELECT batch, total, queued, running, done, failed, reused, documents_per_second,
            extract(epoch FROM eta)::double precision, NULL::double precision
        FROM glossator.batch_progress ORDER BY finished_at DESC NULLS FIRST, queued + running = 0, opened_at DESC LIMIT $1::integer
        """)

    private static let failures = Statement(
        "status_failures",
        """
        SELECT f.document_id, f.collection, d.external_id, f.attempts, f.code, f.message, f.hint, f.sqlstate, f.failed_at
        FROM glossator.failures f JOIN glossator.documents d ON d.id = f.document_id
        ORDER BY f.failed_at DESC, f.document_id DESC LIMIT $1::integer
        """)

    private static let daemons = Statement(
        "status_daemons",
        """
        SELECT d.id, d.host, d.pid, d.version, d.started_at,
            greatest(0, extract(epoch FROM now() - d.beat_at))::double precision,
            (SELECT count(*) FROM glossator.spool s WHERE s.lease IS NOT NULL AND s.daemon_id = d.id), d.state, d.stages::text
        FROM glossator.daemons d WHERE d.stopped_at IS NULL AND d.beat_at > now() - interval '1 day' ORDER BY d.id DESC
        """)

    private static let throughput = Statement(
        "status_throughput",
        """
        SELECT coalesce(sum(completed), 0)::bigint, coalesce(sum(tokens), 0)::bigint,
            least($1::double precision, greatest(1, extract(epoch FROM now() - min(at))))::double precision
        FROM glossator.tallies WHERE completed > 0 AND at > now() - make_interval(secs => $1::double precision)
        """)

    static let statements = [progress, batches, failures, daemons, throughput]
}
