import Annotations
import Store
import TestSupport

/// A real spool and the model's, to which the same is done.
///
/// Which documents a claim picks is the database's to choose; the model checks that it was allowed to, and follows.
struct SpoolReplay {
    /// A claim as both sides know it. Never forgotten: stale leases are what the trace is about.
    struct Claim {
        let daemon: Int
        let lease: UInt16
        let number: Int64
        let documents: [Int: ClaimedDocument]
        var leases: [Lease] { documents.values.map(\.lease) }
    }

    let database: TestDatabase
    var model: SpoolServer
    /// Of the model's documents and daemons, in the database.
    var ids: [Int64] = []
    var daemons: [Int64] = []
    /// Daemons whose goodbye or death the database knows.
    var gone: Set<Int> = []
    var claims: [Claim] = []
    /// Documents that wait for a time that does not come during the trace.
    var delayed: DocumentSet = []
    /// Whose results each document has.
    var writers: [Int: Int] = [:]
    var attemptsAtFailure: [Int: Int8] = [:]

    init(database: TestDatabase) {
        self.database = database
        model = SpoolServer(documents: 0, maximumAttempts: RetryPolicy().maximumAttempts, guards: .all)
    }

    // MARK: - What depends on how the queue is called

    /// Whether `reannotate` forgets an earlier failure at once, and not only when the document is done.
    static let reannotationForgives = true
    static let handBack = RetryPolicy.Decision.handBack
    static let never = Duration.seconds(86_400)

    mutating func addDaemon() async throws {
        daemons.append(try await database.newDaemon())
    }

    mutating func addDocument() async throws {
        let number = ids.count
        ids += try await database.add("document \(number) " + String(repeating: "x", count: 40 * (number % 4)))
        model.documents.append(SpoolServer.Document())
    }

    /// No answer: the statement is only there for what it does.
    func execute(_ sql: String) async throws {
        try await database.connection.run { (session) throws(Fault) in try session.execute(sql, named: "replay") }
    }

    // MARK: - Comparing

    /// What differs between the two, if anything. A line a document: place, attempts, holder, failure, results.
    func difference() async throws -> String? {
        let expected = model.documents.indices.map(line).joined(separator: "/")
        let sql = """
            DO $$ DECLARE found text; BEGIN
            SELECT string_agg(concat_ws(' ',
                CASE WHEN d.id IS NULL THEN 'deleted' WHEN s.document_id IS NULL THEN 'out'
                    WHEN s.lease IS NULL THEN 'waiting' ELSE 'leased' END,
                coalesce(s.attempts, 0), coalesce(s.daemon_id, 0), coalesce(s.run_after > now(), false),
                CASE WHEN s.document_id IS NULL THEN f.attempts ELSE f.attempts * 0 END,
                'by', a.daemon_id, (SELECT count(*) FROM glossator.labels l WHERE l.document_id = w.id),
                (SELECT count(*) FROM glossator.entities e WHERE e.document_id = w.id),
                (SELECT count(*) FROM glossator.embeddings e WHERE e.document_id = w.id)), '/' ORDER BY w.place)
            INTO found
            FROM unnest(ARRAY[\(ids.map(String.init).joined(separator: ","))]::bigint[]) WITH ORDINALITY w (id, place)
            LEFT JOIN glossator.documents d USING (id)
            LEFT JOIN glossator.spool s ON s.document_id = w.id
            LEFT JOIN glossator.failures f ON f.document_id = w.id
            LEFT JOIN glossator.annotations a ON a.document_id = w.id;
            IF found IS DISTINCT FROM '\(expected)' THEN
                RAISE EXCEPTION 'the database says %', found;
            END IF;
            END $$
            """
        do {
            try await execute(sql)
            return nil
        } catch let fault as Fault {
            return "\(fault.message), the model \(expected)"
        }
    }

    private func line(_ document: Int) -> String {
        let row = model.documents[document]
        let isIn = row.place == .waiting || row.place == .leased
        var words = [
            "\(row.place)", "\(isIn ? row.attempts : 0)", "\(row.place == .leased ? daemons[Int(row.holder)] : 0)",
            row.place == .waiting && delayed.contains(document) ? "t" : "f",
        ]
        if row.isFailed { words.append("\(isIn ? 0 : attemptsAtFailure[document] ?? 0)") }
        words.append("by")
        if let writer = writers[document] { words.append("\(daemons[writer]) 1 1 1") } else { words.append("0 0 0") }
        return words.joined(separator: " ")
    }

    // MARK: - Bookkeeping

    var ready: [Int] {
        model.documents.indices.filter { model.documents[$0].place == .waiting && !delayed.contains($0) }
    }

    func holds(_ document: Int, _ claim: Claim) -> Bool {
        model.documents[document].place == .leased && model.documents[document].lease == claim.lease
    }

    mutating func noteFailure(_ document: Int) { attemptsAtFailure[document] = model.documents[document].attempts }

    /// In the words of the schema: `octet_length / 3 + 2`.
    static func estimatedTokens(_ document: ClaimedDocument) -> Int { document.body.utf8.count / 3 + 2 }
}
