/// Who owns a server's session between two transactions.
package enum PoolMode: String, Sendable, Hashable, CaseIterable {
    /// This connection, from connecting to hanging up: a server itself, or a pooler that lends a session a client.
    case session
    /// A pooler that lends a session a transaction, such as PgBouncer with `pool_mode = transaction`. Nothing is used
    /// that outlives a transaction: no prepared statement, no start-up option, no `LISTEN`.
    case transaction
}

/// How to reach the database and how long to wait for it.
package struct ConnectionSettings: Sendable, Hashable {
    /// A URL (`postgresql://…`) or keywords (`host=… dbname=…`). Nil leaves everything to `PG*`, services and passfiles,
    /// the libpq way; so does every keyword that it does not name.
    package var conninfo: String?
    /// What `pg_stat_activity` shows, unless the conninfo or `PGAPPNAME` says otherwise.
    package var applicationName: String
    /// For each host in turn, unless the conninfo or `PGCONNECT_TIMEOUT` says otherwise.
    package var connectTimeoutSeconds: Int
    /// The server ends a statement after this long. Nil: never.
    package var statementTimeout: Duration?
    /// This much later the client gives up on a server that is silent altogether.
    package var answerGrace: Duration
    /// The server gives up waiting for a lock after this long. Nil: never.
    package var lockTimeout: Duration?
    /// A peer that does not answer for this long is gone (TCP keepalives and `tcp_user_timeout`).
    package var peerTimeoutSeconds: Int
    /// Whether a pooler in between may give the next transaction to another session.
    package var poolMode: PoolMode

    package init(
        conninfo: String? = nil, applicationName: String = "glossator", connectTimeoutSeconds: Int = 10,
        statementTimeout: Duration? = .seconds(60), answerGrace: Duration = .seconds(15),
        lockTimeout: Duration? = .seconds(15), peerTimeoutSeconds: Int = 30, poolMode: PoolMode = .session
    ) {
        self.conninfo = conninfo
        self.applicationName = applicationName
        self.connectTimeoutSeconds = connectTimeoutSeconds
        self.statementTimeout = statementTimeout
        self.answerGrace = answerGrace
        self.lockTimeout = lockTimeout
        self.peerTimeoutSeconds = peerTimeoutSeconds
        self.poolMode = poolMode
    }
}

extension ConnectionSettings {
    /// libpq's keywords in the order in which they are given to it: what comes later wins. `given` are the keywords
    /// that the conninfo, its service or the environment sets, so that a default of ours never overrides a wish of the
    /// user's.
    func keywords(given: [String: String]) -> [(name: String, value: String)] {
        var keywords: [(name: String, value: String)] = []
        func propose(_ name: String, _ value: String) {
            if given[name] == nil { keywords.append((name, value)) }
        }
        propose("connect_timeout", String(connectTimeoutSeconds))
        propose("keepalives", "1")
        propose("keepalives_idle", String(peerTimeoutSeconds))
        propose("keepalives_interval", String(max(1, peerTimeoutSeconds / 3)))
        propose("keepalives_count", "3")
        propose("tcp_user_timeout", String(peerTimeoutSeconds * 1000))
        propose("fallback_application_name", applicationName)
        if let conninfo { keywords.append(("dbname", conninfo)) }
        keywords.append(("client_encoding", "UTF8"))
        // PgBouncer refuses `options`, and could not keep them for one client of many.
        if poolMode == .session {
            var options = serverTimeouts.map { "-c \($0.name)=\($0.milliseconds)" }
            // The queue's statements are written for it, whatever the database's default is.
            options.append("-c default_transaction_isolation=read\\ committed")
            // The user's own come last, and win.
            if let own = given["options"] { options.append(own) }
            keywords.append(("options", options.joined(separator: " ")))
        }
        return keywords
    }

    /// The time-outs that the server keeps, by its names for them.
    var serverTimeouts: [(name: String, milliseconds: Int64)] {
        var timeouts: [(name: String, milliseconds: Int64)] = []
        if let statementTimeout { timeouts.append(("statement_timeout", statementTimeout.milliseconds)) }
        if let lockTimeout { timeouts.append(("lock_timeout", lockTimeout.milliseconds)) }
        timeouts.append(("idle_in_transaction_session_timeout", 60_000))
        return timeouts
    }

    /// How long the client waits for the server's answer to one statement.
    var answerTimeout: Duration? { statementTimeout.map { $0 + answerGrace } }
}

extension Duration {
    /// Whole milliseconds, at least 1 for anything above zero.
    var milliseconds: Int64 {
        let (seconds, attoseconds) = components
        let whole = seconds * 1000 + attoseconds / 1_000_000_000_000_000
        return whole == 0 && self > .zero ? 1 : whole
    }
}
