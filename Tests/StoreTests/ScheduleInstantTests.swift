import Annotations
import Foundation
import Store
import TestSupport
import Testing

/// When a daily run is due: wall times of zones that change their clocks.
@Suite struct ScheduleInstantTests {
    struct Night: Sendable, CustomTestStringConvertible {
        let what: String
        let zone: String
        let at: String
        let day: String
        /// In UTC; nil: the day does not exist.
        let due: String?
        var testDescription: String { what }

        init(_ what: String, _ zone: String, _ at: String, _ day: String, _ due: String?) {
            (self.what, self.zone, self.at, self.day, self.due) = (what, zone, at, day, due)
        }
    }

    static let nights: [Night] = [
        .init("an ordinary night", "Europe/Berlin", "03:30", "2026-01-15", "2026-01-15 02:30"),
        .init("Berlin jumps from 2 to 3", "Europe/Berlin", "02:30", "2026-03-29", "2026-03-29 01:00"),
        .init("Berlin, after the jump", "Europe/Berlin", "03:30", "2026-03-29", "2026-03-29 01:30"),
        .init("Berlin has 02:30 twice", "Europe/Berlin", "02:30", "2026-10-25", "2026-10-25 00:30"),
        .init("Berlin, where 3 comes twice, once as 2", "Europe/Berlin", "03:00", "2026-10-25", "2026-10-25 02:00"),
        .init("Berlin, after the hour that comes twice", "Europe/Berlin", "03:30", "2026-10-25", "2026-10-25 02:30"),
        .init("New York jumps from 2 to 3", "America/New_York", "02:30", "2026-03-08", "2026-03-08 07:00"),
        .init("New York has 01:30 twice", "America/New_York", "01:30", "2026-11-01", "2026-11-01 05:30"),
        .init("Kolkata never changes", "Asia/Kolkata", "03:30", "2026-03-29", "2026-03-28 22:00"),
        .init("Lord Howe jumps half an hour", "Australia/Lord_Howe", "02:15", "2026-10-04", "2026-10-03 15:30"),
        .init("Lord Howe has 01:45 twice", "Australia/Lord_Howe", "01:45", "2026-04-05", "2026-04-04 14:45"),
        .init("Havana's day begins at 1", "America/Havana", "00:15", "2026-03-08", "2026-03-08 05:00"),
        .init("Beirut goes back into yesterday", "Asia/Beirut", "23:30", "2026-10-24", "2026-10-24 20:30"),
        .init("Toronto jumped into tomorrow", "America/Toronto", "23:45", "1919-03-30", "1919-03-31 04:30"),
        .init("Samoa, the day before", "Pacific/Apia", "03:30", "2011-12-29", "2011-12-29 13:30"),
        .init("Samoa left out a day", "Pacific/Apia", "03:30", "2011-12-30", nil),
        .init("Samoa, the day after", "Pacific/Apia", "03:30", "2011-12-31", "2011-12-30 13:30"),
        .init("Kwajalein left out a day", "Pacific/Kwajalein", "23:59:59.5", "1993-08-21", nil),
        .init("a fraction of a second", "Europe/Berlin", "02:59:59.25", "2026-03-29", "2026-03-29 01:00"),
    ]

    @Test func aNightHasOneInstant() async throws {
        let database = try await TestDatabase.create()
        for night in Self.nights {
            let found = try database.psql(
                """
                SELECT coalesce(to_char(glossator.due_at('\(night.at)', '\(night.zone)', '\(night.day)') AT TIME ZONE 'UTC',
                    'YYYY-MM-DD HH24:MI'), '')
                """)
            #expect(found == night.due ?? "", "\(night.what)")
        }
    }

    /// Against a slow twin that looks at every minute, on all days around a change of clocks.
    @Test func theFirstInstantIsTheFirst() async throws {
        let database = try await TestDatabase.create()
        let counts = try database.psql(
            """
            WITH zones AS (
                SELECT unnest(ARRAY['Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'America/Havana', 'Asia/Beirut',
                    'Africa/Casablanca', 'America/Nuuk', 'Pacific/Chatham', 'Asia/Gaza']) AS zone, timestamp '2026-01-01' AS start
                UNION ALL VALUES ('Pacific/Apia', timestamp '2011-09-01'), ('Pacific/Kwajalein', timestamp '1993-01-01')
            ), changes AS (
                SELECT zone, day FROM zones, generate_series(start, start + interval '364 days', interval '1 day') AS day
                WHERE (day AT TIME ZONE 'UTC' AT TIME ZONE zone) - day
                    <> ((day + interval '1 day') AT TIME ZONE 'UTC' AT TIME ZONE zone) - (day + interval '1 day')
            ), walls AS (
                SELECT zone, day + n * interval '1 day' + t AS wall FROM changes, generate_series(-2, 2) AS n,
                    unnest(ARRAY['00:00', '00:15', '01:45', '02:00', '02:30', '03:00', '03:30', '23:45']::interval[]) AS t
            )
            SELECT count(DISTINCT zone), count(*) > 500, count(*) FILTER (
                WHERE glossator.first_instant(wall, zone) <> (
                    SELECT min(i) FROM generate_series(wall AT TIME ZONE 'UTC' - interval '16 hours',
                        wall AT TIME ZONE 'UTC' + interval '16 hours', interval '1 minute') AS i
                    WHERE i AT TIME ZONE zone >= wall))
            FROM walls
            """)
        #expect(counts == "11|t|0")
    }

    struct Year: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let start: String
        let days: Int
        let zones: [String]
        /// SQL: whether the machine is on at `tick`.
        let isOn: String
    }

    static let years: [Year] = [
        .init(
            testDescription: "a year without a break", start: "2026-01-01", days: 365,
            zones: ["Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe"], isOn: "true"),
        .init(
            testDescription: "the day that Samoa left out", start: "2011-12-01", days: 60, zones: ["Pacific/Apia"],
            isOn: "true"),
        // In blocks of seven hours, so that it is off at the hour, after it, or for more than a day.
        .init(
            testDescription: "a machine that is off half of the time", start: "2026-02-01", days: 90,
            zones: ["Europe/Berlin", "America/New_York"],
            isOn: "hashint8(extract(epoch FROM tick)::bigint / 25200) % 2 = 0"),
    ]

    /// What the timer sees every quarter of an hour, and what then is made: each day that exists once, at its time, or as
    /// soon as the machine is on within twelve hours, or not at all.
    @Test(arguments: years) func everyDayIsServedOnce(year: Year) async throws {
        let database = try await TestDatabase.create()
        let zones = year.zones.map { "'\($0)'" }.joined(separator: ", ")
        let ticks = """
            generate_series(timestamptz '\(year.start) 00:00+00', timestamptz '\(year.start) 00:00+00' + interval '\(year.days) days',
                interval '15 minutes')
            """
        try database.psql(
            """
            INSERT INTO glossator.collections (name) SELECT unnest(ARRAY[\(zones)]);
            INSERT INTO glossator.train_schedule (collection, at, time_zone, since)
            SELECT name, '02:30', name, '\(year.start) 00:00+00' FROM glossator.collections WHERE name IN (\(zones));
            DO $$
            DECLARE
                tick timestamptz;
            BEGIN
                FOR tick IN SELECT \(ticks) LOOP
                    IF \(year.isOn) THEN
                        INSERT INTO glossator.training_runs
                            (collection, scheduled_for, status, code_version, started_at, beat_at, finished_at)
                        SELECT d.collection, d.scheduled_for, 'kept', 'test', tick, tick, tick
                        FROM glossator.trainings_due(tick) d;
                    END IF;
                END LOOP;
            END $$
            """)
        // The instants of all days that exist, by the slow twin; which the machine could make, and when first.
        let wrong = try database.psql(
            """
            WITH expected AS (
                SELECT s.collection, due.instant, min(tick) AS tick
                FROM glossator.train_schedule s,
                    generate_series(timestamp '\(year.start)' - interval '1 day',
                        timestamp '\(year.start)' + interval '\(year.days) days', interval '1 day') AS day,
                    LATERAL (
                        SELECT min(i) AS instant FROM generate_series(
                            (day + s.at) AT TIME ZONE 'UTC' - interval '14 hours',
                            (day + s.at) AT TIME ZONE 'UTC' + interval '14 hours', interval '15 minutes') AS i
                        WHERE i AT TIME ZONE s.time_zone >= day + s.at
                    ) AS due,
                    \(ticks) AS tick
                WHERE (due.instant AT TIME ZONE s.time_zone)::date = day::date AND due.instant >= s.since
                    AND tick >= due.instant AND tick < due.instant + interval '12 hours' AND \(year.isOn)
                GROUP BY s.collection, due.instant
            )
            SELECT count(*) FROM expected e
            FULL JOIN glossator.training_runs r
                ON r.collection = e.collection AND r.scheduled_for = e.instant AND r.started_at = e.tick
            WHERE e.collection IS NULL OR r.id IS NULL
            """)
        #expect(wrong == "0")
        let served = try database.psql(
            """
            SELECT min(n), max(n) FROM (
                SELECT count(*) AS n, count(DISTINCT (scheduled_for AT TIME ZONE s.time_zone)::date) AS days
                FROM glossator.training_runs r JOIN glossator.train_schedule s USING (collection) GROUP BY collection
            ) AS c WHERE n = days
            """)
        let range = served.split(separator: "|").compactMap { Int($0) }
        #expect(range.count == 2, "\(served)")
        if year.isOn == "true" {
            // Where a day was left out the same time holds one more date, and one that does not exist.
            #expect(range == [year.days, year.days])
        } else {
            #expect(range[0] > year.days / 2 && range[1] < year.days, "\(served): off at some hours, not at all")
        }
    }
}
