import Foundation
import TestSupport
import Testing

@Suite(
    "Through PgBouncer in transaction mode, and by a service file, with the built program",
    .enabled(if: TemporaryPooler.isWanted, "pgbouncer is not installed: apt-get install pgbouncer"))
struct PoolerTests {
    /// A database in which nothing is, and the program set up for it behind the pooler.
    private func place() async throws -> (place: Workplace, program: Program) {
        let place = try await Workplace(.empty)
        var program = place.program
        program.environment["DATABASE_URL"] = try TemporaryPooler.shared().conninfo(place.databaseName)
        program.environment["GLOSSATOR_DATABASE_POOL_MODE"] = "transaction"
        return (place, program)
    }

    private func succeed(_ program: Program, _ arguments: String...) async throws -> Program.Outcome {
        let outcome = try await program.start(arguments).wait()
        try #require(outcome.code == 0, "\(arguments.joined(separator: " ")): \(outcome)")
        return outcome
    }

    @Test("every command that uses a database: migrate, model import, import, run, train, search, status")
    func path() async throws {
        let (place, program) = try await place()
        _ = try await succeed(program, "migrate")
        _ = try await succeed(program, "model", "import", Workplace.encoder.get().path)
        let file = try place.write("mails.jsonl", LabelledMails.jsonl)
        let total = LabelledMails.all.count
        let imported = try await succeed(program, "import", file, "--collection", "mail")
        #expect(imported.output.contains("\(total) documents loaded"))
        _ = try await succeed(program, "run", "--drain")
        #expect(try place.count("embeddings") == total)
        let trained = try await succeed(
            program, "train", "--collection", "mail", "--promote", "always", "--set", "train.learning-rate=0.005")
        #expect(trained.output.contains("promoted"))
        #expect(try place.psql("SELECT glossator.reannotate(collection => 'mail')") == "\(total)")
        _ = try await succeed(program, "run", "--drain")
        #expect(try place.count("labels", "task = 'topic'") == total)
        #expect(try place.count("spool") == 0 && place.count("failures") == 0)
        for command in [["status"], ["model", "list"], ["search", "late parcel", "--collection", "mail"]] {
            let outcome = try await program.start(command).wait()
            #expect(outcome.code == 0, "\(outcome)")
        }
    }

    @Test("a daemon that is not told when documents come finds them by polling")
    func polling() async throws {
        let (place, program) = try await place()
        _ = try await succeed(program, "migrate")
        _ = try await succeed(program, "model", "import", Workplace.encoder.get().path)
        let daemon = try program.start(["run", "--set", "worker.poll-seconds=0.2"])
        try await eventually("the daemon runs") { try place.count("daemons") == 1 }
        try place.addDocuments(20)
        try await eventually("the documents are annotated") { try place.count("annotations") == 20 }
        daemon.send(SIGTERM)
        #expect(try await daemon.wait().code == 0)
    }

    @Test("without the setting the program says which it needs")
    func unset() async throws {
        let (place, informed) = try await place()
        var program = informed
        program.environment["GLOSSATOR_DATABASE_POOL_MODE"] = nil
        expectRefusal(try await program.run("migrate"), 78, "database-pooler", naming: "database.pool-mode")
        #expect(try place.psql("SELECT count(*) FROM pg_namespace WHERE nspname = 'glossator'") == "0")
    }

    @Test("PGSERVICEFILE names a file with the database's address")
    func service() async throws {
        let place = try await Workplace(.migrated)
        let address = place.database.replacing(" ", with: "\n")
        var program = place.program
        program.environment["PGSERVICEFILE"] = try place.write("services", "[glosses]\n\(address)\n")
        program.environment["DATABASE_URL"] = "service=glosses"
        _ = try await succeed(program, "status")
        program.environment["DATABASE_URL"] = "service=nowhere"
        expectRefusal(try await program.run("status"), 78, "database-conninfo", naming: "nowhere")
        program.environment["DATABASE_URL"] = "postgres://x:y:z"
        expectRefusal(try await program.run("status"), 78, "database-conninfo")
    }
}
