"""Scenarios in which daemons are killed, frozen or asked to end. The database is well throughout."""

import time


def daemon_kill(place):
    """kill -9 of a random daemon, again and again, each started again at once.

    Holds: nothing is lost or doubled. What a dead daemon held may have been charged an attempt.
    """
    place.allows_charges = True
    # So many kills in so few seconds spend the three attempts of documents that are not to blame. What attempts are for
    # is looked at in the scenario `poison`.
    place.start(arguments=["--set", "worker.maximum-attempts=100"])
    for _ in place.trouble(0.3, 1.0):
        daemon = place.numbers.choice(place.fleet.daemons)
        number = place.number_of(daemon)
        daemon.kill()
        place.declare_dead(number)
        place.heal()
    place.drain()


def leases_of(place, number):
    rows = place.sql(f"SELECT document_id FROM glossator.spool WHERE lease IS NOT NULL AND daemon_id = {number}")
    return [int(row) for row in rows.splitlines()]


def freeze_with_leases(place, daemon):
    """Freezes a daemon that holds documents; returns its number and theirs."""
    def frozen():
        number = place.number_of(daemon)
        if number is None or not leases_of(place, number):
            return None
        daemon.freeze()
        # What was on its way to the server has arrived and is done after this.
        time.sleep(0.5)
        if not place.options.long:
            # Frozen in a transaction, it keeps rows locked until the server ends the session, after a minute
            # (idle_in_transaction_session_timeout). In the short suite that end comes now.
            place.sql("""SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                WHERE datname = current_database() AND application_name LIKE 'glossator%'
                    AND state = 'idle in transaction' AND state_change < clock_timestamp() - interval '0.4 seconds'""")
            time.sleep(0.1)
        if held := leases_of(place, number):
            return number, held
        daemon.thaw()
        return None
    return place.eventually("a daemon could be frozen with documents in its hands", frozen)


def make_silent(place, number):
    """Two minutes of silence, or, in the long suite, the real ones. Silence counts from the server's start, and the
    server of the short suite may be younger than that: then the deadline is what has passed."""
    if place.options.long:
        return
    place.sql(f"UPDATE glossator.daemons SET beat_at = now() - interval '2 minutes' WHERE id = {number}")
    if place.sql("SELECT pg_postmaster_start_time() > now() - interval '61 seconds'") == "t":
        place.sql(f"UPDATE glossator.spool SET deadline = now() - interval '1 second' WHERE daemon_id = {number}")


def daemon_zombie(place):
    """A daemon is stopped (SIGSTOP) with documents in its hands until others have taken them and written them; then it
    wakes up and goes on with what it held.

    Holds: it writes none of them. Fenced off by its lease number, it goes on with new work.
    """
    place.allows_charges = True
    place.start(pace=0.05)
    rounds = max(2, int(place.seconds / 4))
    for turn in range(rounds):
        # Real silences outlast the documents that are there.
        place.add(300, f"round-{turn}")
        daemon = place.numbers.choice(place.fleet.daemons)
        number, held = freeze_with_leases(place, daemon)
        make_silent(place, number)
        documents = ", ".join(map(str, held))
        place.eventually(
            "others wrote what the frozen daemon held",
            lambda: place.sql(f"SELECT count(*) FROM chaos.log WHERE document_id IN ({documents})") == str(len(held)),
            limit=180 if place.options.long else 40)
        daemon.thaw()
        place.heal()
        time.sleep(1)
        own = place.sql(
            f"SELECT count(*) FROM chaos.log WHERE document_id IN ({documents}) AND daemon_id = {number}")
        if own != "0":
            place.wrong.append(f"a daemon that had been given up wrote {own} of {len(held)} documents")
        if daemon.process is None or daemon.process.poll() is not None:
            place.wrong.append("the daemon that woke up ended")
    place.drain()


def daemon_terminate(place):
    """SIGTERM to daemons at random moments, two at once at times, each started again.

    Holds: exit code 0 within the grace (20 s), no lease is left behind, no document is charged an attempt.
    """
    place.start()
    slowest = 0.0
    for _ in place.trouble(0.1, 0.7):
        for daemon in place.numbers.sample(place.fleet.daemons, place.numbers.choice([1, 1, 2])):
            number = place.number_of(daemon)
            code, took = place.fleet.restart_gracefully(daemon, limit=25)
            slowest = max(slowest, took)
            if code != 0:
                place.wrong.append(f"a daemon ended with {code} after SIGTERM, {took:.1f} s")
            if number is not None and (left := leases_of(place, number)):
                place.wrong.append(f"a daemon that ended left {len(left)} leases")
            place.heal()
        place.check_progress()
    place.notes.append(f"slowest end {slowest:.1f} s")
    place.drain()


POISON = "poison"


def poison(place):
    """One text kills the daemon that reads it, each time. From outside that is a kill -9 a moment after the daemon got
    hold of it; the text is long, so that the daemon is still computing it and may have claimed the next documents. One
    daemon alone: so it is always the same neighbours that are in danger.

    Holds: after three kills the text is in failures as daemon-died, and it alone: all others are annotated, those
    included that were in the hands of the daemons that died.
    """
    place.allows_charges = True
    # The documents around it have been claimed with it, and are claimed alone and beside it afterwards.
    place.start(pace=0.03, documents=min(place.options.documents, 600), daemons=1)
    place.sql(f"""INSERT INTO glossator.documents (collection, external_id, body)
        SELECT 'mail', '{POISON}', string_agg('the parcel number ' || n || ' was late. ', '')
        FROM generate_series(1, 40000) AS n""")
    place.add(40, "neighbour")
    place.extra, place.expected_failures = 41, {POISON: "daemon-died"}
    dead = set()
    for _ in range(3):
        number = place.eventually("a living daemon claims the poison", lambda: holder(place, dead), limit=60, pause=0)
        # It is being read now; meanwhile the daemon fetches more.
        time.sleep(place.numbers.uniform(0.2, 0.4))
        if holder(place, dead) != number:
            raise AssertionError("the poison was not long enough: it was written before the daemon could be killed")
        daemon = place.daemon_of(number)
        held = len(leases_of(place, number))
        daemon.kill()
        place.notes.append(f"{held} held")
        dead.add(number)
        place.declare_dead(number)
        place.heal()
    place.drain()


def holder(place, dead):
    """Who holds the poison now; until somebody takes it back, a dead daemon still does."""
    number = place.sql(f"""SELECT s.daemon_id FROM glossator.spool s JOIN glossator.documents d ON d.id = s.document_id
        WHERE d.external_id = '{POISON}' AND s.lease IS NOT NULL""")
    return number if number not in dead else None
