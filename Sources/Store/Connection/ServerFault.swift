internal import Annotations

/// Turns what the server or libpq says into a fault. DETAIL and CONTEXT are left out: they quote rows, and rows are
/// documents.
enum ServerFault {
    /// A statement's error.
    static func fault(
        sqlState: String, message: String, hint: String?, constraint: String?, statement: String
    ) -> Fault {
        // What our own triggers refuse: the constraint's name is the code.
        if let constraint, !constraint.isEmpty, ["23514", "23P01"].contains(sqlState) {
            return Fault(
                .input, constraint.replacing("_", with: "-"), message, hint: hint ?? "\(statement) was refused",
                sqlState: sqlState)
        }
        let known = known[sqlState] ?? known[String(sqlState.prefix(2))]
        // Class 22 quotes the value that it refuses, unless the message is ours and has a hint.
        let quotesValue = sqlState.hasPrefix("22") && hint == nil
        return Fault(
            known?.blame ?? .database, known?.code ?? "database-error",
            quotesValue ? "the database refused a value in \(statement) (SQLSTATE \(sqlState))" : message,
            hint: hint ?? known?.hint ?? "statement \(statement), SQLSTATE \(sqlState)",
            sqlState: sqlState, isTransient: known?.isTransient ?? false)
    }

    private struct Known: Sendable {
        let code: String
        var blame: Fault.Blame = .database
        let hint: String
        var isTransient = false
    }

    private static let pooler = Known(
        code: "database-pooler", blame: .configuration,
        hint: "a connection pooler is in between: set database.pool-mode to transaction")

    /// By SQLSTATE, or by its class when the state itself is not listed.
    private static let known: [String: Known] = [
        "08": Known(
            code: "database-connection-lost", hint: "the daemon reconnects by itself; see the server's log",
            isTransient: true),
        "22": Known(code: "value-refused", blame: .input, hint: "see the server's log for the value"),
        "23503": Known(
            code: "row-missing", blame: .input,
            hint: "a row that is referred to does not exist, or was deleted meanwhile"),
        "23505": Known(code: "already-exists", blame: .input, hint: "choose another name"),
        "25006": Known(
            code: "database-read-only", hint: "this is a standby; add target_session_attrs=read-write to the conninfo",
            isTransient: true),
        // What a pooler in transaction mode answers to a client that takes the session for its own.
        "26000": pooler, "42P05": pooler,
        "28000": Known(code: "database-login-refused", hint: "pg_hba.conf or the role refuses this login"),
        "28P01": Known(
            code: "database-password", hint: "set PGPASSWORD or write ~/.pgpass (mode 0600), or correct DATABASE_URL"),
        "3D000": Known(
            code: "database-missing", hint: "create it (createdb NAME), or correct PGDATABASE or DATABASE_URL"),
        "3F000": Known(code: "schema-missing", hint: "run `glossator migrate` first"),
        "40001": Known(code: "database-serialization", hint: "try again", isTransient: true),
        "40P01": Known(code: "database-deadlock", hint: "try again", isTransient: true),
        "42501": Known(
            code: "database-permission", hint: "grant the role what it needs, or connect as the schema's owner"),
        "42703": Known(code: "schema-mismatch", hint: "run `glossator migrate`: the schema is not this program's"),
        "42883": Known(code: "schema-mismatch", hint: "run `glossator migrate`: the schema is not this program's"),
        "42P01": Known(code: "schema-missing", hint: "run `glossator migrate` first"),
        "53": Known(
            code: "database-resources", hint: "the server is short of something; see its log", isTransient: true),
        "53100": Known(code: "database-disk-full", hint: "free space on the server's disk", isTransient: true),
        "53200": Known(code: "database-memory", hint: "the server is out of memory", isTransient: true),
        "53300": Known(
            code: "database-connections", hint: "raise max_connections, or start fewer workers", isTransient: true),
        "55P03": Known(
            code: "database-lock-timeout",
            hint: "another session holds a lock: SELECT * FROM pg_stat_activity WHERE wait_event_type = 'Lock'",
            isTransient: true),
        "57014": Known(
            code: "database-statement-timeout",
            hint: "the server is overloaded, or the statement time-out is too short",
            isTransient: true),

        "57P01": Known(
            code: "database-shutdown", hint: "the server is stopping, or somebody ended this session", isTransient: true
        ),
        "57P02": Known(
            code: "database-shutdown", hint: "a server process crashed; it is recovering", isTransient: true),
        "57P03": Known(code: "database-shutdown", hint: "the server is starting or stopping", isTransient: true),
        "57P05": Known(code: "database-shutdown", hint: "the session was idle for too long", isTransient: true),
        "25P03": Known(
            code: "database-shutdown", hint: "the session was idle in a transaction for too long", isTransient: true),
        "58": Known(
            code: "database-system", hint: "the server's machine has a problem; see its log", isTransient: true),
        "P0002": Known(code: "not-found", blame: .input, hint: "check the name"),
        "55000": Known(code: "not-possible-now", blame: .input, hint: "see the message"),
    ]

    /// A connection that was lost, as opposed to one that never came about.
    static func connectionLost(_ message: String) -> Fault {
        Fault(
            .database, "database-connection-lost", "the connection to the database was lost: \(oneLine(message))",
            hint: "the next call connects again; see the server's log", sqlState: "08006", isTransient: true)
    }

    /// The server took a statement and has not answered for longer than it should ever take.
    static func silent(_ statement: String, after: Duration) -> Fault {
        Fault(
            .database, "database-silent",
            "the database has not answered \(statement) for \(after.components.seconds) s",
            hint: "the server or the network hangs; the connection was given up", sqlState: "08006", isTransient: true)
    }

    /// A connection that was not established, by the words of libpq, which are English, or of an English server.
    static func connectionFailed(_ message: String) -> Fault {
        let text = oneLine(message)
        let signs: [(String, String)] = [
            // Before the role itself: "too many connections for role".
            ("too many clients", "53300"), ("too many connections for", "53300"),
            ("remaining connection slots", "53300"), ("no more connections allowed", "53300"),
            ("password authentication failed", "28P01"),
            ("no password supplied", "28P01"), ("no pg_hba.conf entry", "28000"),
            ("authentication failed", "28000"), ("role \"", "28000"), ("is not permitted to log in", "28000"),
            ("is starting up", "57P03"), ("is shutting down", "57P03"), ("recovery mode", "57P03"),
            ("not yet accepting connections", "57P03"), ("No space left on device", "53100"),
            ("no such database", "3D000"), ("unsupported startup parameter", "26000"),
        ]
        if text.contains("database \""), text.contains("does not exist") {
            return connectionFault("3D000", text)
        }
        for (sign, state) in signs where text.contains(sign) { return connectionFault(state, text) }
        // A peer that hangs up in the middle of a handshake may be back the next time.
        let isHangUp = text.contains("SSL SYSCALL error") || text.contains("SSL connection has been closed")
        if !isHangUp, text.contains("SSL") || text.contains("certificate") {
            return Fault(
                .configuration, "database-tls", text,
                hint: "check sslmode, sslrootcert, sslcert and sslkey in the conninfo or PG* variables")
        }
        let isAboutAddress =
            text.hasPrefix("invalid ") || text.contains("invalid integer value") || text.hasPrefix("could not match")
            || text.contains("definition of service")
        if isAboutAddress {
            // A URL with an unescaped character in its password has a part of it where a port should be.
            return Fault(
                .configuration, "database-conninfo",
                text.contains("invalid integer value") ? Conninfo.withoutQuoted(text) : text,
                hint: "a URL like postgresql://user@host:5432/name, or keywords like host=… dbname=…")
        }
        return Fault(
            .database, "database-away", text,
            hint: "is the server running, and are host and port right (PGHOST, PGPORT, DATABASE_URL)?",
            sqlState: "08001", isTransient: true)
    }

    /// Whether a connection was refused by a server whose words were not understood. Between the severity, which it
    /// translates too, and its message libpq puts a colon and two spaces.
    static func isForeign(_ fault: Fault) -> Bool { fault.code == "database-away" && fault.message.contains(":  ") }

    /// A connection that was refused in words that are not understood, by the SQLSTATE that stands among them when libpq
    /// is verbose; of several hosts the last one's.
    static func connectionFailed(_ message: String, verbose: String) -> Fault {
        guard let state = verbose.matches(of: #/: {2}([0-9A-Z]{5}): /#).last.map({ String($0.1) }) else {
            return connectionFailed(verbose)
        }
        return connectionFault(state, oneLine(message))
    }

    private static func connectionFault(_ state: String, _ text: String) -> Fault {
        let known = known[state] ?? known[String(state.prefix(2))]
        return Fault(
            known?.blame ?? .database, known?.code ?? "database-away", text, hint: known?.hint, sqlState: state,
            isTransient: known?.isTransient ?? true)
    }

    private static func oneLine(_ message: String) -> String {
        message.split(whereSeparator: \.isNewline)
            .map { $0.trimmingPrefix(while: \.isWhitespace) }
            .joined(separator: " ")
    }
}
