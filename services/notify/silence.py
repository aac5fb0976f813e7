"""What nobody has spoken of for how long, found without looking at everything.

A heap has one entry for each thing, by when it was spoken of as the heap last knew it. Being spoken of again
costs nothing: an entry whose time has come is looked at, and put back with the newer time if there is one. So
each thing is looked at once a horizon, and what is looked at is what is due.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

_Entry = tuple[int, str, str]
"""When it was spoken of (Unix milliseconds), its desk, its key."""


class Silence:
    """Keys of desks, by when they were spoken of last. `seen_of`: that time; None if the key is gone."""

    __slots__ = ("_heap", "_seen_of")

    def __init__(self, seen_of: Callable[[str, str], int | None], entries: Iterable[_Entry] = ()) -> None:
        self._seen_of = seen_of
        self._heap = list(entries)
        heapq.heapify(self._heap)

    def watch(self, seen_ms: int, desk_id: str, key: str) -> None:
        """A key is new, or is to be looked at again."""
        heapq.heappush(self._heap, (seen_ms, desk_id, key))

    def silent(self, until_ms: int) -> list[tuple[str, str]]:
        """The keys of which nobody has spoken since then, each once. The caller forgets them, or watches
        them again."""
        found: dict[tuple[str, str], None] = {}
        while self._heap and self._heap[0][0] <= until_ms:
            _, desk_id, key = heapq.heappop(self._heap)
            seen_ms = self._seen_of(desk_id, key)
            if seen_ms is not None and seen_ms > until_ms:
                self.watch(seen_ms, desk_id, key)
            elif seen_ms is not None:
                found[desk_id, key] = None
        return list(found)
