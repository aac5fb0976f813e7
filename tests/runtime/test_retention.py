"""Retention: what of a mailbox goes, and when."""

from __future__ import annotations

import asyncio
import bisect
from collections.abc import Collection, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kernel.errors import Busy, Fenced
from services.runtime.clock import ManualClock
from services.runtime.event_log import Fetched, LogReader, LogReset, TopicPartition
from services.runtime.log_memory import MemoryLog
from services.runtime.retention import Retention

PLACE = TopicPartition("presence", 0)
KEEP_MS = 1_000


class Mailbox:
    """A partition with its retention; `covered`: below this nobody needs a record."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.log = MemoryLog(self.clock)
        self.covered = 1 << 62
        self.at_ms: list[int] = []
        self.retention = Retention(self.log, self.clock, PLACE, KEEP_MS, lambda: self.covered)

    async def append(self, *gaps_ms: int) -> None:
        """Append a record after each of these gaps."""
        for gap_ms in gaps_ms:
            self.clock.advance(gap_ms)
            await self.log.append(*PLACE, [b"beat"])
            self.at_ms.append(self.clock.now_ms())

    def first(self) -> int:
        """The first offset that the log still has."""
        return self.log.tail(PLACE).first


async def test_what_is_older_than_stated_goes() -> None:
    """Records older than `keep_ms` are deleted, one that is just as old stays, and so do later ones."""
    made = Mailbox()
    await made.append(0, 1, 500, 499)
    made.clock.advance(1)
    assert await made.retention.prune() == made.first() == 1
    made.clock.advance(500)
    assert await made.retention.prune() == made.first() == 2
    made.clock.advance(KEEP_MS)
    assert await made.retention.prune() == made.first() == 4


class Failing(MemoryLog):
    """A log that cannot delete until it has failed with each of `errors`."""

    def __init__(self, clock: ManualClock, *errors: Exception) -> None:
        super().__init__(clock)
        self.errors = list(errors)
        self.deleted = asyncio.Event()

    async def delete_before(self, topic: str, partition: int, offset: int) -> None:
        """As EventLog says, at last."""
        if self.errors:
            raise self.errors.pop(0)
        await super().delete_before(topic, partition, offset)
        self.deleted.set()


async def test_what_goes_better_later_is_tried_again() -> None:
    """A store that is busy, reset, fenced or out of order for a while does not end the pruning."""
    clock = ManualClock()
    log = Failing(clock, Busy("later"), LogReset("lost"), Fenced("whose?"), OSError("disk"), TimeoutError())
    await log.append(*PLACE, [b"beat"])
    clock.advance(2 * KEEP_MS)
    retention = Retention(log, clock, PLACE, KEEP_MS, lambda: 1, every_s=0)
    task = asyncio.create_task(retention.run())
    await asyncio.wait_for(log.deleted.wait(), 5)
    task.cancel()
    assert not log.errors
    assert log.tail(PLACE).first == 1


class Silent(MemoryLog):
    """A log whose brokers do not answer who reads: a fetch finds nothing, and is not drained."""

    def reader(self, starts: Mapping[TopicPartition, int], lazy: Collection[str] = ()) -> LogReader:
        """As EventLog says, while no broker answers."""
        return _Unanswered()


class _Unanswered:
    async def fetch(self, max_wait_ms: int) -> Fetched:
        return Fetched([], drained=False)

    def wake(self) -> None:
        """Nothing is under way."""

    async def close(self) -> None:
        """Nothing is open."""


async def test_who_is_not_told_how_old_records_are_deletes_none() -> None:
    """While the log does not answer nobody knows what is old: it is no sign that records are gone already."""
    clock = ManualClock()
    log = Silent(clock)
    await log.append(*PLACE, [b"young"])
    with pytest.raises(Busy):
        await Retention(log, clock, PLACE, KEEP_MS, lambda: 1).prune()
    assert log.tail(PLACE).first == 0


async def test_a_bug_ends_the_pruning() -> None:
    """What does not go better later is not swallowed: the process stops and says so."""
    clock = ManualClock()
    log = Failing(clock, ValueError("a bug"))
    await log.append(*PLACE, [b"beat"])
    clock.advance(2 * KEEP_MS)
    retention = Retention(log, clock, PLACE, KEEP_MS, lambda: 1, every_s=0)
    with pytest.raises(ValueError, match="a bug"):
        await asyncio.wait_for(retention.run(), 5)


async def test_what_is_not_covered_stays() -> None:
    """A record that somebody may still need stays, however old it is."""
    made = Mailbox()
    await made.append(0, 0, 0)
    made.clock.advance(10 * KEEP_MS)
    made.covered = 0
    assert await made.retention.prune() == made.first() == 0
    made.covered = 2
    assert await made.retention.prune() == made.first() == 2


async def test_an_empty_mailbox_stays_empty() -> None:
    """Without records there is nothing to delete, again and again."""
    made = Mailbox()
    for _ in range(2):
        assert await made.retention.prune() == 0


async def test_a_new_process_finds_where_the_log_begins() -> None:
    """Whoever starts anew does not know what was deleted before, and goes on all the same."""
    made = Mailbox()
    await made.append(*[100] * 30)
    first = await made.retention.prune()
    again = Retention(made.log, made.clock, PLACE, KEEP_MS, lambda: made.covered)
    assert await again.prune() == first == made.first() > 0


@given(st.lists(st.integers(0, 400), max_size=40), st.integers(0, 40), st.integers(0, 3_000))
async def test_what_stays_is_what_a_walk_would_find(gaps_ms: list[int], covered: int, wait_ms: int) -> None:
    """Halving finds the same first record as looking at each one."""
    made = Mailbox()
    await made.append(*gaps_ms)
    made.covered = covered
    made.clock.advance(wait_ms)
    old = bisect.bisect_left(made.at_ms, made.clock.now_ms() - KEEP_MS)
    assert await made.retention.prune() == min(old, covered)
