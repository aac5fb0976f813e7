"""How much of something may come in over time: the port, and the adapter for one process.

A key (a desk) has a rate. What was not used is kept for a second, no longer: so a desk may send a second's
worth at once. Counted as a point in time at which all that was taken would be paid off (the virtual
scheduling algorithm of ITU-T I.371, also known as GCRA): one number a key, and no timer.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Protocol

from services.runtime.clock import Clock

KEPT_S = 1.0
"""How long what was not used may still be used."""
KEYS_MAX = 100_000
"""Keys that one process remembers; one that is forgotten begins anew."""
ROUNDING = 1e-6
"""Of a step: so that a rate of 3 a second is three in a second, whatever thirds add up to."""


class Rates(Protocol):
    """Counts. Both adapters pass `tests/contracts/test_rates.py`."""

    async def take(self, key: str, per_s: int) -> float:
        """Take one of so many a second; 0.0 if there was one, else after how many seconds there will be."""


class MemoryRates:
    """Rates of one process."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._paid_s: OrderedDict[str, float] = OrderedDict()

    async def take(self, key: str, per_s: int) -> float:
        """See the port."""
        return self.take_now(key, per_s)

    def take_now(self, key: str, per_s: int) -> float:
        """The same, at once."""
        now_s, step_s = self._clock.monotonic_s(), 1 / per_s
        paid_s = max(now_s, self._paid_s.get(key, now_s)) + step_s
        wait_s = paid_s - now_s - KEPT_S
        if wait_s > step_s * ROUNDING:
            return wait_s
        self._paid_s[key] = paid_s
        self._paid_s.move_to_end(key)
        if len(self._paid_s) > KEYS_MAX:
            self._paid_s.popitem(last=False)
        return 0.0
