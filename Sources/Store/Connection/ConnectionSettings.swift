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
    /// Time-outs travel as start-up options, which a PgBouncer refuses unless its `ignore_startup_parameters` has
    /// `options`. False sends none; the client's own deadline stays.
    package var sendsOptions: Bool

    package init(
        conninfo: String? = nil, applicationName: String = "glossator", connectTimeoutSeconds: Int = 10,
        statementTimeout: Duration? = .seconds(60), answerGrace: Duration = .seconds(15),
        lockTimeout: Duration? = .seconds(15),
        peerTimeoutSeconds: Int = 30, sendsOptions: Bool = true
    ) {
        self.conninfo = conninfo
        self.applicationName = applicationName
        self.connectTimeoutSeconds = connectTimeoutSeconds
        self.statementTimeout = statementTimeout
        self.answerGrace = answerGrace
        self.lockTimeout = lockTimeout
        self.peerTimeoutSeconds = peerTimeoutSeconds
        self.sendsOptions = sendsOptions
    }
}

extension ConnectionSettings {
    /// libpq's keywords in the order in which they are given to it: what comes later wins. `given` are the keywords
    /// that the conninfo or the environment sets, so that a default of ours never overrides a wish of the user's.
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
        if sendsOptions {
            var options: [String] = []
            if let statementTimeout { options.append("-c statement_timeout=\(statementTimeout.milliseconds)") }
            if let lockTimeout { options.append("-c lock_timeout=\(lockTimeout.milliseconds)") }
            options.append("-c idle_in_transaction_session_timeout=60000")
            // The user's own come last, and win.
            if let own = given["options"] { options.append(own) }
            keywords.append(("options", options.joined(separator: " ")))
        }
        return keywords
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
