"""The errors of Centrala, by what the caller must do.

    CentralaError
    ├── Busy       the same again later (has `retry_after_s`)
    ├── Invalid    never again like this: it names what is wrong and what would be right
    ├── Fenced     stop: somebody else owns the partition, or what we decided on is not there
    └── Corrupt    stop the service: the own log says something that this release cannot read

A loop whose append fails, by whatever error of these or of the system's, does not know what has landed:
it throws its state away, claims and restores. Corrupt and Invalid (a position that is gone) stop the
service, and so does anything that nobody expected outside of `decide`: an `evolve` or a listener that
raises is a bug, and what is restored would meet it again.
"""

from __future__ import annotations


class CentralaError(Exception):
    """Base of all; never raised itself."""


class Busy(CentralaError):
    """Try the same again after `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Problem:
    """One thing that is wrong: a JSON pointer (RFC 6901) and the rule that it breaks."""

    __slots__ = ("pointer", "rule")

    def __init__(self, pointer: str, rule: str) -> None:
        self.pointer = pointer
        self.rule = rule

    def __repr__(self) -> str:
        return f"Problem({self.pointer!r}, {self.rule!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Problem) and (self.pointer, self.rule) == (
            other.pointer,
            other.rule,
        )

    def __hash__(self) -> int:
        return hash((self.pointer, self.rule))


class Invalid(CentralaError):
    """The input is wrong; `problems` names every place at once."""

    def __init__(self, message: str, problems: list[Problem] | None = None) -> None:
        super().__init__(message)
        self.problems = problems or []


class Fenced(CentralaError):
    """An append was not contiguous, failed, or its outcome is unknown: claim again."""


class Corrupt(CentralaError):
    """The own log cannot be folded by this release."""
