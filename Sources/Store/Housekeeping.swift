package import Annotations

/// What has to be done from time to time by some daemon, no matter which. Every call is short, may be made by several
/// daemons at once, and leaves the rest for the next time.
package struct Housekeeping: Sendable {
    package let connection: Connection

    package init(connection: Connection) { self.connection = connection }

    /// Finishes and announces batches of which no document waits any more; returns how many.
    @discardableResult
    package func finishBatches() async throws(Fault) -> Int { try await count(Self.finishBatches) }

    /// Replaces old rows of `glossator.tallies` by their sums; returns how many were replaced.
    @discardableResult
    package func rollUpTallies() async throws(Fault) -> Int { try await count(Self.rollUp) }

    /// Removes the rows of batches that finished more than `days` ago; returns how many.
    @discardableResult
    package func forgetBatches(afterDays days: Int) async throws(Fault) -> Int {
        try await count(Self.forget, [.int4(Int32(clamping: days))])
    }

    /// One step of one watched table that is still being read for the first time; returns how many rows it looked at, 0
    /// when no table is left.
    @discardableResult
    package func backfill(maximumRows: Int = 1000) async throws(Fault) -> Int {
        try await count(Self.backfill, [.int4(Int32(clamping: maximumRows))])
    }

    /// Whether a watched table is still to be read, by this daemon or another. One that cannot be read does not count.
    package func isBackfilling() async throws(Fault) -> Bool {
        try await connection.run { (session) throws(Fault) in try session.query(Self.isBackfilling).only().bool(0) }
    }

    /// Says that documents of this batch come in several steps, until `closeBatch`.
    package func openBatch(_ name: String, priority: Int? = nil) async throws(Fault) {
        _ = try await connection.run { (session) throws(Fault) in
            try session.query(Self.open, [.text(name), priority.map { .int4(Int32(clamping: $0)) } ?? .null]).count
        }
    }

    /// Says that all documents of the batch are there. Throws `not-found` for a batch that does not exist.
    package func closeBatch(_ name: String) async throws(Fault) {
        _ = try await connection.run { (session) throws(Fault) in
            try session.query(Self.close, [.text(name)]).count
        }
    }

    private func count(_ statement: Statement, _ values: [SQLValue] = []) async throws(Fault) -> Int {
        try await connection.run { (session) throws(Fault) in try session.query(statement, values).only().int(0) }
    }

    private static let finishBatches = Statement("batches_finish", "SELECT glossator.finish_batches()")
    private static let rollUp = Statement("tallies_roll_up", "SELECT glossator.roll_up_tallies()")
    private static let forget = Statement(
        "batches_forget", "SELECT glossator.forget_batches(make_interval(days => $1::integer))")
    private static let backfill = Statement("watch_backfill", "SELECT glossator.backfill_pending($1::integer)")
    private static let isBackfilling = Statement(
        "watch_is_backfilling",
        "SELECT EXISTS (SELECT FROM glossator.watches WHERE backfilled_at IS NULL AND problem IS NULL)")
    private static let open = Statement("batch_open", "SELECT FROM glossator.open_batch($1::text, $2::integer)")
    private static let close = Statement("batch_close", "SELECT FROM glossator.close_batch($1::text)")

    static let statements = [finishBatches, rollUp, forget, backfill, isBackfilling, open, close]
}
