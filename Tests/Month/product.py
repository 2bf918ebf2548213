"""The product as its user drives it: the program's commands and SQL, on a throw-away PostgreSQL."""

import json
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "Chaos"))

from cluster import Cluster  # noqa: E402
from workplace import bare_environment  # noqa: E402

import judge  # noqa: E402
from stream import ENTITIES, TOPIC  # noqa: E402

COLLECTION, DATABASE = "mail", "month"
ANNOTATOR, REVIEWER = "kim", "lee"


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


class Product:
    def __init__(self, binary, encoder, folder, entity_head):
        self.binary, self.folder, self.entity_head = binary, folder, entity_head
        self.cluster = Cluster()
        try:
            self.cluster.sql(f"CREATE DATABASE {DATABASE} TEMPLATE template0", "postgres")
            # Nobody works beside the nightly run here, so it need not make room for anybody.
            self.environment = {
                **bare_environment(), "GLOSSATOR_TRAIN_NICE": "0", "DATABASE_URL": self.cluster.conninfo(DATABASE),
                "GLOSSATOR_MODELS_DIRECTORY": os.path.join(folder, "models"),
                "GLOSSATOR_TRAIN_DIRECTORY": os.path.join(folder, "training")}
            self.glossator("migrate")
            self.glossator("model", "import", encoder, "--name", "encoder")
            self.sql(f"INSERT INTO glossator.collections (name) VALUES ('{COLLECTION}')")
        except BaseException:
            self.close()
            raise

    def close(self):
        self.cluster.remove()

    def glossator(self, *arguments, given=None):
        done = subprocess.run(
            [self.binary, *arguments], env=self.environment, input=given, capture_output=True, cwd=self.folder)
        if done.returncode != 0:
            raise SystemExit(f"glossator {' '.join(arguments)} ended with {done.returncode}\n"
                             + done.stdout.decode() + done.stderr.decode())
        return done.stdout.decode()

    def sql(self, text):
        return self.cluster.sql(text, DATABASE)

    # By day

    def arrive(self, documents):
        """Documents come in, and a daemon annotates them with the model in force."""
        rows = ",\n".join(f"('{COLLECTION}', {quoted(d.name)}, {quoted(d.text)})" for d in documents)
        self.sql(f"INSERT INTO glossator.documents (collection, external_id, body) VALUES {rows}")
        self.glossator("run", "--drain")

    def label(self, questions, tweets, annotator=ANNOTATOR):
        """Somebody says what they take for true, in two statements."""
        person = quoted(annotator)
        labels = [f"({self.document(q)}, '{TOPIC}', {quoted(q.said)}, {person})" for q in questions]
        spans = [f"({self.document(t)}, '{ENTITIES}', {quoted(kind)}, {start}, {end}, {person})"
                 for t in tweets for kind, start, end in t.said]
        without = [f"({self.document(t)}, '{ENTITIES}', {person})" for t in tweets if not t.said]
        for table, columns, rows in (
                ("gold_labels", "document_id, task, label, annotator", labels),
                ("gold_entities", "document_id, task, type, start_char, end_char, annotator", spans),
                ("gold_complete", "document_id, task, annotator", without)):
            if rows:
                self.sql(f"INSERT INTO glossator.{table} ({columns}) VALUES " + ",\n".join(rows))

    def correct(self, night):
        """The morning after: wrong entities are retracted, and a reviewer says the truth. Gold is append-only: the newest
        word of a document and task counts."""
        documents = ", ".join(self.document(tweet) for tweet in night.tweets)
        self.sql(f"""UPDATE glossator.gold_entities SET retracted_at = now()
            WHERE document_id IN ({documents}) AND annotator = {quoted(ANNOTATOR)} AND retracted_at IS NULL""")
        for question in night.questions:
            question.said = question.label
        for tweet in night.tweets:
            tweet.said = tweet.spans
        self.label(night.questions, night.tweets, REVIEWER)

    @staticmethod
    def document(document):
        return f"glossator.document_id('{COLLECTION}', {quoted(document.name)})"

    # By night

    def train(self):
        """One run with the product's own settings; returns what it recorded."""
        before, runs = self.in_force(), self.runs()
        said = self.glossator("train", "--collection", COLLECTION, "--entity-head", self.entity_head)
        if self.runs() == runs:
            raise SystemExit(f"the night made no run: {said}")
        row = self.sql(f"""SELECT jsonb_build_object('run', r.id, 'status', r.status, 'message', r.message,
                'candidate', m.name, 'gate', r.record -> 'gate',
                'seconds', extract(epoch FROM r.finished_at - r.started_at))
            FROM glossator.training_runs r LEFT JOIN glossator.models m ON m.id = r.model_id
            WHERE r.collection = '{COLLECTION}' ORDER BY r.id DESC LIMIT 1""")
        return {**json.loads(row), "before": before, "in_force": self.in_force()}

    def runs(self):
        return self.sql("SELECT count(*) FROM glossator.training_runs")

    def in_force(self):
        return self.sql(f"""SELECT m.name FROM glossator.model_in_force f JOIN glossator.models m ON m.id = f.model_id
            WHERE f.collection = '{COLLECTION}'""")

    def scores(self, model, month):
        """A model on the test set, whose documents never enter the database."""
        texts = [document.text for document in month.test_questions + month.test_tweets]
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts)
        answers = [json.loads(line) for line in self.glossator("annotate", "--model", model, given=lines.encode()).splitlines()]
        if len(answers) != len(texts):
            raise SystemExit(f"{len(answers)} answers about {len(texts)} texts")
        count = len(month.test_questions)
        return judge.Scores(
            [(question.label, answer["labels"].get(TOPIC, {}).get("label"))
             for question, answer in zip(month.test_questions, answers)],
            [(tweet.spans, [(e["type"], e["start"], e["end"]) for e in answer["entities"] if e["task"] == ENTITIES])
             for tweet, answer in zip(month.test_tweets, answers[count:])], month.new_class)
