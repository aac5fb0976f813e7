"""The newest records of each partition in memory, and the reader that follows them without polling.

Shared by the adapters that live in one process: the in-memory log is nothing but tails; the SQLite log
puts older records behind them. A record is visible to readers as soon as it has its offset.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from services.kernel.errors import Invalid
from services.kernel.limits import INPUTS_IN_BATCH_MAX
from services.runtime.event_log import Fetched, LogRecord, LogReset, TopicPartition

TAIL_RECORDS = 4_096
"""Records of a partition that stay in memory at least, if they are small."""
TAIL_BYTES = 4 << 20
"""Bytes of a partition that stay in memory at least."""
LAZY_S = 0.025
"""How long a lazy record may wait for company before its reader is woken: a round costs as much as ten
records in it. Against 10 ms, and with views written behind more seldom: a fifth more whole conversations."""
FETCH_BYTES_MAX = 8 << 20
"""A fetch ends after this much, so that large records do not fill the memory."""


class Tail:
    """The end of one partition.

    first: lowest offset that the log still has at all.
    base: offset of `records[0]`; older ones are not in memory.
    end: the offset that the next record gets.
    readers: those that wait or may wait for more, each with whether it can do so lazily.
    """

    __slots__ = ("at_ms", "base", "bytes", "end", "first", "partition", "readers", "records", "topic")

    def __init__(self, topic: str, partition: int, first: int = 0, end: int = 0, at_ms: int = 0) -> None:
        self.topic = topic
        self.partition = partition
        self.first = first
        self.base = end
        self.end = end
        self.at_ms = at_ms
        self.bytes = 0
        self.records: list[LogRecord] = []
        self.readers: list[tuple[TailReader, bool]] = []

    def add(self, values: Sequence[bytes], now_ms: int) -> int:
        """Give the values their offsets and show them; returns the first offset."""
        first = offset = self.end
        if now_ms > self.at_ms:
            self.at_ms = now_ms
        for value in values:
            self.records.append(LogRecord(self.topic, self.partition, offset, self.at_ms, value))
            self.bytes += len(value)
            offset += 1
        self.end = offset
        for reader, lazy in self.readers:
            reader.notice(lazy)
        return first

    def wake(self) -> None:
        """Have every waiting reader look again."""
        for reader, _ in self.readers:
            reader.notice(lazy=False)

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
        self.end = self.base + len(self.records)

    def delete_before(self, offset: int) -> None:
        """Drop what lies below `offset` for good."""
        self.first = max(self.first, min(offset, self.end))
        self._drop(self.first - self.base)

    def _drop(self, n: int) -> None:
        if n > 0:
            self.bytes -= sum(len(record.value) for record in self.records[:n])
            del self.records[:n]
            self.base += n
            self.end = self.base + len(self.records)


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
        for cursor in self._cursors:
            cursor.tail.readers.append((self, cursor.lazy))
        self._soon: asyncio.TimerHandle | None = None
        self._generation = log.generation
        self._waiter: asyncio.Future[None] | None = None
        self._woken = False
        self._closed = False

    async def fetch(self, max_wait_ms: int) -> Fetched:
        """See the port."""
        self._check()
        ends = [cursor.tail.end for cursor in self._cursors]
        records: list[LogRecord] = []
        if self._behind() and (max_wait_ms <= 0 or self._behind(lazy=False)):
            records = await self._take()
        if not records and max_wait_ms > 0 and not self._woken and not self._closed:
            await self._wait(max_wait_ms)
            self._check()
            if self._behind():
                records = await self._take()
        self._woken = False
        for cursor, end in zip(self._cursors, ends, strict=True):
            if cursor.position < end:
                return Fetched(records, False)
        return Fetched(records, True)

    def notice(self, lazy: bool) -> None:
        """A record came; wake up now, or in a moment with whatever else comes until then."""
        if self._waiter is None:
            return
        if not lazy:
            _end(self._waiter)
        elif self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(LAZY_S, _end, self._waiter)

    def wake(self) -> None:
        """See the port."""
        self._woken = True
        if self._waiter is not None:
            _end(self._waiter)

    async def close(self) -> None:
        """See the port."""
        self._closed = True
        for cursor in self._cursors:
            if (self, cursor.lazy) in cursor.tail.readers:
                cursor.tail.readers.remove((self, cursor.lazy))
        self.wake()

    def _behind(self, lazy: bool = True) -> bool:
        """Whether there is anything to take; without `lazy`: anything that must not wait."""
        if self._closed:
            return False
        for cursor in self._cursors:  # a loop: at rest a generator would cost more than all else here
            if cursor.position < cursor.tail.end and (lazy or not cursor.lazy):
                return True
        return False

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
            if not cursor.tail.first <= cursor.position <= cursor.tail.end:
                raise Invalid(_gone(cursor))

    async def _wait(self, max_wait_ms: int) -> None:
        """Until a record comes, the log is reset, the reader is closed, or the time is over."""
        loop = asyncio.get_running_loop()
        waiter = self._waiter = loop.create_future()
        if self._behind():
            self.notice(lazy=True)
        timer = loop.call_later(max_wait_ms / 1000, _end, waiter)
        try:
            await waiter
        finally:
            timer.cancel()
            self._waiter = None
            if self._soon is not None:
                self._soon.cancel()
                self._soon = None


def _gone(cursor: _Cursor) -> str:
    """Why a position cannot be read from."""
    name, position = f"{cursor.place.topic}/{cursor.place.partition}", cursor.position
    if position < cursor.tail.first:
        return (
            f"{name}: position {position} is gone, the log begins at {cursor.tail.first}; restore a backup"
            " of this log that reaches back to it"
        )
    return (
        f"{name}: position {position} lies behind the log's end {cursor.tail.end}; the log was replaced by"
        " an older one"
    )


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
