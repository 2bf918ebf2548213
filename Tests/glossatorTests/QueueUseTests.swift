import Foundation
import TestSupport
import Testing

/// The queue as its users see it: loads that are followed, tables that are watched, texts that come again, and faults that
/// are nobody's.
@Suite("The queue in use, with the built program", .serialized)
struct QueueUseTests {
    private let place: Workplace

    init() async throws { place = try await Workplace() }

    @Test("an import is a batch, followed to its end; imported again it is the same")
    func batch() async throws {
        let file = try place.write("letters.txt", (1...30).map { "letter number \($0)" }.joined(separator: "\n"))
        try await place.succeed("import", file, "--collection", "mail", "--priority", "3")
        #expect(try batchRow("mail/letters.txt") == "30|30|0|0|t|f")
        #expect(try place.count("spool", "priority = 3") == 30)
        let status = try await place.succeed("status")
        #expect(status.output.contains("mail/letters.txt"), "\(status)")
        try await place.succeed("run", "--drain")
        #expect(try batchRow("mail/letters.txt") == "30|0|30|0|t|t")
        try await place.succeed("import", file, "--collection", "mail", "--batch", "again")
        #expect(try batchRow("again") == "0|0|0|0|t|t")
        let refused = try await place.glossator("import", file, "--priority", "5000")
        expectRefusal(refused, 65, "priority-range")
    }

    private func batchRow(_ name: String) throws -> String {
        try place.psql(
            """
            SELECT total, queued, done, failed, closed_at IS NOT NULL, finished_at IS NOT NULL
            FROM glossator.batch_progress WHERE batch = '\(name)'
            """)
    }

    @Test("the same text is read once, in a claim and across claims, and gets the same results")
    func reuse() async throws {
        try place.addDocuments(5)
        try place.psql(
            "INSERT INTO glossator.documents (collection, body) SELECT 'mail', 'the same' FROM generate_series(1, 40)")
        try await place.succeed("run", "--drain", "--set", "worker.claim-documents=16")
        #expect(try place.count("annotations") == 45)
        #expect(try place.psql("SELECT done, reused FROM glossator.progress") == "45|39")
        #expect(try place.count("annotations", "copied_from IS NOT NULL") == 39)
        #expect(
            try place.psql(
                """
                SELECT count(*), count(DISTINCT m.data) FROM glossator.embeddings m
                JOIN glossator.documents d ON d.id = m.document_id WHERE d.body = 'the same'
                """) == "40|1")
        #expect(try await place.succeed("status").output.contains("reused"))
    }

    @Test("a table that is watched is annotated, and follows its rows")
    func watched() async throws {
        try place.psql(
            "CREATE TABLE reviews (id integer PRIMARY KEY, text text)",
            "INSERT INTO reviews SELECT n, 'review number ' || n FROM generate_series(1, 2500) n",
            "SELECT glossator.watch('reviews', key => 'id', body => 'text')")
        // What was there before is read by the daemon, in steps, and a drain waits for it.
        try await place.succeed("run", "--drain")
        #expect(try place.count("annotated_reviews", "status = 'done' AND cardinality(embeddings) = 1") == 2500)
        try place.psql(
            "UPDATE reviews SET text = 'changed' WHERE id <= 10", "DELETE FROM reviews WHERE id > 2000",
            "INSERT INTO reviews VALUES (9999, 'new')")
        #expect(
            try place.psql("SELECT status, count(*) FROM glossator.annotated_reviews GROUP BY 1 ORDER BY 1")
                == "done|1990\nqueued|11")
        try await place.succeed("run", "--drain")
        #expect(try place.count("annotated_reviews", "status = 'done'") == 2001)
        #expect(try place.count("annotations") == 2001)
    }

    @Test("a fault of the database's that does not pass by itself pauses the daemon and charges no document")
    func outsideFault() async throws {
        try place.psql(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'not allowed' USING ERRCODE = 'insufficient_privilege'; END $$
            """,
            """
            CREATE TRIGGER refuse BEFORE INSERT ON glossator.annotations FOR EACH STATEMENT EXECUTE FUNCTION refuse()
            """)
        try place.addDocuments(20)
        let daemon = try place.start("run", "--set", "worker.poll-seconds=0.2", "--set", "worker.beat-seconds=1")
        try await eventually("the daemon says why it pauses") {
            try place.psql("SELECT states FROM glossator.queue_health") == #"{"paused: database-permission"}"#
        }
        #expect(daemon.isRunning)
        #expect(try place.count("spool", "attempts = 0 AND lease IS NULL") == 20)
        try place.psql("DROP FUNCTION refuse() CASCADE")
        try await eventually("it goes on by itself") { try place.count("annotations") == 20 }
        daemon.send(SIGTERM)
        #expect(try await daemon.wait(within: .seconds(20)).code == 0)
        #expect(try place.count("failures") == 0)
        // Where somebody waits for the end, a drain says it instead.
        try place.psql("SELECT glossator.reannotate('mail')", "ALTER TABLE glossator.labels RENAME TO labels_away")
        expectRefusal(try await place.glossator("run", "--drain"), 69, "schema-missing")
        #expect(try place.count("spool", "attempts = 0 AND lease IS NULL") == 20)
    }

    @Test("a daemon whose row was removed ends, whatever waits, and nothing stays with it")
    func unregistered() async throws {
        try place.psql(
            "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.3); RETURN NULL; END $$",
            "CREATE TRIGGER slowly AFTER INSERT ON glossator.annotations FOR EACH STATEMENT EXECUTE FUNCTION slowly()")
        try place.addDocuments(3000)
        let daemon = try place.start("run", "--set", "worker.claim-documents=8", "--set", "worker.beat-seconds=1")
        try await eventually("it works") { try place.count("annotations") > 0 }
        try place.psql("DELETE FROM glossator.daemons")
        let outcome = try await daemon.wait(within: .seconds(20))
        expectRefusal(outcome, 69, "daemon-unknown")
        #expect(try place.count("spool", "lease IS NOT NULL OR attempts > 0") == 0)
        #expect(try place.count("spool") > 2000)
    }

    @Test("of many documents the one whose results the database refuses is found, and it alone is charged")
    func refusedResult() async throws {
        try place.addDocuments(40)
        let wanted = try place.psql("SELECT min(id) + 16 FROM glossator.documents")
        try place.psql(
            """
            CREATE FUNCTION picky() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN IF NEW.document_id = \(wanted) THEN RAISE EXCEPTION 'not this one'; END IF; RETURN NEW; END $$
            """, "CREATE TRIGGER picky BEFORE INSERT ON glossator.annotations FOR EACH ROW EXECUTE FUNCTION picky()")
        try await place.succeed("run", "--drain", "--set", "worker.maximum-attempts=1")
        #expect(try place.count("annotations") == 39)
        #expect(
            try place.psql("SELECT document_id, class, sqlstate, attempts FROM glossator.failures")
                == "\(wanted)|defect|P0001|1")
        try place.psql("DROP FUNCTION picky() CASCADE")
        #expect(try place.psql("SELECT glossator.retry_failed(document_ids => ARRAY[\(wanted)])") == "1")
        try await place.succeed("run", "--drain")
        #expect(try place.psql("SELECT done, failed FROM glossator.progress") == "40|0")
    }
}
