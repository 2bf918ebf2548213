import Annotations
import Foundation
import TestSupport
import Testing
import glossator

@Suite("train --due, with the built program")
struct ScheduleTests {
    private let place: Workplace

    init() async throws { place = try await Workplace() }

    /// Was to be trained five minutes ago.
    private func schedule(_ collection: String, minutesAgo: Int = 5) throws {
        try place.psql(
            """
            INSERT INTO glossator.train_schedule (collection, time_zone, since, at)
            VALUES ('\(collection)', 'UTC', now() - interval '2 days',
                (now() AT TIME ZONE 'UTC' - interval '\(minutesAgo) minutes')::time)
            """)
    }

    private func load(_ collection: String) async throws {
        let file = try place.write("\(collection).jsonl", LabelledMails.jsonl)
        try await place.succeed("import", file, "--collection", collection)
    }

    /// Runs take so long to begin that something can happen meanwhile.
    private func slowDown(seconds: Int) throws {
        try place.psql(
            """
            CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_sleep(\(seconds)); RETURN NEW; END $$;
            CREATE TRIGGER pause BEFORE UPDATE OF options ON glossator.training_runs FOR EACH ROW EXECUTE FUNCTION pause()
            """)
    }

    private static let quick = ["--set", "train.epochs=3", "--set", "train.minimum-steps=0"]

    private func train() throws -> RunningProgram { try place.start(["train", "--due"] + Self.quick) }

    @Test("every collection that is due is trained; what fails is said, recorded, and stops no other")
    func due() async throws {
        let nobody = try await train().wait()
        #expect(nobody.code == 0 && nobody.output.contains("no collection has a schedule"), "\(nobody)")
        try place.addDocuments(3, to: "a-empty")
        for collection in ["mail", "unscheduled", "later"] { try await load(collection) }
        for collection in ["a-empty", "mail"] { try schedule(collection) }
        try schedule("later", minutesAgo: -60)
        try place.psql("UPDATE glossator.train_schedule SET catch_up = '0' WHERE collection = 'later'")
        let outcome = try await train().wait()
        #expect(outcome.code == 65 && outcome.errors.contains("[no-gold]"), "\(outcome)")
        #expect(outcome.output.contains("collection mail\n") && outcome.output.contains("scores on held-out"))
        #expect(
            try place.psql(
                """
                SELECT collection, status IN ('promoted', 'kept'), may_pass, scheduled_for < now(), options ? 'heads',
                    parent_model_id IS NOT NULL
                FROM glossator.training_runs ORDER BY collection
                """) == "a-empty|f|f|t|f|f\nmail|t|f|t|t|t")
        #expect(try place.psql("SELECT message FROM glossator.training_runs WHERE status = 'failed'").contains("gold"))
        let again = try await train().wait()
        #expect(again.code == 0 && again.output.contains("nothing is due; next: later at "), "\(again)")
        #expect(try place.count("training_runs") == 2)
        let status = try await place.succeed("status").output
        #expect(status.contains("every day at") && status.contains(" UTC"), "\(status)")
    }

    @Test("of two machines whose timers fire at once one trains")
    func twoAtOnce() async throws {
        try await load("mail")
        try schedule("mail")
        try slowDown(seconds: 1)
        for program in try [train(), train(), train()] {
            let outcome = try await program.wait()
            #expect(outcome.code == 0, "\(outcome)")
        }
        #expect(
            try place.psql("SELECT status <> 'failed', scheduled_for IS NULL FROM glossator.training_runs") == "t|f")
    }

    @Test("a run that was killed is made again when it has been silent for two minutes")
    func killed() async throws {
        try await load("mail")
        try schedule("mail")
        try slowDown(seconds: 30)
        let first = try train()
        try await eventually("the run has begun") { try place.count("training_runs") == 1 }
        first.send(SIGKILL)
        _ = try await first.wait()
        try place.psql("DROP TRIGGER pause ON glossator.training_runs")
        let early = try await train().wait()
        #expect(early.code == 0 && early.output.contains("nothing is due"), "\(early)")
        // Its session may still sleep in the trigger, and hold the row.
        try place.psql(
            """
            SELECT pg_terminate_backend(pid) FROM pg_stat_activity
            WHERE datname = current_database() AND pid <> pg_backend_pid()
            """)
        try await eventually("its sessions are gone") {
            try place.psql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()") == "1"
        }
        try place.psql("UPDATE glossator.training_runs SET beat_at = now() - interval '3 minutes'")
        let second = try await train().wait()
        #expect(second.code == 0 && second.output.contains("collection mail, attempt 2"), "\(second)")
        #expect(
            try place.psql("SELECT status = 'failed', may_pass FROM glossator.training_runs ORDER BY id") == "t|t\nf|f")
    }

    @Test("a schedule whose zone the server does not know is said every time, and stops no other")
    func forgottenZone() async throws {
        try await load("mail")
        for collection in ["mail", "default"] {
            try place.psql("INSERT INTO glossator.collections (name) VALUES ('\(collection)') ON CONFLICT DO NOTHING")
            try schedule(collection)
        }
        try place.psql(
            """
            ALTER TABLE glossator.train_schedule DISABLE TRIGGER train_schedule_checked;
            UPDATE glossator.train_schedule SET time_zone = 'US/Atlantis' WHERE collection = 'default'
            """)
        let outcome = try await train().wait()
        #expect(outcome.code == 78 && outcome.errors.contains("[schedule-time-zone]"), "\(outcome)")
        #expect(outcome.output.contains("collection mail\n"))
        #expect(try place.psql("SELECT collection FROM glossator.training_runs") == "mail")
        #expect(try await place.succeed("status").output.contains("US/Atlantis"))
    }

    @Test(
        "--due chooses collections and tasks itself",
        arguments: [["--collection", "mail"], ["--task", "topic"], ["--plan"]])
    func usage(arguments: [String]) async throws {
        let outcome = try await place.start(["train", "--due"] + arguments).wait()
        #expect(outcome.code == 64 && outcome.errors.contains("glossator.train_schedule"), "\(outcome)")
    }

    @Test("training steps back behind other programs, all threads of it, as far as train.nice says")
    func nice() async throws {
        try await load("mail")
        try schedule("mail")
        // Until it is killed: beside tests that compute on all processors this one may not get its turn for a minute.
        try slowDown(seconds: 300)
        let program = try place.start(["train", "--due", "--set", "train.nice=13", "--database", place.database])
        defer { program.send(SIGKILL) }
        var found: [Int] = []
        try await eventually("all threads have the nice value", within: .seconds(240)) {
            found = threads(of: place.databaseName).map(\.nice)
            return try found.count > 2 && Set(found) == [13] && place.count("training_runs") == 1
        }
        #expect(Set(found) == [13])
    }

    /// Nice values of the threads of the program whose command line names this database.
    private func threads(of database: String) -> [(id: String, nice: Int)] {
        let files = FileManager.default
        let processes = ((try? files.contentsOfDirectory(atPath: "/proc")) ?? []).filter { Int($0) != nil }
        let process = processes.first { id in
            guard let line = files.contents(atPath: "/proc/\(id)/cmdline") else { return false }
            let words = String(decoding: line, as: UTF8.self)
            return words.contains("train\0--due") && words.contains("dbname=\(database)")
        }
        guard let process else { return [] }
        return ((try? files.contentsOfDirectory(atPath: "/proc/\(process)/task")) ?? []).compactMap { thread in
            // The fields after the name, which is in parentheses; nice is the 19th of all.
            guard let stat = files.contents(atPath: "/proc/\(process)/task/\(thread)/stat"),
                let rest = String(decoding: stat, as: UTF8.self).split(separator: ")").last,
                let nice = rest.split(separator: " ").dropFirst(16).first.flatMap({ Int($0) })
            else { return nil }
            return (thread, nice)
        }
    }

    @Test("what may pass by itself, or on another machine, is tried again; what is wrong with the gold is not")
    func retries() {
        #expect(!Fault(.input, "no-gold", "").mayPassLater)
        #expect(!Fault(.document, "x", "").mayPassLater)
        for blame in [Fault.Blame.database, .model, .configuration, .system, .defect] {
            #expect(Fault(blame, "x", "").mayPassLater)
        }
        #expect(Fault(.input, "x", "", isTransient: true).mayPassLater)
    }
}
