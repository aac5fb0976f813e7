"""How long a call waits for what others do: one bound for all of its waits together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from services.kernel.limits import REQUEST_WAIT_MS
from services.runtime.clock import Clock


class Patience:
    """The patience of one call, from now on."""

    def __init__(self, clock: Clock, within_s: float = REQUEST_WAIT_MS / 1000) -> None:
        self._clock = clock
        self._until_s = clock.monotonic_s() + within_s

    def left_s(self) -> float:
        """How many seconds it may still wait; 0 when its patience is over."""
        return max(0.0, self._until_s - self._clock.monotonic_s())

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What is done meanwhile is the call's own work, which takes as long as it takes."""
        began_s = self._clock.monotonic_s()
        yield
        self._until_s += self._clock.monotonic_s() - began_s
