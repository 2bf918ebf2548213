package import Annotations

/// What `glossator bench queue` and `bench pipeline` need of a database: something to do, and what doing it cost the server.
/// Only ever used on a database made for it.
package struct QueueMeter: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    /// Empties the schema's documents and the dead rows of earlier runs, and puts `count` new documents of about 200
    /// bytes, no two alike, into the collection `bench`.
    package func fill(_ count: Int) async throws(Fault) {
        try await empty()
        try await connection.run { (session) throws(Fault) in
            try session.execute(
                """
                INSERT INTO glossator.documents (collection, external_id, body)
                SELECT 'bench', 'd' || n, 'document ' || n || repeat(' of a length that is common for mails', 5)
                FROM generate_series(1, \(count)) n
                """, named: "bench-fill", isPatient: true)
        }
        try await tidy()
    }

    /// Forgets all documents.
    package func empty() async throws(Fault) {
        try await connection.run { (session) throws(Fault) in
            try session.execute("TRUNCATE glossator.documents CASCADE", named: "bench-empty", isPatient: true)
            try session.execute("SELECT glossator.recount()", named: "bench-recount", isPatient: true)
        }
    }

    /// What the server would otherwise do meanwhile.
    package func tidy() async throws(Fault) {
        try await connection.run { (session) throws(Fault) in
            try session.execute(
                "VACUUM (ANALYZE) glossator.spool, glossator.documents", named: "bench-vacuum", isPatient: true)
            try session.execute("CHECKPOINT", named: "bench-checkpoint", isPatient: true)
        }
    }

    /// Keeps daemons from the collection `bench`, or lets them have it.
    package func setPaused(_ isPaused: Bool) async throws(Fault) {
        _ = try await connection.run { (session) throws(Fault) in
            try session.query(isPaused ? Self.pause : Self.resume).count
        }
    }

    /// Adds documents of the same kind.
    package func add(_ count: Int) async throws(Fault) {
        _ = try await connection.run { (session) throws(Fault) in
            try session.query(Self.add, [.int4(Int32(clamping: count))]).affected
        }
    }

    /// Bytes of write-ahead log since the cluster was made.
    package func logPosition() async throws(Fault) -> Int {
        try await connection.run { (session) throws(Fault) in try session.query(Self.position).only().int(0) }
    }

    package struct Leftovers: Sendable {
        package let spooled: Int
        package let annotated: Int
        /// Rows of the spool that died and were not vacuumed yet, and bytes of the spool with its indexes.
        package let deadRows: Int
        package let spoolBytes: Int
    }

    package func leftovers() async throws(Fault) -> Leftovers {
        try await connection.run { (session) throws(Fault) in
            let row = try session.query(Self.leftovers).only()
            return Leftovers(
                spooled: try row.int(0), annotated: try row.int(1), deadRows: try row.int(2), spoolBytes: try row.int(3)
            )
        }
    }

    private static let position = Statement(
        "meter_position", "SELECT (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint")
    private static let add = Statement(
        "meter_add",
        """
        INSERT INTO glossator.documents (collection, body)
        SELECT 'bench', gen_random_uuid() || repeat(' of a length that is common for mails', 5)
        FROM generate_series(1, $1::integer)
        """)
    private static let pause = Statement("meter_pause", "SELECT glossator.pause('bench')")
    private static let resume = Statement("meter_resume", "SELECT glossator.resume('bench')")
    private static let leftovers = Statement(
        "meter_leftovers",
        """
        SELECT (SELECT count(*) FROM glossator.spool),
            (SELECT coalesce(sum(completed), 0)::bigint FROM glossator.tallies WHERE collection = 'bench'),
            pg_stat_get_dead_tuples('glossator.spool'::regclass), pg_total_relation_size('glossator.spool')
        """)

    static let statements = [position, add, pause, resume, leftovers]
}
