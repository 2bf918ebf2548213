-- When each collection is trained by itself. Locks glossator.training_runs for the moment of adding two columns that need no
-- rewriting, and of an index over no row.

ALTER TABLE glossator.training_runs
    ADD COLUMN scheduled_for timestamptz,
    ADD COLUMN may_pass boolean NOT NULL DEFAULT false;
CREATE INDEX training_runs_of_schedule ON glossator.training_runs (collection, scheduled_for) WHERE scheduled_for IS NOT NULL;

COMMENT ON COLUMN glossator.training_runs.scheduled_for IS
    'The instant of glossator.train_schedule that it was for; null for a run that somebody started.';
COMMENT ON COLUMN glossator.training_runs.may_pass IS
    'Of a failed run: what it failed for may be over, or not so on another machine. The schedule then tries again, three times in all.';

-- Wall times and instants. Zones have changed their clocks by up to a day, in either direction; never twice within 32 hours.

CREATE FUNCTION glossator.first_instant(wall timestamp, time_zone text) RETURNS timestamptz
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    utc timestamptz := wall AT TIME ZONE 'UTC';
    -- No zone was ever as far as 16 hours from UTC: these two instants have the wall time between them.
    earliest timestamptz := utc - interval '16 hours';
    latest timestamptz := utc + interval '16 hours';
    by_old_clock timestamptz;
    by_new_clock timestamptz;
    low bigint;
    high bigint;
    middle bigint;
BEGIN
    -- A wall time that comes twice came first by the old clock.
    by_old_clock := utc - ((earliest AT TIME ZONE time_zone) - (earliest AT TIME ZONE 'UTC'));
    IF by_old_clock AT TIME ZONE time_zone = wall THEN
        RETURN by_old_clock;
    END IF;
    by_new_clock := utc - ((latest AT TIME ZONE time_zone) - (latest AT TIME ZONE 'UTC'));
    IF by_new_clock AT TIME ZONE time_zone = wall THEN
        RETURN by_new_clock;
    END IF;
    -- The clock jumped over it, at a whole second between the two.
    low := floor(extract(epoch FROM by_new_clock));
    high := ceil(extract(epoch FROM by_old_clock));
    WHILE high - low > 1 LOOP
        middle := (low + high) / 2;
        IF to_timestamp(middle) AT TIME ZONE time_zone >= wall THEN
            high := middle;
        ELSE
            low := middle;
        END IF;
    END LOOP;
    RETURN to_timestamp(high);
END
$$;
COMMENT ON FUNCTION glossator.first_instant(timestamp, text) IS
    'The first instant at which clocks of a time zone show this time or a later one: of a time that comes twice the first, of one that is jumped over the end of the jump.';

CREATE FUNCTION glossator.due_at(at time, time_zone text, day date) RETURNS timestamptz
    LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    instant timestamptz := glossator.first_instant(day + at, time_zone);
BEGIN
    -- Also when the clock jumped from before the time to the next day. A day that was jumped over as a whole has none.
    IF (instant AT TIME ZONE time_zone)::date = day
        OR (glossator.first_instant(day::timestamp, time_zone) AT TIME ZONE time_zone)::date = day THEN
        RETURN instant;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION glossator.due_at(time, text, date) IS
    'The one instant of a daily run on a day of a time zone: a wall time that the clock jumps over is due when it has jumped, one that comes twice is due the first time. Null for a day that a zone left out (Samoa, 30 December 2011).';

CREATE FUNCTION glossator.schedule_instants(
    at time, time_zone text, around timestamptz, OUT last_at timestamptz, OUT next_at timestamptz, OUT problem text
) LANGUAGE plpgsql STABLE AS $$
DECLARE
    today date;
BEGIN
    today := (around AT TIME ZONE time_zone)::date;
    SELECT max(d.instant) FILTER (WHERE d.instant <= around), min(d.instant) FILTER (WHERE d.instant > around)
    INTO last_at, next_at
    FROM (SELECT glossator.due_at(at, time_zone, today + n) AS instant FROM generate_series(-1, 1) AS n) AS d;
    -- The day beside today may be one that does not exist.
    last_at := coalesce(last_at, glossator.due_at(at, time_zone, today - 2));
    next_at := coalesce(next_at, glossator.due_at(at, time_zone, today + 2));
EXCEPTION WHEN invalid_parameter_value THEN
    -- A server may come to know fewer zones than the one that took the row.
    problem := SQLERRM;
END
$$;
COMMENT ON FUNCTION glossator.schedule_instants(time, text, timestamptz) IS
    'The latest instant of a daily run that is not after a moment, and the next one; or why there is none: the server does not know the zone.';

CREATE TABLE glossator.train_schedule (
    collection text PRIMARY KEY REFERENCES glossator.collections,
    at time NOT NULL DEFAULT '03:30' CHECK (at < '24:00'),
    time_zone text NOT NULL DEFAULT current_setting('TimeZone'),
    catch_up interval NOT NULL DEFAULT '12 hours' CHECK (catch_up >= interval '0'),
    enabled boolean NOT NULL DEFAULT true,
    since timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE glossator.train_schedule IS
    'Collections that are trained every day by themselves: `glossator train --due`, which a systemd timer runs. A collection without a row is trained when somebody says so.';
COMMENT ON COLUMN glossator.train_schedule.collection IS 'Whose gold to learn from.';
COMMENT ON COLUMN glossator.train_schedule.at IS 'When, by the clocks of the time zone.';
COMMENT ON COLUMN glossator.train_schedule.time_zone IS
    'A name of the IANA database, such as Europe/Berlin; by default that of the session that inserts the row.';
COMMENT ON COLUMN glossator.train_schedule.catch_up IS
    'How late a run may still begin that was missed because no machine was on: once, however many days were missed. What is not half an hour late is on time, so 0 makes up nothing.';
COMMENT ON COLUMN glossator.train_schedule.enabled IS 'false: not for now.';
COMMENT ON COLUMN glossator.train_schedule.since IS
    'Instants before this are not made up: when the row was inserted, or its time, time zone or enabled was changed last.';

CREATE FUNCTION glossator.check_train_schedule() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    known text;
    near text;
    wanted text := btrim(NEW.time_zone);
    is_new boolean := TG_OP = 'INSERT';
BEGIN
    IF is_new THEN
        PERFORM glossator.require_collection(NEW.collection);
    END IF;
    IF is_new OR NEW.time_zone IS DISTINCT FROM OLD.time_zone THEN
        SELECT z.name INTO known FROM pg_catalog.pg_timezone_names z WHERE z.name ~ '^[A-Z]' AND lower(z.name) = lower(wanted);
        IF known IS NULL THEN
            SELECT string_agg(z.name, ', ' ORDER BY z.name) INTO near FROM pg_catalog.pg_timezone_names z
            WHERE z.name ~ '^[A-Z]' AND lower(regexp_replace(z.name, '^.*/', '')) = replace(lower(wanted), ' ', '_');
            RAISE EXCEPTION 'there is no time zone "%"', wanted
                USING ERRCODE = 'check_violation', CONSTRAINT = 'schedule_time_zone',
                    HINT = CASE WHEN near IS NULL
                        THEN 'SELECT name FROM pg_timezone_names lists them; an abbreviation or an offset knows no summer time.'
                        ELSE 'Did you mean ' || near || '?' END;
        END IF;
        NEW.time_zone := known;
    END IF;
    IF NOT is_new AND NEW.since = OLD.since
        AND (NEW.at, NEW.time_zone, NEW.enabled) IS DISTINCT FROM (OLD.at, OLD.time_zone, OLD.enabled) THEN
        NEW.since := now();
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION glossator.check_train_schedule() IS 'Trigger: the collection and the time zone exist, and a changed schedule owes nothing from before.';

CREATE TRIGGER train_schedule_checked BEFORE INSERT OR UPDATE ON glossator.train_schedule
    FOR EACH ROW EXECUTE FUNCTION glossator.check_train_schedule();

CREATE FUNCTION glossator.trainings_due(
    now timestamptz DEFAULT now(), OUT collection text, OUT scheduled_for timestamptz, OUT attempt integer
) RETURNS SETOF record LANGUAGE sql STABLE AS $$
    SELECT s.collection, i.last_at, r.attempts + 1
    FROM glossator.train_schedule s
    CROSS JOIN LATERAL glossator.schedule_instants(s.at, s.time_zone, trainings_due.now) i
    CROSS JOIN LATERAL (
        SELECT count(*)::integer AS attempts,
            count(*) FILTER (WHERE t.status IN ('promoted', 'kept') OR (t.status = 'failed' AND NOT t.may_pass)) AS settled
        FROM glossator.training_runs t
        WHERE t.collection = s.collection AND t.scheduled_for = i.last_at
    ) AS r
    WHERE s.enabled AND i.last_at >= s.since AND r.settled = 0 AND r.attempts < 3
        AND i.last_at > trainings_due.now - greatest(s.catch_up, interval '30 minutes')
        -- One run at a time, whoever started it. One that is silent has died; starting another closes it.
        AND NOT EXISTS (
            SELECT FROM glossator.training_runs t
            WHERE t.collection = s.collection AND t.status = 'running' AND t.beat_at >= trainings_due.now - interval '2 minutes')
    ORDER BY i.last_at, s.collection
$$;
COMMENT ON FUNCTION glossator.trainings_due(timestamptz) IS
    'Collections whose latest scheduled run is still to be made at a moment, and which attempt it will be: not yet made, not too late, not failed for good or three times, and nothing else is training there.';

CREATE VIEW glossator.train_schedule_next AS
SELECT s.collection, s.at, s.time_zone, CASE WHEN s.enabled THEN i.next_at END AS next_at,
    CASE WHEN i.last_at >= s.since THEN i.last_at END AS last_at,
    CASE
        WHEN i.problem IS NOT NULL OR i.last_at < s.since THEN NULL
        WHEN d.collection IS NOT NULL THEN 'due'
        WHEN r.status IS NOT NULL THEN r.status
        WHEN NOT s.enabled THEN NULL
        WHEN i.last_at > now() - greatest(s.catch_up, interval '30 minutes') THEN 'waiting'
        ELSE 'missed'
    END AS last_outcome,
    CASE WHEN s.enabled THEN i.problem END AS problem
FROM glossator.train_schedule s
CROSS JOIN LATERAL glossator.schedule_instants(s.at, s.time_zone, now()) i
LEFT JOIN glossator.trainings_due() d ON d.collection = s.collection
LEFT JOIN LATERAL (
    SELECT t.status FROM glossator.training_runs t
    WHERE t.collection = s.collection AND t.scheduled_for = i.last_at ORDER BY t.id DESC LIMIT 1
) AS r ON true;

COMMENT ON VIEW glossator.train_schedule_next IS 'When each collection of glossator.train_schedule is trained next, and what came of the last time.';
COMMENT ON COLUMN glossator.train_schedule_next.collection IS 'The collection.';
COMMENT ON COLUMN glossator.train_schedule_next.at IS 'The daily wall time.';
COMMENT ON COLUMN glossator.train_schedule_next.time_zone IS 'Whose wall time.';
COMMENT ON COLUMN glossator.train_schedule_next.next_at IS 'The next run; null when the schedule is not enabled.';
COMMENT ON COLUMN glossator.train_schedule_next.last_at IS 'The instant before; null when it was before the schedule.';
COMMENT ON COLUMN glossator.train_schedule_next.last_outcome IS
    'What came of it: promoted, kept, failed or running as in glossator.training_runs; due: the timer begins it, or tries again; waiting: another run of the collection has to end first; missed: too late to make up.';
COMMENT ON COLUMN glossator.train_schedule_next.problem IS 'Why it cannot be run: the server does not know the time zone any more.';
