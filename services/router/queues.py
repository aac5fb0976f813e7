"""A desk's queues: which conversations wait in them, what those ask for, and how time takes that away."""

from __future__ import annotations

from msgspec import Struct

from services.kernel.conditions import Compiled

Pairs = tuple[tuple[str, int], ...]
"""Skills and least levels, sorted by skill."""


class Relaxation(Struct, array_like=True, frozen=True, gc=False):
    """From `after_ms` of waiting on, only this is required."""

    after_ms: int
    requires: Pairs
    queue: str = ""
    """It overflows into this queue."""
    as_queue: bool = False
    """It requires what that queue does."""


class Queue(Struct, array_like=True, frozen=True, gc=False):
    """Which conversations, and what they ask for. No conditions: all of them."""

    name: str
    when: Compiled = ()
    requires: Pairs = ()
    priority: int = 5
    human_only: bool = False
    relax: tuple[Relaxation, ...] = ()
    prefers: Pairs = ()
