import Annotations
import Foundation
import Store
import TestSupport
import Testing

/// `glossator.train_schedule`: what is due, who gets it, and what becomes of runs that fail or die.
@Suite struct ScheduleTests {
    /// A collection that was to be trained this long ago, for days on end.
    private func schedule(
        _ collection: String = "mail", secondsAgo: Int = 300, _ columns: String = "", _ values: String = "",
        in database: TestDatabase
    ) throws {
        try database.psql(
            """
            INSERT INTO glossator.collections (name) VALUES ('\(collection)') ON CONFLICT DO NOTHING;
            INSERT INTO glossator.train_schedule (collection, time_zone, since, at\(columns))
            VALUES ('\(collection)', 'UTC', now() - interval '3 days',
                (now() AT TIME ZONE 'UTC' - interval '\(secondsAgo) seconds')::time\(values))
            """)
    }

    private func scheduled(secondsAgo: Int = 300) async throws -> TestDatabase {
        let database = try await TestDatabase.create()
        try schedule(secondsAgo: secondsAgo, in: database)
        return database
    }

    private func store(_ database: TestDatabase) -> ScheduleStore { ScheduleStore(connection: database.connection) }

    private func claim(_ database: TestDatabase) async throws -> Int64 {
        let due = try #require(try await store(database).due().first)
        return try #require(try await store(database).claim(due, codeVersion: "test"))
    }

    private func outcome(_ database: TestDatabase) async throws -> String? {
        try await store(database).entries().first?.outcome
    }

    private func die(_ run: Int64, in database: TestDatabase) throws {
        try database.psql("UPDATE glossator.training_runs SET beat_at = now() - interval '3 minutes' WHERE id = \(run)")
    }

    @Test func aRowNamesACollectionAndAZoneOfTheIANA() async throws {
        let database = try await TestDatabase.create()
        try await database.add("text")
        func insert(_ collection: String, _ zone: String) async -> Fault? {
            await fault {
                try await database.connection.execute(
                    "INSERT INTO glossator.train_schedule (collection, time_zone) VALUES ('\(collection)', \(zone))")
            }
        }
        #expect(await insert("male", "'UTC'")?.code == "not-found")
        let berlin = await insert("mail", "'berlin'")
        #expect(berlin?.code == "schedule-time-zone" && berlin?.blame == .input)
        #expect(berlin?.hint == "Did you mean Europe/Berlin?")
        #expect(await insert("mail", "'new york'")?.hint == "Did you mean America/New_York?")
        for zone in ["CEST", "+02", "posix/Europe/Berlin", "localtime", ""] {
            let refusal = await insert("mail", "'\(zone)'")
            #expect(refusal?.code == "schedule-time-zone", "\(zone)")
            #expect(refusal?.hint?.contains("pg_timezone_names") == true || zone == "posix/Europe/Berlin")
        }
        // A session that has an offset for a zone knows no zone to take by default.
        try await database.connection.execute("SET TIME ZONE 2")
        #expect(await insert("mail", "DEFAULT")?.code == "schedule-time-zone")
        try await database.connection.execute("SET TIME ZONE 'Asia/Kolkata'")
        #expect(await insert("mail", "DEFAULT") == nil)
        #expect(
            try database.psql("SELECT at, time_zone, catch_up, enabled FROM glossator.train_schedule")
                == "03:30:00|Asia/Kolkata|12:00:00|t")
        try database.psql("UPDATE glossator.train_schedule SET time_zone = ' europe/berlin '")
        #expect(try database.psql("SELECT time_zone FROM glossator.train_schedule") == "Europe/Berlin")
        let entry = try #require(try await store(database).entries().first)
        #expect(entry.time == "03:30 Europe/Berlin" && entry.nextLocal?.hasSuffix(" 03:30") == true)
        #expect(entry.outcome == nil && entry.lastLocal == nil && entry.problem == nil)
    }

    @Test func aScheduleOwesNothingFromBeforeItWasWritten() async throws {
        let database = try await scheduled()
        #expect(try await store(database).due().map(\.collection) == ["mail"])
        for change in ["at = at - interval '1 minute'", "time_zone = 'Etc/UCT'", "enabled = false", "enabled = true"] {
            try database.psql("UPDATE glossator.train_schedule SET since = now() - interval '3 days'")
            try database.psql("UPDATE glossator.train_schedule SET \(change)")
            #expect(try await store(database).due().isEmpty, "\(change)")
        }
        try database.psql("UPDATE glossator.train_schedule SET since = now() - interval '3 days'")
        try database.psql("UPDATE glossator.train_schedule SET catch_up = '1 hour', at = at")
        #expect(try await store(database).due().count == 1)
    }

    @Test(
        arguments: [
            ("0", 1500, true), ("0", 2100, false), ("1 hour", 2100, true), ("1 hour", 3700, false),
            ("12 hours", 40_000, true), ("12 hours", 45_000, false), ("1 day", 80_000, true), ("7 days", 80_000, true),
        ])
    func aRunIsMadeUpOnceAndNotTooLate(catchUp: String, secondsAgo: Int, isDue: Bool) async throws {
        let database = try await TestDatabase.create()
        try schedule(secondsAgo: secondsAgo, ", catch_up", ", '\(catchUp)'", in: database)
        // Three days were missed, one run is made.
        #expect(try await store(database).due().count == (isDue ? 1 : 0))
        #expect(try await outcome(database) == (isDue ? "due" : "missed"))
        guard isDue else { return }
        try await database.runs.finish(run: claim(database), end: .kept(modelID: nil), message: "no better")
        #expect(try await store(database).due().isEmpty)
        #expect(try await outcome(database) == "kept")
    }

    @Test func ofManyClaimersOneGetsTheRun() async throws {
        let database = try await scheduled()
        let due = try #require(try await store(database).due().first)
        let connections = try await withThrowingTaskGroup(of: Connection.self) { group in
            for _ in 0..<8 { group.addTask { try await database.another() } }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let claimed = try await withThrowingTaskGroup(of: Int64?.self) { group in
            for connection in connections {
                group.addTask {
                    try await ScheduleStore(connection: connection).claim(due, codeVersion: "test")
                }
            }
            return try await group.reduce(into: [Int64?]()) { $0.append($1) }
        }
        #expect(claimed.compactMap { $0 }.count == 1)
        #expect(try database.count("training_runs") == 1)
        let row = try #require(try await database.runs.runs().first)
        #expect(row.status == "running" && row.parentModelID == nil)
        let instant = "abs(extract(epoch FROM scheduled_for) - \(due.instant.timeIntervalSince1970)) < 0.001"
        #expect(try database.count("training_runs", instant) == 1)
        #expect(try await store(database).due().isEmpty)
        #expect(try await outcome(database) == "running")
        let model = try await database.addModel()
        try await database.runs.describe(
            run: row.id, parentModelID: model, options: #"{"seed": 1}"#, counts: #"{"train": 3}"#)
        let described = try await database.runs.run(id: row.id)
        #expect(described.parentModelID == model && described.counts.contains("train"))
        try await database.runs.finish(run: row.id, end: .kept(modelID: nil), message: "no better")
        let late = await fault {
            try await database.runs.describe(run: row.id, parentModelID: nil, options: "{}", counts: "{}")
        }
        #expect(late?.code == "training-lost")
        #expect(try await store(database).claim(due, codeVersion: "test") == nil)
    }

    @Test func whatWasListedInTimeIsInTimeAfterALongRunBeforeIt() async throws {
        let database = try await TestDatabase.create()
        try schedule(secondsAgo: 1797, ", catch_up", ", '0'", in: database)
        let due = try #require(try await store(database).due().first)
        while try await !store(database).due().isEmpty { try await Task.sleep(for: .milliseconds(50)) }
        #expect(try await store(database).claim(due, codeVersion: "test") != nil)
        #expect(try await store(database).claim(due, codeVersion: "test") == nil)
    }

    @Test(arguments: ["DELETE FROM glossator.train_schedule", "UPDATE glossator.train_schedule SET enabled = false"])
    func aScheduleThatEndsMeanwhileIsNotClaimed(change: String) async throws {
        let database = try await scheduled()
        let due = try #require(try await store(database).due().first)
        try database.psql(change)
        #expect(try await store(database).claim(due, codeVersion: "test") == nil)
        #expect(try database.count("training_runs") == 0)
    }

    @Test func aFailedRunIsTriedAgainThreeTimesInAll() async throws {
        let database = try await scheduled()
        for attempt in 1...3 {
            #expect(try await store(database).due().map(\.attempt) == [attempt])
            let run = try await claim(database)
            if attempt == 2 {
                // Killed: nobody says so. It counts when it has been silent for long enough.
                #expect(try await store(database).due().isEmpty)
                try die(run, in: database)
                #expect(try await outcome(database) == "due")
            } else {
                try await database.runs.finish(run: run, end: .failed(mayPass: true), message: "the disk is full")
            }
        }
        #expect(try await store(database).due().isEmpty)
        #expect(try await outcome(database) == "failed")
        #expect(try await database.runs.runs().map(\.status) == ["failed", "failed", "failed"])
        #expect(try database.count("training_runs", "message LIKE 'the trainer died%' AND may_pass") == 1)
    }

    @Test func aRunThatFailedForGoodIsNotTriedAgainThatDay() async throws {
        let database = try await scheduled()
        let run = try await claim(database)
        try await database.runs.finish(run: run, end: .failed(mayPass: false), message: "one class only")
        #expect(try await store(database).due().isEmpty)
        #expect(try await outcome(database) == "failed")
        // The next day is another: its instant has no run yet.
        try database.psql("UPDATE glossator.training_runs SET scheduled_for = scheduled_for - interval '1 day'")
        #expect(try await store(database).due().map(\.attempt) == [1])
    }

    @Test func aRunThatSomebodyStartedIsWaitedForAndIsNotTheSchedules() async throws {
        let database = try await scheduled()
        let due = try #require(try await store(database).due().first)
        let run = try await database.runs.start(
            collection: "mail", parentModelID: nil, options: "{}", counts: "{}", codeVersion: "test")
        #expect(try await store(database).due().isEmpty)
        #expect(try await store(database).claim(due, codeVersion: "test") == nil)
        #expect(try await outcome(database) == "waiting")
        try await database.runs.finish(run: run, end: .kept(modelID: nil), message: "no better")
        #expect(try await store(database).due().map(\.attempt) == [1])
    }

    @Test func aZoneThatTheServerForgotStopsOnlyItsOwnCollection() async throws {
        let database = try await scheduled()
        try schedule("other", in: database)
        // As after a move to a server with other zone files, where rows are restored before triggers.
        try database.psql(
            """
            ALTER TABLE glossator.train_schedule DISABLE TRIGGER train_schedule_checked;
            UPDATE glossator.train_schedule SET time_zone = 'US/Atlantis' WHERE collection = 'mail';
            ALTER TABLE glossator.train_schedule ENABLE TRIGGER train_schedule_checked
            """)
        #expect(try await store(database).due().map(\.collection) == ["other"])
        let entries = try await store(database).entries()
        #expect(entries.map(\.collection) == ["other", "mail"])
        #expect(entries[1].problem?.contains("US/Atlantis") == true && entries[1].next == nil)
        try database.psql("UPDATE glossator.train_schedule SET enabled = false")
        #expect(try await store(database).entries().allSatisfy { $0.problem == nil && $0.nextLocal == nil })
    }
}
