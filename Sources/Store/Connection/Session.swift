package import Annotations
internal import CPostgres
internal import Foundation

/// One libpq connection and what is prepared on it. Synchronous: it lives on its `Connection`'s thread and is lent to
/// closures there, so that nothing can come between the statements of a transaction.
package final class Session {
    private let pointer: OpaquePointer
    private var parameterTypes: [String: [UInt32]] = [:]
    private let answerTimeout: Duration?
    /// The connection is unusable: what was in flight has an unknown end.
    private(set) var isBroken = false

    /// Connects; blocks up to the connect time-out of every host.
    init(_ settings: ConnectionSettings) throws(Fault) {
        let given = try Self.givenKeywords(settings.conninfo)
        let keywords = settings.keywords(given: given)
        guard let pointer = Self.connect(keywords) else {
            throw Fault(.system, "memory", "no memory for a database connection")
        }
        guard PQstatus(pointer) == CONNECTION_OK else {
            defer { PQfinish(pointer) }
            throw ServerFault.connectionFailed(String(cString: PQerrorMessage(pointer)))
        }
        // libpq would print the server's warnings to standard error, in the middle of a progress bar; what matters of them
        // comes again as the fault of the statement that follows.
        PQsetNoticeProcessor(pointer, { _, _ in }, nil)
        // So that a server that hangs while it is being written to is noticed as well.
        PQsetnonblocking(pointer, 1)
        self.pointer = pointer
        answerTimeout = settings.answerTimeout
    }

    deinit { PQfinish(pointer) }

    /// `server_version_num` as 150004, without asking the server.
    var serverVersion: Int { Int(PQserverVersion(pointer)) }
    var socket: Int32 { PQsocket(pointer) }

    /// A parameter that the server reports by itself, such as `server_encoding`.
    func parameter(_ name: String) -> String? { PQparameterStatus(pointer, name).map { String(cString: $0) } }

    // MARK: Statements

    /// Runs a prepared statement, preparing it the first time.
    func query(_ statement: Statement, _ values: [SQLValue] = []) throws(Fault) -> Rows {
        let types = try prepare(statement)
        guard types.count == values.count else {
            throw Fault(
                .defect, "statement-parameters",
                "\(statement.name) takes \(types.count) parameters, not \(values.count)")
        }
        var encoded: [[UInt8]?] = []
        encoded.reserveCapacity(values.count)
        for (index, value) in values.enumerated() {
            if let type = value.typeID, type != types[index] {
                throw Fault(
                    .defect, "statement-parameters",
                    "parameter \(index + 1) of \(statement.name) has type \(types[index]), not \(type)")
            }
            encoded.append(try value.encoded())
        }
        let sent = withParameters(encoded) { pointers, lengths, formats in
            PQsendQueryPrepared(pointer, statement.name, Int32(values.count), pointers, lengths, formats, 1)
        }
        return try finish(sent, of: statement.name, deadline: deadline)
    }

    /// Runs text without parameters, any number of statements, in text format: `BEGIN`, and migrations. `isPatient`
    /// waits as long as it takes.
    package func execute(_ text: String, named name: String, isPatient: Bool = false) throws(Fault) {
        _ = try finish(PQsendQuery(pointer, text), of: name, deadline: isPatient ? nil : deadline)
    }

    /// Runs `body` in one transaction. Whatever it throws rolls back; a lost connection has rolled back by itself.
    func transaction<R>(_ body: () throws(Fault) -> R) throws(Fault) -> R {
        try execute("BEGIN", named: "begin")
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

    /// Prepares a statement unless it is, and returns its parameters' types as the server understood them.
    @discardableResult
    func prepare(_ statement: Statement) throws(Fault) -> [UInt32] {
        if let types = parameterTypes[statement.name] { return types }
        _ = try finish(
            PQsendPrepare(pointer, statement.name, statement.text, 0, nil), of: statement.name, deadline: deadline)
        let description = try finish(
            PQsendDescribePrepared(pointer, statement.name), of: statement.name, deadline: deadline)
        let types = description.parameterTypes
        parameterTypes[statement.name] = types
        return types
    }

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

    /// Sends what is left, waits for every result, and returns the last.
    private func finish(_ sent: Int32, of name: String, deadline: ContinuousClock.Instant?) throws(Fault) -> Rows {
        guard sent == 1 else { throw lost() }
        var flushed = PQflush(pointer)
        while flushed == 1 {
            try wait(events: Int16(POLLIN | POLLOUT), for: name, until: deadline)
            guard PQconsumeInput(pointer) == 1 else { throw lost() }
            flushed = PQflush(pointer)
        }
        guard flushed == 0 else { throw lost() }
        var last: Rows?
        var failure: Fault?
        while true {
            while PQisBusy(pointer) == 1 {
                try wait(events: Int16(POLLIN), for: name, until: deadline)
                guard PQconsumeInput(pointer) == 1 else { throw lost() }
            }
            guard let result = PQgetResult(pointer) else { break }
            switch PQresultStatus(result) {
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK:
                last = Rows(owning: result)
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
    /// The keywords that the conninfo sets, or else the environment, the service file or libpq's own defaults.
    private static func givenKeywords(_ conninfo: String?) throws(Fault) -> [String: String] {
        var given = values(of: PQconndefaults())
        guard let conninfo else { return given }
        var message: UnsafeMutablePointer<CChar>?
        guard let parsed = PQconninfoParse(conninfo, &message) else {
            defer { PQfreemem(message) }
            throw Fault(
                .configuration, "database-conninfo",
                "the database's address is not understood: "
                    + withoutSecrets(message.map { String(cString: $0) } ?? "no memory", conninfo: conninfo),
                hint: "a URL like postgresql://user@host:5432/name, or keywords like host=… dbname=…")
        }
        given.merge(values(of: parsed)) { _, new in new }
        return given
    }

    /// libpq quotes what it could not parse: the whole URL, or the word after which it expected "=". Either may hold a
    /// password; names of options may not.
    private static func withoutSecrets(_ message: String, conninfo: String) -> String {
        let text = message.trimmingCharacters(in: .whitespacesAndNewlines).replacing(conninfo, with: "…")
        let isAboutName = text.hasPrefix("invalid connection option") || text.hasPrefix("invalid URI query parameter")
        if isAboutName { return text }
        return text.split(separator: "\"", omittingEmptySubsequences: false).enumerated()
            .map { index, part in index % 2 == 1 && part.count > 1 ? "…" : String(part) }.joined(separator: "\"")
    }

    private static func values(of options: UnsafeMutablePointer<PQconninfoOption>?) -> [String: String] {
        guard let options else { return [:] }
        defer { PQconninfoFree(options) }
        var values: [String: String] = [:]
        var option = options
        while let keyword = option.pointee.keyword {
            if let value = option.pointee.val { values[String(cString: keyword)] = String(cString: value) }
            option += 1
        }
        return values
    }

    private static func connect(_ keywords: [(name: String, value: String)]) -> OpaquePointer? {
        let names = keywords.map { strdup($0.name) } + [nil]
        let values = keywords.map { strdup($0.value) } + [nil]
        defer { (names + values).forEach { free($0) } }
        return PQconnectdbParams(names.map { UnsafePointer($0) }, values.map { UnsafePointer($0) }, 1)
    }

    /// Lends the parameters to libpq as its three parallel arrays; nil is a null.
    private func withParameters<R>(
        _ values: [[UInt8]?],
        _ body: (UnsafePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int32>?, UnsafePointer<Int32>?) -> R
    ) -> R {
        // One block for all of them: libpq wants pointers that live until it has copied.
        var offsets: [Int?] = []
        var block: [UInt8] = []
        block.reserveCapacity(values.reduce(1) { $0 + ($1?.count ?? 0) })
        for value in values {
            offsets.append(value == nil ? nil : block.count)
            if let value { block.append(contentsOf: value) }
        }
        block.append(0)
        let lengths = values.map { Int32(truncatingIfNeeded: $0?.count ?? 0) }
        let formats = [Int32](repeating: 1, count: values.count)
        return block.withUnsafeBufferPointer { block in
            let start = UnsafeRawPointer(block.baseAddress!).assumingMemoryBound(to: CChar.self)
            return body(offsets.map { $0.map { start + $0 } }, lengths, formats)
        }
    }
}
