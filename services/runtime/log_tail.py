"""The newest records of each partition in memory, and the reader that follows them without polling.

Shared by the adapters that live in one process: the in-memory log is nothing but tails; the SQLite log
puts older records behind them. A record is visible to readers as soon as it has its offset.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol

from services.kernel.errors import Invalid
from services.kernel.limits import INPUTS_IN_BATCH_MAX
from services.runtime.event_log import Fetched, LogRecord, LogReset, TopicPartition

TAIL_RECORDS = 4_096
"""Records of a partition that stay in memory at least, if they are small."""
TAIL_BYTES = 4 << 20
"""Bytes of a partition that stay in memory at least."""
LAZY_S = 0.001
"""How long a lazy record may wait for company before its reader is woken."""
FETCH_BYTES_MAX = 8 << 20
"""A fetch ends after this much, so that large records do not fill the memory."""


class Tail:
    """The end of one partition.

    first: lowest offset that the log still has at all.
    base: offset of `records[0]`; older ones are not in memory.
    """

    __slots__ = ("at_ms", "base", "bytes", "first", "lazy", "partition", "records", "topic", "waiters")

    def __init__(self, topic: str, partition: int, first: int = 0, end: int = 0, at_ms: int = 0) -> None:
        self.topic = topic
        self.partition = partition
        self.first = first
        self.base = end
        self.at_ms = at_ms
        self.bytes = 0
        self.records: list[LogRecord] = []
        self.waiters: set[asyncio.Future[None]] = set()
        self.lazy: set[Callable[[], None]] = set()

    @property
    def end(self) -> int:
        """The offset that the next record gets."""
        return self.base + len(self.records)

    def add(self, values: Sequence[bytes], now_ms: int) -> int:
        """Give the values their offsets and show them; returns the first offset."""
        first = offset = self.base + len(self.records)
        if now_ms > self.at_ms:
            self.at_ms = now_ms
        for value in values:
            self.records.append(LogRecord(self.topic, self.partition, offset, self.at_ms, value))
            self.bytes += len(value)
            offset += 1
        if self.waiters or self.lazy:
            self.wake()
        return first

    def wake(self) -> None:
        """Have every waiting reader look again."""
        for waiter in self.waiters:
            if not waiter.done():
                waiter.set_result(None)
        self.waiters.clear()
        for call in self.lazy:
            call()

    def trim(self, durable_end: int) -> None:
        """Forget the older half of a tail that has become long, as far as it is durable."""
        if len(self.records) < 2 * TAIL_RECORDS and self.bytes < 2 * TAIL_BYTES:
            return
        self._drop(min(len(self.records) // 2, durable_end - self.base))

    def cut(self, end: int) -> None:
        """Take back the records from `end` on."""
        for record in self.records[max(0, end - self.base) :]:
            self.bytes -= len(record.value)
        del self.records[max(0, end - self.base) :]

    def delete_before(self, offset: int) -> None:
        """Drop what lies below `offset` for good."""
        self.first = max(self.first, min(offset, self.end))
        self._drop(self.first - self.base)

    def _drop(self, n: int) -> None:
        if n > 0:
            self.bytes -= sum(len(record.value) for record in self.records[:n])
            del self.records[:n]
            self.base += n


class TailedLog(Protocol):
    """What a reader needs of its log."""

    @property
    def generation(self) -> int:
        """Rises when records that may have been read are taken back."""

    def tail(self, place: TopicPartition) -> Tail:
        """The partition's tail; an empty one if it has no records yet."""

    async def older(self, place: TopicPartition, offset: int, limit: int) -> list[LogRecord]:
        """Records from `offset` on that lie before the tail, at least one."""


class _Cursor:
    """A reader's place in one partition."""

    __slots__ = ("lazy", "place", "position", "tail")

    def __init__(self, place: TopicPartition, tail: Tail, position: int, lazy: bool) -> None:
        self.lazy = lazy
        self.place = place
        self.tail = tail
        self.position = position


class TailReader:
    """A LogReader over tails. One fetch at a time."""

    def __init__(
        self, log: TailedLog, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()
    ) -> None:
        self._log = log
        self._cursors = [
            _Cursor(place, log.tail(place), start, place.topic in lazy) for place, start in starts.items()
        ]
        self._soon: asyncio.TimerHandle | None = None
        self._generation = log.generation
        self._waiter: asyncio.Future[None] | None = None
        self._woken = False
        self._closed = False

    async def fetch(self, max_wait_ms: int) -> Fetched:
        """See the port."""
        self._check()
        ends = [cursor.tail.end for cursor in self._cursors]
        urgent = max_wait_ms <= 0 or self._behind(lazy=False)
        records = await self._take() if urgent and self._behind() else []
        if not records and max_wait_ms > 0 and not self._woken and not self._closed:
            await self._wait(max_wait_ms)
            self._check()
            records = await self._take() if self._behind() else []
        self._woken = False
        drained = all(c.position >= end for c, end in zip(self._cursors, ends, strict=True))
        return Fetched(records, drained)

    def wake(self) -> None:
        """See the port."""
        self._woken = True
        if self._waiter is not None:
            _end(self._waiter)

    async def close(self) -> None:
        """See the port."""
        self._closed = True
        self.wake()

    def _behind(self, lazy: bool = True) -> bool:
        """Whether there is anything to take; without `lazy`: anything that must not wait."""
        return not self._closed and any(c.position < c.tail.end for c in self._cursors if lazy or not c.lazy)

    def _woken_soon(self) -> None:
        """Something lazy came: wake up in a moment, with whatever else comes until then."""
        if self._soon is None and self._waiter is not None:
            self._soon = asyncio.get_running_loop().call_later(LAZY_S, _end, self._waiter)

    async def _take(self) -> list[LogRecord]:
        """What there is: a fair share of each partition first, then as much as fits."""
        records: list[LogRecord] = []
        size = 0
        share = max(1, INPUTS_IN_BATCH_MAX // max(1, len(self._cursors)))
        for limit in (share, INPUTS_IN_BATCH_MAX):
            for cursor in self._cursors:
                position, tail = cursor.position, cursor.tail
                room = min(limit, INPUTS_IN_BATCH_MAX - len(records))
                if room <= 0 or position >= tail.end or size >= FETCH_BYTES_MAX:
                    continue
                if position >= tail.base:
                    start = position - tail.base
                    found = _within(tail.records[start : start + room], FETCH_BYTES_MAX - size)
                else:
                    found = await self._log.older(cursor.place, position, room)
                    self._check()
                records += found
                size += sum([len(record.value) for record in found])
                cursor.position = position + len(found)
            if not self._behind():
                break
        return records

    def _check(self) -> None:
        if self._log.generation != self._generation:
            raise LogReset("records that were read were never durable: restore and read again")
        for cursor in self._cursors:
            place, position, tail = cursor.place, cursor.position, cursor.tail
            if position < tail.first:
                raise Invalid(
                    f"{place.topic}/{place.partition}: position {position} is gone, the log begins at"
                    f" {tail.first}; restore a backup of this log that reaches back to it"
                )
            if position > tail.end:
                raise Invalid(
                    f"{place.topic}/{place.partition}: position {position} lies behind the log's end"
                    f" {tail.end}; the log was replaced by an older one"
                )

    async def _wait(self, max_wait_ms: int) -> None:
        """Until a record comes, the log is reset, the reader is closed, or the time is over."""
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        for cursor in self._cursors:
            if cursor.lazy:
                cursor.tail.lazy.add(self._woken_soon)
            else:
                cursor.tail.waiters.add(waiter)
        if self._behind():
            self._woken_soon()
        timer = loop.call_later(max_wait_ms / 1000, _end, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None
            if self._soon is not None:
                self._soon.cancel()
                self._soon = None
            for cursor in self._cursors:
                cursor.tail.waiters.discard(waiter)
                cursor.tail.lazy.discard(self._woken_soon)


def _within(records: list[LogRecord], size: int) -> list[LogRecord]:
    """As many of the records as fit into `size` bytes, at least one."""
    for n, record in enumerate(records):
        size -= len(record.value)
        if size < 0:
            return records[: max(1, n)]
    return records


def _end(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
