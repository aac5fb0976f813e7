"""What a check found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

NAMES = {
    1: "capacity",
    2: "one state",
    3: "one outcome",
    4: "promises about time",
    5: "sends",
    6: "log and state",
    7: "human only",
    8: "notices",
}
"""The invariants by the number that ARCHITECTURE gives them."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that must not be: which invariant, where on the log, and what."""

    invariant: int
    where: str
    what: str

    def __str__(self) -> str:
        return f"({self.invariant}) {NAMES[self.invariant]}: {self.where}: {self.what}"


@dataclass(slots=True)
class Report:
    """All violations, and how much was looked at."""

    violations: list[Violation] = field(default_factory=list)
    batches: int = 0
    events: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    hashes: dict[str, str] = field(default_factory=dict)

    def add(self, invariant: int, where: str, what: str) -> None:
        """Note a violation."""
        self.violations.append(Violation(invariant, where, what))

    def summary(self) -> str:
        """One line: how much was checked and what was found."""
        parts = [f"{self.batches:,} batches", f"{self.events:,} events"]
        parts += [f"{count:,} {name}" for name, count in sorted(self.counts.items())]
        found = len(self.violations)
        verdict = "all invariants hold" if not found else f"{found:,} violation{'s' if found > 1 else ''}"
        return f"checked {', '.join(parts)}: {verdict}"
