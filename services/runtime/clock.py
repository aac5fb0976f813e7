"""The only place that reads time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now_ms(self) -> int:
        """Wall-clock time in Unix milliseconds."""

    def monotonic_s(self) -> float:
        """Seconds of a clock that never goes back; only differences mean something."""


class SystemClock:
    """The machine's clocks."""

    def now_ms(self) -> int:
        """Wall-clock time in Unix milliseconds."""
        return time.time_ns() // 1_000_000

    def monotonic_s(self) -> float:
        """Seconds of the machine's monotonic clock."""
        return time.monotonic()


class ManualClock:
    """A clock that stands still until it is moved; for tests and the simulator."""

    def __init__(self, now_ms: int = 1_767_225_600_000) -> None:
        self.time_ms = now_ms

    def now_ms(self) -> int:
        """The time that was set."""
        return self.time_ms

    def monotonic_s(self) -> float:
        """The same time in seconds."""
        return self.time_ms / 1000

    def advance(self, ms: int) -> None:
        """Move the clock forward."""
        self.time_ms += ms
