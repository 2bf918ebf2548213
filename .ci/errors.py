#!/usr/bin/env python3
"""Compares the codes that faults carry, in Sources and migrations, with those that docs/errors.md explains.

A code is the second argument of `Fault(`, the value of a `code:` label, the first argument of the importers' own
`report(` and `fault(`, a quoted literal with hyphens in Store's SQL, or the CONSTRAINT that a trigger of ours raises
(its name, with hyphens, becomes the code). A row of a table in docs/errors.md begins with the codes that it explains.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
CODE = re.compile(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*")
LITERAL = re.compile(r'"((?:[^"\\]|\\.)*)"')


def without_comments(text):
    """The source without its `//` comments; line numbers stay, and so does a `//` inside a literal."""
    return re.sub(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*', lambda match: match[1] or "", text)


def arguments(text, start):
    """The arguments of the call whose parenthesis opens just before `start`, as they are written."""
    found, depth, begin, index = [], 0, start, start
    while index < len(text):
        character = text[index]
        if character == '"':
            literal = LITERAL.match(text, index)
            index = literal.end() if literal else index + 1
            continue
        if character in "([{":
            depth += 1
        elif character in ")]}":
            if depth == 0:
                return found + [text[begin:index]]
            depth -= 1
        elif character == "," and depth == 0:
            found.append(text[begin:index])
            begin = index + 1
        index += 1
    return found


def codes_in_swift(text):
    """(code, offset) pairs of one source file."""
    for call in re.finditer(r"\bFault\(", text):
        parts = arguments(text, call.end())
        for literal in LITERAL.finditer(parts[1]) if len(parts) > 1 else ():
            yield literal[1], call.start()
    for label in re.finditer(r"\bcode:\s*(" + LITERAL.pattern + ")", text):
        yield label[2], label.start()
    for call in re.finditer(r"\b(?:report|fault)\(", text):
        parts = arguments(text, call.end())
        literal = LITERAL.fullmatch(parts[0].strip()) if len(parts) > 1 else None
        if literal:
            yield literal[1], call.start()


def used():
    """Code -> the first place that has it."""
    places = {}

    def note(code, path, text, offset):
        if CODE.fullmatch(code):
            place = f"{path.relative_to(ROOT).as_posix()}:{text.count(chr(10), 0, offset) + 1}"
            places.setdefault(code, place)

    for path in sorted((ROOT / "Sources").rglob("*.swift")):
        text = without_comments(path.read_text(encoding="utf-8"))
        for code, offset in codes_in_swift(text):
            note(code, path, text, offset)
        if path.is_relative_to(ROOT / "Sources/Store"):
            for literal in re.finditer(r"'([a-z]+(?:-[a-z]+)+)'", text):
                note(literal[1], path, text, literal.start())
    for path in sorted((ROOT / "migrations").glob("[0-9]*.sql")):
        text = path.read_text(encoding="utf-8")
        for literal in re.finditer(r"CONSTRAINT = '([a-z_]+)'", text):
            note(literal[1].replace("_", "-"), path, text, literal.start())
    return places


def documented():
    """Code -> the lines of docs/errors.md that explain it."""
    lines = {}
    for number, line in enumerate((ROOT / "docs/errors.md").read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("| `"):
            for code in re.findall(r"`([^`]+)`", line.split("|")[1]):
                lines.setdefault(code, []).append(number)
    return lines


def main():
    places, lines = used(), documented()
    problems = [f"{places[code]}: {code} is not in docs/errors.md" for code in sorted(places.keys() - lines.keys())]
    for code in sorted(lines):
        if code not in places:
            problems.append(f"docs/errors.md:{lines[code][0]}: nothing has the code {code}")
        elif len(lines[code]) > 1:
            problems.append(f"docs/errors.md:{lines[code][1]}: {code} is explained twice")
    print("\n".join(problems) or f"errors: {len(places)} codes, all explained in docs/errors.md")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
