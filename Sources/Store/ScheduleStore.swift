package import Annotations
package import Foundation

/// `glossator.train_schedule`: which collections are trained every day by themselves, and which of them now.
package struct ScheduleStore: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    /// A run that is to be made now.
    package struct Due: Sendable, Hashable {
        package let collection: String
        /// The instant that it is for.
        package let instant: Date
        /// From 1.
        package let attempt: Int
        /// When this was so, by the database's clock: seconds since 1970.
        let listedAt: Double
    }

    /// Runs that are to be made now, the longest due first.
    package func due() async throws(Fault) -> [Due] {
        try await connection.rows(of: Self.due) { (row) throws(Fault) in
            Due(
                collection: try row.text(0), instant: try row.date(1), attempt: try row.int(2),
                listedAt: try row.double(3))
        }
    }

    /// Begins a due run, and nobody else does: of several that claim it at once one gets it. What was on time when it was
    /// listed is on time, however long the runs before it took.
    ///
    /// - Returns: the run of `glossator.training_runs`; nil when there is nothing to do any more.
    package func claim(_ due: Due, codeVersion: String) async throws(Fault) -> Int64? {
        try await connection.transaction { (session) throws(Fault) in
            // Whoever comes second waits here, and then sees the first one's run.
            guard try session.query(Self.lock, [.text(due.collection)]).first != nil else { return nil }
            _ = try session.query(TrainingRunStore.closeDead, [.text(due.collection)])
            let rows = try session.query(
                Self.claim, [.text(due.collection), .text(codeVersion), .float8(due.listedAt)])
            return try rows.first?.int64(0)
        }
    }

    /// A row of `glossator.train_schedule_next`.
    package struct Entry: Sendable, Hashable {
        package let collection: String
        /// `03:30 Europe/Berlin`.
        package let time: String
        /// Nil when it is not enabled.
        package let next: Date?
        /// The next run by the clocks of its zone: `2026-03-29 03:30`.
        package let nextLocal: String?
        /// The instant before, as `nextLocal`; nil when it was before the schedule.
        package let lastLocal: String?
        /// promoted, kept, failed, running, due, waiting or missed; nil when nothing was to be done.
        package let outcome: String?
        /// Why it cannot be run.
        package let problem: String?
    }

    /// A row a collection that has a schedule.
    package func entries() async throws(Fault) -> [Entry] {
        try await connection.rows(of: Self.entries) { (row) throws(Fault) in
            Entry(
                collection: try row.text(0), time: try row.text(1), next: try row.optionalDate(2),
                nextLocal: try row.optionalText(3), lastLocal: try row.optionalText(4),
                outcome: try row.optionalText(5), problem: try row.optionalText(6))
        }
    }

    private static let due = Statement(
        "schedule_due",
        """
        SELECT collection, scheduled_for, attempt, extract(epoch FROM now())::double precision
        FROM glossator.trainings_due() ORDER BY scheduled_for, collection
        """)

    private static let lock = Statement(
        "schedule_lock", "SELECT FROM glossator.train_schedule WHERE collection = $1::text FOR UPDATE")

    private static let claim = Statement(
        "schedule_claim",
        """
        INSERT INTO glossator.training_runs (collection, scheduled_for, code_version)
        SELECT collection, scheduled_for, $2::text FROM glossator.trainings_due(to_timestamp($3::double precision))
        WHERE collection = $1::text
        ON CONFLICT (collection) WHERE status = 'running' DO NOTHING
        RETURNING id
        """)

    /// A zone that the server does not know has no wall time, and must not be asked for one.
    private static let entries = Statement(
        "schedule_entries",
        """
        SELECT collection, to_char(at, 'HH24:MI') || ' ' || time_zone, next_at,
            CASE WHEN next_at IS NOT NULL THEN to_char(next_at AT TIME ZONE time_zone, 'YYYY-MM-DD HH24:MI') END,
            CASE WHEN last_at IS NOT NULL THEN to_char(last_at AT TIME ZONE time_zone, 'YYYY-MM-DD HH24:MI') END,
            last_outcome, problem
        FROM glossator.train_schedule_next ORDER BY next_at NULLS LAST, collection
        """)

    static let statements = [due, lock, claim, entries]
}
