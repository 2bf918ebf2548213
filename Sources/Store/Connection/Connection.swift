package import Annotations
internal import CPostgres
internal import Foundation

/// A connection to the database. Its calls block a thread of its own, never Swift's pool; to callers they are async.
///
/// A call that finds the connection lost connects again first. The call during which it is lost throws a transient
/// fault: whether its transaction was committed is not known, and every write of this room may be repeated safely.
/// Cancelling a task does not interrupt a statement (they are short, and bounded by the statement time-out); it does
/// end `waitForNotification`.
package actor Connection {
    private nonisolated let executor: ThreadExecutor
    package nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    package nonisolated let settings: ConnectionSettings
    private let keeper: SessionKeeper

    private init(_ settings: ConnectionSettings) {
        self.settings = settings
        keeper = SessionKeeper(settings)
        executor = ThreadExecutor(name: settings.applicationName)
    }

    deinit { executor.stop() }

    /// Connects, or throws why not: `database-away`, `database-password`, `database-missing`, `database-tls`,
    /// `database-conninfo`, `database-connections`, …
    package static func open(_ settings: ConnectionSettings) async throws(Fault) -> Connection {
        let connection = Connection(settings)
        try await connection.connect()
        return connection
    }

    /// Whether the next call has to connect first.
    package var isBroken: Bool { keeper.isBroken }

    /// `server_version_num` of the server, e.g. 150004.
    package func serverVersion() async throws(Fault) -> Int {
        try await run { (session) throws(Fault) in session.serverVersion }
    }

    /// Hangs up. Calls after this throw.
    package func close() { keeper.close() }

    /// Lends the session to `body`, on this connection's thread; nothing else runs on the connection meanwhile.
    package func run<R: Sendable>(_ body: @Sendable (Session) throws(Fault) -> R) async throws(Fault) -> R {
        try body(keeper.connected())
    }

    /// Runs one statement and reads each of its rows.
    func rows<R: Sendable>(
        of statement: Statement, _ values: [SQLValue] = [], _ read: @Sendable (Row) throws(Fault) -> R
    ) async throws(Fault) -> [R] {
        try await run { (session) throws(Fault) in try session.query(statement, values).map(read) }
    }

    /// `run` in one transaction: what `body` throws rolls back.
    func transaction<R: Sendable>(_ body: @Sendable (Session) throws(Fault) -> R) async throws(Fault) -> R {
        let session = try keeper.connected()
        return try session.transaction { () throws(Fault) in try body(session) }
    }

    // MARK: Notifications

    /// Subscribes to a channel, again after every reconnect. False, and nothing is done, where no notification would
    /// arrive, because a pooler lends the session to others: whoever waits has to look by himself.
    @discardableResult
    package func listen(to channel: String) async throws(Fault) -> Bool {
        guard settings.poolMode == .session else { return false }
        try keeper.listen(to: channel)
        return true
    }

    /// Waits until a notification arrives (true), or the time is over or the task is cancelled (false). Occupies the
    /// connection: give it one of its own.
    package nonisolated func waitForNotification(timeout: Duration) async throws(Fault) -> Bool {
        let wakeUp = WakeUp()
        let result: Result<Bool, Fault> = await withTaskCancellationHandler {
            await self.wait(timeout: timeout, wakeUp: wakeUp)
        } onCancel: {
            wakeUp.signal()
        }
        return try result.get()
    }

    private func wait(timeout: Duration, wakeUp: WakeUp) -> Result<Bool, Fault> {
        do throws(Fault) {
            let session = try keeper.connected()
            if try !session.notifications().isEmpty { return .success(true) }
            let end = ContinuousClock.now + timeout
            while true {
                let left = ContinuousClock.now.duration(to: end)
                guard left > .zero else { return .success(false) }
                var watched = [
                    pollfd(fd: session.socket, events: Int16(POLLIN), revents: 0),
                    pollfd(fd: wakeUp.descriptor, events: Int16(POLLIN), revents: 0),
                ]
                _ = poll(&watched, 2, Int32(clamping: left.milliseconds))
                if watched[1].revents != 0 { return .success(false) }
                if watched[0].revents != 0, try !session.notifications().isEmpty { return .success(true) }
            }
        } catch {
            return .failure(error)
        }
    }

    private func connect() throws(Fault) { _ = try keeper.connected() }
}

extension Connection {
    /// Prepares every statement of the room and returns their names: proof that all of them fit the schema. Not in
    /// `PoolMode.transaction`, where prepared statements would be left in other clients' sessions.
    package func prepareAll() async throws(Fault) -> [String] {
        try await run { (session) throws(Fault) in
            for (name, text) in Statements.all { try session.prepare(Statement(name, text)) }
            return Statements.all.map(\.name)
        }
    }
}
