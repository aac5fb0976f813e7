"""The contract of the event log: every adapter passes all of it, by bringing a factory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from proto.v1.envelope_pb2 import Batch
from services.kernel.claims import Fence, is_claim
from services.kernel.errors import Busy, Fenced, Invalid
from services.kernel.limits import INPUTS_IN_BATCH_MAX
from services.runtime.event_log import EventLog, LogRecord, LogReset, TopicPartition
from tests.contracts.harness import FACTORIES, Harness
from tests.contracts.kafka_harness import KafkaHarness

INBOUND = TopicPartition("inbound", 0)
ROUTING = TopicPartition("routing", 0)


@pytest.fixture(params=[*FACTORIES, pytest.param(KafkaHarness, marks=pytest.mark.servers)])
async def harness(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Harness]:
    """Each adapter in turn, opened."""
    made: Harness
    if request.param is KafkaHarness:
        made = KafkaHarness(request.getfixturevalue("broker"))
    else:
        made = request.param(tmp_path)
    await made.start()
    yield made
    await made.stop()


async def read_all(log: EventLog, *places: TopicPartition, start: int = 0) -> list[LogRecord]:
    """All that is there now."""
    reader = log.reader(dict.fromkeys(places or (INBOUND,), start))
    records: list[LogRecord] = []
    try:
        while True:
            found = await reader.fetch(0)
            records += found.records
            if found.drained:
                return records
    finally:
        await reader.close()


async def test_offsets_are_contiguous_and_in_order(harness: Harness) -> None:
    """Records stand in the order of the appends, their offsets run from 0 without a gap."""
    log = harness.log
    firsts = [await log.append("inbound", 0, [b"%d" % n, b"%d+" % n]) for n in range(5)]
    assert firsts == [0, 2, 4, 6, 8]
    records = await read_all(log)
    assert [r.offset for r in records] == list(range(10))
    assert [r.value for r in records][:4] == [b"0", b"0+", b"1", b"1+"]
    assert await log.end("inbound", 0) == 10


async def test_appends_begun_together_land_in_that_order(harness: Harness) -> None:
    """Appends that are begun one after the other land in that order, whoever is acknowledged first."""
    log = harness.log
    firsts = await asyncio.gather(*(log.append("inbound", 0, [b"%d" % n]) for n in range(200)))
    assert firsts == list(range(200))
    assert [r.value for r in await read_all(log)] == [b"%d" % n for n in range(200)]


async def test_an_append_without_records_is_invalid(harness: Harness) -> None:
    """An empty append is refused: it would have no offset to return."""
    with pytest.raises(Invalid):
        await harness.log.append("inbound", 0, [])


async def test_partitions_and_topics_are_apart(harness: Harness) -> None:
    """Each partition of each topic has its own offsets, and a reader reads exactly those it names."""
    log = harness.log
    places = [TopicPartition(t, p) for t in ("inbound", "routing") for p in (0, 1)]
    for n, place in enumerate(places):
        for _ in range(n + 1):
            await log.append(*place, [f"{place.topic}{place.partition}".encode()])
    assert [await log.end(*place) for place in places] == [1, 2, 3, 4]
    found = await read_all(log, places[1], places[3])
    assert [r.value for r in found] == [b"inbound1"] * 2 + [b"routing1"] * 4


async def test_a_record_says_where_it_is(harness: Harness) -> None:
    """A record carries topic, partition, offset and the append time by the log's clock."""
    now_ms = harness.clock.now_ms()
    await harness.log.append("routing", 3, [b"x"])
    (record,) = await read_all(harness.log, TopicPartition("routing", 3))
    assert record == LogRecord("routing", 3, 0, record.at_ms, b"x")
    assert now_ms <= record.at_ms <= harness.clock.now_ms()


async def test_append_times_never_decrease(harness: Harness) -> None:
    """`at_ms` never decreases along a partition, whatever the clock does and over a restart."""
    moved = []
    for step_ms in (0, 50, -2_000):
        moved.append(harness.advance(step_ms))
        await harness.log.append("inbound", 0, [b"x"])
    await harness.reopen()
    harness.advance(-5_000)
    await harness.log.append("inbound", 0, [b"x"])
    times = [r.at_ms for r in await read_all(harness.log)]
    assert times == sorted(times)
    assert times[1] >= times[0] + moved[1]


async def test_a_reader_starts_where_it_is_told(harness: Harness) -> None:
    """A reader begins with the record at its start offset; at the end it waits for the next one."""
    log = harness.log
    await log.append("inbound", 0, [b"%d" % n for n in range(10)])
    assert [r.offset for r in await read_all(log, start=7)] == [7, 8, 9]
    assert await read_all(log, start=10) == []


async def test_large_logs_are_read_in_pieces(harness: Harness) -> None:
    """A fetch returns at most INPUTS_IN_BATCH_MAX records and says `drained` only when all are out."""
    log = harness.log
    total = 2 * INPUTS_IN_BATCH_MAX + 10
    await log.append("inbound", 0, [b"%d" % n for n in range(total)])
    reader = log.reader({INBOUND: 0})
    sizes: list[int] = []
    drained: list[bool] = []
    while sum(sizes) < total:
        found = await reader.fetch(0)
        sizes.append(len(found.records))
        drained.append(found.drained)
    assert max(sizes) <= INPUTS_IN_BATCH_MAX
    assert drained == [False] * (len(sizes) - 1) + [True]


async def test_a_flooded_partition_does_not_starve_another(harness: Harness) -> None:
    """Every partition of a reader gets its share of the first fetch, however full another is."""
    log = harness.log
    await log.append("inbound", 0, [b"flood"] * 3 * INPUTS_IN_BATCH_MAX)
    await log.append("routing", 0, [b"drop"])
    found = await log.reader({INBOUND: 0, ROUTING: 0}).fetch(0)
    assert b"drop" in [r.value for r in found.records]
    assert not found.drained


async def test_old_records_are_still_there(harness: Harness) -> None:
    """A reader that starts far behind gets everything, though memory keeps only the newest."""
    log = harness.log
    for n in range(12):
        await log.append("inbound", 0, [b"%d" % (1000 * n + i) for i in range(1000)])
    records = await read_all(log)
    assert [r.value for r in records] == [b"%d" % n for n in range(12_000)]


async def test_an_empty_fetch_is_drained(harness: Harness) -> None:
    """A fetch that may not wait returns at once, empty and drained, when nothing is there."""
    reader = harness.log.reader({INBOUND: 0})
    assert await reader.fetch(0) == ([], True)


async def test_an_append_wakes_a_waiting_fetch(harness: Harness) -> None:
    """A fetch that waits ends as soon as one of its partitions has a record."""
    reader = harness.log.reader({INBOUND: 0, ROUTING: 0})
    waiting = asyncio.ensure_future(reader.fetch(60_000))
    await asyncio.sleep(0)
    assert not waiting.done()
    await harness.log.append("routing", 0, [b"x"])
    found = await waiting
    assert [r.value for r in found.records] == [b"x"]
    assert found.drained


async def test_a_fetch_gives_up_after_its_wait(harness: Harness) -> None:
    """Without a record a fetch ends after `max_wait_ms`, empty and drained."""
    assert await harness.log.reader({INBOUND: 0}).fetch(1) == ([], True)


async def test_close_ends_a_waiting_fetch(harness: Harness) -> None:
    """Closing a reader ends its running fetch with nothing."""
    reader = harness.log.reader({INBOUND: 0})
    waiting = asyncio.ensure_future(reader.fetch(60_000))
    await asyncio.sleep(0)
    await reader.close()
    assert (await waiting).records == []


async def test_a_cancelled_fetch_loses_nothing(harness: Harness) -> None:
    """After a fetch was cancelled the next one returns what it would have returned."""
    reader = harness.log.reader({INBOUND: 0})
    waiting = asyncio.ensure_future(reader.fetch(60_000))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await harness.log.append("inbound", 0, [b"x"])
    assert [r.value for r in (await reader.fetch(60_000)).records] == [b"x"]


async def test_readers_are_independent(harness: Harness) -> None:
    """Two readers of a partition each get every record."""
    readers = [harness.log.reader({INBOUND: 0}) for _ in range(2)]
    waiting = [asyncio.ensure_future(reader.fetch(60_000)) for reader in readers]
    await asyncio.sleep(0)
    await harness.log.append("inbound", 0, [b"x"])
    assert [[r.value for r in found.records] for found in await asyncio.gather(*waiting)] == [[b"x"]] * 2


async def test_a_reopened_log_goes_on(harness: Harness) -> None:
    """After closing and opening all records are there and the next offset follows the last."""
    await harness.log.append("inbound", 0, [b"a", b"b"])
    await harness.reopen()
    assert await harness.log.end("inbound", 0) == 2
    assert await harness.log.append("inbound", 0, [b"c"]) == 2
    assert [r.value for r in await read_all(harness.log)] == [b"a", b"b", b"c"]


async def test_deleted_records_are_gone_and_offsets_stay(harness: Harness) -> None:
    """delete_before drops what is below, keeps the rest, and no offset is ever used again."""
    log = harness.log
    await log.append("inbound", 0, [b"%d" % n for n in range(2_500)])
    await log.delete_before("inbound", 0, 2_400)
    assert [r.offset for r in await read_all(log, start=2_400)] == list(range(2_400, 2_500))
    await log.delete_before("inbound", 0, 2_500)
    await harness.reopen()
    assert await harness.log.end("inbound", 0) == 2_500
    assert await harness.log.append("inbound", 0, [b"next"]) == 2_500


async def test_a_position_that_is_gone_is_invalid(harness: Harness) -> None:
    """A reader from before what is kept is refused in words that say where the log begins."""
    await harness.log.append("inbound", 0, [b"%d" % n for n in range(10)])
    await harness.log.delete_before("inbound", 0, 4)
    await harness.log.delete_before("inbound", 0, 2)
    with pytest.raises(Invalid, match="position 3 is gone, the log begins at 4"):
        await harness.log.reader({INBOUND: 3}).fetch(0)
    await harness.reopen()
    with pytest.raises(Invalid, match="position 0 is gone"):
        await harness.log.reader({INBOUND: 0}).fetch(0)


async def test_a_position_behind_the_end_is_invalid(harness: Harness) -> None:
    """A reader whose position the log has never reached is refused: the log was replaced."""
    await harness.log.append("inbound", 0, [b"x"])
    with pytest.raises(Invalid, match="behind the log's end"):
        await harness.log.reader({INBOUND: 5}).fetch(0)


async def test_a_closed_log_takes_nothing(harness: Harness) -> None:
    """Once closed, a log refuses appends with Busy, so that an edge answers 503."""
    await harness.log.append("inbound", 0, [b"x"])
    await harness.log.close()
    with pytest.raises(Busy):
        await harness.log.append("inbound", 0, [b"y"])


# Claims over the log


class Writer:
    """An owner of routing/0 as the loop is one: claims, then appends one batch after the other."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.fence = Fence()
        self.next_offset = 0

    async def claim(self) -> None:
        """Fold to the end, claim, fold up to the claim."""
        self.fence, _ = await fold(self.log)
        claim = Batch(epoch=self.fence.epoch + 1)
        offset = await self.log.append("routing", 0, [claim.SerializeToString()])
        self.fence, _ = await fold(self.log, offset + 1)
        self.next_offset = offset + 1

    def batch(self, event: bytes) -> bytes:
        """The next batch, serialised."""
        return Batch(epoch=self.fence.epoch, seq=self.fence.next_seq, events=[event]).SerializeToString()

    async def write(self, event: bytes) -> bool:
        """Append a batch; whether the acknowledgement is contiguous."""
        offset = await self.log.append("routing", 0, [self.batch(event)])
        contiguous = offset == self.next_offset
        self.next_offset = offset + 1
        self.fence.next_seq += 1
        return contiguous


async def fold(log: EventLog, end: int | None = None) -> tuple[Fence, list[bytes]]:
    """The fence and the valid events of routing/0, as any reader judges them."""
    fence = Fence()
    events: list[bytes] = []
    for record in (await read_all(log, ROUTING))[:end]:
        batch = Batch.FromString(record.value)
        if fence.admit(batch) and not is_claim(batch):
            events += batch.events
    return fence, events


async def test_a_deposed_writer_changes_nothing(harness: Harness) -> None:
    """What a deposed owner appends is valid for no reader, and its acknowledgement is not contiguous."""
    old, new = Writer(harness.log), Writer(harness.log)
    await old.claim()
    assert await old.write(b"a")
    await new.claim()
    assert not await old.write(b"never")
    assert await new.write(b"b") is False  # the old one's record lies between, so it claims again
    await new.claim()
    assert await new.write(b"c")
    _, events = await fold(harness.log)
    assert events == [b"a", b"b", b"c"]


async def test_two_claims_of_one_epoch_have_one_winner(harness: Harness) -> None:
    """Of two claims with the same epoch the first counts, and only its batches."""
    log = harness.log
    claim = Batch(epoch=1).SerializeToString()
    await log.append("routing", 0, [claim])
    await log.append("routing", 0, [claim])
    fence, _ = await fold(log)
    assert (fence.epoch, fence.next_seq) == (1, 0)


async def test_a_lost_acknowledgement_is_found_by_claiming_again(harness: Harness) -> None:
    """An append that landed without an acknowledgement is there once when its owner claims again."""
    writer = Writer(harness.log)
    await writer.claim()
    await writer.write(b"a")
    harness.lose_next_ack()
    with pytest.raises((Fenced, LogReset)):
        await writer.write(b"b")
    await writer.claim()
    assert writer.fence.next_seq == 2
    assert await writer.write(b"c")
    assert (await fold(harness.log))[1] == [b"a", b"b", b"c"]


async def test_a_late_append_is_skipped_by_everybody(harness: Harness) -> None:
    """An append that lands after its owner claimed again is valid for no reader, and shows as a gap."""
    writer = Writer(harness.log)
    await writer.claim()
    await writer.write(b"a")
    harness.delay_next_append()
    with pytest.raises((Fenced, LogReset)):
        await writer.write(b"late")
    await writer.claim()
    assert await writer.write(b"b")
    await harness.land_late()
    assert not await writer.write(b"c")
    await writer.claim()
    assert (await fold(harness.log))[1] == [b"a", b"b", b"c"]
