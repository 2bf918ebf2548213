"""Scenarios in which `glossator train` is killed. The database is well, and a daemon works on."""

import os
import subprocess
import time

from workplace import bare_environment

COLLECTION, TEXTS = "mail", 160

# What the trainer writes takes a moment, so that there is a middle to hurt. Installed by the scenario: nobody else trains.
SLOWLY = """
CREATE FUNCTION chaos.train_slowly() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(0.25); RETURN NULL; END $$;
CREATE TRIGGER chaos_slowly AFTER INSERT ON glossator.training_rows FOR EACH STATEMENT EXECUTE FUNCTION chaos.train_slowly();
CREATE TRIGGER chaos_slowly AFTER INSERT ON glossator.models FOR EACH STATEMENT EXECUTE FUNCTION chaos.train_slowly();
CREATE TRIGGER chaos_slowly AFTER UPDATE OF status ON glossator.training_runs FOR EACH STATEMENT
    EXECUTE FUNCTION chaos.train_slowly();
CREATE TRIGGER chaos_slowly AFTER UPDATE OF model_id ON glossator.collections FOR EACH STATEMENT
    EXECUTE FUNCTION chaos.train_slowly();
"""

# Not the one that was killed before, which is closed when the next begins.
RUNNING = f"""FROM glossator.training_runs r WHERE r.collection = '{COLLECTION}' AND r.status = 'running'
    AND r.beat_at > now() - interval '2 minutes'"""


def sleeping(query):
    return f"""SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
        AND application_name = 'glossator train' AND wait_event = 'PgSleep' AND query ~* '{query}')"""


def manifested(of):
    return f"SELECT EXISTS (SELECT {RUNNING} AND EXISTS (SELECT FROM glossator.{of}))"


# When to kill, by what the database shows; None: at a random moment.
MOMENTS = {
    "at random": None,
    "closing the run before": sleeping("UPDATE glossator\\.training_runs.*trainer died"),
    "reading": f"SELECT EXISTS (SELECT {RUNNING})",
    "writing the manifest": sleeping("INTO glossator\\.training_rows\\M"),
    "learning": manifested("training_rows t WHERE t.run_id = r.id"),
    "storing the model": sleeping("INTO glossator\\.models\\M"),
    "model stored": manifested("models m WHERE m.training_run_id = r.id"),
    "closing the run": sleeping("UPDATE glossator\\.training_runs.*metrics_after"),
    "promoting": sleeping("glossator\\.promote"),
}
# A run that is killed then may not have been recorded.
BEFORE_IT_BEGINS = ("at random", "closing the run before")

# Each returns one number, which must be 0.
RULES = {
    "collections with two runs at once":
        "SELECT count(*) FROM (SELECT FROM glossator.training_runs WHERE status = 'running' GROUP BY collection "
        "HAVING count(*) > 1) AS twice",
    "promoted runs without their own model": """SELECT count(*) FROM glossator.training_runs r
        LEFT JOIN glossator.models m ON m.id = r.model_id AND m.training_run_id = r.id
        WHERE r.status = 'promoted' AND (m.id IS NULL OR m.heads IS NULL)""",
    "promoted runs whose model was never in force": """SELECT count(*) FROM glossator.training_runs r
        WHERE r.status = 'promoted' AND r.collection = '{collection}' AND r.model_id IS NOT NULL
            AND NOT EXISTS (SELECT FROM glossator.model_history h WHERE h.collection = r.collection AND h.model_id = r.model_id)""",
    "models in force of runs that did not end with promotion": """SELECT count(*) FROM glossator.collections c
        JOIN glossator.models m ON m.id = c.model_id JOIN glossator.training_runs r ON r.id = m.training_run_id
        WHERE r.status <> 'promoted'""",
    "models of runs whose manifest is not complete": """SELECT count(*) FROM glossator.models m
        JOIN glossator.training_runs r ON r.id = m.training_run_id AND r.collection = '{collection}'
        WHERE (SELECT count(*) FROM glossator.training_rows t WHERE t.run_id = r.id) <> {rows}""",
    "manifests that are there in part": """SELECT count(*) FROM (SELECT FROM glossator.training_rows t
        JOIN glossator.training_runs r ON r.id = t.run_id AND r.collection = '{collection}'
        GROUP BY t.run_id HAVING count(*) <> {rows}) AS torn""",
    "manifest rows of gold that does not exist": """SELECT count(*) FROM glossator.training_rows t
        JOIN glossator.training_runs r ON r.id = t.run_id AND r.collection = '{collection}'
        WHERE NOT EXISTS (SELECT FROM glossator.gold_labels g WHERE g.id = ANY (t.gold_ids) AND g.document_id = t.document_id)
            AND NOT EXISTS (SELECT FROM glossator.gold_entities g WHERE g.id = ANY (t.gold_ids) AND g.document_id = t.document_id)""",
}

GOLD = """SELECT md5(coalesce(string_agg(g::text, '' ORDER BY g.id), '')) FROM glossator.gold_labels g
    UNION ALL SELECT md5(coalesce(string_agg(g::text, '' ORDER BY g.id), '')) FROM glossator.gold_entities g"""


class Trainer:
    """`glossator train` as a child, and the commands that look at what it made."""

    def __init__(self, place):
        self.place = place
        self.environment = {
            **bare_environment(), "DATABASE_URL": place.cluster.conninfo(place.database),
            "GLOSSATOR_MODELS_DIRECTORY": place.kitchen.models, "GLOSSATOR_WORKER_THREADS": "1",
            "GLOSSATOR_TRAIN_DIRECTORY": os.path.join(place.folder, "training")}
        self.log_path = os.path.join(place.folder, "train.log")

    def start(self, freeze, why="nobody hurts it"):
        # The same rows give the same model, which the gate would not promote.
        arguments = ["--collection", COLLECTION, "--promote", "always", "--min-new", "0", "--freeze", freeze,
                     "--set", "train.layer-epochs=2"]
        with open(self.log_path, "ab") as log:
            log.write(f"--- {freeze}, {why}, at {time.time():.3f}\n".encode())
            log.flush()
            return subprocess.Popen([self.place.kitchen.binary, "train", *arguments], env=self.environment,
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.place.folder)

    def command(self, *arguments, given=""):
        return subprocess.run([self.place.kitchen.binary, *arguments], env=self.environment, input=given,
                              capture_output=True, text=True, cwd=self.place.folder)

    def check(self, when, gold):
        """The model in force can be read and used, and nothing in the database contradicts itself."""
        place = self.place
        name = place.sql(f"""SELECT m.name FROM glossator.model_in_force f JOIN glossator.models m ON m.id = f.model_id
            WHERE f.collection = '{COLLECTION}'""")
        for arguments in (["model", "show", name], ["annotate", "--model", name]):
            done = self.command(*arguments, given="the delivery to john was late.\n")
            if done.returncode != 0 or "topic" not in done.stdout or "people" not in done.stdout:
                place.wrong.append(f"{when}: {' '.join(arguments)} of the model in force ended with {done.returncode}: "
                                   f"{done.stdout[-300:]}{done.stderr[-300:]}")
        counts = place.sql("SELECT " + ", ".join(
            f"({query.format(collection=COLLECTION, rows=2 * TEXTS)})" for query in RULES.values()))
        place.wrong += [f"{when}: {rule}: {count}" for rule, count in zip(RULES, counts.split("|")) if count != "0"]
        if place.sql(GOLD) != gold:
            place.wrong.append(f"{when}: gold has changed")


def label_some(place):
    place.sql(f"""
        INSERT INTO glossator.documents (collection, external_id, body)
        SELECT '{COLLECTION}', 'gold-' || n, CASE WHEN n % 2 = 0
            THEN 'the delivery of parcel number ' || n || ' to john was late.'
            ELSE 'the invoice of order number ' || n || ' for anna was wrong.' END
        FROM generate_series(1, {TEXTS}) AS n;
        INSERT INTO glossator.gold_labels (document_id, task, label)
        SELECT id, 'topic', CASE WHEN body LIKE '%parcel%' THEN 'delivery' ELSE 'billing' END
        FROM glossator.documents WHERE external_id LIKE 'gold-%';
        INSERT INTO glossator.gold_entities (document_id, task, type, surface)
        SELECT id, 'people', 'person', CASE WHEN body LIKE '%anna%' THEN 'anna' ELSE 'john' END
        FROM glossator.documents WHERE external_id LIKE 'gold-%'""")
    place.extra += TEXTS


def wait_for(place, process, moment, longest):
    """Until the moment to kill; returns False when the run ended before it came."""
    end = time.monotonic() + (place.numbers.uniform(0.02, longest) if moment is None else 60)
    while time.monotonic() < end:
        if process.poll() is not None:
            return False
        if moment and place.sql(moment) == "t":
            # Somewhere within it.
            time.sleep(place.numbers.uniform(0, 0.15))
            return process.poll() is None
        if moment is None:
            time.sleep(0.005)
    return process.poll() is None


def age(place):
    """A run that was killed blocks the next one until it has been silent for two minutes (`training-running`). In the short
    suite its last beat is set back; with --long the two minutes pass."""
    if place.options.long:
        time.sleep(125)
    else:
        place.sql("UPDATE glossator.training_runs SET beat_at = now() - interval '3 minutes' WHERE status = 'running'")


def train_kill(place):
    """kill -9 of `glossator train` while it closes the run before, reads, writes its manifest, learns, stores the model,
    promotes, and at random moments, heads alone and with the encoder, again and again, beside a daemon.

    Holds: a collection has one run at a time; a run is promoted with its whole model and manifest or not at all; the model
    in force can always be read; gold stays as it is; the last attempt, which nobody kills, is promoted, and the daemon
    gives its labels to every document with embeddings of its encoder.
    """
    place.start(documents=min(place.options.documents, 600), daemons=1, seconds=15)
    label_some(place)
    gold = place.sql(GOLD)
    trainer = Trainer(place)
    place.sql(SLOWLY)
    longest = unhurt(place, trainer)
    killed, begun, late, refused = 0, 0, 0, False
    rounds = [(moment, freeze) for freeze in ("backbone-frozen", "none") for moment in MOMENTS]
    place.numbers.shuffle(rounds)
    if place.options.long:
        rounds = rounds * 2
    for name, freeze in rounds:
        process = trainer.start(freeze, f"to be killed: {name}")
        place.at_end.append(process.kill)
        due = wait_for(place, process, MOMENTS[name], longest[freeze])
        process.kill()
        process.wait()
        place.at_end.pop()
        killed, late = killed + due, late + (not due)
        begun += name not in BEFORE_IT_BEGINS
        gone(place)
        place.heal()
        trainer.check(f"killed while {name} ({freeze})", gold)
        if not refused and place.sql(f"SELECT EXISTS (SELECT {RUNNING})") == "t":
            refused = True
            refuses_another(place, trainer)
        age(place)
    place.notes.append(f"{killed} killed, {late} ended before; unhurt {longest['backbone-frozen']:.1f} s, {longest['none']:.1f} s")
    if killed < len(rounds) // 2:
        place.wrong.append(f"only {killed} of {len(rounds)} runs were killed in time: the scenario proves little")
    if not refused:
        place.wrong.append("no kill left a running run: the scenario proves little")
    finishes(place, trainer, gold, begun)
    place.drain()
    is_relabelled(place)


def unhurt(place, trainer):
    """Seconds that a run takes, by plan."""
    longest = {}
    for freeze in ("backbone-frozen", "none"):
        began = time.monotonic()
        if code := trainer.start(freeze).wait(timeout=120):
            raise AssertionError(f"an unhurt run with --freeze {freeze} ended with {code}; see {trainer.log_path}")
        longest[freeze] = time.monotonic() - began
    return longest


def gone(place):
    """The server has noticed that the killed client is away: its transactions are committed or rolled back."""
    place.eventually("the killed run's sessions end", lambda: place.sql(
        """SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
            AND application_name LIKE 'glossator train%'""") == "0", limit=20)


def refuses_another(place, trainer):
    process = trainer.start("backbone-frozen")
    code = process.wait(timeout=60)
    with open(trainer.log_path, encoding="utf-8") as log:
        said = log.read().rsplit("---", 1)[1]
    if code == 0 or "training-running" not in said:
        place.wrong.append(f"a run beside one that may be alive ended with {code} instead of training-running: {said}")


def finishes(place, trainer, gold, begun):
    """The last attempt, and what the killed ones left."""
    began = time.monotonic()
    last = place.sql("SELECT max(id) FROM glossator.training_runs")
    code = trainer.start("backbone-frozen").wait(timeout=120)
    place.notes.append(f"last attempt {time.monotonic() - began:.1f} s")
    rows = place.sql(f"""SELECT status, count(*), bool_and(message LIKE '%trainer died%'), bool_and(may_pass)
        FROM glossator.training_runs WHERE collection = '{COLLECTION}' AND id <= {last} GROUP BY status ORDER BY status""")
    found = {row.split("|")[0]: row.split("|")[1:] for row in rows.splitlines()}
    place.notes.append("; ".join(f"{count[0]} {status}" for status, count in found.items()))
    ended = sum(int(count[0]) for count in found.values())
    # Two that nobody hurt are recorded too.
    if ended < begun + 2:
        place.wrong.append(f"{begun + 2} runs had begun and {ended} are recorded")
    if not set(found) <= {"failed", "promoted"} or found.get("failed", ["0", "t", "t"])[1:] != ["t", "t"]:
        place.wrong.append(f"the killed runs are {found}")
    newest = place.sql(f"""SELECT count(*), min(r.status), bool_and(r.model_id = f.model_id) FROM glossator.training_runs r
        JOIN glossator.model_in_force f USING (collection) WHERE collection = '{COLLECTION}' AND r.id > {last}""")
    if code != 0 or newest != "1|promoted|t":
        place.wrong.append(f"the last attempt ended with {code}: runs, status, in force: {newest}")
    trainer.check("at the end", gold)


def is_relabelled(place):
    """What the last promotion asked for is done, beside all that was superseded before."""
    place.eventually("the last relabel ends", lambda: place.sql(
        "SELECT count(*) FROM glossator.relabels WHERE finished_at IS NULL") == "0", limit=60)
    found = place.sql(f"""SELECT count(*) > 0, count(*) FILTER (WHERE l.model_id <> f.model_id)
        FROM glossator.labels l JOIN glossator.documents d ON d.id = l.document_id
        JOIN glossator.embeddings e ON e.document_id = l.document_id AND e.segment = l.segment
        JOIN glossator.model_in_force f ON f.collection = d.collection AND f.space_id = e.space_id
        WHERE d.collection = '{COLLECTION}'""")
    if found != "t|0":
        place.wrong.append(f"labels that the last relabel should have given, those of another model: {found}")
