"""What happens next: the world's own doings and the engines' deadlines, in one order of time.

Whatever the world does at an instant goes before a deadline of that instant, in the order in which it was
planned. So a run depends on nothing but its inputs.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

from sim.engines import Engines

Doing = tuple[int, int, Callable[..., None], tuple[Any, ...]]


class Stage:
    """A heap of doings, and the engines that they talk to."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self._heap: list[Doing] = []
        self._planned = 0

    def at(self, at_ms: int, do: Callable[..., None], *arguments: Any) -> None:
        """Do it then; what is planned for the past is done now."""
        self._planned += 1
        heapq.heappush(self._heap, (at_ms, self._planned, do, arguments))

    def run(self, until_ms: int) -> None:
        """Let time pass up to and with `until_ms`."""
        engines, heap = self.engines, self._heap
        while True:
            at_ms = heap[0][0] if heap else until_ms + 1
            due_ms = engines.next_deadline_ms()
            if due_ms < at_ms:
                if due_ms > until_ms:
                    break
                engines.fire()
                continue
            if at_ms > until_ms:
                break
            _, _, do, arguments = heapq.heappop(heap)
            if at_ms > engines.now_ms:
                engines.now_ms = at_ms
            do(*arguments)
        engines.now_ms = max(engines.now_ms, until_ms)
