"""The faults of the log in memory: by seed and by order, and only those that were asked for."""

from __future__ import annotations

import asyncio

import pytest

from services.kernel.errors import Fenced
from services.runtime.clock import ManualClock
from services.runtime.event_log import TopicPartition
from services.runtime.log_memory import LATE_APPENDS_MAX, Fault, Faults, MemoryLog

PLACE = TopicPartition("routing", 0)


async def values(log: MemoryLog) -> list[bytes]:
    """All values of the partition."""
    return [record.value for record in (await log.reader({PLACE: 0}).fetch(0)).records]


async def run(seed: int, faults: Faults) -> tuple[list[int | None], list[bytes]]:
    """Two hundred appends: what each was told, and what the log holds in the end."""
    log = MemoryLog(ManualClock(), seed, faults)
    told: list[int | None] = []
    for n in range(200):
        try:
            told.append(await log.append(*PLACE, [b"%d" % n]))
        except Fenced:
            told.append(None)
    log.land_late()
    return told, await values(log)


async def test_a_doubled_append_shows_as_a_gap() -> None:
    """An append that lands twice returns its first offset; the next one is not contiguous."""
    log = MemoryLog(ManualClock(), faults=Faults(ordered=[Fault.DOUBLED]))
    assert await log.append(*PLACE, [b"a"]) == 0
    assert await log.append(*PLACE, [b"b"]) == 2
    assert await values(log) == [b"a", b"a", b"b"]


async def test_a_lost_acknowledgement_lands_at_once() -> None:
    """The record of a lost acknowledgement is there although its writer was refused."""
    log = MemoryLog(ManualClock(), faults=Faults(ordered=[Fault.LOST]))
    with pytest.raises(Fenced):
        await log.append(*PLACE, [b"a"])
    assert await values(log) == [b"a"]


async def test_a_late_append_lands_behind_others() -> None:
    """A late append lands behind one to LATE_APPENDS_MAX later ones, all of its records."""
    for seed in range(20):
        log = MemoryLog(ManualClock(), seed, Faults(ordered=[Fault.LATE]))
        with pytest.raises(Fenced):
            await log.append(*PLACE, [b"late", b"late"])
        assert await values(log) == []
        for _ in range(LATE_APPENDS_MAX):
            await log.append(*PLACE, [b"x"])
        found = await values(log)
        assert found[0] == b"x"
        assert found.count(b"late") == 2


async def test_a_seed_is_a_history() -> None:
    """The same seed gives the same faults, another seed others."""
    faults = Faults(lost=0.1, late=0.1, doubled=0.1)
    assert await run(7, faults) == await run(7, faults)
    assert await run(7, faults) != await run(8, faults)


async def test_nothing_that_was_acknowledged_is_lost() -> None:
    """Under any faults each acknowledged append is at its offset; only doubled ones come twice."""
    for seed in range(20):
        told, found = await run(seed, Faults(lost=0.1, late=0.1, doubled=0.1))
        for n, offset in enumerate(told):
            assert offset is None or found[offset] == b"%d" % n
        assert all(1 <= found.count(b"%d" % n) <= 2 for n in range(200))
        assert any(offset is None for offset in told)


async def test_only_the_named_topics_suffer() -> None:
    """Faults can be kept to some topics: mailboxes stay whole while owned logs suffer."""
    told, found = await run(1, Faults(late=1.0, topics=("sla",)))
    assert told == list(range(200))
    assert len(found) == 200


async def test_lazy_records_wait_for_company_and_urgent_ones_do_not() -> None:
    """A waiting fetch ends for an urgent record at once and brings the lazy ones along; lazy ones alone
    end it a moment later."""
    log = MemoryLog(ManualClock())
    starts = {TopicPartition("routing", 0): 0, TopicPartition("inbound", 0): 0}
    reader = log.reader(starts, lazy=("routing",))
    await log.append("routing", 0, [b"lazy"])
    fetching = asyncio.create_task(reader.fetch(10_000))
    await asyncio.sleep(0)
    assert not fetching.done()
    await log.append("inbound", 0, [b"urgent"])
    assert sorted(record.value for record in (await fetching).records) == [b"lazy", b"urgent"]
    await log.append("routing", 0, [b"alone"])
    assert [record.value for record in (await reader.fetch(10_000)).records] == [b"alone"]
    assert (await reader.fetch(0)).drained
