"""What one scenario works with: a database, documents that keep coming, a fleet of daemons, and a list of what was done.

Scenarios say what is broken and when; everything that all of them need is here.
"""

import os
import random
import signal
import subprocess
import threading
import time

import tiny_model
import truth
from cluster import SQLError
from daemons import Fleet

COLLECTIONS = ["letters", "mail", "reviews"]
TEMPLATE = "chaos_template"


def bare_environment():
    """Nothing but what the program needs: settings of whoever runs the suite change nothing."""
    return {key: os.environ[key] for key in ("PATH", "LD_LIBRARY_PATH", "TMPDIR", "LANG", "HOME") if key in os.environ}


class Kitchen:
    """Makes databases that are ready to work: migrated, with a model that has heads, and with the log of truth.py."""

    def __init__(self, binary, folder):
        self.binary, self.folder = binary, folder
        self.models = os.path.join(folder, "models")
        self.encoder = os.path.join(folder, "tiny")
        tiny_model.write(self.encoder)
        self.prepared = set()

    def glossator(self, conninfo, *arguments):
        environment = {**bare_environment(), "DATABASE_URL": conninfo, "GLOSSATOR_MODELS_DIRECTORY": self.models,
                       "GLOSSATOR_WORKER_THREADS": "1"}
        done = subprocess.run([self.binary, *arguments], env=environment, capture_output=True, text=True, cwd=self.folder)
        if done.returncode != 0:
            raise SystemExit(f"glossator {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}{done.stderr}")

    def database(self, cluster, name):
        if cluster not in self.prepared:
            self.prepare(cluster)
            self.prepared.add(cluster)
        cluster.sql(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}", "postgres")
        return name

    def prepare(self, cluster):
        """A template database. Its heads are trained on a few labelled texts: bad ones, but the same for everybody."""
        cluster.sql(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0", "postgres")
        conninfo = cluster.conninfo(TEMPLATE)
        self.glossator(conninfo, "migrate")
        self.glossator(conninfo, "model", "import", self.encoder)
        cluster.sql("""
            INSERT INTO glossator.documents (collection, external_id, body)
            SELECT 'school', n::text, CASE WHEN n % 2 = 0 THEN 'the delivery of parcel number ' || n || ' to john was late.'
                ELSE 'the invoice of order number ' || n || ' for anna was wrong.' END
            FROM generate_series(1, 60) AS n;
            INSERT INTO glossator.gold_labels (document_id, task, label)
            SELECT id, 'topic', CASE WHEN body LIKE '%parcel%' THEN 'delivery' ELSE 'billing' END FROM glossator.documents;
            INSERT INTO glossator.gold_entities (document_id, task, type, surface)
            SELECT id, 'people', 'person', CASE WHEN body LIKE '%anna%' THEN 'anna' ELSE 'john' END
            FROM glossator.documents;
            """, TEMPLATE)
        self.glossator(conninfo, "train", "--collection", "school", "--promote", "always")
        cluster.sql("""
            DELETE FROM glossator.documents;
            """ + "".join(f"""
            INSERT INTO glossator.collections (name) VALUES ('{name}') ON CONFLICT DO NOTHING;
            SELECT glossator.promote('{name}', (SELECT max(id) FROM glossator.models));""" for name in COLLECTIONS)
            + truth.INSTALL, TEMPLATE)


class Feeder(threading.Thread):
    """Inserts documents in many statements for as long as a scenario lasts. A statement that fails, or whose end is not
    known, is repeated: external ids make that harmless, so the number of documents is known without asking the
    database."""

    def __init__(self, place, numbers, documents, seconds, statements=24):
        super().__init__(daemon=True)
        self.place, self.fed, self.failure = place, 0, None
        cuts = sorted(numbers.sample(range(1, documents), min(statements, documents) - 1))
        sizes = [high - low for low, high in zip([0, *cuts], [*cuts, documents])]
        self.batches = [(size, numbers.choice(COLLECTIONS), numbers.randrange(1, 6)) for size in sizes]
        self.pause = seconds / len(sizes)

    def feed(self, size, collection, sentences):
        first, last = self.fed + 1, self.fed + size
        self.place.sql_patiently(f"""
            INSERT INTO glossator.documents (collection, external_id, body)
            SELECT '{collection}', 'd' || n,
                repeat('the delivery of parcel number ' || n || ' to john was late. ', {sentences})
            FROM generate_series({first}, {last}) AS n
            ON CONFLICT (collection, external_id) DO NOTHING""")
        self.fed = last

    def run(self):
        try:
            for batch in self.batches:
                self.feed(*batch)
                time.sleep(self.pause)
        except Exception as error:  # The scenario ends with it: a thread has nobody to throw to.
            self.failure = error


class Workplace:
    def __init__(self, kitchen, cluster, name, options, seed):
        self.kitchen, self.cluster, self.options = kitchen, cluster, options
        self.numbers = random.Random(f"{seed}/{name}")
        self.database = kitchen.database(cluster, name.replace("-", "_"))
        self.folder = os.path.join(kitchen.folder, "logs", name)
        os.makedirs(self.folder, exist_ok=True)
        self.faults, self.healed, self.measured = 0, [], []
        self.wrong, self.notes, self.expected_failures = [], [], {}
        self.allows_charges, self.allows_away, self.extra = False, False, 0
        self.fleet = self.feeder = None
        self.at_end = []
        self.began = time.monotonic()

    # SQL

    def sql(self, text, limit=60):
        return self.cluster.sql(text, self.database, limit)

    def sql_patiently(self, text, limit=120):
        """Repeats until it works. For statements that may be repeated."""
        end = time.monotonic() + limit
        while True:
            try:
                return self.sql(text, limit=20)
            except SQLError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    def eventually(self, what, condition, limit=60, pause=0.02):
        """Waits until `condition` is true, and returns what it returned; otherwise the scenario has failed."""
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if result := condition():
                return result
            time.sleep(pause)
        raise AssertionError(f"not within {limit} s: {what}")

    # Work

    def start(self, pace=0.12, port=None, arguments=(), environments=None, documents=None, seconds=None, daemons=None):
        """Daemons at work, a third of the documents there, the rest coming."""
        self.sql(f"UPDATE chaos.pace SET seconds = {pace}")
        beat = [] if self.options.long else ["--set", "worker.beat-seconds=1"]
        self.fleet = Fleet(
            self.kitchen.binary,
            ["--set", "worker.claim-documents=16", "--set", "worker.poll-seconds=0.2", *beat, *arguments],
            {**bare_environment(), "DATABASE_URL": self.cluster.conninfo(self.database, port),
             "GLOSSATOR_MODELS_DIRECTORY": self.kitchen.models, "GLOSSATOR_WORKER_THREADS": "1"},
            self.folder, daemons or self.options.daemons, environments)
        total = documents or self.options.documents
        self.feeder = Feeder(self, self.numbers, total, self.seconds if seconds is None else seconds)
        for collection in COLLECTIONS:
            self.feeder.feed(total // 9, collection, self.numbers.randrange(1, 6))
        self.feeder.batches = [(max(1, size * 2 // 3), *rest) for size, *rest in self.feeder.batches]
        self.fleet.start()
        self.feeder.start()
        self.eventually("the daemons have begun", lambda: self.written() > 0)

    def add(self, count, name):
        """More documents, at once."""
        self.sql(f"""INSERT INTO glossator.documents (collection, external_id, body)
            SELECT 'mail', '{name}-' || n, 'to john, number ' || n || ' of {name}' FROM generate_series(1, {count}) AS n""")
        self.extra += count

    @property
    def seconds(self):
        return self.options.seconds_per_scenario

    def written(self):
        return int(self.sql_patiently("SELECT count(*) FROM chaos.log"))

    def trouble(self, low=0.1, high=0.6):
        """Loops for as long as the scenario shall hurt, with random pauses."""
        end = time.monotonic() + self.seconds
        while time.monotonic() < end:
            time.sleep(self.numbers.uniform(low, high))
            yield

    def heal(self):
        """A fault has ended now."""
        self.faults += 1
        self.healed.append(time.time())

    def check_progress(self):
        if differs := self.sql_patiently(truth.PROGRESS_DIFFERS):
            self.wrong.append("in the middle: " + differs)

    # Daemons by number

    def number_of(self, daemon):
        """The daemon's row, or None when it has not registered yet. It is the newest with this process id."""
        pid = daemon.process.pid if daemon.process else 0
        row = self.sql_patiently(f"SELECT max(id) FROM glossator.daemons WHERE pid = {pid}")
        return int(row) if row else None

    def daemon_of(self, number):
        pid = self.sql_patiently(f"SELECT pid FROM glossator.daemons WHERE id = {number}")
        return next((d for d in self.fleet.daemons if d.process and str(d.process.pid) == pid), None)

    def declare_dead(self, number):
        """In the short suite nobody waits for a minute of silence: the row of a daemon that was killed says that it has
        stopped, and the next rescue takes back what it held. That is the same path; only the reason is another."""
        if number is not None and not self.options.long:
            self.sql_patiently(f"UPDATE glossator.daemons SET stopped_at = now() WHERE id = {number}")

    # End

    def drain(self, limit=90):
        """No more faults, no more pace: waits until the spool is empty."""
        self.feeder.join()
        if self.feeder.failure:
            raise self.feeder.failure
        self.sql_patiently("UPDATE chaos.pace SET seconds = 0")
        if self.options.long:
            limit += 240
        end = time.monotonic() + limit
        while time.monotonic() < end:
            if self.sql_patiently("SELECT count(*) FROM glossator.spool") == "0":
                return
            time.sleep(0.1)
        left = self.sql_patiently("""SELECT count(*), count(*) FILTER (WHERE lease IS NOT NULL), min(attempts), max(attempts),
            max(deadline) - now(), max(run_after) - now() FROM glossator.spool""")
        self.wrong.append(
            f"not drained after {limit} s; rows, leased, least and most attempts, deadline and run_after ahead: {left}")

    def finish(self):
        """Stops the daemons, which must end well, and counts. Returns (counts, recoveries)."""
        codes = self.fleet.stop()
        self.clear_away()
        if any(code != 0 for code in codes):
            self.wrong.append(f"at the end, daemons stopped with {codes} instead of 0")
        if unexpected := self.fleet.unexpected(self.allows_away):
            self.wrong.append(f"daemons ended by themselves (slot, code): {unexpected}")
        counts = truth.count(self)
        self.wrong += truth.judge(
            self, counts, self.feeder.fed + self.extra, self.expected_failures, self.allows_charges)
        return counts, self.measured or truth.recoveries(self, self.healed)

    def abandon(self):
        """After a failure of the scenario itself: nothing may be left running."""
        if self.fleet:
            for daemon in self.fleet.daemons:
                daemon.signal(signal.SIGCONT)
            self.fleet.stop(limit=5)
        self.clear_away()

    def clear_away(self):
        while self.at_end:
            self.at_end.pop()()
