"""Scenarios in which a clock is wrong: of the daemons' hosts, or of the server's. By libfaketime."""

import time

from cluster import faketime_library


def needs_faketime():
    return None if faketime_library() else "needs libfaketime (Debian's package faketime)"


def faked(offset):
    return {"LD_PRELOAD": faketime_library(), "FAKETIME": offset, "DONT_FAKE_MONOTONIC": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1", "NO_FAKE_STAT": "1"}


def clock_daemons(place):
    """One daemon's host is two days ahead, another's two days behind; one of the two is killed at times.

    Holds: all times are the database's, so nobody notices.
    """
    place.allows_charges = True
    place.start(environments={0: faked("+2d"), 1: faked("-2d")})
    for _ in place.trouble(0.8, 1.6):
        daemon = place.fleet.daemons[place.numbers.choice([0, 1])]
        number = place.number_of(daemon)
        daemon.kill()
        place.declare_dead(number)
        place.heal()
    writers = place.sql("SELECT count(DISTINCT daemon_id) FROM chaos.log")
    place.notes.append(f"{writers} daemons wrote")
    place.drain()


def jump(place, offset, meanwhile=lambda: None):
    """The server's clock jumps. Recovery is measured by looking, since the log's times jump as well."""
    before = place.sql("SELECT now()")
    written = place.written()
    place.cluster.set_clock(offset)
    meanwhile()
    began = time.monotonic()
    place.eventually("documents are written after the jump", lambda: place.written() > written, limit=60)
    place.measured.append(time.monotonic() - began)
    place.faults += 1
    place.notes.append(f"{before[11:19]} -> {place.sql('SELECT now()')[11:19]}")


def clock_server(place):
    """The server's clock jumps ahead by three hours while it runs: every lease is past its deadline, every daemon has
    been silent for hours.

    Holds: leases may be taken back and charged, nothing is lost or doubled.
    """
    place.allows_charges = True
    place.start()
    time.sleep(place.seconds / 3)
    jump(place, "+3h")
    time.sleep(place.seconds / 3)
    place.drain()


def clock_server_back(place):
    """The server's clock was three hours ahead and is set right, while daemons hold documents and others wait. In the
    long suite one of the daemons is killed at that moment: its last sign of life lies three hours ahead.

    Holds: nothing is lost or doubled, and nothing waits for the three hours to pass.
    """
    place.allows_charges = True
    place.cluster.set_clock("+3h")
    place.start()
    time.sleep(place.seconds / 3)
    # With documents in their hands, but with no statement under way: pg_sleep, which paces them, sleeps until a time of
    # day, and would sleep for three hours.
    for daemon in place.fleet.daemons:
        daemon.freeze()
    time.sleep(0.5)
    held = place.sql("SELECT count(*) FROM glossator.spool WHERE lease IS NOT NULL")
    place.notes.append(f"{held} held")
    if place.options.long:
        place.fleet.daemons[0].kill()
    jump(place, "+0", meanwhile=lambda: [daemon.thaw() for daemon in place.fleet.daemons])
    time.sleep(place.seconds / 3)
    place.drain()


for scenario in (clock_daemons, clock_server, clock_server_back):
    scenario.obstacle = needs_faketime
for scenario in (clock_server, clock_server_back):
    scenario.cluster = {"faked_clock": True}
