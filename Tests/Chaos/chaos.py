#!/usr/bin/env python3
"""The chaos suite: real daemons, a real PostgreSQL, faults, and what is true at the end. See README.md beside this file.

This file is the command line, the loop over the scenarios and the table. It hurts nothing itself.
"""

import argparse
import os
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import time
import traceback

import scenarios
from cluster import Cluster
from workplace import Kitchen, Workplace

ROOT = pathlib.Path(__file__).resolve().parents[2]


def arguments():
    parser = argparse.ArgumentParser(description="Hurts daemons, server and network, and counts what is lost or doubled.")
    parser.add_argument("--seconds-per-scenario", type=float, help="how long it hurts (default 5; with --long 120)")
    parser.add_argument("--documents", type=int, help="documents a scenario (default 1200; with --long 30000)")
    parser.add_argument("--hour-documents", type=int, default=7200, help="documents of old-transaction (default 7200)")
    parser.add_argument("--daemons", type=int, default=3)
    parser.add_argument("--seed", type=int, help="makes all random choices again; printed at the start")
    parser.add_argument("--only", help="names, separated by commas")
    parser.add_argument("--binary", default=str(ROOT / ".build/release/glossator"))
    parser.add_argument("--long", action="store_true", help="soak: real silences, minutes a scenario")
    parser.add_argument("--keep", action="store_true", help="keep the logs even when all is well")
    parser.add_argument("--list", action="store_true", help="print the scenarios and what must hold")
    options = parser.parse_args()
    options.seconds_per_scenario = options.seconds_per_scenario or (120 if options.long else 5)
    options.documents = options.documents or (30000 if options.long else 1200)
    return options


class Outcome:
    """One line of the table."""

    def __init__(self, name):
        self.name, self.verdict, self.wrong, self.notes = name, "ok", [], []
        self.counts, self.faults, self.recoveries, self.seconds, self.expected = {}, 0, [], 0.0, 0

    COLUMNS = ["scenario", "documents", "faults", "lost", "doubled", "failed", "charged", "recovery s", "max s", "seconds",
               "verdict"]

    def row(self):
        if not self.counts:
            return [self.name, "", str(self.faults), "", "", "", "", "", "", f"{self.seconds:.1f}", self.verdict]
        recovery = [f"{statistics.median(self.recoveries):.2f}", f"{max(self.recoveries):.2f}"] if self.recoveries else ["", ""]
        failed = f"{self.counts['failed']} ({self.expected})"
        return [self.name, str(self.counts["documents"]), str(self.faults), str(self.counts["lost"]),
                str(self.counts["doubled"]), failed, str(self.counts["charged"]), *recovery, f"{self.seconds:.1f}",
                self.verdict]


class Suite:
    def __init__(self, options, folder, seed):
        self.options, self.seed = options, seed
        self.kitchen = Kitchen(options.binary, folder)
        self.shared = None

    def cluster(self, scenario):
        """Most scenarios share a server; those that need a particular one get it for themselves."""
        if needs := getattr(scenario, "cluster", None):
            return Cluster(**needs)
        if self.shared is None:
            self.shared = Cluster()
        return self.shared

    def run(self, name):
        scenario = scenarios.ALL[name]
        outcome = Outcome(name)
        if obstacle := getattr(scenario, "obstacle", lambda: None)():
            outcome.verdict = f"NOT RUN: {obstacle}"
            return outcome
        began = time.monotonic()
        place = cluster = None
        try:
            cluster = self.cluster(scenario)
            place = Workplace(self.kitchen, cluster, name, self.options, self.seed)
            scenario(place)
            outcome.counts, outcome.recoveries = place.finish()
        except Exception as error:  # One scenario's trouble must not hide the others' results.
            outcome.wrong.append(f"{type(error).__name__}: {error}")
            if not isinstance(error, AssertionError):
                outcome.wrong.append(traceback.format_exc())
            if place:
                place.abandon()
        finally:
            if cluster is not None:
                self.leave(cluster, name)
        if place:
            outcome.wrong += place.wrong
            outcome.notes, outcome.faults, outcome.expected = place.notes, place.faults, len(place.expected_failures)
        if outcome.faults == 0:
            outcome.wrong.append("nothing was hurt: the scenario proves nothing")
        outcome.verdict = "WRONG" if outcome.wrong else "ok"
        outcome.seconds = time.monotonic() - began
        return outcome

    def leave(self, cluster, name):
        log = os.path.join(self.kitchen.folder, "logs", name, "server.log")
        if cluster is not self.shared:
            cluster.remove(keep_log_in=log)
        elif os.path.exists(cluster.log) and os.path.isdir(os.path.dirname(log)):
            shutil.copy(cluster.log, log)

    def close(self):
        if self.shared:
            self.shared.remove()


def print_table(outcomes):
    rows = [Outcome.COLUMNS] + [outcome.row() for outcome in outcomes]
    widths = [max(len(row[column]) for row in rows) for column in range(len(Outcome.COLUMNS) - 1)]
    for row in rows:
        cells = [row[0].ljust(widths[0])] + [cell.rjust(width) for cell, width in zip(row[1:-1], widths[1:])]
        print("  ".join(cells + [row[-1]]))


def main():
    options = arguments()
    if options.list:
        for name, scenario in scenarios.ALL.items():
            print(f"{name}\n    {scenario.__doc__.strip()}\n")
        return 0
    names = options.only.split(",") if options.only else list(scenarios.ALL)
    if unknown := [name for name in names if name not in scenarios.ALL]:
        raise SystemExit(f"there is no scenario {', '.join(unknown)}; --list names them")
    options.binary = os.path.abspath(options.binary)
    if not os.access(options.binary, os.X_OK):
        raise SystemExit(f"{options.binary} is missing: build it (swift build -c release), or name it with --binary")
    seed = random.SystemRandom().randrange(1, 1_000_000) if options.seed is None else options.seed
    print(f"seed {seed}, {options.daemons} daemons, {options.documents} documents, "
          f"{options.seconds_per_scenario:g} s a scenario", flush=True)
    folder = tempfile.mkdtemp(prefix="glossator-chaos-run-")
    suite, outcomes = Suite(options, folder, seed), []
    began = time.monotonic()
    try:
        for name in names:
            outcome = suite.run(name)
            outcomes.append(outcome)
            notes = f"  [{'; '.join(outcome.notes)}]" if outcome.notes else ""
            print(f"{name}: {outcome.verdict}, {outcome.seconds:.1f} s{notes}", flush=True)
            for line in outcome.wrong:
                print("    " + line.replace("\n", "\n    "), flush=True)
    finally:
        suite.close()
    print()
    print_table(outcomes)
    wrong = [outcome.name for outcome in outcomes if outcome.verdict == "WRONG"]
    print(f"\n{len(outcomes)} scenarios, {len(wrong)} wrong, {time.monotonic() - began:.0f} s")
    if wrong or options.keep:
        print(f"logs of daemons and servers: {folder}/logs   again: --seed {seed}")
    else:
        shutil.rmtree(folder, ignore_errors=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
