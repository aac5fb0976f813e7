"""The loop, on the in-memory log with its faults, driving the toy engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from proto.v1.envelope_pb2 import Batch, InputPosition
from proto.v1.inbound_pb2 import Inbound
from proto.v1.routing_pb2 import Resolved, RoutingEvent
from services.kernel.claims import Fence, is_claim
from services.kernel.engine import LOCAL, Input
from services.kernel.errors import Corrupt, Fenced
from services.kernel.limits import BATCH_BYTES_MAX
from services.runtime import restore
from services.runtime.clock import ManualClock
from services.runtime.event_log import LogRecord, TopicPartition
from services.runtime.inputs import Inputs, Place, kinds
from services.runtime.log_memory import MemoryLog
from services.runtime.loop import Committed, Loop
from services.runtime.snapshots import MemorySnapshots, Snapshot
from tests.runtime import toy

OWN = ("conversations", 0)
TURNS = 400


async def turns(until: Callable[[], bool]) -> None:
    """Let other tasks run until the condition holds."""
    for _ in range(TURNS):
        if until():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


async def say(log: MemoryLog, *words: str) -> None:
    """Append records to the mailbox."""
    for word in words:
        await log.append("inbound", 0, [Inbound(desk_id="d", record_id=word).SerializeToString()])


@asynccontextmanager
async def running(
    log: MemoryLog, clock: ManualClock | None = None, snapshots: MemorySnapshots | None = None
) -> AsyncIterator[tuple[Loop, list[Committed]]]:
    """A loop that runs, and what it has committed."""
    loop = Loop(toy, log, clock or ManualClock(), snapshots or MemorySnapshots())
    committed: list[Committed] = []
    loop.listen(committed.append)
    task = asyncio.create_task(loop.run())
    try:
        yield loop, committed
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if task.done() and not task.cancelled() and task.exception():
            raise task.exception()  # type: ignore[misc]


async def batches(log: MemoryLog) -> list[Batch]:
    """The valid batches of the own log, claims left out."""
    fence, found = Fence(), []
    end = await log.end(*OWN)
    reader = log.reader({TopicPartition(*OWN): 0})
    offset = 0
    while offset < end:
        for record in (await reader.fetch(0)).records:
            offset = record.offset + 1
            batch = Batch.FromString(record.value)
            if fence.admit(batch) and not is_claim(batch):
                found.append(batch)
    await reader.close()
    return found


async def folded(log: MemoryLog, snapshots: MemorySnapshots | None = None) -> bytes:
    """The state that a new owner restores."""
    fold = await restore.take_over(toy, log, snapshots or MemorySnapshots(), ManualClock(), 0)
    return toy.dump(fold.state)


async def test_inputs_become_events_in_order_and_state_is_equal_live_and_from_zero() -> None:
    """Every input is decided once and in order, and folding the log gives the live state."""
    log = MemoryLog(ManualClock())
    async with running(log) as (loop, committed):
        await say(log, *(f"n:{i}" for i in range(50)))
        await turns(lambda: loop.state.data.total == sum(range(50)))
        await turns(lambda: sum(len(c.events) for c in committed) == 50)
        live = toy.dump(loop.state)
    assert await folded(log) == live
    assert [c.seq for c in committed] == list(range(len(committed)))


async def test_inputs_gather_while_an_append_is_under_way() -> None:
    """What arrives together is one batch, not one each."""
    log = MemoryLog(ManualClock())
    await say(log, *(f"n:{i}" for i in range(200)))
    async with running(log) as (loop, _):
        await turns(lambda: loop.state.data.total == sum(range(200)))
    assert len(await batches(log)) == 1


async def test_a_restored_snapshot_and_the_rest_equal_the_fold_from_zero() -> None:
    """Snapshot plus rest of the log is byte for byte what folding everything gives."""
    clock, log, snapshots = ManualClock(), MemoryLog(ManualClock()), MemorySnapshots()
    async with running(log, clock) as (loop, committed):
        await say(log, "n:1", "due:99999999999999:later", "n:2")
        await turns(lambda: sum(len(c.events) for c in committed) == 3)
        offset, epoch, seq = loop.place()
        positions = list(committed[-1].positions)
        data = toy.dump(loop.state)
        await snapshots.save(
            Snapshot(
                "conversations", 0, toy.STATE_VERSION, offset, epoch, seq, clock.now_ms(), positions, data
            )
        )
        await say(log, "n:3")
        await turns(lambda: loop.state.data.total == 6)
        live = toy.dump(loop.state)
    fold = await restore.take_over(toy, log, snapshots, clock, 0)
    assert fold.events == 1, "the snapshot was not used"
    assert toy.dump(fold.state) == live == await folded(log)


async def test_a_snapshot_of_another_version_or_another_log_is_thrown_away() -> None:
    """A snapshot that this release cannot read, or that the log does not agree with, is not used."""
    clock, log = ManualClock(), MemoryLog(ManualClock())
    async with running(log, clock) as (loop, committed):
        await say(log, "n:1")
        await turns(lambda: bool(committed))
        offset, epoch, seq = loop.place()
    for version, at, in_epoch in ((99, offset, epoch), (1, offset, epoch + 5), (1, offset + 7, epoch)):
        snapshots = MemorySnapshots()
        wrong = toy.dump(toy.State(toy.Data(total=1000)))
        await snapshots.save(Snapshot("conversations", 0, version, at, in_epoch, seq, 0, [], wrong))
        fold = await restore.take_over(toy, log, snapshots, clock, 0)
        assert fold.state.data.total == 1


async def test_poison_is_skipped_and_the_next_input_goes_through() -> None:
    """An input whose decide raises becomes a Skipped event that names it; the next one is decided."""
    log = MemoryLog(ManualClock())
    async with running(log) as (loop, _):
        await say(log, "n:1", "poison", "n:2")
        await turns(lambda: loop.state.data.total == 3)
        assert loop.tally.skipped == 1
    events = [e for b in await batches(log) for e in b.events]
    skipped = [toy.EVENT.FromString(e) for e in events if toy.EVENT.FromString(e).HasField("skipped")]
    assert [(s.origin_id, s.skipped.input_id) for s in skipped] == [("poison", "inbound/0/1")]


async def test_an_unreadable_record_is_skipped() -> None:
    """A mailbox record that is no protobuf does not stop the partition."""
    log = MemoryLog(ManualClock())
    async with running(log) as (loop, _):
        await log.append("inbound", 0, [b"\xff\xff\xff not a message"])
        await say(log, "n:5")
        await turns(lambda: loop.state.data.total == 5)
        assert loop.state.data.said[0] == "skipped:inbound/0/0"


async def test_what_fits_no_batch_is_skipped_and_what_fits_several_is_never_split_within_one_input() -> None:
    """Batches stay below the bound, and the events of one input lie in one batch."""
    log = MemoryLog(ManualClock())
    async with running(log) as (loop, _):
        await say(log, f"huge:{BATCH_BYTES_MAX + 1}", *(f"many:7:{BATCH_BYTES_MAX // 10}" for _ in range(4)))
        await turns(lambda: len(loop.state.data.said) == 29)
    found = await batches(log)
    assert all(b.ByteSize() < BATCH_BYTES_MAX * 1.02 for b in found)
    counts = [len(b.events) for b in found]
    assert counts == [8, 7, 7, 7], counts


async def test_positions_inside_an_owned_input_batch_let_a_restart_go_on_in_the_middle() -> None:
    """After a batch that ends within an input record, nothing of that record is decided twice."""
    events = [RoutingEvent(origin_id=str(i)).SerializeToString() for i in range(3)]
    value = Batch(epoch=1, seq=0, now_ms=5, events=events).SerializeToString()
    claim = Batch(epoch=1).SerializeToString()
    records = [LogRecord("routing", 0, 0, 5, claim), LogRecord("routing", 0, 1, 5, value)]
    first = Inputs(("routing",), 0, {})
    first.add(records)
    inputs = first.merged()
    assert next(inputs).event.origin_id == "0"
    assert [p.index for p in first.written()] == [0], "not consumed before the next is asked for"
    assert next(inputs).event.origin_id == "1"
    (position,) = first.written()
    assert (position.offset, position.index) == (1, 1)
    place = Place(position.offset, position.epoch, position.next_seq, position.index)
    second = Inputs(("routing",), 0, {"routing": place})
    second.add(records[1:])
    rest = [(i.id, i.event.origin_id) for i in second.merged()]
    assert rest == [("routing/0/0/1", "1"), ("routing/0/0/2", "2")]


async def test_a_batch_waits_until_the_positions_of_its_writer_are_reached() -> None:
    """An event of one topic is not decided before what its writer had read of a topic that we share."""
    ahead = InputPosition(topic="conversations", offset=2, epoch=1, next_seq=1)
    sla = [Batch(epoch=1), Batch(epoch=1, seq=0, positions=[ahead], events=[b""])]
    own = [Batch(epoch=1), Batch(epoch=1, seq=0, events=[b""])]
    inputs = Inputs(("conversations", "sla"), 0, {})
    inputs.add([LogRecord("sla", 0, i, 1, b.SerializeToString()) for i, b in enumerate(sla)])
    assert list(inputs.merged()) == []
    inputs.add([LogRecord("conversations", 0, i, 1, b.SerializeToString()) for i, b in enumerate(own)])
    assert [i.topic for i in inputs.merged()] == ["conversations", "sla"]


async def test_what_an_engine_does_not_hear_is_passed_over_unparsed_and_counts_as_read() -> None:
    """Of a batch that names its kinds only those heard are parsed; an older one is read whole."""
    heard = RoutingEvent(origin_id="heard", resolved=Resolved()).SerializeToString()
    values = [b"not a message", heard, b"not a message"]
    named = Batch(epoch=1, seq=0, events=values, kinds=kinds("routing", ["queued", "resolved", "queued"]))
    older = Batch(epoch=1, seq=1, events=[heard, heard])
    inputs = Inputs(("routing",), 0, {}, {"routing": ("resolved",)})
    found = [Batch(epoch=1), named, older]
    inputs.add([LogRecord("routing", 0, i, 1, b.SerializeToString()) for i, b in enumerate(found)])
    ids = [(i.id, i.event.origin_id) for i in inputs.merged()]
    assert ids == [("routing/0/0/1", "heard"), ("routing/0/1/0", "heard"), ("routing/0/1/1", "heard")]
    assert [(p.offset, p.next_seq, p.index) for p in inputs.written()] == [(3, 2, 0)]


async def test_a_deadline_fires_once_never_early_and_after_what_was_in_time() -> None:
    """A deadline waits for its time and for the inputs that were there; then it fires once."""
    clock, log = ManualClock(1_000), MemoryLog(ManualClock(1_000))
    async with running(log, clock) as (loop, _):
        await say(log, "due:2000:a")
        await turns(lambda: "a" in loop.state.data.due)
        for _ in range(20):
            await asyncio.sleep(0)
        assert "a" in loop.state.data.due, "fired early"
        clock.advance(1_500)
        await say(log, "n:7")
        await turns(lambda: "a" not in loop.state.data.due)
    words = loop.state.data.said
    assert words == ["due:2000:a", "n:7", "fired:a:2000:2500"]


async def test_a_poisoned_deadline_is_skipped_and_the_next_one_fires() -> None:
    """A deadline whose decide raises is passed over by an event and does not come again."""
    clock, log = ManualClock(5_000), MemoryLog(ManualClock(5_000))
    async with running(log, clock) as (loop, _):
        await say(log, "due:1000:poison", "due:2000:good")
        await turns(lambda: len(loop.state.data.said) == 4)
    assert loop.state.data.said[2:] == ["skipped:poison", "fired:good:2000:5000"]


async def test_time_never_goes_back_along_the_log() -> None:
    """When the machine's clock jumps back, batches keep the last time, also after a restart."""
    clock, log = ManualClock(10_000), MemoryLog(ManualClock(10_000))
    async with running(log, clock) as (loop, _):
        await say(log, "n:1")
        await turns(lambda: loop.state.data.total == 1)
        clock.time_ms = 9_500
        await say(log, "n:2")
        await turns(lambda: loop.state.data.total == 3)
    async with running(log, clock) as (loop, _):
        await say(log, "n:3")
        await turns(lambda: loop.state.data.total == 6)
    assert [b.now_ms for b in await batches(log)] == [10_000, 10_000, 10_000]


async def test_a_submitted_input_is_decided_without_waiting_for_others() -> None:
    """What the shell submits wakes the loop."""
    log = MemoryLog(ManualClock())
    async with running(log) as (loop, _):
        await loop.ready.wait()
        loop.submit(Input(LOCAL, "local/1", 0, Inbound(record_id="n:9")))
        await turns(lambda: loop.state.data.total == 9)


async def test_a_claim_on_a_log_with_another_clock_is_given_up() -> None:
    """If the log's append time is more than a second off, the partition is not served."""
    log = MemoryLog(ManualClock(100_000))
    with pytest.raises(Fenced, match=r"clock is .98000 ms off"):
        await restore.take_over(toy, log, MemorySnapshots(), ManualClock(2_000), 0)


async def test_an_unknown_event_in_the_own_log_stops_the_service() -> None:
    """A log of a newer release is not half understood."""
    log = MemoryLog(ManualClock())
    await log.append(*OWN, [Batch(epoch=1).SerializeToString()])
    unknown = Batch(epoch=1, seq=0, events=[toy.EVENT(desk_id="d").SerializeToString()])
    await log.append(*OWN, [unknown.SerializeToString()])
    with pytest.raises(Corrupt, match="does not know"):
        await Loop(toy, log, ManualClock(), MemorySnapshots()).run()


async def test_a_deposed_owner_tells_nobody_and_claims_again() -> None:
    """After another claim the old owner's batch counts for nobody, and it restores what was lost."""
    log = MemoryLog(ManualClock())
    async with running(log) as (loop, committed):
        await say(log, "n:1")
        await turns(lambda: len(committed) == 1)
        await log.append(*OWN, [Batch(epoch=50).SerializeToString()])
        await say(log, "n:2")
        await asyncio.wait_for(until(lambda: len(committed) == 2), 5)
        assert loop.tally.fenced == 1
        assert loop.state.data.total == 3
    assert [list(b.events) != [] for b in await batches(log)] == [True, True]
    assert committed[1].epoch == 51


async def until(condition: Callable[[], bool]) -> None:
    """Wait for what takes the loop's own waits, such as that before another claim."""
    while not condition():
        await asyncio.sleep(0.001)


class HeldLog(MemoryLog):
    """A log whose appends to the own topic wait for `let_go`."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock)
        self.let_go = asyncio.Event()
        self.let_go.set()

    async def append(self, topic: str, partition: int, values: Sequence[bytes]) -> int:
        """As EventLog says, later."""
        if topic == OWN[0]:
            await self.let_go.wait()
        return await super().append(topic, partition, values)


async def test_covered_is_what_is_decided_and_acknowledged() -> None:
    """An input that leads to nothing counts once it is decided; one that leads to something, when its batch
    is acknowledged; a partition that is not owned covers nothing."""
    log = HeldLog(ManualClock())
    assert Loop(toy, log, ManualClock(), MemorySnapshots()).covered("inbound") == 0
    async with running(log) as (loop, _):
        await turns(loop.ready.is_set)
        await say(log, "silent", "silent")
        await turns(lambda: loop.covered("inbound") == 2)
        log.let_go.clear()
        await say(log, "n:1", "silent")
        await turns(lambda: loop.state.data.total == 1)
        assert loop.covered("inbound") == 0
        log.let_go.set()
        await turns(lambda: loop.covered("inbound") == 4)
        assert loop.place()[0] == await log.end(*OWN)
    assert loop.covered("inbound") == 0
