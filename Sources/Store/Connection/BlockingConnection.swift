package import Annotations

/// A connection for one thread of the caller's, never for Swift's pool.
package final class BlockingConnection {
    private let settings: ConnectionSettings
    private var session: Session?
    package init(_ settings: ConnectionSettings) { self.settings = settings }

    package func run<R>(_ body: (Session) throws(Fault) -> R) throws(Fault) -> R {
        if let session, !session.isBroken { return try body(session) }
        session = nil
        let fresh = try Session(settings)
        session = fresh
        return try body(fresh)
    }
}
