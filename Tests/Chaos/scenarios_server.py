"""Scenarios in which the server dies, hangs, has no space, or is held up by somebody. The daemons are well."""

import os
import signal
import subprocess
import threading
import time


OURS = "datname = current_database() AND application_name LIKE 'glossator%'"


def server_kill(place):
    """kill -9 of the postmaster and all its children, and a new start after a while.

    Holds: daemons live on and reconnect; what had been acknowledged is there; no document is charged. (The server's
    memory dies, the machine's does not: that is what fsync=off stands for here.)
    """
    place.allows_away = True
    place.start()
    for _ in place.trouble(0.8, 2.0):
        place.cluster.kill()
        time.sleep(place.numbers.uniform(0, 1))
        place.cluster.start()
        place.heal()
    place.drain()


def terminate_away(place):
    """SIGTERM to all daemons while the server is away and they hold documents; then the server comes back.

    Holds: they end by themselves, soon after the grace (3 s here) is over, although they can neither write nor say
    goodbye. Nothing is lost or doubled; what they held may be charged an attempt, since nobody could hand it back.
    """
    place.allows_away = place.allows_charges = True
    place.start(pace=0.5, arguments=["--set", "worker.grace-seconds=3"])
    numbers = [place.number_of(daemon) for daemon in place.fleet.daemons]
    holders = "SELECT count(DISTINCT daemon_id) FROM glossator.spool WHERE lease IS NOT NULL"
    place.eventually("every daemon holds documents", lambda: place.sql(holders) == str(len(numbers)))
    place.cluster.kill()
    time.sleep(place.numbers.uniform(0, 1))
    ends = [None] * len(place.fleet.daemons)

    def end(slot):
        ends[slot] = place.fleet.restart_gracefully(place.fleet.daemons[slot], limit=15)

    threads = [threading.Thread(target=end, args=(slot,)) for slot in range(len(ends))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    place.notes.append("ended with " + ", ".join(f"{code} after {took:.1f} s" for code, took in ends))
    if stuck := sum(code is None for code, _ in ends):
        place.wrong.append(f"{stuck} daemons had not ended 12 s after their grace, and were killed")
    place.cluster.start()
    place.heal()
    for number in numbers:
        place.declare_dead(number)
    place.drain()


def sessions_end(place):
    """pg_terminate_backend of every session of every daemon, again and again.

    Holds: nothing is lost, doubled or charged; the daemons reconnect.
    """
    place.start()
    for _ in place.trouble(0.2, 1.2):
        place.sql(f"SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE {OURS}")
        place.heal()
        place.check_progress()
    place.drain()


def backend_hangs(place):
    """A server process of a daemon is stopped (SIGSTOP) for some seconds, then goes on.

    Holds: the others go on meanwhile, nothing is lost, doubled or charged.
    """
    place.start()
    for _ in place.trouble(0.1, 0.5):
        rows = place.sql(f"SELECT pid FROM pg_stat_activity WHERE {OURS}").splitlines()
        hang([int(place.numbers.choice(rows))], place.numbers.uniform(0.5, 2))
        place.heal()
    place.drain()


def hang(pids, seconds):
    """Stops server processes; whatever happens, they go on."""
    try:
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def claim_hangs(place):
    """The server processes that claim for the daemons hang for so long that the daemons give up on them and connect
    again; then they wake up, find the claim in their socket, and make it, for a client that is gone.

    Holds: documents that such a claim took come back soon, and not at their deadline in an hour. None is charged.
    """
    place.start(pace=0.3, arguments=["--set", "database.statement-timeout-seconds=1"], seconds=4)
    pids = [int(pid) for pid in place.sql(
        f"SELECT pid FROM pg_stat_activity WHERE {OURS} AND application_name = 'glossator claim'").splitlines()]
    # One second, and the 15 more that a daemon gives a silent server.
    hang(pids, 19)
    place.heal()
    time.sleep(0.5)
    place.notes.append(f"{len(pids)} hung")
    # Something is left to do, so that daemons claim and would notice.
    place.add(100, "later")
    place.drain(limit=45)


# Disk full

def disk_full(place):
    """The file system with the whole data directory is full for some seconds, then has space again; twice.

    Holds: nothing is lost or doubled, no document is charged an attempt. A server that cannot write its log crashes,
    and may not come up before there is space: then it is started again, as a service manager would.
    """
    fill_and_free(place)


def disk_full_data(place):
    """As disk_full, with the log elsewhere: statements fail with 'disk full', the server lives."""
    fill_and_free(place)


def disk_full_wal(place):
    """As disk_full, with only the log on the small file system: the server crashes."""
    fill_and_free(place)


# Log segments that are used again need no space: some seconds of a full disk could pass unseen.
ALWAYS_NEW = ("wal_recycle=off",)
disk_full.cluster = {"tmpfs": "all", "tmpfs_megabytes": 220, "settings": ALWAYS_NEW}
disk_full_data.cluster = {"tmpfs": "data", "tmpfs_megabytes": 160}
disk_full_wal.cluster = {"tmpfs": "wal", "tmpfs_megabytes": 24, "settings": ALWAYS_NEW}


def fill_and_free(place):
    place.allows_away = True
    place.start(documents=place.options.documents * 2)
    ballast = os.path.join(place.cluster.disk, "ballast")
    outages = [75] if place.options.long else [place.numbers.uniform(1.5, 3) for _ in range(2)]
    for seconds in outages:
        time.sleep(place.numbers.uniform(0.3, 0.8))
        fill(ballast)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            # What is freed meanwhile (a log segment, a temporary file) is taken as well.
            time.sleep(0.1)
            fill(ballast)
        os.unlink(ballast)
        if not place.cluster.answers():
            place.notes.append("server was down")
            place.cluster.start()
        place.heal()
    full = place.fleet.said("disk-full") + place.fleet.said("No space left")
    crashed = place.fleet.said("database-shutdown") + place.fleet.said("database-connection-lost")
    place.notes.append(f"daemons said 'disk full' {full} times, 'connection lost' {crashed} times")
    if full + crashed == 0:
        place.wrong.append("no daemon noticed that the disk was full: the scenario proves nothing")
    place.drain()


def fill(path):
    """Takes all the space there is."""
    with open(path, "ab", buffering=0) as file:
        for size in (1 << 20, 4096):
            block = b"\0" * size
            while True:
                try:
                    if file.write(block) < size:
                        break
                except OSError:
                    break


# An old transaction

def old_transaction(place):
    """A session opens a REPEATABLE READ transaction, reads, and stays idle in it while as many documents pass as make the
    dead rows of an hour of light load (two documents a second): nothing that dies in the queue can be removed.

    Holds: nothing is lost, and the last quarter of the documents passes at a third of the first quarter's speed at
    the least.
    """
    documents = place.options.hour_documents
    session = place.cluster.open_session(place.database)
    session.stdin.write("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM glossator.spool;\n")
    session.stdin.flush()
    session.stdout.readline()
    try:
        place.start(pace=0, documents=documents, seconds=0)
        place.faults = 1
        place.drain()
        rate = place.sql("""SELECT count(*), min(at), max(at) FROM (
            SELECT at, ntile(4) OVER (ORDER BY at) AS quarter FROM chaos.log) AS q GROUP BY quarter ORDER BY quarter""")
        quarters = [tuple(map(float, row.split("|"))) for row in rate.splitlines()]
        first, *_, last = [count / max(0.001, end - start) for count, start, end in quarters]
        dead = place.sql("""SELECT n_dead_tup FROM pg_stat_user_tables
            WHERE schemaname = 'glossator' AND relname = 'spool'""")
        place.notes.append(f"first quarter {first:.0f}/s, last {last:.0f}/s, dead rows in the spool {dead}")
        if last * 3 < first:
            place.wrong.append(f"slower: {first:.0f} documents a second at first, {last:.0f} at last")
    finally:
        session.stdin.close()
        session.wait()


def may_mount():
    """Why a tmpfs cannot be mounted, or None."""
    if os.geteuid() != 0:
        return "needs root to mount a tmpfs"
    probe = os.path.join("/tmp", f"glossator-chaos-mount-{os.getpid()}")
    os.makedirs(probe)
    try:
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "probe", probe], capture_output=True, text=True)
        if done.returncode == 0:
            subprocess.run(["umount", probe], check=False)
        return None if done.returncode == 0 else "a tmpfs cannot be mounted here: " + done.stderr.strip()
    finally:
        os.rmdir(probe)


for scenario in (disk_full, disk_full_data, disk_full_wal):
    scenario.obstacle = may_mount
