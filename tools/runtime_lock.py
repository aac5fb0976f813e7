"""Prints the part of requirements.lock that running needs: no tests, no linters, no browsers. For the image.

    python tools/runtime_lock.py > runtime.lock
    pip install --require-hashes --no-deps -r runtime.lock

The lock says of each package who asked for it (`# via`). What is needed are the dependencies of
pyproject.toml, and whatever they asked for, directly or not. Needs nothing but Python.
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)(?:\[[^\]]*\])?==")


class Entry(NamedTuple):
    """One package of the lock: its lines, of each version where markers choose, and who asked for it."""

    lines: list[str]
    via: set[str]


def normal(name: str) -> str:
    """A package's name as PEP 503 compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def entries(lock: str) -> dict[str, Entry]:
    """Every package of a lock, by its normal name."""
    found: dict[str, Entry] = {}
    entry: Entry | None = None
    for line in lock.splitlines():
        pinned = PINNED.match(line)
        if pinned:
            entry = found.setdefault(normal(pinned[1]), Entry([], set()))
            entry.lines.append(line)
        elif entry is not None and line.startswith("    #"):
            parent = line.strip("# ").removeprefix("via").strip().split(" ")[0]
            if parent:
                entry.via.add(normal(parent.split("[")[0]))
        elif entry is not None and line.startswith("    "):
            entry.lines.append(line)
    return found


def dependencies(project: str) -> set[str]:
    """What pyproject.toml asks for, without extras."""
    asked = tomllib.loads(project)["project"]["dependencies"]
    return {normal(found[0]) for text in asked if (found := NAME.match(text))}


def needed(asked: set[str], locked: Mapping[str, Entry]) -> set[str]:
    """Everything that these need, themselves included. Raises ValueError for one that is not locked."""
    missing = asked - locked.keys()
    if missing:
        raise ValueError(f"requirements.lock has no {', '.join(sorted(missing))}; run make lock")
    found, more = set(asked), set(asked)
    while more:
        more = {name for name, entry in locked.items() if name not in found and entry.via & more}
        found |= more
    return found


def runtime_lock(project: str, lock: str) -> Iterator[str]:
    """The lines of the lock that running needs."""
    locked = entries(lock)
    wanted = needed(dependencies(project), locked)
    for name, entry in locked.items():
        if name in wanted:
            yield from entry.lines


if __name__ == "__main__":
    root = Path(__file__).parents[1]
    texts = [(root / name).read_text(encoding="utf-8") for name in ("pyproject.toml", "requirements.lock")]
    sys.stdout.write("\n".join(runtime_lock(texts[0], texts[1])) + "\n")
