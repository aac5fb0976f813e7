"""A sorted list that stays quick when it is long: many short blocks instead of one array.

Adding to and removing from one Python list moves everything behind the place: 800 kB for 100,000
entries. In blocks of at most `BLOCK_MAX` it is a search among the blocks' last entries and one within
a block, so a million entries cost about twice what a thousand do.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=tuple[object, ...])

BLOCK_MAX = 512


class Ordered(Generic[Key]):
    """Different keys in ascending order."""

    __slots__ = ("_blocks", "_last")

    def __init__(self, keys: Iterable[Key] = ()) -> None:
        every = sorted(keys)
        half = BLOCK_MAX // 2
        self._blocks = [every[i : i + half] for i in range(0, len(every), half)]
        self._last = [block[-1] for block in self._blocks]

    def __len__(self) -> int:
        return sum(map(len, self._blocks))

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def __iter__(self) -> Iterator[Key]:
        for block in self._blocks:
            yield from block

    def add(self, key: Key) -> None:
        """Put a key where it belongs."""
        blocks, last = self._blocks, self._last
        if not blocks:
            blocks.append([key])
            last.append(key)
            return
        at = bisect_left(last, key)
        if at == len(blocks):
            at -= 1
            last[at] = key
        block = blocks[at]
        insort(block, key)
        if len(block) > BLOCK_MAX:
            half = len(block) // 2
            blocks.insert(at + 1, block[half:])
            last.insert(at, block[half - 1])
            del block[half:]

    def remove(self, key: Key) -> None:
        """Take a key out that is there."""
        at = bisect_left(self._last, key)
        block = self._blocks[at]
        del block[bisect_left(block, key)]
        if not block:
            del self._blocks[at], self._last[at]
        else:
            self._last[at] = block[-1]

    def first(self) -> Key:
        """The least key; there must be one."""
        return self._blocks[0][0]

    def each(self, step: int) -> Iterator[Key]:
        """Every `step`-th key, ascending."""
        at = step - 1
        for block in self._blocks:
            while at < len(block):
                yield block[at]
                at += step
            at -= len(block)

    def after(self, bound: tuple[object, ...]) -> Key | None:
        """The least key beyond `bound`, or None."""
        at = bisect_right(self._last, bound)
        if at == len(self._blocks):
            return None
        block = self._blocks[at]
        return block[bisect_right(block, bound)]

    def beyond(self, bound: tuple[object, ...]) -> Iterator[Key]:
        """The keys beyond `bound`, ascending."""
        at = bisect_right(self._last, bound)
        if at < len(self._blocks):
            block = self._blocks[at]
            yield from block[bisect_right(block, bound) :]
            for later in self._blocks[at + 1 :]:
                yield from later
