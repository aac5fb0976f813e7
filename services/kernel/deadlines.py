"""Deadlines of an engine: a wheel that is only an index of the state.

Each id has at most one deadline. The wheel can always be made anew from what the state holds, so it
is never part of a snapshot. Deadlines come out ordered by (due, id). Setting and dropping cost a
dictionary access; a slot of the wheel is sorted when it becomes the earliest. Most slots hold one id
only, which then stands for itself: a set of one would cost 216 bytes more for each open conversation.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable

SLOT_MS = 64
"""Width of a slot: small enough that a slot is cheap to sort, wide enough that slots are few."""


HEAP_SLACK = 64
"""Doubled or empty slots that may stand in the heap before it is made anew."""


class Deadlines:
    """id -> due time in Unix milliseconds, and the earliest of them."""

    __slots__ = ("_due", "_front", "_front_slot", "_heap", "_slots")

    def __init__(self) -> None:
        self._due: dict[str, int] = {}
        self._slots: dict[int, str | set[str]] = {}
        self._heap: list[int] = []
        self._front: list[tuple[int, str]] = []
        self._front_slot: int | None = None

    def __len__(self) -> int:
        return len(self._due)

    def __contains__(self, key: str) -> bool:
        return key in self._due

    def get(self, key: str) -> int | None:
        """When `key` is due, or None."""
        return self._due.get(key)

    def set(self, key: str, due_ms: int) -> None:
        """Set or move the deadline of `key`."""
        old = self._due.get(key)
        if old == due_ms:
            return
        if old is not None:
            self.drop(key)
        self._due[key] = due_ms
        slot = due_ms // SLOT_MS
        ids = self._slots.get(slot)
        if ids is None:
            self._slots[slot] = key
            self._push(slot)
        elif isinstance(ids, str):
            self._slots[slot] = {ids, key}
        else:
            ids.add(key)
        if slot == self._front_slot:
            self._front_slot = None

    def fill(self, deadlines: Iterable[tuple[str, int]]) -> None:
        """Set very many at once, (id, due) each; no id is given twice or has a deadline already."""
        due, slots = self._due, self._slots
        for key, due_ms in deadlines:
            due[key] = due_ms
            slot = due_ms // SLOT_MS
            ids = slots.get(slot)
            if ids is None:
                slots[slot] = key
            elif isinstance(ids, str):
                slots[slot] = {ids, key}
            else:
                ids.add(key)
        self._heap[:] = slots
        heapq.heapify(self._heap)
        self._front_slot = None

    def _push(self, slot: int) -> None:
        """Note a slot; a slot that emptied and filled again leaves doubles behind, swept here."""
        if len(self._heap) > 2 * len(self._slots) + HEAP_SLACK:
            self._heap[:] = self._slots
            heapq.heapify(self._heap)
        else:
            heapq.heappush(self._heap, slot)

    def drop(self, key: str) -> None:
        """Forget the deadline of `key`; nothing happens if it has none."""
        due_ms = self._due.pop(key, None)
        if due_ms is None:
            return
        slot = due_ms // SLOT_MS
        ids = self._slots[slot]
        if isinstance(ids, str) or len(ids) == 1:
            del self._slots[slot]
        else:
            ids.discard(key)

    def beside(self, start: str, now_ms: int) -> list[str]:
        """The ids that begin so and are due by now, of those that are due about when the earliest is."""
        if self.next() is None:
            return []
        due = [key for due_ms, key in self._front if due_ms <= now_ms and self._due.get(key) == due_ms]
        return [key for key in reversed(due) if key.startswith(start)]

    def next(self) -> tuple[int, str] | None:
        """The earliest (due_ms, id), or None. It stays until it is dropped or moved."""
        while self._heap and self._heap[0] not in self._slots:
            heapq.heappop(self._heap)
        if not self._heap:
            return None
        slot = self._heap[0]
        if slot != self._front_slot:
            ids = self._slots[slot]
            keys = (ids,) if isinstance(ids, str) else ids
            self._front = sorted(((self._due[key], key) for key in keys), reverse=True)
            self._front_slot = slot
        while self._front:
            due_ms, key = self._front[-1]
            if self._due.get(key) == due_ms:
                return due_ms, key
            self._front.pop()
        self._front_slot = None
        return self.next()
