#!/usr/bin/env python3
"""Glossator beside other engines, in turns: see README.md beside this file.

This file is the command line, the order of the turns and the log. It measures nothing itself.
"""

import argparse
import json
import os
import pathlib
import sys
import time

import tables
from engines import OURS, PEERS, REFERENCE, SIZES, Engines, Failed

ROOT = pathlib.Path(__file__).resolve().parents[2]
VARIABLES = {"scripts": "GLOSSATOR_PEERS_SCRIPTS", "work": "GLOSSATOR_PEERS_WORK", "python": "GLOSSATOR_PEERS_PYTHON"}


def arguments():
    def names(known):
        def parse(text):
            found = text.split(",")
            unknown = [name for name in found if name not in known]
            if unknown:
                raise argparse.ArgumentTypeError(f"{unknown[0]} is none of {', '.join(known)}")
            return found
        return parse

    every = [name for names_of_one in PEERS.values() for name in names_of_one]
    parser = argparse.ArgumentParser(
        description="Measures glossator and its peers in turns, and prints tables in markdown.",
        epilog="Environment: " + ", ".join(VARIABLES.values()) + "; README.md beside this file says what they name.")
    parser.add_argument("--models", type=names(["minilm", "bertbase"]), default=["minilm"])
    parser.add_argument("--corpora", type=names(["sentences", "documents"]), default=["sentences", "documents"])
    parser.add_argument("--precisions", type=names(list(PEERS)), default=["fp32"])
    parser.add_argument("--threads", default="2", help="numbers, separated by commas (default 2)")
    parser.add_argument("--peers", type=names(every), help="only these (default: all of a precision)")
    parser.add_argument("--size", choices=list(SIZES), default="usual", help="how many texts (default usual)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--tokenizer", action="store_true", help="measure the tokenizers as well")
    parser.add_argument("--no-inference", action="store_true", help="measure nothing but the tokenizers")
    parser.add_argument("--clean", type=float, default=0.5, help="processors that others may use beside a pass")
    parser.add_argument("--timeout", type=int, default=900, help="seconds after which a process is given up")
    parser.add_argument("--minutes", type=float, default=1e9, help="begin no new round after so many")
    parser.add_argument("--binary", default=str(ROOT / ".build/release/glossator"))
    parser.add_argument("--out", default=str(ROOT / ".glossator/peers"), help="folder of the log and the embeddings")
    parser.add_argument("--append", action="store_true", help="add to the log that is there, instead of a new one")
    parser.add_argument("--tables-only", action="store_true", help="measure nothing, print what the log says")
    options = parser.parse_args()
    options.threads = [int(number) for number in options.threads.split(",")]
    missing = [name for name in VARIABLES.values() if not os.environ.get(name)]
    if missing:
        parser.error(f"{', '.join(missing)} not set: the peers' environment is needed (README.md)")
    return options


class Log:
    """One JSON object a line, written as the passes end: a run that is stopped loses nothing."""

    def __init__(self, path, keep):
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        if not keep:
            path.write_text("")
        self.records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def add(self, **record):
        record["when"] = time.strftime("%Y-%m-%dT%H:%M:%S")
        self.records.append(record)
        with self.path.open("a") as file:
            file.write(json.dumps(record) + "\n")
        speed = f"{record['tok_s']:.0f} tokens/s" if "tok_s" in record else record["error"]
        shown = [str(record[key]) for key in ("round", "model", "corpus", "threads", "precision", "engine") if key in record]
        print(*shown, speed, f"others {record.get('others_cores', 0):.2f}", file=sys.stderr, flush=True)

    def next_round(self):
        return 1 + max((record["round"] for record in self.records), default=-1)


def cells(options):
    for model in options.models:
        for corpus in options.corpora:
            for threads in options.threads:
                yield model, corpus, threads


def infer(options, engines, log, turn, given_up):
    for model, corpus, threads in cells(options):
        limit = SIZES[options.size][model][corpus]
        for precision in options.precisions:
            peers = [name for name in PEERS[precision] if not options.peers or name in options.peers]
            contenders = [OURS, *peers]
            # Nobody always runs behind the same neighbour.
            shift = turn % len(contenders)
            for engine in contenders[shift:] + contenders[:shift]:
                about = dict(kind="inference", model=model, corpus=corpus, threads=threads, precision=precision,
                             engine=engine, limit=limit, round=turn)
                if (model, precision, engine) in given_up:
                    continue
                try:
                    run = (engines.ours, precision) if engine == OURS else (engines.peer, engine)
                    log.add(**about, **run[0](run[1], model, corpus, limit, threads))
                except Failed as failure:
                    given_up.add((model, precision, engine))
                    log.add(**about, error=str(failure))


def tokenize(options, engines, log, turn):
    runs = [lambda: engines.peer_tokenizer()]
    runs += [lambda corpus=corpus: engines.our_tokenizer(corpus) for corpus in ("sentences", "documents")]
    for run in runs if turn % 2 else reversed(runs):
        try:
            for record in run():
                log.add(kind="tokenizer", round=turn, **record)
        except Failed as failure:
            log.add(kind="tokenizer", round=turn, error=str(failure))


def reference(options, engines):
    """The embeddings that all others are compared with, where no round makes them."""
    for model, corpus, threads in cells(options):
        limit = SIZES[options.size][model][corpus]
        if not engines.embedding(model, corpus, limit, REFERENCE).exists():
            try:
                engines.peer(REFERENCE, model, corpus, limit, threads)
            except Failed as failure:
                print(f"{REFERENCE}, {model}, {corpus}: {failure}", file=sys.stderr)


def main():
    options = arguments()
    places = {name: os.environ[variable] for name, variable in VARIABLES.items()}
    engines = Engines(options.binary, out=options.out, timeout=options.timeout, **places)
    log = Log(pathlib.Path(options.out) / "log.jsonl", keep=options.append or options.tables_only)
    if not options.tables_only:
        start, first, given_up = time.monotonic(), log.next_round(), set()
        if not options.no_inference:
            reference(options, engines)
        for turn in range(first, first + options.rounds):
            if time.monotonic() - start > options.minutes * 60:
                break
            if not options.no_inference:
                infer(options, engines, log, turn, given_up)
            if options.tokenizer or options.no_inference:
                tokenize(options, engines, log, turn)
    of_kind = {kind: [record for record in log.records if record["kind"] == kind] for kind in ("inference", "tokenizer")}
    if of_kind["inference"]:
        print(tables.inference(of_kind["inference"], engines, options.clean))
    if of_kind["tokenizer"]:
        print(tables.tokenizer(of_kind["tokenizer"], options.clean))
    if any(record.get("engine") == OURS and "error" in record for record in log.records):
        sys.exit(1)


if __name__ == "__main__":
    main()
