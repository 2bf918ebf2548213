#!/usr/bin/env python3
"""Checks the rooms' borders (docs/architecture.md) in the sources themselves.

SwiftPM lets a target import a sibling that it never declared, so the manifest alone proves nothing. Each rule names
its reason; an exception is a change of this table, which a reviewer sees.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
ROOMS = {
    "Annotations": set(),
    "Tokenization": {"Annotations"},
    "Tensors": {"Annotations", "CKernels", "COpenBLAS"},
    "Model": {"Annotations", "Tokenization", "Tensors", "CCrypto"},
    "Training": {"Annotations", "Tensors", "Model"},
    "Store": {"Annotations", "CPostgres", "CZstd", "CCrypto", "CResources"},
    "glossator": {"Annotations", "Tokenization", "Model", "Training", "Store", "CResources"},
}
ALL_ROOMS = set(ROOMS) | {"CKernels", "COpenBLAS", "CCrypto", "CPostgres", "CZstd", "CResources"}
SYSTEM = {"Foundation", "Synchronization", "Dispatch", "Glibc", "Musl", "Darwin", "Android"}
# Packages from outside are the executable's alone: the rooms below it build without any.
PACKAGES = {
    "glossator": {
        "ArgumentParser", "AsyncAlgorithms", "Configuration", "Logging", "Metrics", "ServiceLifecycle",
        "SystemPackage", "UnixSignals", "Yams",
    }
}
IMPORT = re.compile(
    r"^[ \t]*(?:@\w+[ \t]+)*(?:(?:public|package|internal|fileprivate|private)[ \t]+)?import[ \t]+"
    r"(?:(?:struct|class|enum|protocol|func|var|let|typealias)[ \t]+)?(\w+)", re.M)

# (what, where it may stand, pattern). That only Store speaks SQL needs no line here: nobody else can import libpq, and
# a connection takes no statements from outside its room.
LINES = [
    # Outside the rooms of pointers: bytes that C carries (migrations, demo texts) or that read(2) fills, and what the
    # tokenizer reads for every byte of a text.
    ("a raw pointer",
     ("Tensors/", "Store/Connection/", "Store/EmbeddingCodec", "Store/Zstd", "Store/Migrator", "Model/ContentHash",
      "Tokenization/TextBytes", "Tokenization/ByteTrie", "Tokenization/WordTable", "glossator/Demo/DemoTexts",
      "glossator/Import/ByteSource"),
     re.compile(r"\bUnsafe(?:Mutable)?(?:Raw)?(?:Buffer)?Pointer\b|\bOpaquePointer\b")),
    ("the environment or the clock", ("glossator/",),
     re.compile(r"ProcessInfo\.processInfo\.environment|\bDate\(\)|\bDate\.now\b")),
    ("a task or a log line", ("glossator/",), re.compile(r"\bTask\s*\{|\bTask\.detached|\bLogger\(")),
]


def code(text):
    """The source without comments; line numbers stay."""
    return re.sub(r"//[^\n]*", "", text)


def main():
    problems = []
    for room, allowed in ROOMS.items():
        for path in sorted((ROOT / "Sources" / room).rglob("*.swift")):
            relative = path.relative_to(ROOT / "Sources").as_posix()
            text = code(path.read_text(encoding="utf-8"))
            permitted = allowed | SYSTEM | PACKAGES.get(room, set())
            for match in IMPORT.finditer(text):
                if match.group(1) not in permitted:
                    line = text.count("\n", 0, match.start(1)) + 1
                    problems.append(f"Sources/{relative}:{line}: {room} may not import {match.group(1)}")
            for what, places, pattern in LINES:
                if relative.startswith(places):
                    continue
                for match in pattern.finditer(text):
                    line = text.count("\n", 0, match.start()) + 1
                    problems.append(f"Sources/{relative}:{line}: {what} belongs in {', '.join(places)}")
            for match in re.finditer(r"^[ \t]*(?:public|open)[ \t]+(?:class|struct|enum|actor|func|var|let|init|protocol|extension)\b", text, re.M):
                line = text.count("\n", 0, match.start()) + 1
                problems.append(f"Sources/{relative}:{line}: an application exports nothing; use package")
    print("\n".join(problems) or f"imports: {len(ROOMS)} rooms, no border crossed")
    return 1 if problems else 0


sys.exit(main())
