import Foundation
import TestSupport
import Testing

/// Runs of the daemon that something happens to in the middle. The database takes its time to write each of many small
/// claims, so that there is a middle on any machine.
@Suite("The daemon, with the built program", .serialized)
struct WorkerTests {
    private let place: Workplace
    private static let smallClaims = ["--set", "worker.claim-documents=8", "--set", "worker.poll-seconds=0.2"]

    init() async throws { place = try await Workplace() }

    @Test("two daemons at once share the work; nothing is doubled, nothing is lost")
    func twoDaemons() async throws {
        try addSlowDocuments(300, pause: 0.1)
        let daemons = try [startDraining(), startDraining()]
        for daemon in daemons {
            let outcome = try await daemon.wait()
            #expect(outcome.code == 0, "\(outcome)")
        }
        try expectComplete(300)
        // Both did some of it, and what was written is what one lease allowed.
        #expect(try place.psql("SELECT count(DISTINCT daemon_id) FROM glossator.annotations") == "2")
        #expect(try place.count("daemons", "stopped_at IS NULL") == 0)
    }

    @Test("a daemon killed in the middle loses nothing: another takes back what it held, and finishes")
    func killed() async throws {
        try addSlowDocuments(200, pause: 1.5)
        let daemon = try startDraining()
        try await eventually("the daemon holds documents and has written some") {
            try place.count("spool", "lease IS NOT NULL AND EXISTS (SELECT FROM glossator.annotations)") > 0
        }
        daemon.send(SIGKILL)
        let killed = try await daemon.wait()
        #expect(killed.code == 128 + SIGKILL)
        let held = try place.count("spool", "lease IS NOT NULL")
        #expect(held > 0)
        // A minute of silence, without waiting for it; the server itself is younger than that, so the deadline as well.
        try place.psql(
            "UPDATE glossator.daemons SET beat_at = now() - interval '2 minutes'",
            "UPDATE glossator.spool SET deadline = now() - interval '1 second' WHERE lease IS NOT NULL")
        try hurry()
        let second = try await startDraining().wait()
        #expect(second.code == 0, "\(second)")
        #expect(second.errors.contains("took back what a dead daemon held"), "\(second)")
        try expectComplete(200)
    }

    @Test("SIGTERM ends a daemon within seconds, with exit code 0, no lease and no attempt charged")
    func terminated() async throws {
        try addSlowDocuments(400, pause: 1.5)
        let daemon = try startDaemon()
        try await eventually("the daemon is in the middle of its work") { try place.count("annotations") > 16 }
        daemon.send(SIGTERM)
        let outcome = try await daemon.wait(within: .seconds(40))
        #expect(outcome.code == 0, "\(outcome)")
        let left = try place.count("spool")
        #expect(left > 0)
        #expect(try place.count("spool", "lease IS NOT NULL") == 0)
        #expect(try place.count("spool", "attempts > 0") == 0)
        #expect(try place.count("annotations") == 400 - left)
        #expect(try place.count("daemons", "stopped_at IS NOT NULL") == 1)
        try hurry()
        let second = try await startDraining().wait()
        #expect(second.code == 0, "\(second)")
        try expectComplete(400)
    }

    @Test("a drain that is interrupted does not look like one that finished")
    func interruptedDrain() async throws {
        try addSlowDocuments(400, pause: 1.5)
        let daemon = try startDraining()
        try await eventually("the daemon is in the middle of its work") { try place.count("annotations") > 16 }
        daemon.send(SIGTERM)
        let outcome = try await daemon.wait(within: .seconds(40))
        #expect(outcome.code == 130, "\(outcome)")
        #expect(outcome.errors.contains("documents are left"), "\(outcome)")
        #expect(try place.count("spool", "lease IS NOT NULL OR attempts > 0") == 0)
    }

    @Test("work for a backbone that is not here does not keep a drain from the work that can be done")
    func foreignWorkBeside() async throws {
        try place.addDocuments(5, to: "here")
        try place.addDocuments(2, to: "foreign")
        try place.psql(
            """
            INSERT INTO glossator.backbones (sha256, name, hidden_size, layers, maximum_tokens, vocabulary_size)
            VALUES (repeat('ab', 32), 'elsewhere', 4, 1, 64, 100)
            """,
            """
            INSERT INTO glossator.embedding_spaces (backbone_sha256, pooling, normalization, dimensions)
            VALUES (repeat('ab', 32), 'mean', 'l2', 4)
            """,
            """
            INSERT INTO glossator.models (name, space_id, heads, heads_sha256)
            SELECT 'elsewhere', max(id), '', repeat('0', 64) FROM glossator.embedding_spaces
            """, "SELECT glossator.promote('foreign', 'elsewhere')")
        expectRefusal(try await place.program.run("run", "--drain"), 75, "backbone-missing", naming: "2 documents wait")
        #expect(try place.count("annotations") == 5)
        #expect(try place.count("spool", "attempts = 0 AND lease IS NULL") == 2)
    }

    @Test("an idle daemon takes a new document at once, and ends at SIGINT")
    func idle() async throws {
        // The poll interval is long: only the notification can wake it.
        let daemon = try place.start("run", "--set", "worker.poll-seconds=600")
        try await eventually("the daemon listens") {
            try place.psql(
                """
                SELECT count(*) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name = 'glossator listen'
                """) == "1" && daemon.errors.contains("annotating")
        }
        try await Task.sleep(for: .milliseconds(200))
        try place.addDocuments(3)
        try await eventually("the documents were annotated", within: .seconds(10)) {
            try place.count("annotations") == 3
        }
        daemon.send(SIGINT)
        #expect(try await daemon.wait(within: .seconds(10)).code == 0)
    }

    @Test("a paused collection and a collection without a model are left alone, and a drain says so")
    func paused() async throws {
        try place.addDocuments(5, to: "now")
        try place.addDocuments(7, to: "later")
        try place.psql("SELECT glossator.pause('later')")
        let outcome = try await place.succeed("run", "--drain")
        #expect(outcome.errors.contains("7 documents wait"), "\(outcome)")
        #expect(try place.count("annotations") == 5)
        #expect(try place.count("spool", "attempts = 0 AND lease IS NULL") == 7)
        #expect(try await place.succeed("status").output.contains("paused"))
        try place.psql("SELECT glossator.resume('later')")
        try await place.succeed("run", "--drain")
        try expectComplete(12)
    }

    @Test("when the backbone is not on this machine, a drain ends with the model's exit code and charges no document")
    func backboneMissing() async throws {
        try place.addDocuments(20)
        var elsewhere = place.program
        elsewhere.environment["GLOSSATOR_MODELS_DIRECTORY"] = place.folder.appendingPathComponent("none").path
        let outcome = try await elsewhere.run("run", "--drain")
        expectRefusal(outcome, 75, "backbone-missing", naming: "glossator model import")
        #expect(try place.count("spool", "attempts = 0 AND lease IS NULL") == 20)
        #expect(try place.count("failures") == 0)
        // The daemon, which nobody waits for, stays and tries again: it works as soon as the backbone is there.
        try place.psql("UPDATE glossator.spool SET run_after = now()")
        let daemon = try elsewhere.start(["run", "--set", "worker.poll-seconds=0.2"])
        try await eventually("the daemon says what is missing") { daemon.errors.contains("backbone-missing") }
        #expect(daemon.isRunning)
        let imported = try await elsewhere.run("model", "import", Workplace.encoder.get().path)
        #expect(imported.code == 0, "\(imported)")
        try place.psql("UPDATE glossator.spool SET run_after = now() WHERE lease IS NULL")
        try await eventually("all are annotated") { try place.count("annotations") == 20 }
        daemon.send(SIGTERM)
        #expect(try await daemon.wait(within: .seconds(10)).code == 0)
        try expectComplete(20)
    }

    @Test("a backbone whose files were changed on this machine is not used")
    func backboneDamaged() async throws {
        var elsewhere = place.program
        let models = place.folder.appendingPathComponent("models")
        elsewhere.environment["GLOSSATOR_MODELS_DIRECTORY"] = models.path
        let encoder = try Workplace.encoder.get().path
        #expect(try await elsewhere.run("model", "import", encoder).code == 0)
        let hash = try place.psql("SELECT sha256 FROM glossator.backbones")
        let vocabulary = models.appendingPathComponent("\(hash)/vocab.txt")
        let text = try String(contentsOf: vocabulary, encoding: .utf8).replacing("\nparcel\n", with: "\npackage\n")
        try Data(text.utf8).write(to: vocabulary)
        try place.addDocuments(1)
        let outcome = try await elsewhere.run("run", "--drain")
        expectRefusal(outcome, 75, "backbone-damaged")
        #expect(try place.count("spool", "attempts = 0") == 1)
        // Importing again repairs it.
        #expect(try await elsewhere.run("model", "import", encoder).code == 0)
        try place.psql("UPDATE glossator.spool SET run_after = now()")
        #expect(try await elsewhere.run("run", "--drain").code == 0)
        try expectComplete(1)
    }

    @Test("when the database ends all its sessions in the middle, the daemon connects again and finishes")
    func sessionsEnded() async throws {
        try addSlowDocuments(300, pause: 0.5)
        let daemon = try startDraining()
        for step in 1...3 {
            try await eventually("the daemon has gone on") { try place.count("annotations") >= step * 40 }
            try place.psql(
                """
                SELECT pg_terminate_backend(pid) FROM pg_stat_activity
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND application_name LIKE 'glossator%'
                """)
        }
        try hurry()
        let outcome = try await daemon.wait()
        #expect(outcome.code == 0, "\(outcome)")
        #expect(outcome.errors.contains("trying again"), "\(outcome)")
        // The server's own words stand in the log's lines, not between them.
        #expect(!outcome.errors.contains("\nFATAL:") && !outcome.errors.contains("\nWARNING:"), "\(outcome)")
        try expectComplete(300)
    }

    @Test("documents deleted, and documents put back into the queue, while a daemon holds them do no harm")
    func changedMeanwhile() async throws {
        try addSlowDocuments(200, pause: 1.5)
        let daemon = try startDraining()
        try await eventually("the daemon has begun") { try place.count("annotations") > 0 }
        try place.psql(
            "DELETE FROM glossator.documents WHERE id % 4 = 0", "SELECT glossator.reannotate(collection => 'long')")
        try hurry()
        let outcome = try await daemon.wait()
        #expect(outcome.code == 0, "\(outcome)")
        try expectComplete(150)
    }

    // MARK: -

    /// Documents of 20 sentences; writing a claim takes `pause` until `hurry`.
    /// - Parameter pause: Seconds that the database takes to write a claim. Long where something is to happen in the
    ///   middle: other tests may keep this one from looking for many seconds.
    private func addSlowDocuments(_ count: Int, pause: Double) throws {
        try place.psql(
            """
            INSERT INTO glossator.documents (collection, external_id, body)
            SELECT 'long', 'd' || n, repeat('delivery of the parcel was late, refund ' || n || '. ', 20)
            FROM generate_series(1, \(count)) AS n
            """,
            """
            CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(\(pause)); RETURN NULL; END $$
            """,
            """
            CREATE TRIGGER slowly AFTER INSERT ON glossator.annotations FOR EACH STATEMENT EXECUTE FUNCTION slowly()
            """)
    }

    private func hurry() throws { try place.psql("DROP FUNCTION slowly() CASCADE") }

    private func startDraining() throws -> RunningProgram {
        try place.program.start(["run", "--drain"] + Self.smallClaims)
    }

    private func startDaemon() throws -> RunningProgram { try place.program.start(["run"] + Self.smallClaims) }

    /// Every document is annotated once, with one embedding; the queue is empty and nothing failed.
    private func expectComplete(_ documents: Int, sourceLocation: SourceLocation = #_sourceLocation) throws {
        #expect(try place.count("documents") == documents, sourceLocation: sourceLocation)
        #expect(try place.count("annotations") == documents, sourceLocation: sourceLocation)
        #expect(try place.count("embeddings") == documents, sourceLocation: sourceLocation)
        #expect(try place.count("spool") == 0, sourceLocation: sourceLocation)
        #expect(try place.count("failures") == 0, sourceLocation: sourceLocation)
    }
}
