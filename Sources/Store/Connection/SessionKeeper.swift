internal import Annotations

/// Connects when a session is wanted and there is none, or the last one broke. Belongs to one thread or actor.
final class SessionKeeper {
    private let settings: ConnectionSettings
    private var session: Session?
    private var channels: [String] = []
    private var isClosed = false

    init(_ settings: ConnectionSettings) { self.settings = settings }

    /// Whether the next call has to connect first.
    var isBroken: Bool { session?.isBroken ?? true }

    /// The session, after connecting again if need be. Whatever was listened to before is listened to again.
    func connected() throws(Fault) -> Session {
        if let session, !session.isBroken { return session }
        guard !isClosed else { throw Fault(.defect, "connection-closed", "the database connection was closed") }
        session = nil
        let fresh = try Session(settings)
        for channel in channels { try fresh.listen(to: channel) }
        session = fresh
        return fresh
    }

    /// Subscribes to a channel, now and after every reconnect.
    func listen(to channel: String) throws(Fault) {
        try connected().listen(to: channel)
        if !channels.contains(channel) { channels.append(channel) }
    }

    /// Hangs up. Calls after this throw.
    func close() {
        session = nil
        isClosed = true
    }
}

extension Session {
    fileprivate func listen(to channel: String) throws(Fault) {
        try execute("LISTEN \"\(channel.replacing("\"", with: "\"\""))\"", named: "listen")
    }
}
