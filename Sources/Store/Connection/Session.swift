package import Annotations
internal import CPostgres
internal import Foundation

/// One libpq connection and what is prepared on it. Synchronous: it lives on the thread of its `Connection` or of the
/// caller of a `BlockingConnection`, and is lent to closures there, so that nothing can come between the statements of a
/// transaction.
package final class Session {
    private let pointer: OpaquePointer
    private var parameterTypes: [String: [UInt32]] = [:]
    private let answerTimeout: Duration?
    /// Of a session that another client may have after the transaction; nil when the session is ours and was told at its
    /// start.
    private let timeouts: TransactionTimeouts?
    /// The connection is unusable: what was in flight has an unknown end.
    private(set) var isBroken = false

    /// Connects; blocks up to the connect time-out of every host.
    init(_ settings: ConnectionSettings) throws(Fault) {
        pointer = try Self.connect(settings.keywords(given: Conninfo.givenKeywords(settings.conninfo)))
        // libpq would print the server's warnings to standard error, in the middle of a progress bar; what matters of them
        // comes again as the fault of the statement that follows.
        PQsetNoticeProcessor(pointer, { _, _ in }, nil)
        // So that a server that hangs while it is being written to is noticed as well.
        PQsetnonblocking(pointer, 1)
        answerTimeout = settings.answerTimeout
        timeouts = settings.poolMode == .transaction ? TransactionTimeouts(settings) : nil
    }

    deinit { PQfinish(pointer) }

    /// `server_version_num` as 150004, without asking the server.
    var serverVersion: Int { Int(PQserverVersion(pointer)) }

    /// The descriptor of the connection, to watch or to inspect; -1 when there is none.
    package var socket: Int32 { PQsocket(pointer) }

    /// A parameter that the server reports by itself, such as `server_encoding`.
    func parameter(_ name: String) -> String? { PQparameterStatus(pointer, name).map { String(cString: $0) } }

    // MARK: Statements

    /// Runs a statement with binary parameters and results: prepared, the first time it is met, in a session that is
    /// ours; else by its text.
    func query(_ statement: Statement, _ values: [SQLValue] = []) throws(Fault) -> Rows {
        guard statement.parameterCount == values.count else {
            throw Fault(
                .defect, "statement-parameters",
                "\(statement.name) takes \(statement.parameterCount) parameters, not \(values.count)")
        }
        guard let timeouts else { return try queryPrepared(statement, values) }
        return try queryText(statement, values, timeouts)
    }

    private func queryPrepared(_ statement: Statement, _ values: [SQLValue]) throws(Fault) -> Rows {
        let types = try prepare(statement)
        for (index, value) in values.enumerated() {
            if let type = value.typeID, type != types[index] {
                throw Fault(
                    .defect, "statement-parameters",
                    "parameter \(index + 1) of \(statement.name) has type \(types[index]), not \(type)")
            }
        }
        let parameters = try Parameters(values)
        let sent = parameters.withArrays { pointers, lengths, formats in
            PQsendQueryPrepared(pointer, statement.name, Int32(values.count), pointers, lengths, formats, 1)
        }
        return try finish(sent, of: statement.name, deadline: deadline)
    }

    /// The server is told the values' types and casts them to what the text says, so that a wrong one is still refused or
    /// converted, never misread. Outside a transaction the time-outs travel with the statement: one round trip, and one
    /// transaction, which ends with the pipeline.
    private func queryText(
        _ statement: Statement, _ values: [SQLValue], _ timeouts: TransactionTimeouts
    ) throws(Fault) -> Rows {
        let parameters = try Parameters(values)
        let types = values.map { $0.typeID ?? 0 }
        func send() -> Int32 {
            parameters.withArrays { pointers, lengths, formats in
                PQsendQueryParams(
                    pointer, statement.text, Int32(values.count), types, pointers, lengths, formats, 1)
            }
        }
        guard isOutsideTransaction else { return try finish(send(), of: statement.name, deadline: deadline) }
        guard PQenterPipelineMode(pointer) == 1 else { throw lost() }
        defer { if !isBroken, PQexitPipelineMode(pointer) != 1 { isBroken = true } }
        let areSent =
            PQsendQueryParams(pointer, timeouts.query, 0, nil, nil, nil, nil, 1) == 1 && send() == 1
            && PQpipelineSync(pointer) == 1
        return try finish(areSent ? 1 : 0, of: statement.name, deadline: deadline, isPipeline: true)
    }

    /// Runs text without parameters, any number of statements, in text format: `BEGIN`, and migrations. `isPatient`
    /// waits as long as it takes.
    package func execute(_ text: String, named name: String, isPatient: Bool = false) throws(Fault) {
        var text = text
        if let timeouts, isOutsideTransaction { text = "\(timeouts.commands); \(text)" }
        _ = try finish(PQsendQuery(pointer, text), of: name, deadline: isPatient ? nil : deadline)
    }

    /// Runs `body` in one transaction. Whatever it throws rolls back; a lost connection has rolled back by itself.
    func transaction<R>(_ body: () throws(Fault) -> R) throws(Fault) -> R {
        try finish(
            PQsendQuery(pointer, timeouts.map { "BEGIN; \($0.commands)" } ?? "BEGIN"), of: "begin", deadline: deadline)
        let result: R
        do {
            result = try body()
        } catch {
            // A failed rollback leaves nothing to save: the session is marked broken and the server cleans up.
            if !isBroken { do { try execute("ROLLBACK", named: "rollback") } catch { isBroken = true } }
            throw error
        }
        try execute("COMMIT", named: "commit")
        return result
    }

    /// Prepares a statement unless it is, and returns its parameters' types as the server understood them. Only where the
    /// session is ours.
    @discardableResult
    func prepare(_ statement: Statement) throws(Fault) -> [UInt32] {
        if let types = parameterTypes[statement.name] { return types }
        try finish(
            PQsendPrepare(pointer, statement.name, statement.text, 0, nil), of: statement.name, deadline: deadline)
        let description = try finish(
            PQsendDescribePrepared(pointer, statement.name), of: statement.name, deadline: deadline)
        let types = description.parameterTypes
        guard types.count == statement.parameterCount else {
            throw Fault(
                .defect, "statement-parameters",
                "\(statement.name) takes \(types.count) parameters, not \(statement.parameterCount)")
        }
        parameterTypes[statement.name] = types
        return types
    }

    private var isOutsideTransaction: Bool { PQtransactionStatus(pointer) == PQTRANS_IDLE }

    // MARK: Notifications

    /// Names of channels notified since the last call; reads what has arrived, does not wait.
    func notifications() throws(Fault) -> [String] {
        guard PQconsumeInput(pointer) == 1 else { throw lost() }
        var channels: [String] = []
        while let notify = PQnotifies(pointer) {
            channels.append(String(cString: notify.pointee.relname))
            PQfreemem(notify)
        }
        return channels
    }

    // MARK: Waiting

    private var deadline: ContinuousClock.Instant? { answerTimeout.map { .now + $0 } }

    /// Sends what is left, waits for every result, up to the pipeline's end if it is one, and returns the last.
    @discardableResult
    private func finish(
        _ sent: Int32, of name: String, deadline: ContinuousClock.Instant?, isPipeline: Bool = false
    ) throws(Fault) -> Rows {
        guard sent == 1 else { throw lost() }
        try flush(name, until: deadline)
        var last: Rows?
        var failure: Fault?
        reading: while true {
            while PQisBusy(pointer) == 1 {
                try wait(events: Int16(POLLIN), for: name, until: deadline)
                guard PQconsumeInput(pointer) == 1 else {
                    // What the server said before it hung up tells more.
                    let loss = lost()
                    throw failure ?? loss
                }
            }
            guard let result = PQgetResult(pointer) else {
                // In a pipeline each statement's results end so.
                if isPipeline, PQstatus(pointer) == CONNECTION_OK { continue }
                break
            }
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK:
                last = Rows(owning: result)
            case PGRES_PIPELINE_SYNC:
                PQclear(result)
                break reading
            case PGRES_PIPELINE_ABORTED:
                PQclear(result)
            default:
                // libpq's own result for a lost connection carries no SQLSTATE.
                failure = failure ?? fault(of: result, statement: name)
                PQclear(result)
            }
            if PQstatus(pointer) == CONNECTION_BAD { isBroken = true }
        }
        if let failure { throw failure }
        guard let last else { throw lost() }
        return last
    }

    private func flush(_ name: String, until deadline: ContinuousClock.Instant?) throws(Fault) {
        var flushed = PQflush(pointer)
        while flushed == 1 {
            try wait(events: Int16(POLLIN | POLLOUT), for: name, until: deadline)
            guard PQconsumeInput(pointer) == 1 else { throw lost() }
            flushed = PQflush(pointer)
        }
        guard flushed == 0 else { throw lost() }
    }

    private func wait(events: Int16, for name: String, until deadline: ContinuousClock.Instant?) throws(Fault) {
        var watched = pollfd(fd: socket, events: events, revents: 0)
        while true {
            var timeout: Int32 = -1
            if let deadline {
                let left = ContinuousClock.now.duration(to: deadline)
                guard left > .zero else {
                    isBroken = true
                    throw ServerFault.silent(name, after: answerTimeout ?? .zero)
                }
                timeout = Int32(clamping: left.milliseconds)
            }
            let ready = poll(&watched, 1, timeout)
            if ready > 0 { return }
            if ready < 0, errno != EINTR { throw lost() }
        }
    }

    // MARK: Faults

    private func lost() -> Fault {
        isBroken = true
        return ServerFault.connectionLost(String(cString: PQerrorMessage(pointer)))
    }

    private func fault(of result: OpaquePointer, statement: String) -> Fault {
        func field(_ code: Int32) -> String? { PQresultErrorField(result, code).map { String(cString: $0) } }
        guard let state = field(glossator_diag_sqlstate) else { return lost() }
        return ServerFault.fault(
            sqlState: state, message: field(glossator_diag_message) ?? "the database refused a statement",
            hint: field(glossator_diag_hint), constraint: field(glossator_diag_constraint), statement: statement)
    }
}

extension Session {
    /// A server of another language cannot be understood by its words. Its SQLSTATE stands among them only when libpq was
    /// asked to be verbose, which it can be no sooner than there is a connection to ask: so such a server is asked twice.
    private static func connect(_ keywords: [(name: String, value: String)]) throws(Fault) -> OpaquePointer {
        guard let pointer = Conninfo.connect(keywords) else {
            throw Fault(.system, "memory", "no memory for a database connection")
        }
        if PQstatus(pointer) == CONNECTION_OK { return pointer }
        var fault = ServerFault.connectionFailed(String(cString: PQerrorMessage(pointer)))
        if ServerFault.isForeign(fault) {
            PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
            PQreset(pointer)
            if PQstatus(pointer) == CONNECTION_OK {
                PQsetErrorVerbosity(pointer, PQERRORS_DEFAULT)
                return pointer
            }
            fault = ServerFault.connectionFailed(fault.message, verbose: String(cString: PQerrorMessage(pointer)))
        }
        PQfinish(pointer)
        throw fault
    }
}
