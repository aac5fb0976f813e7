"""Waits between attempts: short at first, then longer, never the same for everybody at once."""

from __future__ import annotations

import asyncio
import random

LEAST_S = 0.1
MOST_S = 2.0
"""Far below the ten seconds without a stream after which an agent counts as lost."""


class Backoff:
    """The wait before the next attempt; begins anew after a success."""

    def __init__(self) -> None:
        self._next_s = LEAST_S

    def reset(self) -> None:
        """It worked."""
        self._next_s = LEAST_S

    async def wait(self, at_least_s: float = 0.0) -> None:
        """Wait, with jitter: half to the whole of a time that doubles."""
        wait_s = self._next_s * random.uniform(0.5, 1.0)
        self._next_s = min(MOST_S, 2 * self._next_s)
        await asyncio.sleep(max(at_least_s, wait_s))
