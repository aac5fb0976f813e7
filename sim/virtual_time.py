"""An event loop whose time passes only when nobody has anything to do: seconds of waiting cost nothing.

The same coroutines as in production run on it, one after the other, in an order that depends on nothing but
what they do. When all of them wait, time jumps to the next timer.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

from services.kernel.errors import Invalid

_T = TypeVar("_T")


class _Jumping(selectors.DefaultSelector):
    """Never waits: a wait moves the time."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """What is ready. Raises Invalid if everybody waits for somebody else."""
        ready = super().select(0)
        if not ready and timeout is None:
            raise Invalid("everybody waits, and nothing is going to happen")
        if not ready and timeout:
            self.now_s += timeout
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time, beginning at 0."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """Virtual seconds."""
        return self._jumping.now_s


class VirtualClock:
    """The clock of programs on such a loop."""

    def __init__(self, loop: VirtualLoop, start_ms: int) -> None:
        self._loop = loop
        self._start_ms = start_ms

    def now_ms(self) -> int:
        """The instant, Unix milliseconds."""
        return self._start_ms + round(self._loop.time() * 1000)

    def monotonic_s(self) -> float:
        """Virtual seconds."""
        return self._loop.time()


def run(loop: VirtualLoop, main: Coroutine[Any, Any, _T]) -> _T:
    """Run to the end of `main`, and close the loop."""
    try:
        return loop.run_until_complete(main)
    finally:
        loop.close()
