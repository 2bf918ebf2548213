#!/usr/bin/env python3
"""Thirty nights of training on a stream of real gold, three of them with wrong gold, one with a class that is new.

Drives the built program and PostgreSQL as a user would, judges the model in force and every candidate on a test set that
the database never sees, and ends with exit code 1 when the month was not as it should be. See README.md beside this file.
"""

import argparse
import csv
import json
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

import judge
import plot
import stream
from product import Product

ROOT = pathlib.Path(__file__).resolve().parents[2]
NEEDED = ["banking77/train.tsv", "banking77/test.tsv", "btc/train.conll", "btc/test.conll"]
# What the last model must have: recall of the new class, and how far above the first one it must be for certain.
BOUNDS = {"recall": 0.6, judge.ACCURACY: 0.1, judge.F1: 0.05}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    reference = os.environ.get("GLOSSATOR_REFERENCE")
    parser.add_argument("--data", default=os.path.join(reference, "data") if reference else None,
                        help="folder with banking77/ and btc/ (default: data/ in GLOSSATOR_REFERENCE)")
    parser.add_argument("--binary", default=str(ROOT / ".build/release/glossator"))
    parser.add_argument("--encoder", default=os.environ.get("GLOSSATOR_ENCODER")
                        or str(ROOT / ".glossator/encoder/all-MiniLM-L6-v2"))
    parser.add_argument("--output", default=str(ROOT / ".glossator/month"), help="folder for the plot, the table and the record")
    parser.add_argument("--seed", type=int, default=1, help="which documents come when, and what the noise is")
    parser.add_argument("--nights", type=int, default=30)
    parser.add_argument("--entity-head", default="crf", choices=["crf", "linear"])
    parser.add_argument("--questions", type=int, default=60, help="labelled a night")
    parser.add_argument("--tweets", type=int, default=40, help="with entities marked, a night")
    parser.add_argument("--unlabelled", type=int, default=20, help="documents a night that nobody labels")
    parser.add_argument("--noise-factor", type=float, default=2.5, help="how much more gold a noisy night has")
    parser.add_argument("--classes", type=int, default=24, help="of the questions, the new one included")
    parser.add_argument("--new-class-night", type=int, default=18)
    parser.add_argument("--new-class-first", type=int, default=25, help="questions of the new class on its first night")
    parser.add_argument("--new-class-usual", type=int, default=5, help="on the nights after")
    parser.add_argument("--test-questions", type=int, default=720)
    parser.add_argument("--test-tweets", type=int, default=600)
    options = parser.parse_args()
    if options.data is None:
        parser.error("the data sets are not part of the repository: name their folder with --data or GLOSSATOR_REFERENCE")
    for name in NEEDED:
        if not os.path.exists(os.path.join(options.data, name)):
            parser.error(f"{options.data} has no {name}: a month needs {', '.join(NEEDED)}")
    if not os.path.exists(os.path.join(options.encoder, "config.json")):
        parser.error(f"{options.encoder} is no encoder: make encoder obtains one, or name it with --encoder")
    if not os.access(options.binary, os.X_OK):
        parser.error(f"{options.binary} is missing: make build, or name it with --binary")
    options.binary, options.encoder = os.path.abspath(options.binary), os.path.abspath(options.encoder)
    return options


COLUMNS = [("night", 5), ("new gold", 8), ("run", 8), ("model in force", 14), ("accuracy", 16), ("entity F1", 16),
           ("new class", 16), ("seconds", 7)]


def line(cells):
    return "  ".join(cell.rjust(width) if name != "run" else cell.ljust(width)
                     for cell, (name, width) in zip(cells, COLUMNS))


def pair(night, scores, measure):
    """The model in force after the night, and the candidate where it is another one."""
    def shown(model):
        return f"{scores[model].value(measure):.3f}" if model in scores else "–"
    own = shown(night["in_force"])
    return own if night["candidate"] == night["in_force"] else f"{own} ({shown(night['candidate'])})"


def show(night, scores):
    print(line([
        str(night["night"]), str(night["new_gold"]), night["status"], night["in_force"],
        *[pair(night, scores, measure) for measure in (judge.ACCURACY, judge.F1, judge.RECALL)],
        f"{night['took']:.0f}"]), flush=True)
    if night["noise"]:
        print(f"       NOISE: {night['noise']}; corrected the morning after")
    print(f"       {night['message']}", flush=True)


def simulate(month, product, scores):
    """Night by night; yields what each came to."""
    yesterday = None
    for night in month.nights:
        began = time.monotonic()
        corrected = yesterday is not None and bool(yesterday.noise)
        product.arrive(night.questions + night.tweets + night.unlabelled)
        if corrected:
            product.correct(yesterday)
        product.label(night.questions, night.tweets)
        found = product.train()
        if found["candidate"] and found["candidate"] not in scores:
            scores[found["candidate"]] = product.scores(found["candidate"], month)
        count = len(night.questions) + len(night.tweets)
        if corrected:
            count += len(yesterday.questions) + len(yesterday.tweets)
        yesterday = night
        yield {"night": night.number, "noise": night.noise, "new_gold": count, "took": time.monotonic() - began, **found}


def record(options, month, nights, scores, wrong, seconds):
    os.makedirs(options.output, exist_ok=True)

    def path(name):
        return os.path.join(options.output, name)

    with open(path("month.json"), "w", encoding="utf-8") as file:
        json.dump({
            "options": {key: value for key, value in vars(options).items()
                        if key not in ("data", "binary", "encoder", "output")},
            "classes": month.classes, "new_class": month.new_class, "nights": nights, "seconds": seconds,
            "scores": {model: found.values for model, found in scores.items()}, "wrong": wrong}, file, indent=1)
    with open(path("month.csv"), "w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        measures = (judge.ACCURACY, judge.F1, judge.RECALL)
        table.writerow(["night", "noise", "new_gold", "status", "candidate", "in_force"]
                       + [f"{measure}, {of}" for measure in measures for of in ("in force", "candidate")] + ["message"])
        for night in nights:
            table.writerow([night[key] for key in ("night", "noise", "new_gold", "status", "candidate", "in_force")] + [
                f"{scores[night[of]].value(measure):.4f}" if night[of] in scores else ""
                for measure in measures for of in ("in_force", "candidate")] + [night["message"]])
    with open(path("month.svg"), "w", encoding="utf-8") as file:
        file.write(plot.svg(nights, scores, month.new_class_night))


def main():
    options = arguments()
    month = stream.draw(options.data, options)
    print(f"seed {options.seed}, {options.nights} nights, entity head {options.entity_head}; test set: "
          f"{len(month.test_questions)} questions of {len(month.classes)} classes, {len(month.test_tweets)} tweets; "
          f"new on night {month.new_class_night}: {month.new_class}", flush=True)
    print("scores are of the model in force after the night, in brackets of a candidate that was not promoted\n")
    print(line([name for name, _ in COLUMNS]), flush=True)
    # The throw-away server is to go, however this ends.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit("interrupted"))
    folder = tempfile.mkdtemp(prefix="glossator-month-")
    began, nights, scores = time.monotonic(), [], {}
    product = None
    try:
        product = Product(options.binary, options.encoder, folder, options.entity_head)
        for night in simulate(month, product, scores):
            nights.append(night)
            show(night, scores)
    finally:
        if product:
            product.close()
        shutil.rmtree(folder, ignore_errors=True)
    wrong = judge.violations(nights, scores, BOUNDS)
    seconds = time.monotonic() - began
    record(options, month, nights, scores, wrong, seconds)
    promoted = [night for night in nights if night["status"] == "promoted"]
    print(f"\n{len(promoted)} of {len(nights)} nights promoted a model; {seconds:.0f} s; {options.output}/month.svg, .csv, .json")
    for words in wrong:
        print(f"WRONG: {words}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
