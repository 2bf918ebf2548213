/// The server's time-outs, written so that they end with the transaction which they begin: for a pooler that gives the
/// session to another client afterwards.
struct TransactionTimeouts: Sendable {
    /// `SET LOCAL …; SET LOCAL …`, for the simple protocol.
    let commands: String
    /// The same as one statement, for the extended protocol, which takes no more than one a message.
    let query: String

    init(_ settings: ConnectionSettings) {
        let timeouts = settings.serverTimeouts
        commands = timeouts.map { "SET LOCAL \($0.name) = \($0.milliseconds)" }.joined(separator: "; ")
        query =
            "SELECT "
            + timeouts.map { "set_config('\($0.name)', '\($0.milliseconds)', true)" }.joined(separator: ", ")
    }
}
