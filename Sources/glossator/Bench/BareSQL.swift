import Annotations
import Foundation

/// The same work as a pgbench script: claim with SKIP LOCKED, then one transaction that deletes the claimed rows and
/// inserts made-up results, all on the server. The least that any queue with these tables has to do.
struct BareSQL: Sendable {
    /// The program's path.
    let pgbench: String
    let cluster: PrivateCluster

    static func script(claim: Int) -> String {
        """
        WITH free AS MATERIALIZED (
            SELECT s.document_id FROM glossator.spool s
            WHERE s.collection = 'bench' AND s.lease IS NULL
            ORDER BY s.due, s.document_id LIMIT \(claim) FOR UPDATE SKIP LOCKED
        ), token AS MATERIALIZED (SELECT nextval('glossator.lease_numbers') AS number), leased AS (
            UPDATE glossator.spool s
            SET lease = token.number, daemon_id = :client_id, deadline = now() + interval '1 hour', attempts = s.attempts + 1
            FROM free, token WHERE s.document_id = free.document_id
            RETURNING s.document_id
        )
        SELECT coalesce((SELECT number FROM token), 0) AS lease, sum(octet_length(d.body)) AS bytes
        FROM leased l JOIN glossator.documents d ON d.id = l.document_id \\gset
        BEGIN;
        WITH gone AS (
            DELETE FROM glossator.spool
            WHERE lease IS NOT NULL AND daemon_id = :client_id AND lease = :lease
            RETURNING document_id
        ), labelled AS (
            INSERT INTO glossator.labels (document_id, model_id, segment, start_char, end_char, score, task, label)
            SELECT document_id, 1, 0, 0, 200, 0.75, task, 'negative' FROM gone, (VALUES ('topic'), ('sentiment')) t (task)
        ), found AS (
            INSERT INTO glossator.entities (
                document_id, model_id, ordinal, start_char, end_char, score, task, type, surface)
            SELECT document_id, 1, 0, 0, 8, 0.5, 'entities', 'thing', 'document' FROM gone
        ), embedded AS (
            INSERT INTO glossator.embeddings (document_id, segment, space_id, start_char, end_char, data)
            SELECT document_id, 0, 1, 0, 200, decode(repeat('5a', 784), 'hex') FROM gone
        ), doubted AS (
            INSERT INTO glossator.uncertainties (document_id, model_id, signature, uncertainty, collection, task)
            SELECT document_id, 1, 23130, 0.5, 'bench', task
            FROM gone, (VALUES ('topic'), ('sentiment'), ('entities')) t (task)
        )
        INSERT INTO glossator.annotations (
            document_id, model_id, daemon_id, token_count, window_count, segment_count, segmentation)
        SELECT document_id, 1, :client_id, 48, 1, 1, 'document' FROM gone;
        COMMIT;

        """
    }

    /// Runs the script until `documents` are through; returns documents/s.
    func run(documents: Int, clients: Int, claim: Int) throws(Fault) -> Double {
        let file = NSTemporaryDirectory() + "/glossator-bare-\(UUID().uuidString).sql"
        guard FileManager.default.createFile(atPath: file, contents: Data(Self.script(claim: claim).utf8)) else {
            throw Fault(.system, "bench-file", "cannot write \(file)", hint: "look at the disk")
        }
        defer { unlink(file) }
        // Every client does its share of the claims.
        let transactions = max(1, documents / (claim * clients))
        let result = try ChildProcess.run(
            pgbench,
            [
                "-h", cluster.socketDirectory, "-U", "postgres", "-n", "-M", "prepared", "-c", String(clients), "-j",
                "2",
                "-t", String(transactions), "-f", file, PrivateCluster.databaseName,
            ])
        let rate = result.output.split(separator: "\n").first { $0.hasPrefix("tps = ") }
            .flatMap { Double($0.dropFirst(6).prefix { $0 != " " }) }
        guard result.status == 0, let rate else {
            throw Fault(.system, "bench-pgbench", "pgbench ended with \(result.status): \(result.output)")
        }
        return rate * Double(claim)
    }
}
