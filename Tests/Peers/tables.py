"""What the records say: medians, ratios, and how near each engine's embeddings are to the reference's."""

import array
import ast
import math
import operator
import os
import statistics
import sys

from engines import OURS, REFERENCE


def vectors(path, count):
    """Rows of a float32 file, with numpy's header or without; None when it is not there or has other texts."""
    if not path.exists():
        return None
    data = path.read_bytes()
    if data[:6] == b"\x93NUMPY":
        size = int.from_bytes(data[8:10], "little")
        header = ast.literal_eval(data[10:10 + size].decode("latin-1"))
        if header["descr"] != "<f4" or header["fortran_order"] or header["shape"][0] != count:
            return None
        data = data[10 + size:]
    values = array.array("f")
    values.frombytes(data)
    if sys.byteorder == "big":
        values.byteswap()
    if not count or len(values) % count:
        return None
    width = len(values) // count
    return [values[row * width:(row + 1) * width] for row in range(count)]


def cosines(ours, reference):
    """Mean, first percentile and least cosine, row by row."""
    def dot(a, b):
        return sum(map(operator.mul, a, b))

    found = []
    for a, b in zip(ours, reference):
        length = math.sqrt(dot(a, a) * dot(b, b))
        found.append(dot(a, b) / length if length > 0 else math.nan)
    if any(math.isnan(value) for value in found):
        return (math.nan,) * 3
    found.sort()
    return statistics.fmean(found), found[len(found) // 100], found[0]


def quiet(records, threads, clean):
    """The passes beside which nobody else used more than `clean` processors, besides those that the pass left free;
    all of them, and a mark, when there is none."""
    idle = 0.8 * max(0, (os.cpu_count() or 1) - threads)
    fine = [record for record in records if record["others_cores"] <= idle + clean]
    return (fine, "") if fine else (records, "†")


def median(records, key):
    return statistics.median(record[key] for record in records)


def markdown(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|---|" + "---:|" * (len(header) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def number(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


class Inference:
    """One table of one model, corpus, number of threads and precision, and its line in the summary."""

    SUMMARY = ["model", "corpus", "threads", "precision", "ours, texts/s", "best peer", "texts/s", "ours / best",
               "round by round", "cosine p1: ours", "best peer's", "best peer as true as ours", "ours / that"]

    def __init__(self, cell, records, engines, clean):
        self.cell, self.engines = cell, engines
        self.failed = [record for record in records if "error" in record]
        threads = cell[2]
        self.rows = {}
        for name in dict.fromkeys(record["engine"] for record in records if "error" not in record):
            all_of_it = [record for record in records if record["engine"] == name and "error" not in record]
            self.rows[name] = quiet(all_of_it, threads, clean)
        self.nearness = {name: self._nearness(name, rows[0]) for name, (rows, _) in self.rows.items()}

    def _nearness(self, name, record):
        model, corpus, _, precision = self.cell
        stored = f"{OURS}-{precision}" if name == OURS else name
        own, reference = (
            vectors(self.engines.embedding(model, corpus, record["limit"], engine), record["texts"])
            for engine in (stored, REFERENCE))
        return cosines(own, reference) if own and reference else (math.nan,) * 3

    def table(self):
        header = ["engine", "texts/s", "range", "tokens/s", "useful GFLOP/s", "peak RSS MiB", "load s", "cosine mean",
                  "p1", "min", "passes"]
        rows = []
        for name, (records, mark) in sorted(self.rows.items(), key=lambda row: -median(row[1][0], "texts_s")):
            speeds = [record["texts_s"] for record in records]
            rows.append([
                name + mark, number(median(records, "texts_s")), f"{number(min(speeds))}–{number(max(speeds))}",
                f"{median(records, 'tok_s'):.0f}", f"{median(records, 'gflops'):.0f}",
                f"{max(record['hwm_mib'] for record in records):.0f}", f"{median(records, 'load_s'):.2f}",
                *(f"{value:.5f}" for value in self.nearness[name]), str(len(records)),
            ])
        dashes = ["-"] * (len(header) - 2)
        rows += [[record["engine"], *dashes, f"failed: {record['error']}".replace("|", "/")] for record in self.failed]
        model, corpus, threads, precision = self.cell
        first = next(iter(self.rows.values()), ([{}], ""))[0][0]
        title = f"{model}, {corpus}, {threads} thread{'s' if threads > 1 else ''}, {precision}"
        return f"#### {title} ({first.get('texts', 0)} texts, {first.get('tokens', 0)} tokens)\n\n" + markdown(header, rows)

    def summary(self):
        if OURS not in self.rows or len(self.rows) < 2:
            return None
        speed = {name: median(records, "texts_s") for name, (records, _) in self.rows.items()}
        peers = sorted((name for name in speed if name != OURS), key=lambda name: -speed[name])
        best = peers[0]
        # To four decimals, which is more than texts agree on; nan is as true as nobody.
        truth = {name: round(near[1], 4) for name, near in self.nearness.items()}
        true = next((name for name in peers if truth[name] >= truth[OURS]), None)
        model, corpus, threads, precision = self.cell
        mark = self.rows[OURS][1] or self.rows[best][1]
        return [
            model, corpus, str(threads), precision + mark, number(speed[OURS]), best, number(speed[best]),
            f"**{speed[OURS] / speed[best]:.2f}**", self._paired(best), f"{self.nearness[OURS][1]:.4f}",
            f"{self.nearness[best][1]:.4f}", true or "none", f"{speed[OURS] / speed[true]:.2f}" if true else "-",
        ]

    def _paired(self, peer):
        """The least and the greatest ratio within one round."""
        ours, theirs = ({record["round"]: record["texts_s"] for record in self.rows[name][0]} for name in (OURS, peer))
        ratios = [ours[turn] / theirs[turn] for turn in ours.keys() & theirs.keys()]
        return f"{min(ratios):.2f}–{max(ratios):.2f}" if ratios else "-"


def inference(records, engines, clean):
    cells = {}
    for record in records:
        cells.setdefault((record["model"], record["corpus"], record["threads"], record["precision"]), []).append(record)
    found = [Inference(cell, rows, engines, clean) for cell, rows in cells.items()]
    summary = [line for line in (one.summary() for one in found) if line]
    parts = ["### Ours beside the best peer\n\n" + markdown(Inference.SUMMARY, summary)] if summary else []
    return "\n".join(parts + [one.table() for one in found])


def tokenizer(records, clean):
    rows = []
    failed = {record["error"] for record in records if "error" in record}
    records = [record for record in records if "error" not in record]
    for corpus in dict.fromkeys(record["corpus"] for record in records):
        own = {}
        for record in records:
            if record["corpus"] == corpus:
                own.setdefault(record["engine"], []).append(record)
        found = {name: quiet(passes, 1, clean) for name, passes in own.items()}
        ours = median(found[OURS][0], "tok_s") if OURS in found else math.nan
        for name, (passes, mark) in sorted(found.items(), key=lambda row: -median(row[1][0], "tok_s")):
            rows.append([
                name + mark, corpus, f"{median(passes, 'texts_s'):.0f}", f"{median(passes, 'tok_s') / 1e6:.2f}",
                f"{median(passes, 'mb_s'):.2f}", f"{ours / median(passes, 'tok_s'):.2f}", str(len(passes)),
            ])
    header = ["call", "corpus", "texts/s", "M tokens/s", "MB/s", "ours / this", "passes"]
    return "### Tokenizer, one thread\n\n" + markdown(header, rows) + "".join(f"\nfailed: {error}\n" for error in failed)
