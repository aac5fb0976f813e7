"""The only place that reads time."""

from __future__ import annotations

import time
from typing import Protocol

CATCHING_UP = 0.5
"""Pace of a `SteadyClock` while the machine's clock is behind it."""


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


class SteadyClock:
    """A machine's clock that never goes back, for a log that has no other clock.

    Where the machine's is set back, or stands behind the log's newest record at a start, time goes on from
    there at half its pace until the machine's has caught up. If it stood still, nothing would fall due
    meanwhile; if it went on at full pace, it would stay wrong for good.
    """

    def __init__(self, machine: Clock) -> None:
        self._machine = machine
        self._now_ms = float(machine.now_ms())
        self._read_s = machine.monotonic_s()

    def now_ms(self) -> int:
        """Unix milliseconds, never less than before."""
        read_s, machine_ms = self._machine.monotonic_s(), self._machine.now_ms()
        passed_ms = (read_s - self._read_s) * 1_000
        self._now_ms = max(machine_ms, self._now_ms + passed_ms * CATCHING_UP)
        self._read_s = read_s
        return int(self._now_ms)

    def monotonic_s(self) -> float:
        """The machine's."""
        return self._machine.monotonic_s()

    def go_on_from(self, now_ms: int) -> None:
        """Be no earlier than this."""
        self._now_ms = max(self._now_ms, now_ms)

    def ahead_ms(self) -> int:
        """How far the machine's clock is behind; 0 if it is not."""
        return self.now_ms() - self._machine.now_ms()


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
