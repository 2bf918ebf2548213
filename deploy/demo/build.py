#!/usr/bin/env python3
"""Make the demo corpus from its sources.

    python3 deploy/demo/build.py            write labelled.jsonl and unlabelled.jsonl
    python3 deploy/demo/build.py --check    say whether the committed files are current, write nothing
    python3 deploy/demo/build.py --stats    print the tables of balance, entities and lengths

labelled.txt (written by hand, entities in brackets) -> labelled.jsonl
bank.txt (sentences and slots)                       -> unlabelled.jsonl
Only the standard library is needed. GUIDELINES.md says what is annotated and how.
"""

import argparse
import collections
import hashlib
import json
import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
TOPICS = ("delivery", "billing", "returns", "technical", "account", "product_feedback")
SENTIMENTS = ("negative", "neutral", "positive")
ENTITY_TYPES = ("person", "organisation", "location", "product")
UNLABELLED_COUNT = 3000
UNLABELLED_MAX_BYTES = 1_200_000

HEADER = re.compile(r"@ (?P<id>demo-\d{4}) (?P<topic>\w+) (?P<sentiment>\w+) (?P<language>[a-z]{2})")
MENTION = re.compile(r"\[([^\[\]|]*)\|([^\[\]|]*)\]")


class SourceError(Exception):
    """A source file breaks its own rules; the message names the place."""


# --- labelled texts ---------------------------------------------------------------------------------------------------


def read_labelled(path):
    """Documents of labelled.txt in file order; offsets are Unicode code points, half-open."""
    documents = []
    header, lines = None, []

    def finish():
        if header is not None:
            documents.append(labelled_document(header, "\n".join(lines).strip()))

    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("#"):
            continue
        if line.startswith("@"):
            finish()
            match = HEADER.fullmatch(line)
            if match is None:
                raise SourceError(f"{path.name}:{number}: not a header: {line!r}")
            header, lines = match.groupdict(), []
        elif header is None:
            if line.strip():
                raise SourceError(f"{path.name}:{number}: text before the first header")
        else:
            lines.append(line.rstrip())
    finish()
    check_labelled(documents)
    return documents


def labelled_document(header, marked):
    """One document: the markup is taken out and every mention becomes a span."""
    pieces, entities, length, at = [], [], 0, 0
    for match in MENTION.finditer(marked):
        surface, kind = match.groups()
        before = marked[at : match.start()]
        length += len(before)
        entities.append({"type": kind, "start": length, "end": length + len(surface)})
        pieces += [before, surface]
        length += len(surface)
        at = match.end()
    pieces.append(marked[at:])
    return {
        "id": header["id"],
        "text": "".join(pieces),
        "labels": {"topic": header["topic"], "sentiment": header["sentiment"]},
        "entities": {"entities": entities},
        "language": header["language"],
        "surfaces": [surface for surface, _ in MENTION.findall(marked)],
    }


def check_labelled(documents):
    """Everything that a reader of labelled.jsonl relies on; the first breach is an error."""
    ids, texts = set(), set()
    for document in documents:
        name, text, labels = document["id"], document["text"], document["labels"]
        if name in ids:
            raise SourceError(f"{name}: this id is there twice")
        if text in texts:
            raise SourceError(f"{name}: this text is there twice")
        ids.add(name)
        texts.add(text)
        if labels["topic"] not in TOPICS or labels["sentiment"] not in SENTIMENTS:
            raise SourceError(f"{name}: unknown label in {labels}")
        if not text or any(mark in text for mark in "[]|"):
            raise SourceError(f"{name}: empty text, or broken markup left in it")
        end_before = 0
        for entity, surface in zip(document["entities"]["entities"], document["surfaces"], strict=True):
            start, end = entity["start"], entity["end"]
            if entity["type"] not in ENTITY_TYPES:
                raise SourceError(f"{name}: unknown entity type {entity['type']!r}")
            if text[start:end] != surface or not surface or surface != surface.strip():
                raise SourceError(f"{name}: {surface!r} is not what stands at {start}..<{end}")
            if start < end_before:
                raise SourceError(f"{name}: {surface!r} overlaps the mention before it")
            if (start and text[start - 1].isalnum()) or (end < len(text) and text[end].isalnum()):
                raise SourceError(f"{name}: {surface!r} begins or ends inside a word")
            end_before = end


def unmarked_mentions(documents):
    """(id, surface) where a name that is annotated elsewhere stands as whole words without annotation."""
    known = {surface for document in documents for surface in document["surfaces"]}
    found = []
    for document in documents:
        text = document["text"]
        taken = [(e["start"], e["end"]) for e in document["entities"]["entities"]]
        for surface in known:
            for match in re.finditer(rf"(?<!\w){re.escape(surface)}(?!\w)", text):
                if not any(start < match.end() and match.start() < end for start, end in taken):
                    found.append((document["id"], surface))
    return sorted(found)


# --- unlabelled texts -------------------------------------------------------------------------------------------------


class Draws:
    """Random draws that depend on the key alone, the same for every version of Python."""

    def __init__(self, key):
        self.key, self.counter = key, 0

    def below(self, bound):
        digest = hashlib.sha256(f"{self.key}/{self.counter}".encode()).digest()
        self.counter += 1
        return int.from_bytes(digest[:8], "big") % bound

    def chance(self, percent):
        return self.below(100) < percent

    def choice(self, options):
        return options[self.below(len(options))]

    def sample(self, options, count):
        rest = list(options)
        return [rest.pop(self.below(len(rest))) for _ in range(min(count, len(rest)))]


def read_bank(path):
    """Section name (a tuple of words) -> its lines."""
    bank, section = {}, None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("## "):
            section = tuple(line[3:].split())
            if section in bank:
                raise SourceError(f"{path.name}:{number}: section {' '.join(section)!r} is there twice")
            bank[section] = []
        elif line.startswith("#") or not line.strip():
            continue
        elif section is None:
            raise SourceError(f"{path.name}:{number}: a line before the first section")
        else:
            bank[section].append(line)
    return bank


class Slots:
    """The values of the slots of one text: the same name gets the same value, {place} and {place2} differ."""

    PRODUCTS = ("gadget", "portable", "heater", "home", "pan", "bag")

    def __init__(self, bank, draws, language):
        self.bank, self.draws, self.language = bank, draws, language
        self.values = {}

    def fill(self, line):
        return re.sub(r"\{(\w+)\}", lambda match: self.value(match[1]), line)

    def value(self, name):
        if name not in self.values:
            kind = name.rstrip("0123456789") or name
            value = self.draw(name if name == "number5" else kind)
            while value in self.values.values() and kind not in ("n", "nth"):
                value = self.draw(kind)
            self.values[name] = value
        return self.values[name]

    def draw(self, kind):
        draws = self.draws
        if kind == "person":
            first, surname = self.draw("first"), self.draw("surname")
            return first if draws.chance(40) else f"{first} {surname}"
        if kind == "product":
            return self.draw(draws.choice(self.PRODUCTS))
        if kind == "order":
            return f"{10 + draws.below(90)}-{10000 + draws.below(90000)}"
        if kind == "number":
            return str(1_000_000 + draws.below(8_999_999))
        if kind == "number5":
            return str(20000 + draws.below(79999))
        if kind == "n":
            return str(3 + draws.below(7))
        if kind == "age":
            return str(61 + draws.below(29))
        if kind == "amount":
            return self.amount()
        if kind == "date":
            return self.date()
        options = self.bank.get(("slot", kind))
        if not options:
            raise SourceError(f"bank.txt: no slot {kind!r}")
        return draws.choice(options)

    def amount(self):
        units, cents = 2 + self.draws.below(240), self.draws.choice(("00", "50", "90", "95", "99", "40"))
        if self.language != "en":
            return f"{units},{cents}"
        return self.draws.choice((f"{units}.{cents} euro", f"€{units}.{cents}", f"£{units}.{cents}", f"{units} euro"))

    def date(self):
        day, month = 1 + self.draws.below(28), 1 + self.draws.below(12)
        if self.language == "de":
            return f"{day}.{month}."
        if self.language == "en":
            return f"{day} {self.draw('month')}"
        return f"{day}-{month}" if self.language == "nl" else f"{day}/{month}"


def unlabelled_text(bank, draws, language):
    """One text: greeting, opening, matter, details, request, closing, signature; most of these by chance."""
    sentiment = draws.choice(SENTIMENTS)
    cells = [key for key in bank if key[0] == language and key[2:] == (sentiment, "matter")]
    topic = draws.choice(cells)[1]
    slots = Slots(bank, draws, language)

    def lines(*key):
        return bank.get((language, *key), [])

    sentences = []
    if draws.chance(30) and lines(sentiment, "opening"):
        sentences.append(draws.choice(lines(sentiment, "opening")))
    sentences.append(draws.choice(lines(topic, sentiment, "matter")))
    details = lines(topic, sentiment, "detail")
    if details:
        sentences += draws.sample(details, draws.choice((0, 1, 1, 2, 2, 3)))
    if draws.chance(45) and lines(topic, sentiment, "request"):
        sentences.append(draws.choice(lines(topic, sentiment, "request")))
    if draws.chance(35) and lines(sentiment, "closing"):
        sentences.append(draws.choice(lines(sentiment, "closing")))
    text = " ".join(slots.fill(sentence) for sentence in sentences)
    if draws.chance(35):
        text = slots.fill(draws.choice(lines("any", "greeting"))) + draws.choice((" ", " ", "\n", "\n\n")) + text
    if draws.chance(30):
        signature = draws.choice(lines("any", "signature") or ["{person3}"])
        text += draws.choice(("\n", "\n\n", " ")) + slots.fill(signature)
    return as_typed(text, draws)


def as_typed(text, draws):
    """Some people type in lower case, some swap two letters."""
    if draws.chance(5):
        return text.lower().rstrip(".")
    if draws.chance(7):
        words = [match for match in re.finditer(r"(?<!\S)[a-z]{5,}(?!\w)", text)]
        if words:
            at = draws.choice(words).start() + 1 + draws.below(3)
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text


def compose_unlabelled(bank, labelled_texts):
    """UNLABELLED_COUNT different texts; every eighth or so isn't English."""
    others = sorted({key[0] for key in bank} - {"en", "slot"})
    documents, seen, attempt = [], set(labelled_texts), 0
    while len(documents) < UNLABELLED_COUNT:
        draws = Draws(f"glossator-demo/{attempt}")
        attempt += 1
        language = draws.choice(others) if draws.chance(12) else "en"
        text = unlabelled_text(bank, draws, language)
        if text.casefold() in seen:
            continue
        seen.add(text.casefold())
        documents.append({"id": f"bulk-{len(documents) + 1:04d}", "text": text})
    return documents


# --- files, tables, command -------------------------------------------------------------------------------------------


def encoded(documents, keys):
    return "".join(
        json.dumps({key: document[key] for key in keys}, ensure_ascii=False) + "\n" for document in documents
    ).encode("utf-8")


def print_stats(labelled, unlabelled):
    print(f"labelled: {len(labelled)} texts\n")
    print(f"{'topic':18}" + "".join(f"{s:>10}" for s in SENTIMENTS) + f"{'all':>10}")
    counts = collections.Counter((d["labels"]["topic"], d["labels"]["sentiment"]) for d in labelled)
    for topic in TOPICS:
        row = [counts[topic, sentiment] for sentiment in SENTIMENTS]
        print(f"{topic:18}" + "".join(f"{n:>10}" for n in row) + f"{sum(row):>10}")
    totals = [sum(counts[topic, sentiment] for topic in TOPICS) for sentiment in SENTIMENTS]
    print(f"{'all':18}" + "".join(f"{n:>10}" for n in totals) + f"{sum(totals):>10}")
    print(f"{'share':18}" + "".join(f"{n / len(labelled):>10.1%}" for n in totals))

    print(f"\n{'entity type':18}{'mentions':>10}{'surfaces':>10}{'once only':>10}")
    for kind in ENTITY_TYPES:
        surfaces = collections.Counter(
            d["text"][e["start"] : e["end"]] for d in labelled for e in d["entities"]["entities"] if e["type"] == kind
        )
        once = sum(1 for n in surfaces.values() if n == 1)
        print(f"{kind:18}{sum(surfaces.values()):>10}{len(surfaces):>10}{once:>10}")
    per_text = collections.Counter(min(len(d["entities"]["entities"]), 4) for d in labelled)
    print("mentions a text:   " + ", ".join(f"{n}{'+' if n == 4 else ''}: {per_text[n]}" for n in range(5)))
    languages = collections.Counter(d["language"] for d in labelled)
    print("languages:         " + ", ".join(f"{name}: {n}" for name, n in languages.most_common()))
    for name, documents in (("labelled", labelled), ("unlabelled", unlabelled)):
        words = sorted(len(d["text"].split()) for d in documents)
        quantiles = [words[min(len(words) - 1, len(words) * q // 100)] for q in (0, 10, 25, 50, 75, 90, 100)]
        print(f"words, {name}: {len(documents)} texts, min/10/25/50/75/90/max % = {quantiles}")
    print(f"bytes, unlabelled: {len(encoded(unlabelled, ('id', 'text')))}")
    missing = unmarked_mentions(labelled)
    print(f"names annotated elsewhere but not here: {len(missing)}" + "".join(f"\n  {i}: {s}" for i, s in missing))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with the committed files, write nothing")
    parser.add_argument("--stats", action="store_true", help="print tables, write nothing")
    arguments = parser.parse_args()
    try:
        labelled = read_labelled(HERE / "labelled.txt")
        unlabelled = compose_unlabelled(read_bank(HERE / "bank.txt"), (d["text"].casefold() for d in labelled))
    except SourceError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    files = {
        HERE / "labelled.jsonl": encoded(labelled, ("id", "text", "labels", "entities")),
        HERE / "unlabelled.jsonl": encoded(unlabelled, ("id", "text")),
    }
    if len(files[HERE / "unlabelled.jsonl"]) > UNLABELLED_MAX_BYTES:
        print("error: unlabelled.jsonl has grown too large", file=sys.stderr)
        return 1
    if arguments.stats:
        print_stats(labelled, unlabelled)
        return 0
    stale = [path for path, content in files.items() if not path.exists() or path.read_bytes() != content]
    if arguments.check:
        for path in stale:
            print(f"error: {path.name} is not current; run python3 deploy/demo/build.py", file=sys.stderr)
        return 1 if stale else 0
    for path in stale:
        path.write_bytes(files[path])
        print(f"wrote {path.name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
