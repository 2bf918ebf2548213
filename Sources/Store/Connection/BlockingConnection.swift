package import Annotations

/// A connection whose calls block their caller: for one thread of the caller's, never on Swift's pool, and made on that
/// thread. Where the caller may be a task, use `Connection`.
///
/// Connects at the first call, and again after a call that lost the connection; that call throws a transient fault, and
/// whether its transaction was committed is not known.
package final class BlockingConnection {
    package let settings: ConnectionSettings
    private let keeper: SessionKeeper

    /// Does not connect yet.
    package init(_ settings: ConnectionSettings) {
        self.settings = settings
        keeper = SessionKeeper(settings)
    }

    /// Whether the next call has to connect first.
    package var isBroken: Bool { keeper.isBroken }

    /// Lends the session to `body`, after connecting if need be. Throws what `Connection.open` throws, and what `body` does.
    package func run<R>(_ body: (Session) throws(Fault) -> R) throws(Fault) -> R {
        try body(keeper.connected())
    }

    /// Hangs up. Calls after this throw.
    package func close() { keeper.close() }
}
